"""apply_response.lua: an acceptance always counts, a refusal only for the last attempt."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import (
    INDEX_TTL_S,
    MAX_ATTEMPTS,
    NO_CREDIT,
    NOW_MS,
    OK,
    PERMANENT,
    TEMPORARY,
    TEXT_TTL_S,
    Fleet,
    body,
)

from smsfleet.store.records import SegmentRecord


def test_an_acceptance_gives_008_and_the_message_id(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.answer(ref, message_id=b"\xffid; with, octets\n") == "accepted"
    assert fleet.segment() == SegmentRecord(1, "A", 1, 8, None, 0, 0, 0, "\xffid; with, octets\n")
    assert (fleet.job().status, fleet.letters()) == (8, "Q S A8")
    assert fleet.look_up(b"\xffid; with, octets\n") == ref
    assert fleet.events() == [(b"j1", b"8", b"0")]


def test_an_applied_fact_is_gone_from_its_stream(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)

    assert fleet.redis("XLEN", fleet.keys.responses) == 0


def test_the_same_fact_twice_is_known(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    facts = fleet.read_responses()
    fleet.apply(facts)
    before = fleet.everything()

    assert fleet.apply(facts) == ["known"]
    assert fleet.everything() == before


def test_a_second_acceptance_is_counted_and_mapped_too(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, message_id=b"M1", attempt=1)

    assert fleet.answer(ref, message_id=b"M2", attempt=2) == "duplicate"
    assert (fleet.segment().duplicates, fleet.segment().message_id) == (1, "M1")
    assert (fleet.look_up(b"M1"), fleet.look_up(b"M2")) == (ref, ref)
    assert fleet.receipt(4, b"M2") == "applied"
    assert fleet.job().status == 4


def test_a_temporary_error_waits_with_its_body(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.answer(ref, TEMPORARY) == "retry"
    assert (fleet.states(), fleet.segment().error, fleet.segment().tries) == ("W", TEMPORARY, 1)
    assert fleet.waiting() == {ref: body("j1", 1)}
    assert fleet.redis("ZSCORE", fleet.keys.delayed, ref) == b"%d" % (NOW_MS + 5000)
    assert (fleet.job().status, fleet.letters()) == (None, f"Q S X{TEMPORARY}")


def test_temporary_errors_are_bounded(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    words = []
    for attempt in range(1, MAX_ATTEMPTS + 2):
        words.append(fleet.answer(ref, TEMPORARY, attempt=attempt))
        fleet.now_ms += 5000
        fleet.run(fleet.facts.promote([ref]))
        fleet.take_and_begin()

    assert words == ["retry"] * MAX_ATTEMPTS + ["rejected"]
    assert (fleet.states(), fleet.job().status, fleet.waiting()) == ("R", 5, {})


def test_an_error_of_the_account_waits_and_is_not_counted(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    for attempt in range(1, MAX_ATTEMPTS + 3):
        assert fleet.answer(ref, NO_CREDIT, attempt=attempt) == ("paused" if attempt == 1 else "wait")
        fleet.now_ms += 60_000
        fleet.run(fleet.facts.promote([ref]))
        fleet.take_and_begin()

    assert (fleet.states(), fleet.segment().tries) == ("S", 0)


def test_a_permanent_error_closes_with_the_status_it_is_shown_as(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.answer(ref, PERMANENT) == "rejected"
    assert (fleet.segment().state, fleet.segment().status, fleet.segment().error) == ("R", 9, PERMANENT)
    assert fleet.events() == [(b"j1", b"9", b"1")]
    assert 0 < fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


@pytest.mark.parametrize("code", [TEMPORARY, PERMANENT, NO_CREDIT])
def test_a_refusal_of_an_earlier_attempt_is_stale(fleet: Fleet, code: int) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()

    assert fleet.answer(ref, code, attempt=1) == "stale"
    assert (fleet.states(), fleet.in_flight(), fleet.outbound()) == ("S", {ref}, [ref])


def test_a_refusal_after_it_was_queued_again_is_stale(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)

    assert fleet.answer(ref, PERMANENT, attempt=1) == "stale"
    assert fleet.states() == "Q"


def test_a_refusal_after_an_acceptance_is_stale(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)

    assert fleet.answer(ref, PERMANENT) == "stale"
    assert (fleet.states(), fleet.job().status) == ("A", 8)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_a_refusal_that_was_settled_twice_is_applied_once(fleet: Fleet, order: list[int]) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref, TEMPORARY)
    fleet.settle(ref, TEMPORARY)  # the reply was lost
    facts = fleet.read_responses()

    words = [fleet.apply([facts[number]])[0] for number in order]

    assert sorted(words) == ["retry", "stale"]
    assert (fleet.states(), fleet.waiting()) == ("W", {ref: body("j1", 1)})


@pytest.mark.parametrize("lost_as", ["hold", "hold_then_resend", "fail", "resend"])
def test_a_late_acceptance_ends_the_doubt(fleet: Fleet, lost_as: str) -> None:
    (ref,) = fleet.send(policy=lost_as)
    fleet.lost(ref)

    assert fleet.answer(ref) == "accepted"
    assert (fleet.states(), fleet.job().status, fleet.segment().ambiguous) == ("A", 8, 1)
    assert (fleet.waiting(), fleet.redis("ZCARD", fleet.keys.held)) == ({}, 0)


def test_a_late_acceptance_wins_over_a_rejection(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, PERMANENT, attempt=2)

    assert fleet.answer(ref, OK, attempt=1) == "accepted"
    assert (fleet.states(), fleet.job().status, fleet.segment().error) == ("A", 8, None)
    assert fleet.events()[-2:] == [(b"j1", b"9", b"1"), (b"j1", b"8", b"0")]


def test_a_late_acceptance_ends_a_delay(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, TEMPORARY, attempt=2)

    assert fleet.answer(ref, OK, attempt=1) == "accepted"
    assert (fleet.waiting(), fleet.redis("ZCARD", fleet.keys.delayed)) == ({}, 0)


@pytest.mark.parametrize(("code", "word", "state"), [(TEMPORARY, "retry", "W"), (PERMANENT, "rejected", "R")])
def test_a_late_refusal_ends_a_hold(fleet: Fleet, code: int, word: str, state: str) -> None:
    (ref,) = fleet.send(policy="hold")
    fleet.lost(ref)

    assert fleet.answer(ref, code) == word
    assert (fleet.states(), fleet.redis("ZCARD", fleet.keys.held)) == (state, 0)
    assert fleet.waiting() == ({ref: body("j1", 1)} if state == "W" else {})


@pytest.mark.parametrize("code", [TEMPORARY, PERMANENT])
def test_a_late_refusal_of_what_failed_as_unknown_rejects_it(fleet: Fleet, code: int) -> None:
    (ref,) = fleet.send(policy="fail")
    fleet.lost(ref)

    assert fleet.answer(ref, code) == "rejected"
    assert fleet.states() == "R"


def test_receipts_that_came_before_the_response_are_joined_by_it(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    words = [fleet.receipt(4, raw=" DELIVRD"), fleet.receipt(3, raw=" ACCEPTD")]

    assert words == ["parked", "parked"]
    assert fleet.answer(ref) == "accepted"
    assert (fleet.job().status, fleet.letters()) == (4, "Q S A8 D4 D3")
    assert fleet.redis("EXISTS", fleet.keys.orphan(b"M1"), fleet.keys.orphans) == 0
    assert fleet.events() == [(b"j1", b"4", b"1")]


def test_a_response_for_a_job_that_is_gone_is_unknown(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert fleet.answer(ref) == "unknown"
    assert fleet.redis("XLEN", fleet.keys.responses) == 0


def test_the_index_of_message_ids_expires(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)

    indexes = [key for key in fleet.everything() if b":index:" in key]

    assert len(indexes) == 1
    assert INDEX_TTL_S - 5 <= fleet.ttl_s(indexes[0]) <= INDEX_TTL_S


def test_a_batch_is_answered_one_by_one(fleet: Fleet) -> None:
    segments = fleet.send("j1", segments=2)
    (other,) = fleet.send("j2")
    fleet.settle(segments[0], message_id=b"M1")
    fleet.settle(segments[1], PERMANENT)
    fleet.settle(other, TEMPORARY)
    fleet.settle(b"never#1")

    assert fleet.apply(fleet.read_responses()) == ["accepted", "rejected", "retry", "unknown"]
    assert (fleet.states("j1"), fleet.states("j2")) == ("AR", "W")


def test_what_a_dead_relay_read_is_left_over(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    read = fleet.read_responses("dead")

    assert fleet.read_responses("alive") == []
    assert fleet.run(fleet.facts.left_responses(b"-", 10)) == read


def test_an_acceptance_without_a_message_id_counts(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.answer(ref, message_id=b"") == "accepted"
    assert (fleet.states(), fleet.segment().message_id) == ("A", "")
