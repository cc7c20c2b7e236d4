"""Segments from the store to the gateway, and its answers back."""

from __future__ import annotations

import pytest
from tests.integration.binder.support import Account, Binders, times_accepted
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.simulator.server import Simulator

pytestmark = pytest.mark.server


async def test_a_segment_goes_out_and_its_response_is_persisted_and_applied(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    message = account.send()

    binders.start(account, simulator.port)

    await eventually(account.apply_responses)
    segment = account.segment(message)
    assert (segment.state, segment.attempt, segment.status) == ("A", 1, 8)
    assert segment.message_id == simulator.journal.of("submit_sm")[0]["message_id"]
    assert (times_accepted(simulator, message), account.in_flight()) == (1, 0)


async def test_a_refusal_is_persisted_with_the_body_for_another_attempt(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    account.send(destination="27999180088")
    binders.start(account, simulator.port)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 1)
    await eventually(lambda: account.in_flight() == 0)

    responses, _ = account.read_facts()

    assert [(fact.command_status, fact.attempt) for fact in responses] == [(0x58, 1)]
    assert b"27999180088" in responses[0].body


async def test_the_high_lane_goes_first(account: Account, simulator: Simulator, binders: Binders) -> None:
    bulk = account.send(lane="bulk")
    normal = account.send(lane="normal")
    high = account.send(lane="high")

    binders.start(account, simulator.port, window=1)

    await eventually(lambda: simulator.journal.counts["submit_sm"] == 3)
    arrived = [line["destination"] for line in simulator.journal.of("submit_sm")]
    assert arrived == [high.destination, normal.destination, bulk.destination]


async def test_the_window_is_filled_and_never_exceeded(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.01)
    messages = [account.send() for _ in range(100)]

    binders.start(account, simulator.port, window=7)

    await eventually(lambda: simulator.journal.counts["submit_sm"] == len(messages))
    assert simulator.most_unanswered == 7


async def test_a_segment_sent_while_the_binder_is_idle_goes_out(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)

    message = account.send(lane="bulk")

    await eventually(lambda: times_accepted(simulator, message) == 1, within_s=1.0)
