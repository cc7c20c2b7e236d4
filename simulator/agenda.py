"""Things that are due at a time, in the order of their times."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """A queue by due time; equal times keep the order in which they were added."""

    __slots__ = ("_added", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_due(self) -> float | None:
        """When the first is due; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def add(self, due: float, item: T) -> None:
        """Put `item` down for the time `due`."""
        self._added += 1
        heapq.heappush(self._heap, (due, self._added, item))

    def pop(self, now: float) -> T | None:
        """The first item whose time has come, or None."""
        if not self._heap or self._heap[0][0] > now:
            return None
        return heapq.heappop(self._heap)[2]
