"""Something that is done again and again, at an interval that may change while it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Schedule:
    """Does `work` every so many seconds of the event loop's time, from `every` until `stop`."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._interval_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def every(self, interval_s: float) -> None:
        """Go on with this interval; 0: not at all. The same interval as before changes nothing."""
        if interval_s == self._interval_s:
            return
        self.stop()
        self._interval_s = interval_s
        self._wait()

    def stop(self) -> None:
        """Do nothing more until `every`."""
        self._interval_s = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._interval_s:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._run)

    def _run(self) -> None:
        self._wait()
        self._work()
