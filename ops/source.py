"""The account's metrics for a scrape: asked of Redis when somebody scrapes, waited for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from smsfleet.config.errors import StoreError
from smsfleet.ops.account import account_readings
from smsfleet.ops.catalog import Reading
from smsfleet.ops.snapshot import Snapshot

PATIENCE_S = 3.0
"""A silent Redis must not make the scrape fail: the process' own metrics are told without the account's."""

FRESH_S = 1.0
"""However many ask, Redis is asked once in this time."""


class AccountSource:
    """What `take` finds, as readings, while `telling()`; `take` may raise StoreError. Safe to share."""

    def __init__(
        self,
        take: Callable[[], Snapshot],
        telling: Callable[[], bool] = lambda: True,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._take = take
        self._telling = telling
        self._patience_s = patience_s
        self._clock = clock
        self._asker = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._asked: Future[Snapshot] | None = None
        self._asked_at = 0.0

    def __call__(self) -> Iterator[Reading]:
        """The account's readings; without a Redis that answers only that there is none."""
        if not self._telling():
            return
        try:
            now = self._ask().result(self._patience_s)
        except (StoreError, TimeoutError):
            yield "smsfleet_store_up", (), 0
        else:
            yield "smsfleet_store_up", (), 1
            yield from account_readings(now)

    def _ask(self) -> Future[Snapshot]:
        asked, now = self._asked, self._clock()
        if asked is None or (asked.done() and now - self._asked_at >= FRESH_S):
            asked = self._asked = self._asker.submit(self._take)
            self._asked_at = now
        return asked

    def close(self) -> None:
        """Ask no more."""
        self._asker.shutdown(wait=False, cancel_futures=True)
