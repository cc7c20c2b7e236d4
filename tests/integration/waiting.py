"""Waiting for what a test expects: a condition and a deadline, never a fixed time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable

POLL_S = 0.005


async def eventually(condition: Callable[[], object], *, within_s: float = 5.0) -> float:
    """Wait until `condition()` is true; returns how long it took (s). Fails with the condition's source."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > within_s:
            raise AssertionError(f"not within {within_s:g} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(POLL_S)
    return time.monotonic() - started


def wait_until(condition: Callable[[], object], what: str, *, within_s: float = 10.0) -> None:
    """`eventually` for tests without a loop; fails with `what` it waits for."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_S)


async def remains(condition: Callable[[], object], *, for_s: float) -> None:
    """Watch that `condition()` stays true: for what must not happen, where no later event can prove it."""
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        assert condition(), f"no longer true: {inspect.getsource(condition).strip()}"
        await asyncio.sleep(POLL_S)
