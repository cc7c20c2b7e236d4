"""The bind ledger: no third failed login, whatever crashes, restarts, takes over or is flushed (guide §9).

Redis (store/ledger.py) and a file of this host (binder/logins.py) each hold the failed logins; both are
asked, and the longer wait counts. A login is reserved as a failed one in both before the TCP connect, so that
whoever is killed in between leaves it behind. Every binder, standbys too, looks at Redis every `look_s` and
mirrors it, so that whoever takes over knows what a flush has taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.logins import LoginFile
from smsfleet.binder.refusals import MEND, Stop, advice, advice_of_stop
from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.config.timing import Timing
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore
from smsfleet.store.keys import Keys
from smsfleet.store.ledger import UNANSWERED, Ledger, LedgerView, LoginLimits


@dataclass(frozen=True, slots=True)
class Allowed:
    """Try the login; then tell `void`, `ok` or `failed` of this attempt."""

    attempt: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after so many seconds."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """No login until an operator has mended something; `BindLedger.changed` tells when to ask again."""

    why: str


@dataclass(frozen=True, slots=True)
class Paused:
    """No login until `smsfleet bind resume`; `BindLedger.changed` tells when to ask again."""


Answer: TypeAlias = Allowed | Wait | Stopped | Paused

WHY = {
    "logins": "as many logins failed lately as the gateway bears (guide §9)",
    "already-bound": advice(5),
}


class BindLedger:
    """The ledger of one binder. `login` is what a login tells the gateway, in any fixed order.

    `may_write` says whether the host's file is ours. `void`, `ok` and `failed` count at once in memory and in
    the file; `run` brings them to Redis, and looks what has changed there.
    """

    def __init__(  # noqa: PLR0913 - everything it depends on, injected
        self,
        store: AsyncStore,
        calls: Ledger,
        file: LoginFile,
        *,
        login: Sequence[str],
        limits: LoginLimits,
        token: Callable[[], str],
        may_write: Callable[[], bool],
        look_s: float,
    ) -> None:
        self._store = store
        self._calls = calls
        self._file = file
        self._login = tuple(login)
        self._limits = limits
        self._token = token
        self._may_write = may_write
        self._look_s = look_s
        self._open: dict[str, str] = {}
        """mode by attempt: reserved by us, and no outcome yet"""
        self._outcomes: dict[str, tuple[str, Call[Any]]] = {}
        """by attempt: word and call of what Redis is yet to be told"""
        self._judged: dict[str, bool] = {}
        """whether a stop is of our settings: it takes a moment to find out"""
        self._retry = ""
        self._comparing = asyncio.Lock()
        self._told = asyncio.Event()
        self._look = asyncio.Event()
        self.paused = asyncio.Event()
        """set while an operator wants no bind"""
        self._log = logger(__name__)

    @classmethod
    def of(  # noqa: PLR0913 - see above
        cls,
        store: AsyncStore,
        keys: Keys,
        file: LoginFile,
        *,
        login: Sequence[str],
        timing: Timing,
        leadership: Leadership,
        lock: HostLock,
    ) -> Self:
        """The ledger of one binder; its file is written by whoever holds the host's lock, or leads."""
        limits = LoginLimits(
            logins=timing.logins,
            window_s=timing.login_window_s,
            slack_s=timing.connect_timeout_s + timing.bind_timeout_s,
            already_bound_s=timing.already_bound_s,
        )
        return cls(
            store,
            Ledger(keys),
            file,
            login=login,
            limits=limits,
            token=lambda: leadership.token,
            may_write=lambda: lock.held or leadership.leads,
            look_s=timing.look_s,
        )

    # --- a login -------------------------------------------------------------------------------

    async def ask(self, mode: str) -> Answer:
        """Whether a login may be tried now; if so it is reserved. Raises Fenced or StoreUnavailable."""
        await self._compare()
        self._file.load()
        if self.paused.is_set():
            return Paused()
        if (stop := self._file.known.stop) and not self._is_ours(stop):
            # Now, not when a login is free: until then operators would read that something is to be mended.
            await self._store.run(self._calls.lift(self._token(), stop))
        if why := self.stopped():
            return Stopped(why)
        seconds, reason = self._file.wait_s(self._limits)
        if seconds > 0:
            return Wait(seconds, WHY[reason])
        return await self._reserve(mode)

    def void(self, attempt: str) -> None:
        """Nothing connected, or nothing was asked on the connection: no login took place."""
        self._close(attempt, "void", self._calls.void(attempt))

    def ok(self, attempt: str) -> None:
        """The gateway has accepted the login."""
        self._close(attempt, "ok", self._calls.ok(attempt))

    def failed(self, attempt: str, status: int | None) -> None:
        """The gateway has refused the login, or, without a status, never answered it."""
        mode = self._open[attempt]
        word = UNANSWERED if status is None else str(status)
        stop = Stop.of(status, mode, self._login).to_json() if status in MEND else ""
        if stop:
            self._file.known.stop, self._file.known.stop_retry = stop, self._retry
            self._judged[stop] = True
        self._file.note(attempt, mode, word, age_s=0.0)
        self._close(attempt, "failed", self._calls.failed(attempt, mode, word, stop))

    async def _reserve(self, mode: str) -> Answer:
        attempt = secrets.token_hex(8)
        self._open[attempt] = mode
        try:
            while True:
                asked = await self._store.run(self._calls.ask(self._token(), attempt, mode, self._limits))
                if asked.word != "stopped" or self._is_ours(asked.stop):
                    break
                await self._store.run(self._calls.lift(self._token(), asked.stop))
        except BaseException:
            self.void(attempt)  # the reply may be lost, and the reservation stand
            raise
        if asked.word == "allowed":
            self._file.note(attempt, mode, "", age_s=-self._limits.slack_s)
            self._file.save()
            return Allowed(attempt)
        del self._open[attempt]
        if asked.word == "paused":
            self.paused.set()
            return Paused()
        if asked.word == "stopped":
            self._file.known.stop, self._file.known.stop_retry = asked.stop, self._retry
            return Stopped(advice_of_stop(asked.stop))
        return Wait(asked.wait_s, WHY[asked.reason])

    def _close(self, attempt: str, word: str, call: Call[Any]) -> None:
        del self._open[attempt]
        if word != "failed":
            self._file.known.logins.pop(attempt, None)
        self._file.save()
        self._outcomes[attempt] = (word, call)
        self._told.set()

    # --- the stop ------------------------------------------------------------------------------

    def stopped(self) -> str:
        """Why no login is tried with these settings, as far as is known here; empty when one may be."""
        known = self._file.known
        if not known.stop:
            return ""
        if self._is_ours(known.stop):
            return advice_of_stop(known.stop)
        known.stop = ""
        self._file.save()
        return ""

    def _is_ours(self, stop: str) -> bool:
        """Whether our settings are those that were refused; one that cannot be read stops us as well."""
        if stop not in self._judged:
            try:
                self._judged[stop] = Stop.from_json(stop).is_of(self._login)
            except (ValueError, TypeError, KeyError):
                self._judged[stop] = True
            if not self._judged[stop]:
                self._log.info("logins are tried again", why="changed settings")
        return self._judged[stop]

    # --- Redis ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell Redis outcomes, and look what has changed there, for ever."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._compare()
            self._told.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._told.wait()

    async def changed(self) -> None:
        """Wait until the ledger was looked at once more."""
        self._look.clear()
        await self._look.wait()

    async def finish(self, patience_s: float) -> None:
        """Tell Redis what it is yet to be told, for `patience_s` at most; call it when `run` has ended."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._compare()

    async def _compare(self) -> None:
        """Tell Redis, then look; one at a time, so that no look is older than what was told."""
        async with self._comparing:
            await self._tell()
            await self._look_at_redis()

    async def _tell(self) -> None:
        for attempt, (word, call) in list(self._outcomes.items()):
            reply = await self._store.run(call)
            if word == "failed" and self._file.known.stop:
                self._file.known.stop_retry = reply
                self._file.save()
            self._outcomes.pop(attempt, None)

    async def _look_at_redis(self) -> None:
        view = await self._store.run(self._calls.read())
        self._retry = view.retry
        if view.paused_s is None:
            self.paused.clear()
        else:
            self.paused.set()
        if self._mirror(view) and self._may_write():
            self._file.save()
        self._look.set()

    def _mirror(self, view: LedgerView) -> bool:
        """Know what Redis knows; True when that was news.

        A failed login that we know of stays, whatever Redis says; a reservation of another binder goes when
        it is gone from the same ledger, not when a flush has taken it.
        """
        known, ours = self._file.known, self._open.keys() | self._outcomes.keys()
        news = False
        told = {login.attempt for login in view.logins}
        for attempt, login in list(known.logins.items()):
            same_ledger = bool(view.epoch) and login.epoch == view.epoch
            if same_ledger and not login.status and attempt not in told | ours:
                del known.logins[attempt]
                news = True
        for entry in view.logins:
            old = known.logins.get(entry.attempt)
            if entry.attempt not in ours and (old is None or old.status != entry.status):
                self._file.note(entry.attempt, entry.mode, entry.status, age_s=entry.age_s, epoch=view.epoch)
                news = True
        return self._mirror_stop(view) or news

    def _mirror_stop(self, view: LedgerView) -> bool:
        known = self._file.known
        if self._outcomes:  # Redis is yet to be told
            return False
        if view.stop and view.stop != known.stop:
            known.stop, known.stop_retry = view.stop, view.retry
        elif known.stop and view.retry and view.retry != known.stop_retry and not view.stop:
            known.stop = ""
            self._log.info("logins are tried again", why="an operator's retry")
        else:
            return False
        return True
