"""Answers that leave later than they could: a slow gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from smsfleet.simulator.agenda import Agenda
from smsfleet.simulator.behaviour import SubmitAnswer


class LateAnswers:
    """The submit_sm_resp of one connection that wait for their time; equal times keep their order.

    `answer` is called with the sequence_number of each that is due, `flush` after all of them.
    """

    def __init__(
        self, now: Callable[[], float], answer: Callable[[int, SubmitAnswer], None], flush: Callable[[], None]
    ) -> None:
        self._now = now
        self._answer = answer
        self._flush = flush
        self._agenda: Agenda[tuple[int, SubmitAnswer]] = Agenda()
        self._timer: asyncio.Handle | None = None
        self._wakes_at = float("inf")
        self.waiting = 0
        """how many wait"""

    def add(self, due: float, sequence_number: int, answer: SubmitAnswer) -> None:
        """Answer at the time `due`."""
        self.waiting += 1
        self._agenda.add(due, (sequence_number, answer))
        self._wait()

    def cancel(self) -> None:
        """Answer nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        due = self._agenda.next_due
        if due is None or (self._timer is not None and self._wakes_at <= due):
            return
        self.cancel()
        self._wakes_at = due
        loop, wait_s = asyncio.get_running_loop(), due - self._now()
        # What is due already leaves in the loop's next turn, not behind a receipt that is due as well.
        self._timer = loop.call_later(wait_s, self._look) if wait_s > 0 else loop.call_soon(self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._now()
        while (late := self._agenda.pop(now)) is not None:
            self.waiting -= 1
            self._answer(*late)
        self._wait()
        self._flush()
