"""After every disconnect, whatever its cause, the reconnect delay is kept; and signs of life go on."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from tests.integration.binder.support import (
    SHORT,
    Account,
    Binders,
    Diary,
    RunningBinder,
    times_accepted,
)
from tests.integration.waiting import Lag, eventually

from smsfleet.binder.service import State
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.simulator.server import Simulator
from smsfleet.store.calls import Call
from smsfleet.store.ledger import Ledger

pytestmark = pytest.mark.server

DELAY_S = 0.5
TIMING = SHORT.model_copy(
    update={
        "reconnect_min_s": DELAY_S,
        "reconnect_max_s": DELAY_S,
        "header_timeout_s": 0.2,
        "lease_ttl_s": 1.0,
    }
)

Cause = Callable[[Account, Simulator, RunningBinder], Awaitable[None]]


async def dropped(_account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    simulator.disconnect()


async def unbound_by_the_gateway(_account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    simulator.unbind()


async def dead_link(_account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    simulator.change(answers_enquire_links=False)
    await eventually(lambda: simulator.journal.counts["disconnect"] == 1)
    simulator.change(answers_enquire_links=True)


async def wrong_bind_state(account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    account.send(destination="27999180004")


async def unreadable_octets(_account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    for peer in simulator._peers.values():
        peer._transport.write(b"\0\0\0\1" + bytes(20))


async def half_a_header(_account: Account, simulator: Simulator, _binder: RunningBinder) -> None:
    for peer in simulator._peers.values():
        peer._transport.write(b"\0\0")


async def pause_and_resume(account: Account, _simulator: Simulator, binder: RunningBinder) -> None:
    account.store.run(Ledger(account.keys).pause())
    await eventually(lambda: binder.state is State.PAUSED)
    account.store.run(Ledger(account.keys).resume())


async def another_leader_for_a_moment(account: Account, _simulator: Simulator, binder: RunningBinder) -> None:
    for key in (account.keys.fence, account.keys.lease):
        account.store.run(Call(("SET", key, "99:0:host-2"), bool))
    await eventually(lambda: binder.state is State.STANDBY)
    account.store.run(Call(("DEL", account.keys.lease), bool))


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        (dropped, "peer-closed"),
        (unbound_by_the_gateway, "peer-unbound"),
        (dead_link, "dead-link"),
        (wrong_bind_state, "bind-status"),
        (unreadable_octets, "framing-error"),
        (half_a_header, "incomplete-pdu"),
        (pause_and_resume, "unbound"),
        (another_leader_for_a_moment, "unbound"),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
async def test_the_delay_is_kept_whatever_ended_the_connection(
    account: Account, simulator: Simulator, binders: Binders, happens: Cause, cause: str
) -> None:
    diary = Diary()
    timing = TIMING
    if happens is dead_link:
        timing = timing.model_copy(update={"enquire_link_s": 0.4, "enquire_link_timeout_s": 0.2})
    binder = binders.start(account, simulator.port, timing=timing, journal=diary)
    await eventually(lambda: binder.state is State.BOUND)
    lag = Lag()

    await happens(account, simulator, binder)

    await eventually(lambda: simulator.journal.counts["bind"] == 2)
    lost = simulator.journal.of("disconnect")[0]["at"]
    took_s = simulator.journal.of("connect")[1]["at"] - lost
    assert 0.98 * DELAY_S - lag.s <= took_s < DELAY_S + 1.5 + lag.s
    assert [ended["cause"] for ended in diary.of("disconnected")] == [cause]
    assert [planned["delay_s"] for planned in diary.of("reconnect")] == [DELAY_S]


async def test_the_delay_is_kept_after_a_connection_that_was_not_made(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    await simulator.stop()
    diary = Diary()

    binders.start(account, simulator.port, timing=TIMING, journal=diary)

    await eventually(lambda: len(diary.at("connecting")) == 3)
    assert all(later - earlier >= 0.98 * DELAY_S for earlier, later in pairwise(diary.at("connecting")))
    assert {planned["delay_s"] for planned in diary.of("reconnect")} == {DELAY_S}


async def test_the_delay_is_kept_after_a_refused_bind(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.smsc.logins._locked_until = float("inf")
    diary, lag = Diary(), Lag()

    binders.start(account, simulator.port, timing=TIMING, journal=diary)

    await eventually(lambda: len(diary.of("bind_refused")) == 2)
    first, second = simulator.journal.of("bind")
    assert second["at"] - first["at"] >= 0.98 * DELAY_S - lag.s
    assert [refused["status"] for refused in diary.of("bind_refused")] == [0x0D, 0x0D]


async def test_delays_are_drawn_between_the_settings_limits(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = TIMING.model_copy(update={"reconnect_min_s": 0.05, "reconnect_max_s": 0.1})
    diary = Diary()
    binders.start(account, simulator.port, timing=timing, journal=diary)

    for count in range(1, 9):
        await eventually(
            lambda expected=count: simulator.bound and simulator.journal.counts["bind"] == expected
        )
        simulator.disconnect()
    await eventually(lambda: len(diary.of("reconnect")) == 8)

    delays = [planned["delay_s"] for planned in diary.of("reconnect")]
    assert all(0.05 <= delay <= 0.1 for delay in delays)
    assert len(set(delays)) > 4


async def test_enquire_links_go_on_while_redis_is_frozen(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(
        update={"enquire_link_s": 0.4, "enquire_link_timeout_s": 0.3, "lease_ttl_s": 2.0}
    )
    binder = binders.start(own_account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)

    own_server.process.send_signal(signal.SIGSTOP)
    try:
        at_first = simulator.journal.counts["enquire_link"]
        await eventually(lambda: simulator.journal.counts["enquire_link"] >= at_first + 6)
    finally:
        own_server.process.send_signal(signal.SIGCONT)

    times = [line["at"] for line in simulator.journal.of("enquire_link")]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    assert gaps[0] > 0.3
    assert gaps[len(gaps) // 2] < 0.6  # a frozen Redis would delay them all; a busy machine delays one
    message = own_account.send()
    await eventually(lambda: times_accepted(simulator, message) == 1, within_s=10)
    assert simulator.journal.counts["bind"] == 1


async def test_enquire_links_go_on_under_traffic(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"enquire_link_s": 0.8, "enquire_link_timeout_s": 0.75})
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)

    while simulator.journal.counts["enquire_link"] < 5:
        account.send()
        await asyncio.sleep(0)

    times = [line["at"] for line in simulator.journal.of("enquire_link")]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    assert gaps[0] > 0.3
    assert gaps[len(gaps) // 2] < 1.1  # traffic would delay them all; a busy machine delays one
    assert simulator.journal.counts["submit_sm"] > 5


async def test_the_socket_is_set_up(account: Account, simulator: Simulator, binders: Binders) -> None:
    timing = SHORT.model_copy(update={"tcp_user_timeout_s": 7.0})
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.binder._sides[0]._link)

    connection = binder.binder._sides[0]._link._transport.get_extra_info("socket")

    def option(level: int, name: str) -> int:
        return connection.getsockopt(level, getattr(socket, name))

    assert option(socket.IPPROTO_TCP, "TCP_NODELAY")
    assert option(socket.SOL_SOCKET, "SO_KEEPALIVE")
    wanted = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 7000}
    there = {name: value for name, value in wanted.items() if hasattr(socket, name)}
    assert {name: option(socket.IPPROTO_TCP, name) for name in there} == there


async def test_who_waits_for_the_next_bind_sees_the_time_run_down(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = TIMING.model_copy(update={"reconnect_min_s": 30.0, "reconnect_max_s": 30.0})
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)
    simulator.disconnect()
    await eventually(lambda: binder.state is State.WAITING)

    def why() -> str:
        return str(binder.binder.report.as_dict()["why"])

    assert "next bind in 30 s; the peer closed the connection" == why()
    await eventually(lambda: why() == "next bind in 28 s; the peer closed the connection")
