"""What a worker counts, batch by batch, for its exporter; since the process started."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smsfleet.ops.histogram import SIZES, Histogram

if TYPE_CHECKING:
    from smsfleet.ops.catalog import Reading

RELAY, DUTIES = "relay", "duties"

STUCK_S = 120.0
"""A thread that has not done a round for so long is stuck: the longest wait for Redis ends after 10 s."""

READY_S = 30.0


class Counts:
    """Shared by the threads of a worker; a lock for each batch, nothing for each message."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, int] = {}
        self._facts: dict[str, int] = {}
        self._behind_s: dict[str, float] = {}
        self._batches = {"handle": Histogram(SIZES), "admit": Histogram(SIZES)}
        self._waited_s = 0.0
        self._waiting = 0
        self._ended = {"reconciled": 0, "unconfirmed": 0}
        self._rounds: dict[str, float] = {}
        self._asked_at = -math.inf

    def handled(self, outcomes: Iterable[str]) -> None:
        """A batch of jobs was handled: the outcome of each."""
        counted = Counter(outcomes)
        with self._lock:
            self._batches["handle"].add(counted.total())
            for outcome, count in counted.items():
                self._jobs[outcome] = self._jobs.get(outcome, 0) + count

    def admitted(self, jobs: int) -> None:
        """One script was asked to admit so many jobs."""
        with self._lock:
            self._batches["admit"].add(jobs)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A batch waits for the account's rate as long as the block runs."""
        began = self._clock()
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._waited_s += self._clock() - began

    def read(self, fact: str, count: int, behind_s: float | None = None) -> None:
        """Facts of a kind were read; the oldest of them came so long ago."""
        with self._lock:
            self._facts[fact] = self._facts.get(fact, 0) + count
            if behind_s is not None:
                self._behind_s[fact] = max(0.0, behind_s)

    def count(self, what: str, many: int = 1) -> None:
        """Segments were `reconciled` or `unconfirmed`."""
        with self._lock:
            self._ended[what] += many

    def came_round(self, thread: str) -> None:
        """A thread has done a round, or is about to: RELAY or DUTIES."""
        self._rounds[thread] = self._clock()

    def asked(self) -> None:
        """The store gave the relay what there was to apply, if anything."""
        self._asked_at = self._clock()

    # --- for the exporter ----------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """Everything that was counted."""
        from smsfleet.ops.catalog import FACTS, OUTCOMES  # noqa: PLC0415 - applications count, and tell nobody

        with self._lock:
            jobs, facts = dict.fromkeys(OUTCOMES, 0) | self._jobs, dict.fromkeys(FACTS, 0) | self._facts
            found: list[Reading] = [
                *(("smsfleet_worker_jobs_total", (name,), count) for name, count in jobs.items()),
                *(("smsfleet_worker_batch_jobs", (step,), sizes) for step, sizes in self._batches.items()),
                ("smsfleet_worker_rate_wait_seconds_total", (), self._waited_s),
                ("smsfleet_worker_rate_waiting", (), self._waiting),
                *(("smsfleet_worker_facts_total", (fact,), count) for fact, count in facts.items()),
                *(
                    ("smsfleet_worker_facts_behind_seconds", (fact,), behind_s)
                    for fact, behind_s in self._behind_s.items()
                ),
                *((f"smsfleet_worker_{what}_total", (), count) for what, count in self._ended.items()),
            ]
        yield from found
        for thread, age_s in self._ages_s().items():
            yield "smsfleet_worker_thread_age_seconds", (thread,), age_s

    def alive(self) -> tuple[bool, str]:
        """False when only a restart helps. A Redis that is away is no reason for one."""
        for thread, age_s in self._ages_s().items():
            if age_s > STUCK_S:
                return False, f"stuck: the {thread} has done nothing for {age_s:.0f} s"
        return True, "alive"

    def ready(self) -> tuple[bool, str]:
        """Whether facts are applied."""
        if self._clock() - self._asked_at > READY_S:
            return False, "no facts are applied: Redis is away, or this worker only starts"
        return True, "facts are applied"

    def _ages_s(self) -> dict[str, float]:
        now = self._clock()
        return {thread: now - at for thread, at in dict(self._rounds).items()}
