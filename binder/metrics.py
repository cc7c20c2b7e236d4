"""The binder's own metrics, and whether it lives: read by threads that answer scrapes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from smsfleet.binder.report import State
from smsfleet.binder.service import Binder
from smsfleet.config.clock import epoch_ms
from smsfleet.ops.catalog import CODES, Reading

BEAT_S = 0.5
FROZEN_S = 10.0
"""An event loop that has not come round for this long: its enquire_link are late, its lease is over."""

LOST_S = 60.0
"""A binder that lost its lease stands by within a drain: one that does not is stuck."""


def binder_readings(binder: Binder) -> Iterator[Reading]:
    """What this process tells of itself."""
    report, counts, now_ms = binder.report, binder.counts, epoch_ms()
    yield "smsfleet_binder_leading", (), binder.leads
    for state in State:
        yield "smsfleet_binder_state", (state.value,), state is report.state
    since_ms = max(side.since_ms for side in report.sides)
    yield "smsfleet_binder_state_since_seconds", (), max(0, now_ms - since_ms) / 1000
    yield "smsfleet_binder_window", (), report.window
    yield "smsfleet_binder_in_flight", (), report.in_flight
    for name in ("submitted", "answered", "delivered", "sent_back", "queried"):
        yield f"smsfleet_binder_{name}_total", (), getattr(report, name)
    for side in report.sides:
        mode = (side.mode,)
        yield "smsfleet_binder_bound", mode, side.state is State.BOUND
        yield "smsfleet_binder_binds_total", mode, side.binds
        yield "smsfleet_binder_disconnects_total", mode, side.disconnects
        for name in ("enquire_link", "enquire_link_resp"):
            at_ms = getattr(side, f"{name}_ms") or side.bound_since_ms
            if side.state is State.BOUND and at_ms is not None:
                yield f"smsfleet_binder_{name}_age_seconds", mode, max(0, now_ms - at_ms) / 1000
    errors = dict.fromkeys(CODES, 0) | dict(counts.errors)
    for code, count in errors.items():
        yield "smsfleet_binder_errors_total", (code,), count
    for became, count in counts.ambiguous.items():
        yield "smsfleet_binder_ambiguous_total", (became,), count
    yield "smsfleet_binder_response_seconds", (), counts.response_s
    for lane, histogram in counts.outbound_s.items():
        yield "smsfleet_binder_outbound_seconds", (lane,), histogram


class Health:
    """Whether the process lives, and whether the account is bound by it.

    Redis or a gateway that is away is no reason to restart a binder: it keeps its bind, or makes a new one.
    """

    def __init__(self, binder: Binder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._binder = binder
        self._clock = clock
        self._beat_at = clock()
        self._lost_at: float | None = None

    async def run(self) -> None:
        """Show that the event loop comes round, for ever."""
        while True:
            self._beat_at = self._clock()
            await asyncio.sleep(BEAT_S)

    def alive(self) -> tuple[bool, str]:
        """False when only a restart helps."""
        now, state = self._clock(), self._binder.state
        if now - self._beat_at > FROZEN_S:
            return False, f"frozen: the event loop has not come round for {now - self._beat_at:.0f} s"
        if self._binder.leads or state in (State.STANDBY, State.STOPPED):
            self._lost_at = None
            return True, f"alive: {state}"
        self._lost_at = now if self._lost_at is None else self._lost_at
        if now - self._lost_at > LOST_S:
            return False, f"lost: no lease for {now - self._lost_at:.0f} s, and not standing by"
        return True, f"alive: {state}, the lease is lost"

    def ready(self) -> tuple[bool, str]:
        """Whether this process has the bind, and may submit."""
        well, why = self.alive()
        if not well:
            return False, why
        report = self._binder.report.as_dict()
        if report["state"] == State.BOUND and not self._binder.may_submit:
            return False, "bound, and submits nothing: the lease cannot be renewed; is Redis away, or full?"
        why = f": {report['why']}" if report["why"] else ""
        return report["state"] == State.BOUND, f"{report['state']}{why}"
