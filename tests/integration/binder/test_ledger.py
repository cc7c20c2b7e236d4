"""No third failed login, whatever dies, restarts, takes over or is flushed; counted at the gateway."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, Diary, RunningBinder, new_simulator
from tests.integration.waiting import eventually, remains

from smsfleet.binder.service import State
from smsfleet.config.timing import Timing
from smsfleet.simulator.server import Simulator
from smsfleet.store.calls import Call
from smsfleet.store.ledger import UNANSWERED, Ledger, LedgerView

pytestmark = pytest.mark.server

LOCKED_OUT = 0x0D


@pytest.fixture
async def refusing() -> Simulator:
    """A gateway that refuses every login with a status that is worth another attempt (0x0D), and counts."""
    async with new_simulator(failed_logins=1) as simulator:
        simulator.smsc.logins._locked_until = float("inf")
        yield simulator


def view(account: Account) -> LedgerView:
    return account.store.run(Ledger(account.keys).read())


def statuses(account: Account) -> list[str]:
    return [login.status for login in view(account).logins]


def logins(simulator: Simulator) -> int:
    return simulator.journal.counts["bind"]


async def reaches(binder: RunningBinder, state: State) -> None:
    await eventually(lambda: binder.state is state)


async def waits(binder: RunningBinder) -> None:
    """The binder waits for the ledger, not for the reconnect delay."""
    await eventually(
        lambda: binder.state is State.WAITING and "guide §9" in binder.binder._report._worst().why
    )


async def test_a_login_that_is_accepted_leaves_nothing_in_the_ledger(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port)

    await eventually(lambda: binder.state is State.BOUND)

    await eventually(lambda: statuses(account) == [])


async def test_two_refused_logins_are_followed_by_none(
    account: Account, refusing: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, refusing.port)

    await waits(binder)

    await remains(lambda: logins(refusing) == 2, for_s=0.3)
    assert statuses(account) == [str(LOCKED_OUT)] * 2


async def test_a_login_is_tried_again_when_the_first_failed_one_counts_no_more(
    account: Account, refusing: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"login_window_s": 1.0})
    binders.start(account, refusing.port, timing=timing)

    await eventually(lambda: logins(refusing) == 4)

    at = [line["at"] for line in refusing.journal.of("bind")]
    assert all(third - first >= 1.0 for first, third in zip(at, at[2:], strict=False))


@pytest.mark.parametrize("lost", ["nothing", "redis", "file"])
async def test_restarts_do_not_make_a_third_login(
    account: Account, refusing: Simulator, binders: Binders, lost: str
) -> None:
    for _ in range(6):
        binder = binders.start(account, refusing.port)
        await reaches(binder, State.WAITING)
        if logins(refusing) == 2:
            await waits(binder)
        await binder.crash()
        lose(account, binders, lost)

    assert logins(refusing) == 2


def lose(account: Account, binders: Binders, what: str) -> None:
    if what == "redis":
        account.store.run(Call(("FLUSHALL",), bool))
    elif what == "file":
        for file in binders.files(account):
            file.unlink()


@pytest.mark.parametrize("lost", ["nothing", "redis", "file"])
async def test_a_wrong_password_and_six_restarts_reach_the_gateway_once(
    account: Account, simulator: Simulator, binders: Binders, lost: str
) -> None:
    for _ in range(6):
        binder = binders.start(account, simulator.port, password="wrong")
        await reaches(binder, State.REFUSED)
        await binder.stop()
        lose(account, binders, lost)

    assert [line["status"] for line in simulator.journal.of("bind")] == [0x0E]


async def test_a_standby_knows_the_stop_of_the_leader_even_when_redis_is_flushed(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    leader = binders.start(account, simulator.port, owner="host-1", password="wrong")
    await eventually(lambda: leader.state is State.REFUSED)
    standby = binders.start(account, simulator.port, owner="host-2", password="wrong")
    await eventually(standby.binder._ledger.stopped)
    await leader.crash()

    account.store.run(Call(("FLUSHALL",), bool))

    await eventually(lambda: standby.state is State.REFUSED)
    await remains(lambda: logins(simulator) == 1, for_s=0.3)


async def test_a_standby_that_takes_over_after_a_flush_counts_the_logins_of_the_leader(
    account: Account, refusing: Simulator, binders: Binders
) -> None:
    leader = binders.start(account, refusing.port, owner="host-1")
    await waits(leader)
    standby = binders.start(account, refusing.port, owner="host-2")
    await eventually(lambda: len(standby.binder._ledger._file.known.logins) == 2)
    await leader.crash()

    account.store.run(Call(("FLUSHALL",), bool))

    await waits(standby)
    assert logins(refusing) == 2


@pytest.mark.parametrize("lost", ["nothing", "redis", "file"])
async def test_a_binder_that_dies_before_the_answer_leaves_a_failed_login(
    account: Account, binders: Binders, lost: str
) -> None:
    async with Silent() as gateway:
        for number in (1, 2):
            binder = binders.start(account, gateway.port)
            await eventually(lambda expected=number: gateway.binds == expected)
            await binder.crash()
            lose(account, binders, lost)
        for _ in range(2):
            binder = binders.start(account, gateway.port)
            await waits(binder)
            for _ in range(3):
                await binder.binder._ledger.changed()
            await binder.crash()
            lose(account, binders, lost)

        assert gateway.binds == 2


async def test_a_bind_that_is_never_answered_counts_as_failed(account: Account, binders: Binders) -> None:
    timing = SHORT.model_copy(update={"bind_timeout_s": 0.1})
    async with Silent() as gateway:
        binder = binders.start(account, gateway.port, timing=timing)

        await waits(binder)

        assert gateway.binds == 2
        await eventually(lambda: statuses(account) == [UNANSWERED] * 2)


async def test_where_nothing_listens_no_login_is_counted(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    await simulator.stop()
    timing = SHORT.model_copy(update={"reconnect_min_s": 0.01, "reconnect_max_s": 0.02})
    diary = Diary()
    binder = binders.start(account, simulator.port, timing=timing, journal=diary)
    await eventually(lambda: len(diary.of("no_connection")) > 2)  # more often than it may fail to log in
    assert "cannot connect" in binder.binder._report._worst().last_disconnect

    async with simulator:
        await eventually(lambda: binder.state is State.BOUND)
        await eventually(lambda: statuses(account) == [])


async def test_a_bind_that_was_written_when_the_time_to_connect_was_over_counts_as_failed(
    account: Account, binders: Binders, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.create_connection

    async with Silent() as gateway:

        async def connect_too_late(make: Any, host: Any = None, port: Any = None, **how: Any) -> Any:
            transport, protocol = await connect(make, host, port, **how)
            if port == gateway.port:  # as asyncio does when it is cancelled after `connection_made`
                transport.close()
                raise TimeoutError
            return transport, protocol

        monkeypatch.setattr(loop, "create_connection", connect_too_late)

        binder = binders.start(account, gateway.port)

        await waits(binder)
        assert gateway.binds == 2
        await eventually(lambda: statuses(account) == [UNANSWERED] * 2)


async def test_an_operators_retry_ends_the_stop_in_redis_and_in_the_file(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    first = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: first.state is State.REFUSED)
    await first.stop()
    account.store.run(Call(("FLUSHALL",), bool))  # the stop is in the file alone
    simulator.change(password="wrong")
    second = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: second.state is State.REFUSED)

    account.store.run(Ledger(account.keys).retry("r1"))

    await eventually(lambda: second.state is State.BOUND)


async def test_a_retry_without_a_change_is_refused_and_stops_again(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: binder.state is State.REFUSED)
    await eventually(lambda: view(account).stop)

    assert account.store.run(Ledger(account.keys).retry("r1"))

    await eventually(lambda: logins(simulator) == 2)
    await eventually(lambda: binder.state is State.REFUSED)
    assert account.store.run(Ledger(account.keys).retry("r2"))
    await waits(binder)
    assert logins(simulator) == 2


async def test_a_changed_setting_ends_the_stop(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    wrong = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: wrong.state is State.REFUSED)
    await wrong.stop()

    right = binders.start(account, simulator.port)

    await eventually(lambda: right.state is State.BOUND)
    assert view(account).stop == ""


async def test_a_pause_unbinds_and_lasts_over_restarts_until_resume(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.2)
    messages = [account.send() for _ in range(5)]
    binder = binders.start(account, simulator.port)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 5)

    account.store.run(Ledger(account.keys).pause())

    await eventually(lambda: binder.state is State.PAUSED)
    assert (simulator.journal.counts["unbind"], simulator.bound) == (1, 0)
    account.apply_responses()
    assert account.states(messages) == {"A": 5}
    await binder.stop()
    again = binders.start(account, simulator.port)
    await eventually(lambda: again.state is State.PAUSED)
    account.store.run(Ledger(account.keys).resume())
    await eventually(lambda: again.state is State.BOUND)
    assert logins(simulator) == 2


async def test_a_resume_keeps_the_reconnect_delay(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing: Timing = SHORT.model_copy(update={"reconnect_min_s": 0.5, "reconnect_max_s": 0.5})
    binder = binders.start(account, simulator.port, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)
    account.store.run(Ledger(account.keys).pause())
    await eventually(lambda: binder.state is State.PAUSED)

    account.store.run(Ledger(account.keys).resume())

    await eventually(lambda: logins(simulator) == 2)
    lost = simulator.journal.of("disconnect")[0]["at"]
    assert simulator.journal.of("connect")[1]["at"] - lost >= 0.49


class Silent:
    """A gateway that takes a bind and never answers."""

    def __init__(self) -> None:
        self.binds = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1000):
            self.binds += 1
        while await reader.read(1000):
            pass
        writer.close()
