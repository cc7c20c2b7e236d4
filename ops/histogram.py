"""Counting how long things took, or how large they were, at the price of an addition each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Values by the smallest of `bounds` that is not below them.

    Used by one thread at a time; another may read it meanwhile, and then sees a value more or less.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """of each bound, and last of what is above all of them"""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_all(self, values: Iterable[float]) -> None:
        """Count some."""
        for value in values:
            self.add(value)

    def quantile(self, share: float, before: Sequence[int] | None = None) -> float | None:
        """The bound that `share` of the values are not above; None: there are none.

        `before`: former `counts`, to judge only what came since. Above all bounds it is the last one.
        """
        counts = self.counts if before is None else [a - b for a, b in zip(self.counts, before, strict=True)]
        wanted, seen = share * sum(counts), 0
        if not wanted:
            return None
        for bound, count in zip((*self.bounds, self.bounds[-1]), counts, strict=True):
            seen += count
            if seen >= wanted:
                return bound
        return self.bounds[-1]
