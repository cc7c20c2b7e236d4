"""The link: signs of life, its loss, and what becomes of the segments that were on their way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.integration.binder.support import (
    SHORT,
    Account,
    Binders,
    Message,
    new_simulator,
    times_accepted,
)
from tests.integration.waiting import Lag, eventually

from smsfleet.binder.outbound import BATCH
from smsfleet.binder.service import State
from smsfleet.config.clock import epoch_ms
from smsfleet.simulator.server import Simulator
from smsfleet.smpp.constants import TLV_MESSAGE_PAYLOAD

pytestmark = pytest.mark.server


async def lose_the_link_with_one_unanswered(
    account: Account, simulator: Simulator, binders: Binders, on_ambiguous: str
) -> Message:
    """A message that the SMSC has accepted while its response never came; then a new bind."""
    simulator.change(answers_submits=False)
    message = account.send(on_ambiguous=on_ambiguous)
    binders.start(account, simulator.port)
    await eventually(lambda: times_accepted(simulator, message) == 1)
    simulator.change(answers_submits=True)
    simulator.disconnect()
    # A later message proves that the binder has bound again and gone through what it had before.
    later = account.send()
    await eventually(lambda: times_accepted(simulator, later) == 1)
    await eventually(lambda: account.in_flight() == 0)
    account.apply_responses()
    return message


async def test_it_is_told_how_long_the_oldest_is_unanswered_and_not_how_long_it_waited_for_the_bind(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(answers_submits=False)
    message = account.send()
    admitted_ms = epoch_ms()
    await eventually(lambda: epoch_ms() > admitted_ms + 300)
    bound_ms = epoch_ms()
    binder = binders.start(account, simulator.port).binder
    before = binder.report.unanswered_since_ms

    await eventually(lambda: times_accepted(simulator, message) == 1)

    since_ms = binder.report.unanswered_since_ms
    assert before is None
    assert since_ms is not None
    assert bound_ms - 5 <= since_ms <= epoch_ms() + 5  # two clocks


async def test_enquire_links_are_sent_on_time_and_answered(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"enquire_link_s": 0.2, "enquire_link_timeout_s": 0.1})
    lag = Lag()
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)
    simulator.enquire_link()

    await eventually(lambda: simulator.journal.counts["enquire_link"] == 4)

    times = [line["at"] for line in simulator.journal.of("enquire_link")]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert [abs(gap - 0.2) < 0.05 + lag.s for gap in gaps] == [True] * 3
    assert simulator.journal.counts["enquire_link_resp"] == 1
    assert simulator.journal.counts["bind"] == 1


async def test_a_dead_link_is_left_and_bound_again(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(answers_enquire_links=False)
    timing = SHORT.model_copy(update={"enquire_link_s": 0.2, "enquire_link_timeout_s": 0.1})
    lag = Lag()

    binders.start(account, simulator.port, timing=timing)

    await eventually(lambda: simulator.journal.counts["bind"] == 2)
    first, *_ = simulator.journal.of("enquire_link")
    lost, *_ = simulator.journal.of("disconnect")
    assert 0.09 - lag.s <= lost["at"] - first["at"] < 0.3 + lag.s


async def test_the_reconnect_waits_for_its_delay_and_no_longer(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"reconnect_min_s": 0.4, "reconnect_max_s": 0.4})
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)
    lag = Lag()

    simulator.disconnect()

    await eventually(lambda: simulator.journal.counts["bind"] == 2)
    lost = simulator.journal.of("disconnect")[0]["at"]
    again = simulator.journal.of("connect")[1]["at"]
    assert 0.39 - lag.s <= again - lost < 0.8 + lag.s


async def test_an_unbind_of_the_gateway_is_answered_and_followed_by_a_new_bind(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)

    simulator.unbind()

    await eventually(lambda: simulator.journal.counts["bind"] == 2)
    assert "answered our unbind" in simulator.journal.of("disconnect")[0]["reason"]


async def test_a_gateway_that_is_restarted_is_found_again(account: Account, binders: Binders) -> None:
    simulator = new_simulator()
    async with simulator:
        binder = binders.start(account, simulator.port)
        await eventually(lambda: binder.state is State.BOUND)
    await eventually(lambda: binder.state is State.WAITING)
    message = account.send()

    async with simulator:
        await eventually(lambda: times_accepted(simulator, message) == 1)
        await binder.stop()


async def test_resend_sends_an_unanswered_segment_once_more(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    message = await lose_the_link_with_one_unanswered(account, simulator, binders, "resend")

    assert times_accepted(simulator, message) == 2
    segment = account.segment(message)
    assert (segment.state, segment.attempt, segment.ambiguous) == ("A", 2, 1)


async def test_resend_happens_at_most_once(account: Account, simulator: Simulator, binders: Binders) -> None:
    simulator.change(answers_submits=False)
    message = account.send(on_ambiguous="resend")
    binders.start(account, simulator.port)
    await eventually(lambda: times_accepted(simulator, message) == 1)
    simulator.disconnect()
    await eventually(lambda: times_accepted(simulator, message) == 2)

    simulator.disconnect()

    await eventually(lambda: account.segment(message).state == "F")
    assert times_accepted(simulator, message) == 2


@pytest.mark.parametrize(("on_ambiguous", "state"), [("hold", "H"), ("hold_then_resend", "H"), ("fail", "F")])
async def test_hold_and_fail_do_not_send_again(
    account: Account, simulator: Simulator, binders: Binders, on_ambiguous: str, state: str
) -> None:
    message = await lose_the_link_with_one_unanswered(account, simulator, binders, on_ambiguous)

    assert times_accepted(simulator, message) == 1
    segment = account.segment(message)
    assert (segment.state, segment.ambiguous) == (state, 1)


async def test_hold_then_resend_sends_when_the_hold_is_over(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    message = await lose_the_link_with_one_unanswered(account, simulator, binders, "hold_then_resend")

    await eventually(lambda: account.release_held() == ["queued"])

    await eventually(lambda: times_accepted(simulator, message) == 2)
    await eventually(account.apply_responses)
    assert account.segment(message).state == "A"


async def test_what_was_never_written_is_queued_again_whatever_the_policy(
    account: Account, binders: Binders
) -> None:
    async with new_simulator(receive_buffer_octets=4096, answers_submits=False) as simulator:
        binder = binders.start(account, simulator.port, window=300)
        await eventually(lambda: binder.state is State.BOUND)
        simulator.pause_reading()
        # 18 MB are more than the kernels of both sides hold: the rest waits in the binder.
        payload = b"x" * 60_000
        messages = [
            account.send(on_ambiguous="fail", tlvs=((TLV_MESSAGE_PAYLOAD, b"%05d" % number + payload),))
            for number in range(300)
        ]
        await eventually(lambda: account.in_flight() == 300, within_s=10)

        simulator.disconnect()

        await eventually(lambda: binder.state is State.WAITING)
        await eventually(lambda: account.in_flight() == 0)
    # What went to the kernel together may have left in part; what came later, while it took no more, never did.
    states = account.states(messages)
    assert states["F"] + states["Q"] == 300
    assert states["Q"] >= 300 - BATCH - 1
