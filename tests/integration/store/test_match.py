"""ripe_doubts.lua and match.lua: a receipt that can be no other's resolves an unknown outcome."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import (
    INDEX_TTL_S,
    MATCH_AFTER_S,
    PERMANENT,
    TEMPORARY,
    TO,
    Fleet,
)

from smsfleet.store.doubts import Pair

WAIT_MS = int(MATCH_AFTER_S * 1000)
OTHER = "27999100002"
PAIR = Pair(TO.encode(), b"j1#1", b"M1")


def in_doubt(fleet: Fleet, job_id: str = "j1", policy: str = "hold", **options: object) -> bytes:
    """A segment whose answer was lost."""
    (ref,) = fleet.send(job_id, policy=policy, **options)
    fleet.lost(ref)
    return ref


def traces(fleet: Fleet, to: str = TO) -> bytes | None:
    return fleet.redis("HGET", fleet.keys.doubts, to)


def nothing_is_open(fleet: Fleet) -> bool:
    return 0 == fleet.redis("EXISTS", fleet.keys.doubts, fleet.keys.doubted, fleet.keys.orphans)


# --- what is resolved ------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["hold", "hold_then_resend"])
def test_a_held_segment_is_accepted_by_its_receipt(fleet: Fleet, policy: str) -> None:
    ref = in_doubt(fleet, policy=policy)
    assert "parked" == fleet.receipt(4, raw=" DELIVRD 000")
    fleet.now_ms += WAIT_MS

    assert [PAIR] == fleet.ripe()
    assert ["accepted"] == fleet.match(PAIR)

    assert ("A", 4, "Q S U M8 D4") == (fleet.states(), fleet.job().status, fleet.letters())
    segment = fleet.segment()
    assert ("M1", 1, 0) == (segment.message_id, segment.ambiguous, segment.duplicates)
    assert ({}, 0, ref) == (fleet.waiting(), fleet.redis("EXISTS", fleet.keys.held), fleet.look_up(b"M1"))
    assert (b"j1", b"4", b"1") == fleet.events()[-1]
    assert nothing_is_open(fleet)


def test_later_receipts_find_it(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(3)
    fleet.now_ms += WAIT_MS
    fleet.match(*fleet.ripe())

    assert "applied" == fleet.receipt(4)
    assert 4 == fleet.job().status


def test_a_receipt_that_came_before_the_loss_was_noticed_counts_too(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.now_ms += 5
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    assert [] == fleet.ripe()
    fleet.lost(ref)

    assert ["accepted"] == fleet.match(*fleet.ripe())
    assert (4, 1) == (fleet.job().status, fleet.segment().ambiguous)


def test_a_segment_that_was_queued_again_is_not_sent_again(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())

    assert [0] == fleet.begin_backlog()
    assert ("A", []) == (fleet.states(), fleet.outbound())
    assert ref == fleet.look_up(b"M1")


def test_a_segment_that_waits_for_its_next_try_is_not_sent_again(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    assert [2] == fleet.begin_backlog()
    assert "retry" == fleet.answer(ref, TEMPORARY, attempt=2)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())
    assert ("A", {}, 0) == (fleet.states(), fleet.waiting(), fleet.redis("EXISTS", fleet.keys.delayed))


def test_a_segment_that_failed_is_delivered_after_all(fleet: Fleet) -> None:
    in_doubt(fleet, policy="fail")
    assert ("F", 1) == (fleet.states(), fleet.job().status)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())
    assert ("A", 4) == (fleet.states(), fleet.job().status)


def test_a_segment_that_was_accepted_when_it_was_sent_again_has_a_duplicate(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    assert "accepted" == fleet.answer(ref, message_id=b"M2", attempt=2)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["duplicate"] == fleet.match(*fleet.ripe())
    assert ("A", 4, 1, "M2") == (
        fleet.states(),
        fleet.job().status,
        fleet.segment().duplicates,
        fleet.segment().message_id,
    )
    assert ref == fleet.look_up(b"M1") == fleet.look_up(b"M2")


def test_both_lost_attempts_of_a_segment_may_have_their_receipt(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    fleet.lost(ref)
    fleet.receipt(4, b"M1")
    fleet.receipt(4, b"M2")
    fleet.now_ms += WAIT_MS

    pairs = fleet.ripe()

    assert [b"M1", b"M2"] == [pair.message_id for pair in pairs]
    assert ["accepted", "duplicate"] == fleet.match(*pairs)
    assert nothing_is_open(fleet)


@pytest.mark.parametrize("of_matched", [1, 2])
def test_an_answer_that_comes_after_its_receipt_was_matched_leaves_the_other_attempt_in_doubt(
    fleet: Fleet, of_matched: int
) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    fleet.lost(ref)
    fleet.receipt(4, b"M1")
    fleet.now_ms += WAIT_MS
    assert ["accepted"] == fleet.match(*fleet.ripe())  # of which attempt nobody can know yet

    assert "known" == fleet.answer(ref, message_id=b"M1", attempt=of_matched)
    fleet.receipt(4, b"M2")
    fleet.now_ms += WAIT_MS

    assert ["duplicate"] == fleet.match(*fleet.ripe())
    assert nothing_is_open(fleet)


def test_a_refusal_of_one_attempt_leaves_no_other_than_the_matched_one(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    fleet.lost(ref)
    fleet.receipt(4, b"M1")
    fleet.now_ms += WAIT_MS
    fleet.match(*fleet.ripe())

    fleet.answer(ref, PERMANENT, attempt=2)

    assert nothing_is_open(fleet)


def test_what_a_dead_binder_left_in_flight_is_in_doubt_too(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.lead("B")
    assert ["H"] == fleet.run(fleet.wire.recover(fleet.token, [ref]))
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())


def test_one_segment_of_several_is_rolled_up(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2, policy="hold")
    fleet.answer(first, message_id=b"A1")
    fleet.receipt(4, b"A1")
    fleet.lost(second)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())
    assert ("AA", 4, "A4:2") == (fleet.states(), fleet.job().status, fleet.counts())


def test_repeated_receipts_are_one(fleet: Fleet) -> None:
    in_doubt(fleet)
    for _ in range(3):
        fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [PAIR] == fleet.ripe()
    assert ["accepted", "gone"] == fleet.match(PAIR, PAIR)
    assert (0, 4) == (fleet.segment().duplicates, fleet.job().status)


def test_a_message_id_is_any_octets(fleet: Fleet) -> None:
    in_doubt(fleet)
    for odd in (b"L5,1:a b", b"\x00;,:R\xff 1"):
        fleet.receipt(4, odd, source=OTHER)
    fleet.receipt(4, b"R1,1:#;\xff\x00 ")
    fleet.now_ms += WAIT_MS

    (pair,) = fleet.ripe()

    assert b"R1,1:#;\xff\x00 " == pair.message_id
    assert ["accepted"] == fleet.match(pair)


# --- what is not -----------------------------------------------------------------------------------


def test_a_receipt_has_to_wait(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS - 1

    assert [] == fleet.ripe()
    fleet.now_ms += 1
    assert [PAIR] == fleet.ripe()


def test_what_is_named_is_not_named_again_at_once(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [[PAIR], []] == [fleet.ripe() for _ in range(2)]
    fleet.now_ms += 2_000
    assert [PAIR] == fleet.ripe()


def test_a_receipt_of_another_number_is_not_its(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4, source=OTHER)
    fleet.receipt(4, b"M2", source="")
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()


def test_two_in_doubt_to_one_number_stay(fleet: Fleet) -> None:
    in_doubt(fleet, "j1")
    in_doubt(fleet, "j2")
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()
    assert ["gone"] == fleet.match(PAIR)
    assert ("H", "H") == (fleet.states("j1"), fleet.states("j2"))


def test_two_segments_of_one_job_stay(fleet: Fleet) -> None:
    fleet.lost(*fleet.send(segments=2, policy="hold"))
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()


def test_of_two_unknown_ids_neither_counts(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4, b"M1")
    fleet.receipt(4, b"M2")
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()
    assert ["gone"] == fleet.match(PAIR)


def test_when_the_other_of_two_is_answered_late_the_first_is_the_only_one(fleet: Fleet) -> None:
    in_doubt(fleet, "j1")
    other = in_doubt(fleet, "j2")
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    assert [] == fleet.ripe()

    assert "accepted" == fleet.answer(other, message_id=b"M9")

    assert [PAIR] == fleet.ripe()
    assert ["accepted"] == fleet.match(PAIR)


@pytest.mark.parametrize(("code", "word"), [(PERMANENT, "rejected"), (TEMPORARY, "retry")])
def test_when_the_other_of_two_is_refused_late_the_first_is_the_only_one(
    fleet: Fleet, code: int, word: str
) -> None:
    in_doubt(fleet, "j1")
    other = in_doubt(fleet, "j2")
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert word == fleet.answer(other, code)
    assert [PAIR] == fleet.ripe()


def test_when_the_other_id_gets_its_answer_the_rest_is_unique(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4, b"M1")
    (new,) = fleet.send("new")
    fleet.receipt(4, b"N1")
    fleet.now_ms += WAIT_MS
    assert [] == fleet.ripe()

    assert "accepted" == fleet.answer(new, message_id=b"N1")

    assert [PAIR] == fleet.ripe()


def test_a_receipt_from_before_it_was_sent_is_not_its(fleet: Fleet) -> None:
    fleet.receipt(4, b"old")
    fleet.now_ms += 1
    in_doubt(fleet)
    fleet.now_ms += WAIT_MS
    assert [] == fleet.ripe()

    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    assert [PAIR] == fleet.ripe()


def test_one_that_is_being_sent_again_is_left(fleet: Fleet) -> None:
    in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert ["busy"] == fleet.match(*fleet.ripe())
    assert ("S", b"") == (fleet.states(), fleet.look_up(b"M1"))


def test_a_late_answer_goes_first(fleet: Fleet) -> None:
    ref = in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    (pair,) = fleet.ripe()

    assert "accepted" == fleet.answer(ref)
    assert ["gone"] == fleet.match(pair)
    assert (4, 0) == (fleet.job().status, fleet.segment().duplicates)
    assert nothing_is_open(fleet)


def test_a_late_answer_with_the_matched_id_is_known_and_with_another_a_duplicate(fleet: Fleet) -> None:
    ref = in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    fleet.match(*fleet.ripe())

    assert "known" == fleet.answer(ref, message_id=b"M1")
    assert 0 == fleet.segment().duplicates
    assert "duplicate" == fleet.answer(ref, message_id=b"M2")
    assert 1 == fleet.segment().duplicates


def test_what_certainly_was_not_written_is_not_in_doubt(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.lost(ref, written=False)

    assert traces(fleet) is None


def test_an_attempt_that_is_lost_after_another_was_accepted_is_in_doubt(fleet: Fleet) -> None:
    """Its receipt must not be taken for that of another segment to the same number."""
    ref = in_doubt(fleet, policy="resend")
    assert [2] == fleet.begin_backlog()
    assert "accepted" == fleet.answer(ref, message_id=b"M1", attempt=1)
    assert ["-"] == fleet.lost(ref)
    in_doubt(fleet, "j2")
    fleet.receipt(4, b"M2")
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()


def test_after_a_takeover_that_is_so_too(fleet: Fleet) -> None:
    ref = in_doubt(fleet, policy="resend")
    fleet.begin_backlog()
    fleet.answer(ref, message_id=b"M1", attempt=1)
    fleet.lead("B")
    assert ["-"] == fleet.run(fleet.wire.recover(fleet.token, [ref]))

    assert b"j1#1,2" in (traces(fleet) or b"")


def test_a_message_accepted_without_an_id_spoils_its_number(fleet: Fleet) -> None:
    in_doubt(fleet)
    (other,) = fleet.send("j2")
    fleet.answer(other, message_id=b"")
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()


def test_a_number_with_too_many_traces_is_given_up(fleet: Fleet) -> None:
    in_doubt(fleet)
    for number in range(40):
        fleet.receipt(4, b"S%d" % number)
    for number in range(40):
        (ref,) = fleet.send(f"s{number}")
        fleet.answer(ref, message_id=b"S%d" % number)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS

    assert [] == fleet.ripe()
    assert len(traces(fleet) or b"") < 40


# --- what is forgotten -------------------------------------------------------------------------------


def test_a_number_is_forgotten_a_lifetime_after_the_last_that_was_heard_of_it(fleet: Fleet) -> None:
    in_doubt(fleet, "j1")
    fleet.now_ms += INDEX_TTL_S * 500
    in_doubt(fleet, "j2")
    fleet.now_ms += INDEX_TTL_S * 1000 - 1
    fleet.ripe()
    assert b"j1#1,1" in (traces(fleet) or b"")

    fleet.now_ms += 1
    fleet.ripe()
    assert traces(fleet) is None
    assert 0 == fleet.redis("EXISTS", fleet.keys.doubted)


def test_a_receipt_that_is_not_there_any_more_is_forgotten(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    (pair,) = fleet.ripe()
    fleet.redis("DEL", fleet.keys.orphan(b"M1"))

    assert ["gone"] == fleet.match(pair)
    assert ("H", False) == (fleet.states(), b"M1" in (traces(fleet) or b""))


def test_a_job_that_is_gone_is_forgotten(fleet: Fleet) -> None:
    in_doubt(fleet)
    fleet.receipt(4)
    fleet.now_ms += WAIT_MS
    (pair,) = fleet.ripe()
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert ["gone"] == fleet.match(pair)
    assert b"j1#1" not in (traces(fleet) or b"")


def test_a_round_is_bounded(fleet: Fleet) -> None:
    for number in range(5):
        in_doubt(fleet, f"j{number}", to=f"2799910000{number}")

    looked = [fleet.run(fleet.doubts.ripe(MATCH_AFTER_S, 3))[0] for _ in range(3)]

    assert [3, 2, 0] == looked


# --- what is on its way ------------------------------------------------------------------------------


def test_what_is_in_flight_or_answered_and_not_applied_is_named(fleet: Fleet) -> None:
    (flying,) = fleet.send("j1", to=OTHER)
    (answered,) = fleet.send("j2")
    fleet.settle(answered)
    fleet.redis("DEL", fleet.keys.job("gone"))

    assert ([flying], [answered]) == (
        fleet.run(fleet.doubts.in_flight()),
        fleet.run(fleet.doubts.unapplied()),
    )
    calls = fleet.doubts.destinations([flying, answered, answered, b"gone#1"])
    assert [OTHER.encode(), TO.encode(), None] == [fleet.run(call) for call in calls]


def test_too_many_answers_to_apply_are_not_looked_at(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsfleet.store.doubts.MOST_UNAPPLIED", 1)
    refs = fleet.send(segments=2)
    fleet.settle(refs[0])
    assert [refs[0]] == fleet.run(fleet.doubts.unapplied())

    fleet.settle(refs[1])
    assert None is fleet.run(fleet.doubts.unapplied())


# --- what operators see ------------------------------------------------------------------------------


def test_held_segments_are_listed_by_the_end_of_their_hold(fleet: Fleet) -> None:
    in_doubt(fleet, "never")
    in_doubt(fleet, "later", policy="hold_then_resend")

    held = fleet.run(fleet.doubts.held(0, 10))

    assert [("later#1", fleet.now_ms + 120_000), ("never#1", None)] == held
    assert [held[1]] == fleet.run(fleet.doubts.held(1, 1))
    assert 2 == fleet.run(fleet.doubts.held_count())
