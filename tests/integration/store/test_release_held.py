"""release_held.lua: a hold ends by its timer or as an operator decides."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import HOLD_S, NOW_MS, Fleet, body

HOLD_MS = int(HOLD_S * 1000)


def held(fleet: Fleet, job_id: str = "j1", policy: str = "hold_then_resend", **options: object) -> bytes:
    (ref,) = fleet.send(job_id, policy=policy, **options)
    assert fleet.lost(ref) == ["H"]
    return ref


def release(fleet: Fleet, decision: str, *refs: bytes) -> list[str]:
    return fleet.run(fleet.facts.release_held(refs, decision))


def test_when_the_timer_is_over_it_is_sent_again(fleet: Fleet) -> None:
    ref = held(fleet, lane="bulk")
    fleet.now_ms += HOLD_MS

    assert release(fleet, "timer", ref) == ["queued"]
    assert (fleet.states(), fleet.outbound("bulk"), fleet.waiting(), fleet.letters()) == (
        "Q",
        [ref],
        {},
        "Q S U T",
    )
    (entry,) = fleet.take()
    assert entry.body == body("j1", 1)
    assert fleet.run(fleet.wire.begin(fleet.token, [entry])) == [2]


def test_before_that_the_timer_does_nothing(fleet: Fleet) -> None:
    ref = held(fleet)
    fleet.now_ms += HOLD_MS - 1

    assert release(fleet, "timer", ref) == ["early"]
    assert fleet.states() == "H"


def test_the_timer_sends_again_no_more_than_the_limit(fleet: Fleet) -> None:
    ref = held(fleet, max_ambiguous=1)
    fleet.now_ms += HOLD_MS
    release(fleet, "timer", ref)
    fleet.take_and_begin()
    fleet.lost(ref)
    fleet.now_ms += HOLD_MS

    assert release(fleet, "timer", ref) == ["failed"]
    assert (fleet.states(), fleet.job().status, fleet.waiting(), fleet.outbound()) == ("F", 1, {}, [])


def test_a_plain_hold_has_no_timer(fleet: Fleet) -> None:
    ref = held(fleet, policy="hold")
    fleet.now_ms += HOLD_MS * 1000

    assert fleet.run(fleet.facts.hold_over(10)) == []
    assert release(fleet, "timer", ref) == ["early"]


@pytest.mark.parametrize("policy", ["hold", "hold_then_resend"])
def test_an_operator_may_send_again_at_any_time(fleet: Fleet, policy: str) -> None:
    ref = held(fleet, policy=policy)

    assert release(fleet, "resend", ref) == ["queued"]
    assert (fleet.states(), fleet.letters()) == ("Q", "Q S U O")


@pytest.mark.parametrize("policy", ["hold", "hold_then_resend"])
def test_an_operator_may_give_up_at_any_time(fleet: Fleet, policy: str) -> None:
    ref = held(fleet, policy=policy)

    assert release(fleet, "fail", ref) == ["failed"]
    assert (fleet.states(), fleet.job().status, fleet.waiting()) == ("F", 1, {})
    assert fleet.events() == [(b"j1", b"1", b"1")]


@pytest.mark.parametrize("decision", ["timer", "resend"])
def test_past_its_deadline_it_is_not_sent_again(fleet: Fleet, decision: str) -> None:
    ref = held(fleet, deadline_ms=NOW_MS + HOLD_MS)
    fleet.now_ms += HOLD_MS

    assert release(fleet, decision, ref) == ["failed"]


def test_what_is_not_held_any_more_is_gone(fleet: Fleet) -> None:
    ref = held(fleet)
    fleet.answer(ref)

    assert release(fleet, "resend", ref, b"never#1") == ["gone", "gone"]
    assert (fleet.states(), fleet.outbound()) == ("A", [])


def test_two_at_once_do_it_once(fleet: Fleet) -> None:
    ref = held(fleet)

    assert release(fleet, "resend", ref, ref) == ["queued", "gone"]
    assert fleet.outbound() == [ref]


def test_a_segment_whose_job_is_gone_is_forgotten(fleet: Fleet) -> None:
    ref = held(fleet)
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert release(fleet, "resend", ref) == ["gone"]
    assert (fleet.waiting(), fleet.redis("EXISTS", fleet.keys.held), fleet.outbound()) == ({}, 0, [])


def test_holds_that_are_over_are_found(fleet: Fleet) -> None:
    ref = held(fleet)

    fleet.now_ms += HOLD_MS - 1
    before = fleet.run(fleet.facts.hold_over(10))
    fleet.now_ms += 1

    assert (before, fleet.run(fleet.facts.hold_over(10))) == ([], [ref])
