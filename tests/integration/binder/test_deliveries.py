"""A deliver_sm is acknowledged only when Redis has it."""

from __future__ import annotations

import signal

import pytest
from tests.integration.binder.support import Account, Binders, incoming
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.simulator.server import Simulator
from smsfleet.store.client import Call

pytestmark = pytest.mark.server


def answers(simulator: Simulator) -> list[tuple[int, int]]:
    """(number of the delivery, command_status) of every deliver_sm_resp, in order."""
    return [(line["delivery"], line["status"]) for line in simulator.journal.of("deliver_sm_resp")]


async def test_a_delivery_is_stored_as_it_came_and_acknowledged(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port)

    delivery = simulator.inject(incoming(b"first"))

    await eventually(lambda: answers(simulator) == [(delivery.number, 0)])
    _, deliveries = account.read_facts()
    assert [fact.body for fact in deliveries] == [delivery.body]


async def test_what_waited_for_a_receiver_is_delivered_on_bind(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    for text in (b"one", b"two", b"three"):
        simulator.inject(incoming(text))

    binders.start(account, simulator.port)

    await eventually(lambda: answers(simulator) == [(1, 0), (2, 0), (3, 0)])


async def test_while_redis_is_frozen_nothing_is_acknowledged_and_the_link_lives(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(own_account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    assert own_server.process is not None
    own_server.process.send_signal(signal.SIGSTOP)
    delivery = simulator.inject(incoming())
    simulator.enquire_link()  # behind the deliver_sm: when it is answered, that has been read
    await eventually(lambda: simulator.journal.counts["enquire_link_resp"] == 1)

    before = answers(simulator)
    own_server.process.send_signal(signal.SIGCONT)

    assert before == []
    await eventually(lambda: answers(simulator) == [(delivery.number, 0)])
    _, deliveries = own_account.read_facts()
    assert [fact.body for fact in deliveries] == [delivery.body]


async def test_a_delivery_that_redis_cannot_take_stays_with_the_gateway(
    own_account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(redelivery_delay_s=0.1)
    binder = binders.start(own_account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    own_account.store.run(Call(("CONFIG", "SET", "maxmemory", "1"), bool))
    delivery = simulator.inject(incoming())
    await eventually(lambda: answers(simulator) != [])

    refused = answers(simulator)[0]
    own_account.store.run(Call(("CONFIG", "SET", "maxmemory", "0"), bool))

    assert refused == (delivery.number, 0x64)
    await eventually(lambda: answers(simulator)[-1] == (delivery.number, 0))
    _, deliveries = own_account.read_facts()
    assert [fact.body for fact in deliveries] == [delivery.body]


async def test_a_delivery_that_a_lost_link_left_unanswered_comes_again(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(own_account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    assert own_server.process is not None
    own_server.process.send_signal(signal.SIGSTOP)
    delivery = simulator.inject(incoming())
    simulator.enquire_link()
    await eventually(lambda: simulator.journal.counts["enquire_link_resp"] == 1)
    simulator.disconnect()
    await eventually(lambda: simulator.connections == 0)

    own_server.process.send_signal(signal.SIGCONT)

    await eventually(lambda: answers(simulator) == [(delivery.number, 0)])
    assert delivery.attempts == 2
