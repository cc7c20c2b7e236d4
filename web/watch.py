"""One look at the fleet for everybody who watches: however many pages are open, Redis is asked once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

from smsfleet.config.errors import SmsfleetError
from smsfleet.config.logs import logger
from smsfleet.ops.snapshot import Snapshot
from smsfleet.web.plot import SPANS_S, Sample

KEEP_S = SPANS_S[-1]
"""How much of the throughput is remembered."""

Look = Callable[[], Snapshot]


class Watch:
    """Looks every `every_s` while it runs, and tells whoever waits."""

    def __init__(self, look: Look, every_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._every_s = every_s
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=int(KEEP_S / every_s) + 1)
        self._counted = (0, 0, 0)
        """of the last look: when (ms), submitted, delivered"""
        self._changed = asyncio.Condition()
        self._looked_at = -every_s
        self.snapshot: Snapshot | None = None
        self.trouble = ""
        """why the last look failed; empty: it did not"""
        self.looks = 0

    @property
    def samples(self) -> Sequence[Sample]:
        """The throughput since the page's process began, the oldest first."""
        return tuple(self._samples)

    def look(self) -> None:
        """Look now. Never fails: `trouble` says what is wrong. Blocks: for a thread."""
        try:
            self.snapshot = self._look()
            self.trouble = ""
        except SmsfleetError as error:
            if not self.trouble:
                logger(__name__).warning("the fleet cannot be looked at", error=error)
            self.trouble = str(error)
        else:
            self._samples.append(self._sample(self.snapshot))
        self._looked_at = self._clock()
        self.looks += 1

    def _sample(self, now: Snapshot) -> Sample:
        """What was done a second; of a binder that does not tell it, since the last look."""
        per_s, binder = now.binder.per_s, now.binder
        before, self._counted = self._counted, (now.at_ms, binder.submitted, binder.delivered)
        if per_s:
            return Sample(now.at_ms, per_s.get("submitted", 0.0), per_s.get("delivered", 0.0))
        passed_s = (now.at_ms - before[0]) / 1000
        if not before[0] or passed_s <= 0:
            return Sample(now.at_ms, 0.0, 0.0)
        # A binder that was started anew counts from 0.
        done = (
            max(0, now_ - then) / passed_s for now_, then in zip(self._counted[1:], before[1:], strict=True)
        )
        return Sample(now.at_ms, *done)

    def look_if_old(self) -> None:
        """Look, unless somebody has just done so. Blocks."""
        if self._clock() - self._looked_at >= self._every_s:
            self.look()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.to_thread(self.look)
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(self._every_s)

    async def wait(self) -> None:
        """Until there was another look."""
        async with self._changed:
            await self._changed.wait()
