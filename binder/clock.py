"""The clocks that measure, in one place; the wall clock is in config/clock.py."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
ClockMs = Callable[[], int]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def boottime() -> float:
    """Seconds since boot, suspended time included: a lease runs on while the machine sleeps."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def steady_epoch_ms() -> ClockMs:
    """A clock of milliseconds since the epoch that is set once: what it measures between two moments is true.

    It never runs backwards or jumps, as the wall clock does when it is set; suspended time is included.
    """
    offset = time.time() - boottime()
    return lambda: round((offset + boottime()) * 1000)
