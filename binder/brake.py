"""How many segments may be begun now: no faster than the account's rate, and nothing of what is paused.

The workers keep the rate when they admit; this is the same rate once more, because what waits for the wire
may be more than they let through lately: it came back to its stream after an error, waited for the bind, or
was admitted before the rate was lowered. While nothing of that is so, nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable

from smsfleet.store.keys import LANES
from smsfleet.store.standing import Standing

UNLIMITED = 1 << 30
"""As long as no rate is known."""

HEADROOM = 1.02
"""Above the workers' rate, so that their rhythm is not disturbed by ours."""

BURST_S = 0.1
"""So much time's worth is saved up, as by the workers."""

CHUNK_S, MOST_CHUNK = 0.01, 50
"""What is begun together while we wait for the rate: single segments cost many times as much."""

ROUNDING = 1e-6

CLOSED_S = 0.25
"""While everything is paused: how long until the next look."""


class Brake:
    """One for each binder; `heed` tells it how the account stands, `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate: float | None = None
        self._tokens = 0.0
        self._at = 0.0
        self._closed = False
        self._held_back: set[int] = set()
        self._released = False

    def heed(self, standing: Standing) -> None:
        """The account stands like this."""
        rate = None if standing.rate is None else standing.rate * HEADROOM
        if rate != self._rate:
            self._refill()
            if self._rate is None and rate is not None:
                self._tokens = self._burst(rate)
            self._rate = rate
        is_open = [standing.is_open(lane) for lane in LANES]
        self._closed = not any(is_open) and not standing.probe_due
        if any(is_open[lane - 1] for lane in self._held_back) or (self._held_back and standing.probe_due):
            self._held_back.clear()
            self._released = True

    def allowed(self) -> int:
        """Segments that may be begun now."""
        if self._closed:
            return 0
        if self._rate is None:
            return UNLIMITED
        self._refill()
        tokens = self._tokens + ROUNDING
        return int(tokens) if tokens >= self._chunk(self._rate) else 0

    @property
    def wait_s(self) -> float:
        """When none may be begun: after how long to ask again."""
        if self._closed or self._rate is None:
            return CLOSED_S
        return min(CLOSED_S, max(0.001, (self._chunk(self._rate) - self._tokens) / self._rate))

    def spend(self, segments: int) -> None:
        """So many were begun."""
        self._tokens -= segments

    def hold_back(self, lane: int) -> None:
        """`begin` has left a segment of this lane where it is, because it is paused."""
        self._held_back.add(lane)

    def take_release(self) -> bool:
        """Whether what was held back may be begun now; True once."""
        released, self._released = self._released, False
        return released

    def _refill(self) -> None:
        now = self._clock()
        if self._rate is not None:
            self._tokens = min(self._burst(self._rate), self._tokens + (now - self._at) * self._rate)
        self._at = now

    @staticmethod
    def _burst(rate: float) -> float:
        return max(1.0, rate * BURST_S)

    @staticmethod
    def _chunk(rate: float) -> float:
        return max(1.0, min(MOST_CHUNK, rate * CHUNK_S))
