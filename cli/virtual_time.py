"""An event loop whose clock jumps to the next timer when nothing else is left to do.

Sockets, tasks and the code above them are real; only the waiting is left out. What is outside of the loop,
such as a Redis server, keeps its own time: `Waits` holds the clock still until it has answered.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore

T = TypeVar("T")

QUIET_S = 0.0003
"""So long in real time no socket may have anything before the clock jumps: octets on loopback take less."""

HELD_S = 0.05
"""How often the selector looks again while the clock is held."""


class Waits:
    """How many answers from outside the loop are waited for."""

    def __init__(self) -> None:
        self.count = 0


class _Selector(selectors.SelectSelector):  # epoll and poll count in milliseconds
    """Waits for sockets only as long as there may be something, and then tells the loop what time it is."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self._waits = waits
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while self._waits.count and not ready and timeout != 0:
            ready = super().select(HELD_S)
        if ready or timeout == 0:
            return ready
        ready = super().select(None if timeout is None else QUIET_S)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; its clock starts at 0."""

    def __init__(self, waits: Waits) -> None:
        self._virtual = _Selector(waits)
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._virtual.now


class PatientStore(AsyncStore):
    """A store whose calls hold the clock, but for reads that wait at the server for something to come."""

    timeout_s = None  # it would run in virtual time

    def __init__(self, url: str, waits: Waits) -> None:
        client = redis.asyncio.Redis.from_url(
            url, protocol=2, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        super().__init__(client)
        self._waits = waits

    async def run(self, call: Call[T]) -> T:
        """Run one call; raises as `AsyncStore.run`."""
        if b"BLOCK" in call.arguments:
            return await super().run(call)
        self._waits.count += 1
        try:
            return await super().run(call)
        finally:
            self._waits.count -= 1

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        """Run calls in one round trip; raises as `AsyncStore.run_all`."""
        self._waits.count += 1
        try:
            return await super().run_all(calls)
        finally:
            self._waits.count -= 1


def run(main: Any, waits: Waits) -> Any:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(waits)) as runner:
        return runner.run(main)
