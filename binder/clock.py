"""The process' clocks, in one place, so that everything above takes them as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
ClockMs = Callable[[], int]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def boottime() -> float:
    """Seconds since boot, suspended time included: a lease runs on while the machine sleeps."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def epoch_ms() -> int:
    """Milliseconds since the epoch, as the wall clock says."""
    return time.time_ns() // 1_000_000


def steady_epoch_ms() -> ClockMs:
    """A clock of milliseconds since the epoch that is set once: what it measures between two moments is true.

    It never runs backwards or jumps, as the wall clock does when it is set; suspended time is included.
    """
    offset = time.time() - boottime()
    return lambda: round((offset + boottime()) * 1000)
