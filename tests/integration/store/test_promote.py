"""promote.lua: a delayed segment goes back to its stream when its time has come."""

from __future__ import annotations

from tests.integration.store.steps import NOW_MS, TEMPORARY, TEXT_TTL_S, Fleet, body

from smsfleet.store.wire import DROPPED


def delayed(fleet: Fleet, job_id: str = "j1", **options: object) -> bytes:
    (ref,) = fleet.send(job_id, **options)
    assert fleet.answer(ref, TEMPORARY) == "retry"
    return ref


def promote(fleet: Fleet, *refs: bytes) -> list[str]:
    return fleet.run(fleet.facts.promote(refs))


def test_a_segment_is_queued_again_when_its_delay_is_over(fleet: Fleet) -> None:
    ref = delayed(fleet, lane="high")
    fleet.now_ms += 5000

    assert promote(fleet, ref) == ["queued"]
    assert (fleet.states(), fleet.outbound("high"), fleet.waiting()) == ("Q", [ref], {})
    (entry,) = fleet.take()
    assert (entry.lane, entry.body) == (1, body("j1", 1))
    assert fleet.run(fleet.wire.begin(fleet.token, [entry])) == [2]


def test_before_that_it_is_early(fleet: Fleet) -> None:
    ref = delayed(fleet)
    fleet.now_ms += 4999

    assert promote(fleet, ref) == ["early"]
    assert fleet.states() == "W"


def test_two_promoters_do_it_once(fleet: Fleet) -> None:
    ref = delayed(fleet)
    fleet.now_ms += 5000

    assert promote(fleet, ref, ref) == ["queued", "gone"]
    assert fleet.outbound() == [ref]


def test_past_its_deadline_it_expires(fleet: Fleet) -> None:
    ref = delayed(fleet, deadline_ms=NOW_MS + 5000)
    fleet.now_ms += 5000

    assert promote(fleet, ref) == ["expired"]
    assert (fleet.states(), fleet.job().status, fleet.waiting()) == ("E", 10, {})
    assert fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_what_does_not_wait_is_gone(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert promote(fleet, ref, b"never#1") == ["gone", "gone"]
    assert fleet.states() == "S"


def test_a_segment_whose_job_is_gone_is_forgotten(fleet: Fleet) -> None:
    ref = delayed(fleet)
    fleet.redis("DEL", fleet.keys.job("j1"))
    fleet.now_ms += 5000

    assert promote(fleet, ref) == ["gone"]
    assert (fleet.waiting(), fleet.redis("EXISTS", fleet.keys.delayed)) == ({}, 0)


def test_those_that_are_due_are_given_oldest_first_and_bounded(fleet: Fleet) -> None:
    refs = []
    for number in range(3):
        refs.append(delayed(fleet, f"j{number}"))
        fleet.now_ms += 10

    due = []
    for late in (-1, 0, 10, 20):
        fleet.now_ms = NOW_MS + 5000 + late
        due.append(fleet.run(fleet.facts.due(2)))

    assert due == [[], refs[:1], refs[:2], refs[:2]]


def test_a_promoted_segment_that_was_accepted_meanwhile_is_not_sent(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, TEMPORARY, attempt=2)
    fleet.now_ms += 5000
    promote(fleet, ref)
    fleet.answer(ref, attempt=1)

    assert fleet.take_and_begin() == [DROPPED]
    assert fleet.outbound() == []
