"""Two binders, one bind: standing by, taking over, stepping down."""

from __future__ import annotations

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, RunningBinder, times_accepted
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.config.errors import Fenced
from smsfleet.simulator.server import Simulator
from smsfleet.store.client import Call

pytestmark = pytest.mark.server

TTL_S = 1.0
TIMING = SHORT.model_copy(update={"lease_ttl_s": TTL_S})


async def leader_and_standby(
    account: Account, simulator: Simulator, binders: Binders, *, standby_owner: str = "host-2"
) -> tuple[RunningBinder, RunningBinder]:
    leader = binders.start(account, simulator.port, owner="host-1", timing=TIMING)
    await eventually(lambda: leader.state is State.BOUND)
    return leader, binders.start(account, simulator.port, owner=standby_owner, timing=TIMING)


async def test_a_second_binder_stands_by_and_takes_over_at_once_after_a_stop(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    leader, standby = await leader_and_standby(account, simulator, binders)
    await eventually(lambda: "host-1" in (account.lease_holder() or ""))
    assert standby.state is State.STANDBY

    await leader.stop()

    await eventually(lambda: standby.state is State.BOUND, within_s=TTL_S / 2)
    assert [line["status"] for line in simulator.journal.of("bind")] == [0, 0]


async def test_a_standby_of_another_host_takes_over_when_the_lease_of_a_crashed_binder_ends(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(answers_submits=False)
    message = account.send(on_ambiguous="resend")
    leader, standby = await leader_and_standby(account, simulator, binders)
    await eventually(lambda: times_accepted(simulator, message) == 1)
    simulator.change(answers_submits=True)

    await leader.crash()

    await eventually(lambda: standby.state is State.BOUND, within_s=TTL_S + 1)
    await eventually(account.apply_responses)
    assert (account.segment(message).state, times_accepted(simulator, message)) == ("A", 2)
    assert [line["status"] for line in simulator.journal.of("bind")] == [0, 0]


async def test_a_standby_of_the_same_host_need_not_wait_for_the_lease_of_a_crashed_binder(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"lease_ttl_s": 30.0})
    leader = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: leader.state is State.BOUND)
    await leader.crash()

    successor = binders.start(account, simulator.port, timing=timing)

    await eventually(lambda: successor.state is State.BOUND, within_s=2.0)


async def test_a_binder_that_was_deposed_leaves_the_gateway_and_can_change_nothing(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, timing=TIMING)
    await eventually(lambda: binder.state is State.BOUND)
    token = binder.leadership.token
    for key in (account.keys.fence, account.keys.lease):
        account.store.run(Call(("SET", key, "99:0:host-2"), bool))

    message = account.send()

    await eventually(lambda: binder.state is State.STANDBY)
    with pytest.raises(Fenced):
        account.store.run(account.wire.begin(token, []))
    assert (account.segment(message).state, times_accepted(simulator, message)) == ("Q", 0)
    assert simulator.bound == 0


async def test_a_deposed_binder_serves_again_when_nobody_else_does(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, timing=TIMING)
    await eventually(lambda: binder.state is State.BOUND)
    for key in (account.keys.fence, account.keys.lease):
        account.store.run(Call(("SET", key, "99:0:host-2"), bool))
    await eventually(lambda: binder.state is State.STANDBY)
    message = account.send()

    account.store.run(Call(("DEL", account.keys.lease), bool))

    await eventually(lambda: times_accepted(simulator, message) == 1)
    assert simulator.journal.counts["bind"] == 2
