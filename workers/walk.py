"""A slow walk through the index of message ids, in bounded turns that any worker takes (store/walks.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from smsfleet.store.keys import DAY_MS, INDEX_BUCKETS
from smsfleet.store.walks import Known, Turn
from smsfleet.workers.runtime import Runtime

SEGMENTS = 1000
"""Message ids of one turn; a turn has one bucket at least, which at 100 a second all day holds 2,100."""

BUCKETS = 256
"""Buckets whose sizes are asked for together; a turn over a day of few messages asks for all of them."""

PAUSE_MS = 1000
"""Between two turns of a walk."""

LOOK = 200
"""Segments of one script."""

KNOWN_MS = 7 * DAY_MS
"""A walk looks no further back: the gateway holds nothing older (guide §4)."""

SKEW_MS = 60_000
"""The index goes by the clock of the worker that applied the answer."""


class Walk:
    """One walk: `every_ms` a pass, over the days that `days(previous, now)` names.

    `visit` gets message ids and the turn, whose pass began at `began_ms` and the one before at `previous_ms`.
    """

    def __init__(  # noqa: PLR0913 - where, when, over what and for what it walks
        self,
        runtime: Runtime,
        key: bytes,
        *,
        every_ms: float,
        days: Callable[[int, int], Iterable[int]],
        visit: Callable[[Sequence[Known], Turn], None],
        pause_ms: int = PAUSE_MS,
    ) -> None:
        self._runtime = runtime
        self._key = key
        self._every_ms = every_ms
        self._days = days
        self._visit = visit
        self._pause_ms = pause_ms

    def step(self) -> int:
        """Take a turn, if there is one; how many message ids it had."""
        store, walks = self._runtime.store, self._runtime.walks
        turn = store.run(walks.turn(self._key))
        if turn is None:
            return 0
        if not turn.days:
            turn = self._begin_pass(turn)
        seen = 0
        if turn.days:
            day, (end, buckets) = turn.days[0], self._next_buckets(turn)
            known = self._ids(day, buckets)
            seen = len(known)
            for at in range(0, seen, LOOK):
                self._visit(known[at : at + LOOK], turn)
            turn = turn._replace(bucket=end)
            if turn.bucket >= INDEX_BUCKETS:
                turn = turn._replace(days=turn.days[1:], bucket=0)
        store.run(walks.end_turn(self._key, turn, self._pause_ms))
        return seen

    def _begin_pass(self, turn: Turn) -> Turn:
        now, began = turn.now_ms, turn.began_ms
        if began is not None and now < began + self._every_ms:
            return turn
        previous = max(now - KNOWN_MS, began or 0)
        oldest = (now - KNOWN_MS) // DAY_MS
        newest_first = sorted(set(self._days(previous, now)), reverse=True)
        days = tuple(day for day in newest_first if day >= oldest)
        return turn._replace(previous_ms=previous, began_ms=now, days=days, bucket=0)

    def _next_buckets(self, turn: Turn) -> tuple[int, list[int]]:
        """Where this turn ends, and which of its buckets hold something: no more than `SEGMENTS`, or one."""
        end, total = turn.bucket, 0
        filled: list[int] = []
        while end < INDEX_BUCKETS:
            call = self._runtime.walks.sizes(turn.days[0], end, min(BUCKETS, INDEX_BUCKETS - end))
            for size in self._runtime.store.run(call):
                if total and total + size > SEGMENTS:
                    return end, filled
                if size:
                    filled.append(end)
                total += size
                end += 1
        return end, filled

    def _ids(self, day: int, buckets: Sequence[int]) -> list[Known]:
        store, walks = self._runtime.store, self._runtime.walks
        known: dict[Known, None] = {}  # HSCAN may give one twice
        left = [(bucket, 0) for bucket in buckets]
        while left:
            replies = store.run_all([walks.scan(day, bucket, cursor) for bucket, cursor in left])
            for _, found in replies:
                known |= dict.fromkeys(found)
            left = [
                (bucket, cursor) for (bucket, _), (cursor, _) in zip(left, replies, strict=True) if cursor
            ]
        return list(known)


def days_at(ages_ms: Iterable[int], previous_ms: int, now_ms: int) -> set[int]:
    """The days of all that got one of these ages between the two moments."""
    days: set[int] = set()
    for age in ages_ms:
        first = (previous_ms - age - SKEW_MS) // DAY_MS
        last = (now_ms - age + SKEW_MS) // DAY_MS
        days |= set(range(first, last + 1))
    return days


def got_an_age(accepted_ms: int, ages_ms: Iterable[int], previous_ms: int, now_ms: int) -> bool:
    """Whether a segment got one of these ages between the two moments."""
    return any(previous_ms < accepted_ms + age <= now_ms for age in ages_ms)
