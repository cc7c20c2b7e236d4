"""Two binders, one bind: standing by, taking over, stepping down."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, RunningBinder, times_accepted
from tests.integration.waiting import eventually

from smsfleet.binder.clock import boottime
from smsfleet.binder.leadership import SAFE_SHARE, Leadership
from smsfleet.binder.service import State
from smsfleet.binder.transport import Link
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import Fenced
from smsfleet.simulator.server import Simulator
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.smpp.session import SessionOptions
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


async def test_what_a_deposed_binder_had_begun_and_not_written_is_not_written_when_it_leads_again(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(answers_submits=False)
    messages = [account.send(on_ambiguous="fail") for _ in range(2)]
    binder = binders.start(account, simulator.port, timing=TIMING, window=1)
    await eventually(lambda: account.in_flight() == 2)  # one is on its way, one is begun ahead of the window
    for key in (account.keys.fence, account.keys.lease):
        account.store.run(Call(("SET", key, "99:0:host-2"), bool))
    await eventually(lambda: binder.state is State.STANDBY)
    simulator.change(answers_submits=True)

    account.store.run(Call(("DEL", account.keys.lease), bool))

    later = account.send()
    await eventually(lambda: times_accepted(simulator, later) == 1)
    assert {"F": 2} == account.states(messages)
    assert [1, 0] == [times_accepted(simulator, message) for message in messages]


# --- the local deadline ------------------------------------------------------------------------------


async def test_a_binder_whose_renewal_is_refused_goes_on_asking_for_it(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, timing=TIMING)
    await eventually(lambda: binder.state is State.BOUND)
    token = binder.leadership.token
    account.store.run(Call(("DEL", account.keys.lease), bool))
    account.store.run(Call(("HSET", account.keys.lease, "not", "ours"), int))  # a refusal: WRONGTYPE
    await eventually(lambda: not binder.leadership.permitted)

    account.store.run(Call(("DEL", account.keys.lease), bool))

    await eventually(lambda: binder.leadership.permitted)
    assert (token, State.BOUND) == (binder.leadership.token, binder.state)
    message = account.send()
    await eventually(lambda: times_accepted(simulator, message) == 1)


def test_the_lease_is_timed_by_a_clock_that_runs_on_while_the_machine_sleeps(account: Account) -> None:
    default = Leadership.__init__.__kwdefaults__["clock"]

    before, found, after = (
        time.clock_gettime(time.CLOCK_BOOTTIME),
        default(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
    )

    assert default is boottime
    assert before <= found <= after


async def test_no_octet_of_a_submit_sm_leaves_when_the_lease_may_have_ended(simulator: Simulator) -> None:
    permitted = True
    options = SessionOptions(
        bind_mode="transceiver", system_id="demo", password="secret", system_type="3000000"
    )
    _, link = await asyncio.get_running_loop().create_connection(
        lambda: Link(options, on_events=lambda _: None, permitted=lambda: permitted),
        "127.0.0.1",
        simulator.port,
    )
    await eventually(lambda: link.session.is_bound)
    body = SubmitSm(destination_addr="27820000001", short_message=b"x").encode_body()
    link.submit((b"job-1#1", 1), body)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 1)

    permitted = False  # as after a pause of this process, in which nothing was checked
    link.submit((b"job-2#1", 1), body)

    await asyncio.wait_for(link.closed.wait(), 5)
    await eventually(lambda: simulator.connections == 0)
    assert link.close_cause == "lease"
    assert [link.was_written((b"job-1#1", 1)), link.was_written((b"job-2#1", 1))] == [True, False]
    assert simulator.journal.counts["submit_sm"] == 1


async def test_a_machine_that_slept_may_submit_nothing_before_its_lease_is_confirmed(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    asleep_s = 0.0
    binder = binders.start(
        own_account, simulator.port, timing=TIMING, lease_clock=lambda: boottime() + asleep_s
    )
    await eventually(lambda: binder.state is State.BOUND)
    first = own_account.send()
    await eventually(lambda: times_accepted(simulator, first) == 1)
    own_server.process.send_signal(signal.SIGSTOP)  # nobody can confirm it
    try:
        asleep_s = SAFE_SHARE * TTL_S

        assert not binder.leadership.permitted
    finally:
        own_server.process.send_signal(signal.SIGCONT)

    second = own_account.send()
    await eventually(lambda: times_accepted(simulator, second) == 1)
    assert binder.leadership.permitted
    assert simulator.journal.counts["bind"] == 1


async def test_a_standby_leads_within_a_second_of_the_end_of_a_lease(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"lease_ttl_s": 10.0})
    account.store.run(Call(("SET", account.keys.lease, "1:0:host-9", "PX", 300), bool))
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: account.lease_holder() is None)

    took_s = await eventually(lambda: binder.leadership.leads)

    assert took_s < 1.0
