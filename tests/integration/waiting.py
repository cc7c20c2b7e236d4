"""Waiting for what a test expects: a condition and a deadline, never a fixed time.

Deadlines and measured times do not count the time in which this thread had work and other processes had its CPU:
what is slow then is the machine. Where the kernel does not tell that time, it counts.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from pathlib import Path

POLL_S = 0.005

_SCHEDULED = Path("/proc/thread-self/schedstat")


def starved_s() -> float:
    """How long this thread has waited for a CPU since it began: the second field, in nanoseconds."""
    try:
        return int(_SCHEDULED.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):  # not Linux, or a kernel that does not count it
        return 0.0


def unhindered() -> float:
    """A clock that stands still while this thread waits for a CPU (s)."""
    return time.monotonic() - starved_s()


async def eventually(condition: Callable[[], object], *, within_s: float = 5.0) -> float:
    """Wait until `condition()` is true; returns how long it took (s). Fails with the condition's source."""
    started = unhindered()
    while not condition():
        if unhindered() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(POLL_S)
    return unhindered() - started


def wait_until(condition: Callable[[], object], what: str, *, within_s: float = 10.0) -> None:
    """`eventually` for tests without a loop; fails with `what` it waits for."""
    deadline = unhindered() + within_s
    while not condition():
        assert unhindered() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_S)


async def remains(condition: Callable[[], object], *, for_s: float) -> None:
    """Watch that `condition()` stays true: for what must not happen, where no later event can prove it."""
    until = unhindered() + for_s
    while unhindered() < until:
        assert condition(), f"no longer true: {inspect.getsource(condition).strip()}"
        await asyncio.sleep(POLL_S)


class Lag:
    """By how much this thread has been late since `Lag()` because other processes had the CPU (s).

    An interval may be so much longer or shorter, for what begins or ends it was seen so much later.
    """

    def __init__(self) -> None:
        self._before = starved_s()

    @property
    def s(self) -> float:
        """Until now."""
        return starved_s() - self._before
