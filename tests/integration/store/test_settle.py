"""settle.lua: answers become facts in a stream; nobody's token is asked."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import PERMANENT, TEMPORARY, Fleet, body

from smsfleet.store.wire import Answer


def test_an_acceptance_is_persisted_and_the_segment_is_out_of_flight(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.settle(ref, message_id=b"M\x00\xff,;'") == 1
    (fact,) = fleet.read_responses()
    assert fact[1:] == (ref, 1, 0, b"M\x00\xff,;'", b"")
    assert (fleet.in_flight(), fleet.outbound(), fleet.begin_backlog()) == (set(), [], [])
    assert fleet.states() == "S"


def test_a_refusal_carries_the_body_along(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.settle(ref, TEMPORARY) == 1
    (fact,) = fleet.read_responses()
    assert fact[1:] == (ref, 1, TEMPORARY, b"", body("j1", 1))
    assert fleet.outbound() == []


@pytest.mark.parametrize("code", [0, TEMPORARY])
def test_an_answer_to_another_attempt_is_persisted_and_changes_nothing_else(fleet: Fleet, code: int) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()

    assert fleet.settle(ref, code, attempt=1) == 0
    (fact,) = fleet.read_responses()
    assert (fact.attempt, fact.body) == (1, b"")
    assert (fleet.in_flight(), fleet.outbound()) == ({ref}, [ref])


def test_an_answer_to_what_nobody_knows_is_persisted(fleet: Fleet) -> None:
    assert fleet.settle(b"never#1") == 0
    assert [fact.ref for fact in fleet.read_responses()] == [b"never#1"]


def test_a_batch_over_all_lanes_is_settled_at_once(fleet: Fleet) -> None:
    segments = [fleet.send(lane, lane=lane)[0] for lane in ("high", "normal", "bulk")]

    settled = fleet.run(
        fleet.wire.settle(
            [Answer(ref, 1, code, b"") for ref, code in zip(segments, (0, PERMANENT, 0), strict=True)]
        )
    )

    assert settled == 3
    assert [fact.body for fact in fleet.read_responses()] == [b"", body("normal", 1), b""]
    assert fleet.in_flight() == set()


def test_an_answer_that_comes_twice_in_a_batch_is_counted_once(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    assert fleet.run(fleet.wire.settle([Answer(ref, 1, TEMPORARY, b""), Answer(ref, 1, TEMPORARY, b"")])) == 1
    assert fleet.apply(fleet.read_responses()) == ["retry", "stale"]


def test_a_deposed_binder_may_still_settle(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.lead("B")

    assert fleet.settle(ref) == 1
