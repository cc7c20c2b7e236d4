"""When enquire_links are due, and the one that waits for its answer (guide §12: every 55 to 57 seconds)."""

from __future__ import annotations

_RESCHEDULE_AFTER_S = 1.0
"""How late one may be and still keep the schedule: 1 s around our 56 s stays within the guide's 55-57."""


class Heartbeat:
    """A schedule from the bind on, independent of traffic; at most one enquire_link is unanswered."""

    __slots__ = ("_due", "_interval_s", "_sent_at", "_sequence_number", "_timeout_s")

    def __init__(self, interval_s: float, timeout_s: float) -> None:
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._due: float | None = None
        self._sequence_number = 0  # 0 = none is unanswered; no PDU of ours has this number
        self._sent_at = 0.0

    def start(self, now: float) -> None:
        """The bind stands since `now`."""
        self._due = now + self._interval_s

    def stop(self) -> None:
        """Nothing is due any more; an answer that is on its way is still known."""
        self._due = None

    @property
    def deadline(self) -> float | None:
        """When one has to be sent, or must have been answered; None when stopped."""
        if self._due is None or not self._sequence_number:
            return self._due
        return min(self._due, self._sent_at + self._timeout_s)

    def is_due(self, now: float) -> bool:
        """Whether an enquire_link has to be sent."""
        return self._due is not None and now >= self._due

    def is_dead(self, now: float) -> bool:
        """Whether an answer is overdue."""
        waits = self._due is not None and self._sequence_number != 0
        return waits and now >= self._sent_at + self._timeout_s

    def sent(self, sequence_number: int, now: float) -> None:
        """One was sent. The next follows the schedule, not this one, so that delays do not add up.

        After a pause the schedule starts anew, because keeping it would give two in quick succession.
        """
        due = now if self._due is None or now - self._due > _RESCHEDULE_AFTER_S else self._due
        self._due = due + self._interval_s
        self._sequence_number = sequence_number
        self._sent_at = now

    def answered(self, sequence_number: int, now: float) -> float | None:
        """The round trip in seconds, or None when this is not the number that waits."""
        if not self._sequence_number or sequence_number != self._sequence_number:
            return None
        self._sequence_number = 0
        return now - self._sent_at
