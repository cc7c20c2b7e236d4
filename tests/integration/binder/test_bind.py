"""Binding, being refused, and the clean end."""

from __future__ import annotations

import pytest
from tests.integration.binder.support import Account, Binders
from tests.integration.waiting import eventually, remains

from smsfleet.binder.service import State
from smsfleet.simulator.server import Simulator

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("wrong", "status"), [("password", 0x0E), ("system_id", 0x0F), ("system_type", 0x53)]
)
async def test_wrong_credentials_reach_the_gateway_exactly_once(
    account: Account, simulator: Simulator, binders: Binders, wrong: str, status: int
) -> None:
    binder = binders.start(account, simulator.port, **{wrong: "wrong"})

    await eventually(lambda: binder.state is State.REFUSED)

    await remains(lambda: simulator.journal.counts["connect"] == 1, for_s=0.3)  # three reconnect delays
    assert [line["status"] for line in simulator.journal.of("bind")] == [status]


async def test_a_refused_binder_can_be_stopped(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: binder.state is State.REFUSED)

    await binder.stop()

    assert binder.state is State.STOPPED
    assert account.lease_holder() is None


async def test_already_bound_is_not_asked_again_soon(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    ghost = Account(f"{account.name}-ghost", account.url)
    binders.start(ghost, simulator.port)
    await eventually(lambda: simulator.bound == 1)

    binder = binders.start(account, simulator.port)

    await eventually(lambda: binder.state is State.WAITING)
    await remains(lambda: simulator.journal.counts["bind"] == 2, for_s=0.3)
    assert [line["status"] for line in simulator.journal.of("bind")] == [0, 0x05]
    ghost.store.close()


async def test_stop_waits_for_the_open_responses_and_unbinds(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.3)
    messages = [account.send() for _ in range(5)]
    binder = binders.start(account, simulator.port)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 5)

    await binder.stop()

    assert binder.state is State.STOPPED
    assert account.apply_responses() == ["accepted"] * 5
    assert account.states(messages) == {"A": 5}
    assert (account.in_flight(), account.lease_holder()) == (0, None)
    assert simulator.journal.counts["unbind"] == 1
    assert simulator.journal.of("disconnect")[0]["reason"] == "unbound"


async def test_stop_submits_nothing_more(account: Account, simulator: Simulator, binders: Binders) -> None:
    simulator.change(response_delay_s=0.1)
    messages = [account.send() for _ in range(20)]
    binder = binders.start(account, simulator.port, window=5)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 5)

    await binder.stop()

    account.apply_responses()
    states = account.states(messages)
    assert (states["A"] + states["Q"], states["A"]) == (20, simulator.journal.counts["submit_sm"])


async def test_a_stop_while_no_gateway_is_there_ends_at_once(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    await simulator.stop()
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.WAITING)

    await binder.stop()

    assert binder.state is State.STOPPED
