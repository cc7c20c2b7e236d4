"""The binder's life: wait for the lease, recover, bind, serve, rebind; drain when stopped."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from smsfleet.binder.cancellation import end, quell
from smsfleet.binder.clock import epoch_ms
from smsfleet.binder.facts import Answers, Deliveries
from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.outbound import Outbound, unanswered
from smsfleet.binder.report import Report, State
from smsfleet.binder.transport import Link, Token
from smsfleet.config.codes import (
    ESME_RINVBNDSTS,
    ESME_RINVPASWD,
    ESME_RINVSYSID,
    ESME_RINVSYSTYP,
    ESME_RUNKNOWNERR,
    command_status,
)
from smsfleet.config.errors import Fenced, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.config.settings import Timing
from smsfleet.smpp.events import (
    BindRefused,
    Bound,
    CloseConnection,
    Delivered,
    DeliverRefused,
    Event,
    LateAnswer,
    LinkLost,
    Nacked,
    PeerUnbound,
    ProtocolViolation,
    SubmitAnswered,
    TimedOut,
    UnexpectedResponse,
)
from smsfleet.smpp.session import SessionOptions
from smsfleet.store.client import AsyncStore
from smsfleet.store.wire import Answer, Wire

HOPELESS = {
    ESME_RINVPASWD: "SMSFLEET_SMPP_PASSWORD",
    ESME_RINVSYSID: "SMSFLEET_SMPP_SYSTEM_ID",
    ESME_RINVSYSTYP: "SMSFLEET_SMPP_SYSTEM_TYPE",
}
"""Refusals that another attempt with the same settings cannot pass (guide §9), and the setting to mend."""

REFUSED_WAIT_S = 95.0
"""After a refused bind: so at most two attempts fall into any 185 s, and no third into 180 s (guide §9)."""

ABANDON_S = 5.0
REPORT_S = 2.0
REPORT_TTL_S = 15.0
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where and how to bind."""

    host: str
    port: int
    session: SessionOptions


class Binder:
    """One binder process' work; `run` returns after `stop`.

    `uniform(low, high)` draws the reconnect delay; tests give their own. A binder is for one `run`.
    """

    def __init__(  # noqa: PLR0913 - everything a binder depends on, injected
        self,
        gateway: Gateway,
        *,
        store: AsyncStore,
        wire: Wire,
        leadership: Leadership,
        lock: HostLock,
        timing: Timing,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._wire = wire
        self._leadership = leadership
        self._lock = lock
        self._timing = timing
        self._uniform = uniform
        self._deliveries = Deliveries(store, wire, epoch_ms)
        self._outbound = Outbound(store, wire, leadership, lambda: self._answers.batches, timing.compare_s)
        self._answers = Answers(store, wire, self._outbound.advance, lambda: self._outbound.is_full)
        self._stopping = asyncio.Event()
        self._abandoning = asyncio.Event()
        self._next_bind_at = 0.0
        self._link: Link | None = None
        self._lost: list[Token] = []
        self._refusal: int | None = None
        self._hopeless = ""
        session = gateway.session
        self._report = Report(f"{gateway.host}:{gateway.port}", session.bind_mode, session.window)
        self._log = logger(__name__)

    @property
    def state(self) -> State:
        """What the binder is doing."""
        return self._report.state

    def stop(self) -> None:
        """Ask for a clean end: finish what is in flight, unbind, give the lease back.

        What a silent Redis does not let us finish is left for the next leader's recovery after a while.
        """
        if not self._stopping.is_set():
            self._stopping.set()
            patience_s = 2 * self._timing.drain_s + self._timing.unbind_timeout_s + ABANDON_S
            asyncio.get_running_loop().call_later(patience_s, self._abandoning.set)

    async def run(self) -> None:
        """Serve until stopped."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._answers.batches.run()),
                group.create_task(self._deliveries.batches.run()),
                group.create_task(self._report_forever()),
            ]
            try:
                with self._lock:
                    while not self._stopping.is_set():
                        self._report.enter(State.STANDBY)
                        if await self._unless_stopped(self._leadership.acquire(self._lock)):
                            await self._lead()
                    await self._leadership.release()
            finally:
                await quell(*helpers)  # the group would cancel them once, which may not be enough
        self._report.enter(State.STOPPED)
        with contextlib.suppress(StoreUnavailable):
            await self._write_report()

    # --- leading -------------------------------------------------------------------------------

    async def _lead(self) -> None:
        keeper = asyncio.create_task(self._leadership.keep())
        try:
            await self._recover()
            while not self._over():
                await self._wait_for_next_bind()
                if not self._over():
                    await self._serve_one_link()
                    self._plan_next_bind()
        except Fenced as error:
            self._leadership.depose(str(error))
        finally:
            await end(keeper)

    def _over(self) -> bool:
        return self._stopping.is_set() or self._leadership.deposed.is_set()

    async def _recover(self) -> None:
        while not self._over():
            try:
                await self._outbound.recover()
            except StoreUnavailable as error:
                self._log.warning("cannot recover yet, trying again", error=error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _plan_next_bind(self) -> None:
        """After a connection: when the next may be made, by the guide and the last refusal.

        The time outlives a change of leadership, because the gateway counts the logins of this process too.
        """
        refusal, self._refusal = self._refusal, None
        if refusal is not None and refusal in HOPELESS:
            setting = HOPELESS[refusal]
            self._next_bind_at = math.inf
            self._hopeless = f"{command_status(refusal).label}: mend {setting} and restart the binder"
            self._log.error("bind refused for good: no further attempt", mend=setting)
            return
        delay = self._uniform(self._timing.reconnect_min_s, self._timing.reconnect_max_s)
        if refusal is not None:
            delay = max(delay, REFUSED_WAIT_S)
        self._next_bind_at = asyncio.get_running_loop().time() + delay

    async def _wait_for_next_bind(self) -> None:
        delay = self._next_bind_at - asyncio.get_running_loop().time()
        if delay == math.inf:
            self._report.enter(State.REFUSED, self._hopeless)
            await self._unless_over(asyncio.Event().wait())
        elif delay > 0:
            self._report.enter(State.WAITING, f"next bind in {delay:.0f} s; {self._report.last_disconnect}")
            await self._unless_over(asyncio.sleep(delay))

    # --- one connection ------------------------------------------------------------------------

    async def _serve_one_link(self) -> None:
        link = await self._connect()
        if link is None:
            return
        self._link = link
        feeder = asyncio.create_task(self._outbound.feed(link))
        try:
            await self._race(
                link.closed.wait(), feeder, self._stopping.wait(), self._leadership.deposed.wait()
            )
            if feeder.done() and not feeder.cancelled():
                feeder.result()  # Fenced, or a defect: not to be hidden
            if not link.closed.is_set():
                await self._drain(link, feeder)
        finally:
            link.close("the binder is leaving")
            with contextlib.suppress(Fenced):
                await end(feeder)
            await link.closed.wait()
            self._link = None
        await self._after_link(link)

    async def _connect(self) -> Link | None:
        gateway = self._gateway
        self._report.enter(State.CONNECTING)
        loop = asyncio.get_running_loop()

        def make() -> Link:
            link: Link
            link = Link(
                gateway.session,
                on_events=lambda events: self._on_events(link, events),
                permitted=lambda: self._leadership.permitted,
            )
            return link

        try:
            async with asyncio.timeout(self._timing.connect_timeout_s):
                _, link = await loop.create_connection(make, gateway.host, gateway.port)
        except (OSError, TimeoutError) as error:
            reason = f"cannot connect to {gateway.host}:{gateway.port}: {error or error.__class__.__name__}"
            self._log.warning("no connection", reason=reason)
            self._report.last_disconnect = reason
            return None
        if not link.closed.is_set() and not link.session.is_bound:
            self._report.enter(State.BINDING)
        return link

    async def _drain(self, link: Link, feeder: asyncio.Task[None]) -> None:
        """Stopped or deposed: submit nothing more, wait for what is open, unbind."""
        self._report.enter(State.DRAINING)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.drain_s), self._outbound.submitting:
                feeder.cancel()
        with contextlib.suppress(Fenced):
            await end(feeder)
        # A deposed binder leaves at once: while it is bound its successor cannot be.
        patience_s = 0.0 if self._leadership.deposed.is_set() else self._timing.drain_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while link.session.in_flight and not link.closed.is_set():
                    self._outbound.room.clear()
                    await self._outbound.room.wait()
                await self._deliveries.batches.drained()
        link.unbind()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.unbind_timeout_s + 1):
                await link.closed.wait()

    async def _after_link(self, link: Link) -> None:
        """Settle what was answered, then treat what was not; raises Fenced."""
        self._report.disconnected(link.close_reason)
        lost, self._lost = self._lost, []
        self._log.info("disconnected", reason=link.close_reason, unanswered=len(lost))
        settled = await self._race(self._settle(lost, link), self._abandoning.wait()) == 0
        if not settled:
            self._log.error("stopping although Redis is silent: the next leader recovers", segments=len(lost))

    async def _settle(self, lost: list[Token], link: Link) -> None:
        await self._answers.batches.drained()
        if not self._leadership.deposed.is_set():
            await self._outbound.give_up(unanswered(lost, link) + self._outbound.take_doubts())

    # --- events of the session -----------------------------------------------------------------

    def _on_events(self, link: Link, events: list[Event[Token]]) -> None:  # noqa: C901, PLR0912 - one flat table
        answers = self._answers.batches
        for event in events:
            match event:
                case SubmitAnswered((ref, attempt), status, message_id):
                    answers.add(Answer(ref, attempt, status, message_id))
                    if status == ESME_RINVBNDSTS:  # the gateway has another idea of this bind: make a new one
                        link.close("the gateway answered submit_sm with ESME_RINVBNDSTS")
                case Delivered(sequence_number, body):
                    self._deliveries.add(link, sequence_number, body)
                case LateAnswer((ref, attempt), status, message_id):
                    answers.add(Answer(ref, attempt, status, message_id))
                case Nacked((ref, attempt), status):
                    # generic_nack refuses, whatever its status says
                    answers.add(Answer(ref, attempt, status or ESME_RUNKNOWNERR, b""))
                case TimedOut(token) | LinkLost(token):
                    self._lost.append(token)
                case Bound():
                    self._report.bound()
                case BindRefused(status):
                    self._refusal = status
                    self._log.error("bind refused", command_status=command_status(status).label)
                case CloseConnection(reason, cause):
                    self._log.info("closing the connection", reason=reason, cause=cause)
                case DeliverRefused(_, status, reason):
                    self._log.error("malformed deliver_sm refused", command_status=status, reason=reason)
                case UnexpectedResponse() | ProtocolViolation() | PeerUnbound():
                    self._log.warning(
                        "from the gateway", event_kind=event.__class__.__name__, detail=str(event)
                    )
                case _:
                    self._log.debug("link", event_kind=event.__class__.__name__)
        self._outbound.advance()

    # --- what operators see --------------------------------------------------------------------

    async def _report_forever(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                if self._report.state is not State.STANDBY:  # the leader speaks, standbys are silent
                    await self._write_report()
            await asyncio.sleep(REPORT_S)

    async def _write_report(self) -> None:
        report, link = self._report, self._link
        report.in_flight = link.session.in_flight if link else 0
        report.submitted = self._outbound.submitted
        report.answered = self._answers.count
        report.delivered = self._deliveries.count
        report.sent_back = self._deliveries.refused
        await self._store.run(self._wire.report(report.to_json(), REPORT_TTL_S))

    # --- waiting -------------------------------------------------------------------------------

    async def _unless_stopped(self, work: Awaitable[Any]) -> bool:
        """Wait for `work`, unless stopped first; True when it ended."""
        return await self._race(work, self._stopping.wait()) == 0

    async def _unless_over(self, work: Awaitable[Any]) -> None:
        await self._race(work, self._stopping.wait(), self._leadership.deposed.wait())

    @staticmethod
    async def _race(*awaitables: Awaitable[Any]) -> int:
        """The number of the first that ends; the others, unless given as tasks, are cancelled."""
        tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losers = [task for task, given in zip(tasks, awaitables, strict=True) if task is not given]
            await end(*(task for task in losers if not task.done()))
        first = next(number for number, task in enumerate(tasks) if task.done() and not task.cancelled())
        if tasks[first] is not awaitables[first]:
            tasks[first].result()
        return first
