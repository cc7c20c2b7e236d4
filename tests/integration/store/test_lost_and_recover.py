"""lost.lua and recover.lua: the outcome of what was in flight is unknown, and the job's policy decides."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import HOLD_S, NOW_MS, PERMANENT, Fleet, body

from smsfleet.config.errors import Fenced
from smsfleet.store.wire import Unanswered

HELD_UNTIL_MS = NOW_MS + int(HOLD_S * 1000)


def test_resend_leaves_the_entry_in_its_place_in_the_line(fleet: Fleet) -> None:
    (ref,) = fleet.send("j1", policy="resend")
    fleet.take_in_and_admit("j2")

    assert fleet.lost(ref) == ["Q"]
    assert (fleet.states(), fleet.segment().ambiguous, fleet.letters()) == ("Q", 1, "Q S U")
    assert (fleet.outbound(), fleet.in_flight()) == ([b"j1#1", b"j2#1"], set())
    assert fleet.begin_backlog() == [2, 1]


def test_resend_is_bounded(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend", max_ambiguous=1)
    fleet.lost(ref)
    fleet.begin_backlog()

    assert fleet.lost(ref) == ["F"]
    assert (fleet.states(), fleet.job().status, fleet.segment().ambiguous) == ("F", 1, 2)
    assert fleet.outbound() == []
    assert fleet.events()[-1] == (b"j1", b"1", b"1")


def test_resend_ends_with_the_validity(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend", deadline_ms=NOW_MS + 10)
    fleet.now_ms += 10

    assert fleet.lost(ref) == ["F"]


def test_fail_ends_as_unknown_and_says_that_it_may_have_been_delivered(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="fail")

    assert fleet.lost(ref) == ["F"]
    assert (fleet.job().status, fleet.segment().ambiguous, fleet.letters()) == (1, 1, "Q S U F")
    assert (fleet.outbound(), fleet.waiting()) == ([], {})


@pytest.mark.parametrize(("policy", "until"), [("hold", b"inf"), ("hold_then_resend", b"%d" % HELD_UNTIL_MS)])
def test_hold_moves_the_body_to_where_it_waits(fleet: Fleet, policy: str, until: bytes) -> None:
    (ref,) = fleet.send(policy=policy)

    assert fleet.lost(ref) == ["H"]
    assert fleet.waiting() == {ref: body("j1", 1)}
    assert fleet.redis("ZSCORE", fleet.keys.held, ref) == until
    assert (fleet.outbound(), fleet.in_flight(), fleet.job().status) == ([], set(), None)


@pytest.mark.parametrize("policy", ["resend", "hold", "hold_then_resend", "fail"])
def test_what_was_certainly_not_written_is_queued_again_and_is_not_ambiguous(
    fleet: Fleet, policy: str
) -> None:
    (ref,) = fleet.send(policy=policy)

    assert fleet.lost(ref, written=False) == ["Q"]
    assert (fleet.segment().ambiguous, fleet.outbound(), fleet.begin_backlog()) == (0, [ref], [2])


def test_lost_under_another_attempt_changes_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    before = fleet.everything()

    assert fleet.lost(ref, attempt=1) == ["-"]
    assert fleet.everything() == before
    assert fleet.lost(ref, attempt=2) == ["F"]


def test_lost_of_what_is_not_in_flight_changes_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.take_in_and_admit()
    before = fleet.everything()

    assert fleet.lost(ref, b"never#1") == ["-", "-"]
    assert fleet.everything() == before


def test_lost_after_a_late_acceptance_clears_the_flight(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, attempt=1)

    assert fleet.lost(ref, attempt=2) == ["-"]
    assert (fleet.states(), fleet.in_flight(), fleet.outbound()) == ("A", set(), [])


def test_lost_of_a_job_that_is_gone_clears_the_flight(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert fleet.lost(ref) == ["-"]
    assert (fleet.in_flight(), fleet.outbound()) == (set(), [])


def test_an_old_token_loses_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    old = fleet.token
    fleet.lead("B")
    before = fleet.everything()

    with pytest.raises(Fenced):
        fleet.run(fleet.wire.lost(old, [Unanswered(ref, 1, written=True)]))
    assert fleet.everything() == before


def test_each_segment_is_treated_as_its_own_job_says(fleet: Fleet) -> None:
    policies = ("resend", "hold", "fail")
    segments = [
        fleet.send(policy, policy=policy, lane=lane)[0]
        for policy, lane in zip(policies, ("high", "normal", "bulk"), strict=True)
    ]

    assert fleet.lost(*segments) == ["Q", "H", "F"]


@pytest.mark.parametrize(
    ("policy", "letter"), [("resend", "Q"), ("hold", "H"), ("hold_then_resend", "H"), ("fail", "F")]
)
def test_after_a_takeover_what_the_old_binder_left_is_ambiguous(
    fleet: Fleet, policy: str, letter: str
) -> None:
    (ref,) = fleet.send(policy=policy)
    token = fleet.lead("B")

    assert fleet.run(fleet.wire.recover(token, [ref])) == [letter]
    assert (fleet.states(), fleet.segment().ambiguous, fleet.in_flight()) == (letter, 1, set())
    assert fleet.run(fleet.wire.recover(token, [ref])) == ["-"]


def test_recover_leaves_what_its_own_token_began(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    before = fleet.everything()

    assert fleet.run(fleet.wire.recover(fleet.token, [ref])) == ["-"]
    assert fleet.everything() == before


def test_recover_never_takes_an_answered_segment_for_ambiguous(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="fail")
    fleet.settle(ref)
    token = fleet.lead("B")

    assert fleet.run(fleet.wire.recover(token, [ref])) == ["-"]
    assert fleet.apply(fleet.read_responses()) == ["accepted"]


def test_recover_clears_the_flight_of_what_ended_or_is_gone(fleet: Fleet) -> None:
    (first,) = fleet.send("j1", policy="resend")
    (second,) = fleet.send("j2")
    fleet.lost(first)
    fleet.begin_backlog()
    fleet.answer(first, attempt=1)
    fleet.redis("DEL", fleet.keys.job("j2"))
    token = fleet.lead("B")

    assert fleet.run(fleet.wire.recover(token, [first, second])) == ["-", "-"]
    assert (fleet.in_flight(), fleet.outbound()) == (set(), [])


def test_an_old_token_recovers_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    old = fleet.token
    fleet.lead("B")
    before = fleet.everything()

    with pytest.raises(Fenced):
        fleet.run(fleet.wire.recover(old, [ref]))
    assert fleet.everything() == before


def test_after_recovery_the_new_leader_finds_its_work_in_the_backlog(fleet: Fleet) -> None:
    (first,) = fleet.send("j1", policy="resend")
    fleet.take_in_and_admit("j2")
    fleet.take()
    token = fleet.lead("B")
    fleet.run(fleet.wire.recover(token, [first]))

    assert fleet.begin_backlog() == [2, 1]


def test_a_rejected_segment_is_not_lost_any_more(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, PERMANENT)

    assert fleet.lost(ref, attempt=1) == ["-"]
