"""Something that is done again and again: whether it is time for it, by a clock that may be set."""

from __future__ import annotations


class Every:
    """Remembers when it is time next. After the clock was set back it is time at once, not only then."""

    def __init__(self, first_ms: int = 0) -> None:
        """`first_ms`: how long after the first question it is time for the first time; below any span."""
        self._first_ms = first_ms
        self._next_ms: int | None = None

    def is_over(self, span_ms: int, now_ms: int) -> bool:
        """Whether it is time; then `span_ms` pass until it is again."""
        if self._next_ms is None:
            self._next_ms = now_ms + self._first_ms
        if now_ms < self._next_ms <= now_ms + span_ms:
            return False
        self._next_ms = now_ms + span_ms
        return True
