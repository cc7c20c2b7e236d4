"""The end of a binder whose loop stands still: nobody else would notice.

A frozen process keeps its lease for at most `lease_ttl_s`, and after that the fence keeps it from changing
anything. Its connection stays, though: the gateway holds the account for bound, and refuses the standby
(0x05) until it misses an enquire_link. So the process ends itself: the connection closes, the supervisor
starts it anew, and the ledger of logins goes on counting.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Callable

from smsfleet.config.logs import logger

LOOK_S = 1.0
TELL_S = 2.0
"""How long the last words may take."""


class Watchdog:
    """Looks at the loop from a thread of its own, once in `LOOK_S`.

    It counts its own looks instead of reading a clock: a process, or a machine, that was stopped for an hour
    has not been frozen for an hour, and goes on as a standby when it is continued.
    """

    def __init__(
        self,
        limit_s: float,
        *,
        end: Callable[[int], object] = os._exit,
        dump: Callable[[], object] = lambda: faulthandler.dump_traceback(sys.stderr),
        look_s: float = LOOK_S,
    ) -> None:
        self._looks = max(2, round(limit_s / look_s))
        self._limit_s = limit_s
        self._look_s = look_s
        self._end = end
        self._dump = dump
        self._beats = 0
        self._seen = 0
        self._unchanged = 0
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Show that the loop goes round, until cancelled; the thread ends with it. 0 seconds: do nothing."""
        if not self._limit_s:
            return
        thread = threading.Thread(target=self._look_forever, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                self._beats += 1
                await asyncio.sleep(self._look_s / 2)
        finally:
            self._stopped.set()

    def look(self) -> bool:
        """Whether the loop has stood still for too long."""
        if self._beats != self._seen:
            self._seen, self._unchanged = self._beats, 0
            return False
        self._unchanged += 1
        return self._unchanged >= self._looks

    def _look_forever(self) -> None:
        while not self._stopped.wait(self._look_s):
            if self.look():
                # The loop may stand still in a write to a log that nobody reads, and so would this thread.
                words = threading.Thread(target=self._tell, daemon=True)
                words.start()
                words.join(TELL_S)
                self._end(os.EX_SOFTWARE)
                return

    def _tell(self) -> None:
        logger(__name__).critical("the loop stands still: the binder ends", limit_s=self._limit_s)
        self._dump()  # where it stands: places in the code, no values
