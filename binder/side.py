"""One bind and its life: ask the ledger, connect, bind, serve, leave, rebind. A pair has two of them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from smsfleet.binder.asker import Asker
from smsfleet.binder.cancellation import end
from smsfleet.binder.counts import Counts
from smsfleet.binder.facts import Answers, Deliveries
from smsfleet.binder.leadership import Leadership
from smsfleet.binder.ledger import Allowed, BindLedger, Wait
from smsfleet.binder.link_events import LinkEvents
from smsfleet.binder.notes import Hears, Notes
from smsfleet.binder.outbound import Outbound, unanswered
from smsfleet.binder.racing import race
from smsfleet.binder.report import SideReport, State
from smsfleet.binder.sockets import why_not_connected
from smsfleet.binder.transport import Link, Token
from smsfleet.config.errors import Fenced, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.config.timing import Timing
from smsfleet.smpp.session import SessionOptions, SessionState

DISOWNED = ("the gateway answered submit_sm with ESME_RINVBNDSTS", "bind-status")
"""Why a bind is ended that the gateway takes for none: reason and cause."""

RETRY_S = 0.5
"""After Redis could not be asked for a login."""

SAY_S = 1.0
"""How old "next bind in 48 s" may be."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where and how to bind: a session for each side; `server_name` is the certificate's, if not the host."""

    host: str
    port: int
    sessions: tuple[SessionOptions, ...]
    tls: ssl.SSLContext | None = None
    server_name: str = ""

    @property
    def login(self) -> tuple[str, ...]:
        """What a login tells, and whom: other values deserve another attempt."""
        session = self.sessions[0]
        return (self.host, str(self.port), session.system_id, session.password, session.system_type)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the sides of one binder share."""

    gateway: Gateway
    ledger: BindLedger
    leadership: Leadership
    outbound: Outbound
    answers: Answers
    deliveries: Deliveries
    timing: Timing
    journal: Notes
    asker: Asker
    counts: Counts
    uniform: Callable[[float, float], float]
    tap: Callable[[str], Hears | None] = lambda _mode: None
    clock: Callable[[], float] = time.monotonic
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    abandoning: asyncio.Event = field(default_factory=asyncio.Event)
    """set when a stop has waited long enough for Redis"""
    login: asyncio.Lock = field(default_factory=asyncio.Lock)
    """held from the ask to the outcome: one attempt at a time"""

    @property
    def over(self) -> bool:
        """Whether this leadership ends."""
        return self.stopping.is_set() or self.leadership.deposed.is_set()

    @property
    def leaving(self) -> tuple[str, str]:
        """Why a bind is ended by us: reason and cause."""
        if self.stopping.is_set():
            return "the binder is stopping", "stopping"
        if self.leadership.deposed.is_set():
            return "another binder leads", "lease"
        return "paused by an operator", "paused"

    async def unless_over(self, *work: Awaitable[Any]) -> None:
        """Wait for the first of `work`, or until this leadership ends."""
        await race(*work, self.stopping.wait(), self.leadership.deposed.wait())


class Side:
    """One of the binder's binds. `run` serves one leadership; the time of the next login outlives it,
    because the gateway counts the logins of this process, whoever led in between.
    """

    def __init__(self, options: SessionOptions, shared: Shared) -> None:
        self.options = options
        self.report = SideReport(options.bind_mode)
        self._shared = shared
        self._next_login_at = 0.0
        self._wait_why = ""
        self._link: Link | None = None
        self._events = LinkEvents(options.bind_mode, self.report, shared.answers, shared.deliveries,
            shared.outbound, shared.ledger, shared.journal, shared.asker, shared.counts)  # fmt: skip
        self._log = logger(__name__)

    @property
    def in_flight(self) -> int:
        """Requests that are unanswered."""
        return self._link.session.in_flight if self._link else 0

    @property
    def oldest_since(self) -> float | None:
        """Since when the oldest submit_sm is unanswered, by the monotonic clock; None without any."""
        return self._link.session.oldest_since if self._link else None

    async def run(self) -> None:
        """Bind, and bind again, until stopped or deposed; what is in flight is settled before it returns."""
        shared = self._shared
        while not shared.over:
            try:
                await self._wait_for_next_login()
                link = await self._log_in()
                if link is not None:
                    await self._serve(link)
            except Fenced as error:
                shared.leadership.depose(str(error))

    # --- the login -----------------------------------------------------------------------------

    async def _wait_for_next_login(self) -> None:
        shared, loop = self._shared, asyncio.get_running_loop()
        while not shared.over:
            if shared.ledger.paused.is_set():
                self.report.enter(State.PAUSED, "`smsfleet bind resume` binds again")
                await shared.unless_over(shared.ledger.changed())
                continue
            if stopped := shared.ledger.stopped():
                if self.report.state is not State.REFUSED:
                    shared.journal.note("bind_asked", mode=self.options.bind_mode, what="stopped")
                self.report.enter(State.REFUSED, stopped)
                await shared.unless_over(shared.ledger.changed())
                continue
            delay = self._next_login_at - loop.time()
            if delay <= 0:
                return
            why = self._wait_why or self.report.last_disconnect
            self.report.enter(State.WAITING, f"next bind in {delay:.0f} s; {why}")
            await shared.unless_over(asyncio.sleep(min(delay, SAY_S)), shared.ledger.paused.wait())

    async def _log_in(self) -> Link | None:
        """A connection whose bind is decided, or None; when to try again is known then."""
        shared = self._shared
        async with shared.login:
            if shared.over:
                return None
            attempt = await self._ask()
            if attempt is None:
                return None
            link = await self._connect(attempt)
            if link is None:
                return None
            try:
                await shared.unless_over(self._events.decided.wait(), link.closed.wait())
            except BaseException:
                link.close(*shared.leaving)
                raise
            return link

    async def _ask(self) -> str | None:
        shared, mode = self._shared, self.options.bind_mode
        try:
            answer = await shared.ledger.ask(mode)
        except StoreUnavailable as error:
            self._log.warning("cannot ask for a login, trying again", mode=mode, error=error)
            self._wait(RETRY_S, "Redis cannot be asked for a login")
            return None
        if isinstance(answer, Allowed):
            shared.journal.note("bind_asked", mode=mode, what="allowed")
            return answer.attempt
        if isinstance(answer, Wait):
            shared.journal.note("bind_asked", mode=mode, what="wait", wait_s=round(answer.seconds, 1))
            self._wait(answer.seconds, answer.why)
        return None  # paused or stopped: that is seen by whoever waits for the next login

    def _wait(self, seconds: float, why: str) -> None:
        self._next_login_at = asyncio.get_running_loop().time() + seconds
        self._wait_why = why

    def _plan_reconnect(self) -> None:
        """After a connection ended, or was not made: the guide's 30 to 60 s (§5 step 4)."""
        shared = self._shared
        if shared.stopping.is_set():
            return
        delay = shared.uniform(shared.timing.reconnect_min_s, shared.timing.reconnect_max_s)
        shared.journal.note("reconnect", mode=self.options.bind_mode, delay_s=round(delay, 3))
        self._wait(delay, self._events.refusal)

    async def _connect(self, attempt: str) -> Link | None:
        shared, mode, gateway = self._shared, self.options.bind_mode, self._shared.gateway
        self.report.enter(State.CONNECTING)
        shared.journal.note("connecting", mode=mode)
        self._events.begin(attempt)
        made: list[Link] = []

        def make() -> Link:
            link: Link
            link = Link(
                self.options,
                on_events=lambda events: self._events.handle(link, events),
                permitted=lambda: shared.leadership.permitted,
                on_bind=self._on_bind,
                tap=shared.tap(mode),
                clock=shared.clock,
                user_timeout_s=shared.timing.tcp_user_timeout_s,
            )
            made.append(link)
            return link

        try:
            async with asyncio.timeout(shared.timing.connect_timeout_s):
                _, link = await asyncio.get_running_loop().create_connection(
                    make,
                    gateway.host,
                    gateway.port,
                    ssl=gateway.tls,
                    server_hostname=(gateway.server_name or gateway.host) if gateway.tls else None,
                )
        except (OSError, TimeoutError) as error:
            if made and made[0].session.state is not SessionState.OPEN:
                return made[0]  # the time was over when the bind was just written: a login took place
            reason = why_not_connected(gateway.host, gateway.port, error)
            self._log.warning("no connection", mode=mode, reason=reason)
            shared.journal.note("no_connection", mode=mode, reason=reason)
            self.report.last_disconnect = reason
            shared.ledger.void(attempt)
            self._plan_reconnect()
            return None
        if not link.closed.is_set() and not link.session.is_bound:
            self.report.enter(State.BINDING)
        return link

    def _on_bind(self) -> None:
        receipts = int(self.options.bind_mode != "receiver" and not self.options.without_receipts)
        self._shared.journal.note("bind", mode=self.options.bind_mode, receipts=receipts)

    # --- one connection ------------------------------------------------------------------------

    async def _serve(self, link: Link) -> None:
        shared = self._shared
        self._link = link
        feeder = asyncio.create_task(self._feed(link))
        try:
            await shared.unless_over(
                link.closed.wait(), feeder, shared.ledger.paused.wait(), self._events.disowned.wait()
            )
            if feeder.done() and not feeder.cancelled():
                feeder.result()  # a defect: not to be hidden
            if not link.closed.is_set():
                await self._drain(link, feeder)
        finally:
            link.close(*shared.leaving)
            await end(feeder)
            await link.closed.wait()
            self._link = None
        lost = self._events.end(link)
        self._plan_reconnect()
        await self._after_link(link, lost)

    async def _feed(self, link: Link) -> None:
        """Submit and ask until the link is gone; a receiver has nothing to submit."""
        if self.options.bind_mode == "receiver":
            await link.closed.wait()
            return
        asking = asyncio.create_task(self._shared.asker.run(link))
        try:
            await self._shared.outbound.feed(link)
        except Fenced as error:
            self._shared.leadership.depose(str(error))
        finally:
            await end(asking)

    async def _drain(self, link: Link, feeder: asyncio.Task[None]) -> None:
        """Stopped, deposed, paused or disowned: submit nothing more, wait for what is open, unbind."""
        shared, timing = self._shared, self._shared.timing
        self.report.enter(State.DRAINING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timing.drain_s), shared.outbound.submitting:
                feeder.cancel()
        await end(feeder)
        with contextlib.suppress(TimeoutError):  # a login that is cut off counts as a failed one
            async with asyncio.timeout(timing.unbind_timeout_s):
                await race(self._events.decided.wait(), link.closed.wait())
        # A deposed binder leaves at once: while it is bound its successor cannot be.
        patience_s = 0.0 if shared.leadership.deposed.is_set() else timing.drain_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while link.session.in_flight and not link.closed.is_set():
                    shared.outbound.room.clear()
                    await shared.outbound.room.wait()
                await shared.deliveries.batches.drained()
        if self._events.disowned.is_set():  # it would not take an unbind either
            link.close(*DISOWNED)
        elif link.unbind(*shared.leaving):
            shared.journal.note("unbind", mode=self.options.bind_mode, by="us")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timing.unbind_timeout_s + 1):
                await link.closed.wait()

    async def _after_link(self, link: Link, lost: list[Token]) -> None:
        """Settle what was answered, then treat what was not; raises Fenced."""
        settled = await race(self._settle(lost, link), self._shared.abandoning.wait()) == 0
        if not settled:
            self._log.error("stopping although Redis is silent: the next leader recovers", segments=len(lost))

    async def _settle(self, lost: list[Token], link: Link) -> None:
        if self.options.bind_mode == "receiver":
            return
        shared = self._shared
        await shared.answers.batches.drained()
        doubts = shared.outbound.take_doubts()  # a deposed binder must not write them when it leads again
        if not shared.leadership.deposed.is_set():
            await shared.outbound.give_up(unanswered(lost, link) + doubts)
