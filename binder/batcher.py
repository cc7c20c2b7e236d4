"""Items collected while one write is under way become the next write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from typing import Generic, TypeVar

T = TypeVar("T")

SMALL = 4
"""A batch below this part of the largest is small."""


class Batcher(Generic[T]):
    """Calls `handle` with lists of items, in order, one call at a time, at most `most` items each.

    After a small batch of more than one it waits `pace_s`, so that a few more come together: many small
    writes cost many times as much as one. A lone item is not held back, nor what follows it, nor anything
    while `waited_for` says that somebody needs it. `on_handled` hears of each batch when it counts no longer.
    """

    def __init__(
        self,
        handle: Callable[[list[T]], Awaitable[None]],
        most: int,
        pace_s: float = 0.0,
        waited_for: Callable[[], bool] = lambda: False,
        on_handled: Callable[[], None] = lambda: None,
    ) -> None:
        self._handle = handle
        self._on_handled = on_handled
        self._most = most
        self._pace_s = pace_s
        self._waited_for = waited_for
        self._items: list[T] = []
        self._handling: list[T] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def unfinished(self) -> int:
        """Items that are not handled to an end: those that wait and those of the call under way."""
        return len(self._items) + len(self._handling)

    def __iter__(self) -> Iterator[T]:
        """What is unfinished, oldest first."""
        return chain(self._handling, self._items)

    def add(self, item: T) -> None:
        """Take one item; never waits."""
        if not self._items:  # else both are as they should be: there is one call of this for every message
            self._idle.clear()
            self._wake.set()
        self._items.append(item)

    def withdraw(self) -> list[T]:
        """Take back what waits: it will not be handled."""
        items, self._items = self._items, []
        self._wake.clear()
        if not self._handling:
            self._idle.set()
        return items

    async def run(self) -> None:
        """Handle items for ever."""
        while True:
            await self._wake.wait()
            batch, self._items = self._items[: self._most], self._items[self._most :]
            if not self._items:
                self._wake.clear()
            self._handling = batch
            await self._handle(batch)
            self._handling = []
            if not self._items:
                self._idle.set()
            self._on_handled()
            small = 1 < len(batch) + len(self._items) < self._most // SMALL
            if self._pace_s and small and not self._waited_for():
                await asyncio.sleep(self._pace_s)

    async def drained(self) -> None:
        """Wait until everything that was added is handled."""
        await self._idle.wait()
