"""The bind ledger between Redis (a fake one) and the file of its host: who believes whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import fakeredis
import pytest
from structlog.testing import capture_logs

from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.ledger import Allowed, BindLedger, Paused, Stopped, Wait
from smsfleet.binder.logins import LoginFile
from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.timing import Timing
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease
from smsfleet.store.ledger import Ledger, LedgerView, LoginLimits

LOGIN = ("smpp.example", "2775", "user", "wrong", "3000000")


@dataclass
class Host:
    """One host's binder; `restart` gives a new process on the same file, `beside` another host."""

    store: AsyncStore
    folder: Path
    locks: list[HostLock]
    name: str = "a"
    login: tuple[str, ...] = LOGIN
    keys: Keys = field(default_factory=lambda: Keys("main"))
    ledger: BindLedger = field(init=False)
    file: LoginFile = field(init=False)

    def __post_init__(self) -> None:
        folder = self.folder / self.name
        folder.mkdir(exist_ok=True)
        self.lock = HostLock("main", str(folder))
        self.locks.append(self.lock)
        assert self.lock.take()
        self.leadership = Leadership(self.store, Lease(self.keys), self.name, 10.0)
        self.file = LoginFile("main", str(folder))
        self.ledger = BindLedger.of(
            self.store, self.keys, self.file, login=self.login, timing=Timing(),
            leadership=self.leadership, lock=self.lock,
        )  # fmt: skip

    async def lead(self) -> Host:
        await self.store.run(Call(("DEL", self.keys.lease), bool))
        self.leadership._token = await self.store.run(Lease(self.keys).acquire(self.name, 10.0))
        return self

    async def look(self) -> None:
        await self.ledger._compare()

    async def ask(self) -> object:
        return await self.ledger.ask("transceiver")

    async def allowed(self) -> str:
        answer = await self.ask()
        assert isinstance(answer, Allowed)
        return answer.attempt

    async def fail(self, status: int | None = 0x0D) -> None:
        self.ledger.failed(await self.allowed(), status)

    def restart(self, login: tuple[str, ...] = LOGIN) -> Host:
        self.lock.__exit__(None, None, None)
        return Host(self.store, self.folder, self.locks, self.name, login)

    def beside(self) -> Host:
        return Host(self.store, self.folder, self.locks, "b")

    async def in_redis(self) -> LedgerView:
        return await self.store.run(Ledger(self.keys).read())

    async def flush(self) -> None:
        await self.store.run(Call(("FLUSHALL",), bool))
        await self.lead()


@pytest.fixture
async def store() -> AsyncIterator[AsyncStore]:
    made = AsyncStore(fakeredis.FakeAsyncRedis(protocol=2))
    yield made
    await made.close()


@pytest.fixture
async def host(store: AsyncStore, tmp_path: Path) -> AsyncIterator[Host]:
    """A host whose binder leads."""
    locks: list[HostLock] = []
    yield await Host(store, tmp_path, locks).lead()
    for lock in locks:
        lock.__exit__(None, None, None)


async def test_a_reservation_is_in_both_places_for_the_latest_moment_it_can_count(host: Host) -> None:
    attempt = await host.allowed()

    (login,) = (await host.in_redis()).logins
    host.file.known.logins.clear()
    host.file.load()
    here = host.file.known.logins[attempt]
    slack_s = Timing().connect_timeout_s + Timing().bind_timeout_s
    assert (login.attempt, round(login.age_s)) == (attempt, -slack_s)
    assert (here.status, round(host.file.age_s(here))) == ("", -slack_s)


@pytest.mark.parametrize("status", [0x0D, None])
async def test_a_failed_login_stays_in_the_file_before_redis_is_told(host: Host, status: int | None) -> None:
    for _ in range(2):
        await host.fail(status)
    await host.store.run(Call(("FLUSHALL",), bool))  # what Redis was told, and what it was not

    again = await host.restart().lead()

    assert isinstance(await again.ask(), Wait)


async def test_a_login_without_failure_leaves_nothing_anywhere(host: Host) -> None:
    host.ledger.ok(await host.allowed())
    host.ledger.void(await host.allowed())
    await host.look()

    assert (await host.in_redis()).logins == ()
    assert host.restart().ledger._file.wait_s(LoginLimits(1, 185.0, 40.0, 60.0)) == (0.0, "")


async def test_outcomes_are_told_when_redis_is_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    await host.fail(0x05)

    with monkeypatch.context() as away:
        away.setattr(host.store, "run", unavailable)
        with pytest.raises(StoreUnavailable):
            await host.look()
    await host.look()

    (login,) = (await host.in_redis()).logins
    assert login.status == "5"


async def test_the_reservation_of_an_ask_whose_reply_is_lost_is_given_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, asked = host.store.run, []

    async def lose_the_reply(call: Call[object]) -> object:
        reply = await run(call)
        if call.script and call.script.name == "bind_ask":
            asked.append(reply)
            raise StoreUnavailable("the reply is lost")
        return reply

    with monkeypatch.context() as losing:
        losing.setattr(host.store, "run", lose_the_reply)
        with pytest.raises(StoreUnavailable):
            await host.ask()
    assert len((await host.in_redis()).logins) == len(asked) == 1

    await host.look()

    assert (await host.in_redis()).logins == ()


async def test_a_standby_forgets_a_reservation_that_was_given_back_and_keeps_one_that_was_flushed(
    host: Host,
) -> None:
    standby = host.beside()
    first = await host.allowed()
    await standby.look()
    assert list(standby.file.known.logins) == [first]
    host.ledger.ok(first)
    await host.look()
    await standby.look()
    assert standby.file.known.logins == {}

    second = await host.allowed()
    await standby.look()
    await host.flush()
    for _ in range(2):
        await standby.look()

    assert list(standby.file.known.logins) == [second]


async def test_a_stop_is_of_this_login_only(host: Host) -> None:
    await host.fail(0x0E)
    assert isinstance(await host.ask(), Stopped)
    assert "mend SMSFLEET_SMPP_PASSWORD" in host.ledger.stopped()

    mended = await host.restart(login=(*LOGIN[:3], "right", LOGIN[4])).lead()

    await mended.look()
    assert mended.ledger.stopped() == ""
    assert isinstance(await mended.ask(), Allowed)
    assert (await mended.in_redis()).stop == ""


async def test_a_changed_login_ends_the_stop_even_while_it_waits_and_says_so_once(host: Host) -> None:
    await host.fail()
    await host.fail(0x0E)
    await host.look()
    mended = await host.restart(login=(*LOGIN[:3], "right", LOGIN[4])).lead()

    with capture_logs() as logs:
        mended.ledger.stopped()
        answers = [await mended.ask(), await mended.ask()]
        mended.ledger.stopped()

    assert [Wait, Wait] == [type(answer) for answer in answers]
    assert "" == (await mended.in_redis()).stop
    assert ["logins are tried again"] == [line["event"] for line in logs]


async def test_a_retry_reaches_a_host_that_has_the_stop_in_its_file_alone(host: Host) -> None:
    await host.fail(0x0E)
    await host.look()
    await host.flush()
    assert isinstance(await host.ask(), Stopped)

    await host.store.run(Ledger(host.keys).retry("r1"))

    assert isinstance(await host.ask(), Allowed)


async def test_an_older_retry_does_not_end_a_newer_stop(host: Host) -> None:
    await host.store.run(Ledger(host.keys).retry("r1"))
    await host.fail(0x0E)

    for _ in range(2):
        assert isinstance(await host.ask(), Stopped)
    again = await host.restart().lead()
    assert isinstance(await again.ask(), Stopped)


async def test_a_stop_that_cannot_be_read_stops_until_a_retry(host: Host) -> None:
    await host.store.run(Ledger(host.keys).failed("x", "transceiver", "14", "of another version"))
    assert isinstance(await host.ask(), Stopped)

    await host.store.run(Ledger(host.keys).retry("r1"))

    assert isinstance(await host.ask(), Allowed)


async def test_a_pause_is_seen_with_the_next_look(host: Host) -> None:
    await host.store.run(Ledger(host.keys).pause())
    await host.look()
    assert host.ledger.paused.is_set()
    assert await host.ask() == Paused()

    await host.store.run(Ledger(host.keys).resume())
    await host.look()

    assert not host.ledger.paused.is_set()


async def test_the_longer_wait_counts(host: Host) -> None:
    await host.fail(0x05)
    await host.look()
    answer = await host.ask()
    assert isinstance(answer, Wait)
    assert 58.0 < answer.seconds <= 60.0
    assert "ESME_RALYNBD" in answer.why


async def test_nobody_writes_the_file_of_a_host_whose_lock_another_process_has(
    host: Host,
) -> None:
    standby = host.beside()
    standby.lock.__exit__(None, None, None)
    await host.fail()
    await host.look()

    await standby.look()

    assert len(standby.file.known.logins) == 1
    assert not standby.file.path.exists()


async def unavailable(_call: Call[object]) -> object:
    raise StoreUnavailable("away")
