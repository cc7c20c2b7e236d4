"""The binder's life: wait for the lease, recover, let the sides bind and serve; drain when stopped."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from smsfleet.binder.asker import Asker
from smsfleet.binder.cancellation import end, quell
from smsfleet.binder.counts import Counts
from smsfleet.binder.facts import Answers, Deliveries
from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.ledger import BindLedger
from smsfleet.binder.notes import Hears, Notes, Silent
from smsfleet.binder.outbound import Outbound
from smsfleet.binder.racing import race
from smsfleet.binder.report import Report, State
from smsfleet.binder.side import Gateway, Shared, Side
from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import Fenced, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.config.timing import Timing
from smsfleet.store.client import AsyncStore
from smsfleet.store.wire import Wire

__all__ = ["Binder", "Gateway", "State"]

ABANDON_S = 5.0
REPORT_TTL_S = 15.0
RETRY_S = 0.5


class Binder:
    """One binder process' work; `run` returns after `stop`. A binder is for one `run`.

    `uniform(low, high)` draws the reconnect delay, `tap(mode)` gives what hears a new connection.
    """

    def __init__(  # noqa: PLR0913 - everything a binder depends on, injected
        self,
        gateway: Gateway,
        *,
        store: AsyncStore,
        wire: Wire,
        leadership: Leadership,
        ledger: BindLedger,
        lock: HostLock,
        timing: Timing,
        journal: Notes | None = None,
        queries_per_s: float = 0.0,
        tap: Callable[[str], Hears | None] = lambda _mode: None,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._wire = wire
        self._leadership = leadership
        self._ledger = ledger
        self._lock = lock
        self._timing = timing
        self._journal = Silent() if journal is None else journal
        self._deliveries = Deliveries(store, wire, epoch_ms)
        self.counts = Counts()
        self._outbound = Outbound(store, wire, leadership, lambda: self._answers.batches, timing, self.counts)
        self._answers = Answers(store, wire, self._outbound.advance, lambda: self._outbound.is_full)
        self._asker = Asker(store, wire, leadership, self._outbound, queries_per_s)
        self._shared = Shared(
            gateway=gateway,
            ledger=ledger,
            leadership=leadership,
            outbound=self._outbound,
            answers=self._answers,
            deliveries=self._deliveries,
            timing=timing,
            journal=self._journal,
            asker=self._asker,
            counts=self.counts,
            uniform=uniform,
            tap=tap,
            clock=clock,
        )
        self._sides = [Side(session, self._shared) for session in gateway.sessions]
        self._report = Report(
            f"{gateway.host}:{gateway.port}",
            "_".join(session.bind_mode for session in gateway.sessions),
            gateway.sessions[0].window,
            [side.report for side in self._sides],
        )
        self._clock = clock
        self._log = logger(__name__)

    @property
    def state(self) -> State:
        """What the binder is doing."""
        return self._report.state

    @property
    def leads(self) -> bool:
        """Whether it owns the bind, as far as it knows."""
        return self._leadership.leads

    @property
    def may_submit(self) -> bool:
        """Whether the lease is certainly still its own: nothing is submitted otherwise."""
        return self._leadership.permitted

    def stop(self) -> None:
        """Ask for a clean end: finish what is in flight, unbind, give the lease back.

        What a silent Redis does not let us finish is left for the next leader's recovery after a while.
        """
        stopping = self._shared.stopping
        if not stopping.is_set():
            self._journal.note("stop")
            stopping.set()
            patience_s = 2 * self._timing.drain_s + self._timing.unbind_timeout_s + ABANDON_S
            asyncio.get_running_loop().call_later(patience_s, self._shared.abandoning.set)

    async def run(self) -> None:
        """Serve until stopped."""
        self._journal.note("start")
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._answers.batches.run()),
                group.create_task(self._deliveries.batches.run()),
                group.create_task(self._ledger.run()),
                group.create_task(self._report_forever()),
            ]
            try:
                with self._lock:
                    while not self._shared.stopping.is_set():
                        self._report.leave(State.STANDBY)
                        if await self._unless_stopped(self._leadership.acquire(self._lock)):
                            await self._lead()
                    await self._ledger.finish(ABANDON_S)
                    await self._leadership.release()
            finally:
                await quell(*helpers)  # the group would cancel them once, which may not be enough
        self._report.leave(State.STOPPED)
        with contextlib.suppress(StoreUnavailable):
            await self._write_report()

    # --- leading -------------------------------------------------------------------------------

    async def _lead(self) -> None:
        self._report.lead()
        keeper = asyncio.create_task(self._leadership.keep())
        try:
            await self._recover()
            async with asyncio.TaskGroup() as sides:
                for side in self._sides:
                    sides.create_task(side.run())
        except Fenced as error:
            self._leadership.depose(str(error))
        finally:
            await end(keeper)

    async def _recover(self) -> None:
        while not self._shared.over:
            try:
                await self._outbound.recover()
            except StoreUnavailable as error:
                self._log.warning("cannot recover yet, trying again", error=error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _unless_stopped(self, work: Awaitable[Any]) -> bool:
        """Wait for `work`, unless stopped first; True when it ended."""
        return await race(work, self._shared.stopping.wait()) == 0

    # --- what operators see --------------------------------------------------------------------

    async def _report_forever(self) -> None:
        while True:
            with contextlib.suppress(StoreUnavailable):
                if self._report.state is not State.STANDBY:  # the leader speaks, standbys are silent
                    await self._write_report()
            await asyncio.sleep(self._timing.report_s)

    @property
    def report(self) -> Report:
        """What it is doing, as of now."""
        report = self._report
        report.in_flight = sum(side.in_flight for side in self._sides)
        oldest = min(
            (side.oldest_since for side in self._sides if side.oldest_since is not None), default=None
        )
        report.unanswered_since_ms = (
            None if oldest is None else epoch_ms() - round(1000 * (self._clock() - oldest))
        )
        report.submitted = self._outbound.submitted
        report.answered = self._answers.count
        accepted = self._answers.count - sum(self.counts.errors.values())
        report.deliveries(self._deliveries.count, self._deliveries.last_ms, accepted)
        report.sent_back = self._deliveries.refused
        report.queries_per_s = self._asker.per_s
        report.queried = self._asker.asked
        return report

    async def _write_report(self) -> None:
        report = self.report
        report.measure(self._clock(), self.counts)
        ttl_s = max(REPORT_TTL_S, 3 * self._timing.report_s)
        await self._store.run(self._wire.report(report.to_json(), ttl_s))
