"""Redis goes away, or its reply does: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import signal

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, new_simulator, times_accepted
from tests.integration.relay import Relay
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.simulator.server import Simulator
from smsfleet.store.scripts import script
from smsfleet.store.wire import START

pytestmark = pytest.mark.server


async def test_nothing_is_lost_when_redis_is_killed_under_load(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.02)
    messages = [own_account.send() for _ in range(150)]
    binders.start(own_account, simulator.port, window=10)
    await eventually(lambda: simulator.journal.counts["submit_sm"] >= 50)

    own_server.stop(signal.SIGKILL)
    own_server.start()

    own_account.reconnect()
    words: list[
        str
    ] = []  # an answer that was persisted without a reply is there twice: known the second time
    await eventually(
        lambda: words.extend(own_account.apply_responses()) or words.count("accepted") >= 150, within_s=15
    )
    assert own_account.states(messages) == {"A": 150}
    assert [times_accepted(simulator, message) for message in messages] == [1] * 150


@pytest.mark.parametrize("name", ["begin", "settle"])
async def test_a_lost_reply_neither_loses_nor_repeats_a_segment(
    account: Account, server: EmbeddedServer, simulator: Simulator, binders: Binders, name: str
) -> None:
    async with Relay(server.port) as relay:
        binder = binders.start(account, simulator.port, url=f"redis://127.0.0.1:{relay.port}/0")
        first = account.send(on_ambiguous="fail")
        await eventually(account.apply_responses)
        relay.lose_reply_to(script(name).sha.encode())

        second = account.send(on_ambiguous="fail")

        await eventually(lambda: account.apply_responses() and account.segment(second).state == "A")
        await eventually(lambda: account.in_flight() == 0)
        await binder.stop()
    assert relay.lost_replies == 1
    assert [times_accepted(simulator, message) for message in (first, second)] == [1, 1]
    assert account.segment(second).duplicates == 0


async def test_a_stop_right_after_a_lost_reply_to_begin_leaves_the_segment_queued(
    account: Account, server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    async with Relay(server.port) as relay:
        binder = binders.start(account, simulator.port, url=f"redis://127.0.0.1:{relay.port}/0")
        first = account.send()
        await eventually(lambda: times_accepted(simulator, first) == 1)
        await eventually(lambda: account.in_flight() == 0)
        relay.lose_reply_to(script("begin").sha.encode())
        second = account.send(on_ambiguous="fail")
        await eventually(lambda: relay.lost_replies == 1)

        await binder.stop()

    assert times_accepted(simulator, second) == 0
    assert (account.segment(second).state, account.in_flight()) == ("Q", 0)


async def test_the_binder_starts_before_redis_does(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    own_server.stop()
    binder = binders.start(own_account, simulator.port)

    own_server.start()

    await eventually(lambda: binder.state is State.BOUND)


COMPARING = SHORT.model_copy(update={"compare_s": 0.1})


async def test_what_redis_has_in_flight_and_nobody_waits_for_is_given_up(
    account: Account, binders: Binders
) -> None:
    async with new_simulator(answers_submits=False) as simulator:
        binder = binders.start(account, simulator.port, timing=COMPARING, window=1)
        await eventually(lambda: binder.state is State.BOUND)
        ours = [account.send(on_ambiguous="fail") for _ in range(2)]  # one in the window, one begun ahead
        await eventually(lambda: account.in_flight() == 2)
        stranger = account.send(on_ambiguous="fail")
        *_, entry = account.store.run(account.wire.take(10, START))

        attempts = account.store.run(account.wire.begin(binder.leadership.token, [entry]))

        assert attempts == [1]
        await eventually(lambda: account.segment(stranger).state == "F")
        assert account.states(ours) == {"S": 2}
        assert simulator.bound == 1


async def test_what_redis_forgot_to_be_on_its_way_is_not_sent_again(
    account: Account, binders: Binders
) -> None:
    async with new_simulator(answers_submits=False) as simulator:
        binder = binders.start(account, simulator.port, timing=COMPARING)
        await eventually(lambda: binder.state is State.BOUND)
        first = account.send(on_ambiguous="fail")
        await eventually(lambda: times_accepted(simulator, first) == 1)

        account.forget_begin(first)  # Redis came back without its last second
        account.break_connections()

        second = account.send(on_ambiguous="fail")
        await eventually(lambda: times_accepted(simulator, second) == 1)
        # Two more looks from the start have been made when the comparison has run twice.
        looks = account.commands("hgetall")
        await eventually(lambda: account.commands("hgetall") >= looks + 2)
        assert (account.segment(first).state, times_accepted(simulator, first)) == ("Q", 1)
