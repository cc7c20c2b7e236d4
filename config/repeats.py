"""Which of many equal lines to log: a hostile peer must not fill a disk."""

from __future__ import annotations


class Repeats:
    """Lets `most` of a sort through in any `window_s` seconds, and counts those that are left out between.

    Sorts are words of ours, so they are few.
    """

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._counts: dict[str, tuple[float, int, int]] = {}

    def ask(self, sort: str, now: float) -> int | None:
        """None: leave this one out. Else let it through; the number is how many were left out before it."""
        since, spoken, left_out = self._counts.get(sort, (now, 0, 0))
        if now - since >= self._window_s:
            since, spoken = now, 0
        if spoken >= self._most:
            self._counts[sort] = (since, spoken, left_out + 1)
            return None
        self._counts[sort] = (since, spoken + 1, 0)
        return left_out
