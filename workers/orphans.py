"""Receipts that wait for the answer to their submit_sm are bounded: a gateway can send any number of them."""

from __future__ import annotations

import time

from smsfleet.config.logs import logger
from smsfleet.config.repeats import Repeats
from smsfleet.workers.runtime import Runtime

BATCH = 100
MOST_BATCHES = 20
"""After a limit was lowered there may be a million to give up: the relay has other work too."""

SAID_EVERY_S = 60.0


class Orphans:
    """The bound of one relay; with several, each may exceed it by its last batch for a moment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._given_up = 0
        self._lines = Repeats(1, SAID_EVERY_S)
        self._log = logger(__name__)

    def bound(self) -> None:
        """Give up the oldest beyond `orphan_limit`; to be called when some were added.

        The oldest, not the newest: an answer follows its receipt in seconds, so who waits for days most
        likely waits for ever.
        """
        store, facts = self._runtime.store, self._runtime.facts
        limit = self._runtime.settings.orphan_limit
        before = self._given_up
        for _ in range(MOST_BATCHES):
            waiting, oldest = store.run_all(facts.orphans(BATCH))
            if waiting <= limit:
                break
            given_up = store.run(facts.give_up_orphans(oldest[: waiting - limit], limit))
            self._given_up += given_up
            if not given_up:  # others were faster
                break
        if self._given_up > before and self._lines.ask("given up", time.monotonic()) is not None:
            self._log.error(
                "too many receipts wait for the answers to their submit_sm: the oldest are given up, and kept"
                " in the stream `strays`",
                limit=limit,
                given_up=self._given_up,
            )
