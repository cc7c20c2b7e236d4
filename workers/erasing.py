"""A person's number and texts are removed from all that is kept: jobs, texts, messages, events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from smsfleet.config.clock import epoch_ms
from smsfleet.config.masking import mask_number
from smsfleet.store.erasure import Erasure
from smsfleet.store.keys import DAY_MS
from smsfleet.store.search import Search
from smsfleet.workers.campaign_rows import without_number
from smsfleet.workers.outgoing import Outcome, Outgoing
from smsfleet.workers.runtime import Runtime

BATCH = 500
CHUNKS = 50
DAYS = 31
"""So many days back the last job of the number is looked for: an index of it lives no longer."""

Progress = Callable[[int], None]
"""Called with the number of keys looked at since the last call."""


@dataclass
class Erased:
    """What was removed, and what could not be yet."""

    jobs: int = 0
    cancelled: int = 0
    """of these jobs: those that no worker had admitted"""
    open: list[str] = field(default_factory=list)
    """jobs with a segment that is not settled: they need the number until then"""
    named: list[str] = field(default_factory=list)
    """jobs whose id holds the number: ids are not changed"""
    entries: Counter[str] = field(default_factory=Counter)
    """messages, unreadable ones, events, rows of campaigns: how many of each"""


class Eraser:
    """Erases one number, in bounded steps; to run it again does no harm."""

    def __init__(self, runtime: Runtime, number: str, *, clock_ms: Callable[[], int] = epoch_ms) -> None:
        self._clock_ms = clock_ms
        self._runtime = runtime
        self._erasure = Erasure(runtime.keys, number, mask_number(number))
        self._search = Search(runtime.keys)
        self._number = number

    def run(self, progress: Progress = lambda _: None) -> Erased:
        """Erase all that can be; raises StoreUnavailable, then run it again."""
        erased = Erased()
        self._campaigns(
            erased, progress
        )  # first: what a worker makes of a row meanwhile is found among the jobs
        self._jobs(erased, progress)
        self._streams(erased)
        self._parts(erased)
        self._hooked(erased)
        today = self._clock_ms() // DAY_MS
        self._runtime.store.run_all(self._erasure.counters(range(today - DAYS, today + 2)))
        return erased

    def _campaigns(self, erased: Erased, progress: Progress) -> None:
        """Rows that are no jobs yet, or are kept for retries, are refused in place of their number."""
        store, calls, first = self._runtime.store, self._runtime.campaigns, 0
        while campaigns := store.run(calls.begun(first, BATCH)):
            for campaign_id in campaigns:
                taken = store.run(calls.chunks_taken(campaign_id))
                for at in range(1, taken + 1, CHUNKS):
                    numbers = range(at, min(at + CHUNKS, taken + 1))
                    chunks = store.run(calls.chunks(campaign_id, numbers))
                    for number, chunk in zip(numbers, chunks, strict=True):
                        if chunk is not None:
                            erased.entries["rows"] += self._rows(campaign_id, number, chunk)
                    progress(0)
            first += len(campaigns)

    def _rows(self, campaign_id: str, number: int, chunk: bytes) -> int:
        country = self._runtime.settings.default_country_code or None
        text, found = without_number(chunk, self._number, country)
        if not found:
            return 0
        calls = self._runtime.campaigns
        return found * self._runtime.store.run(calls.replace_chunk(campaign_id, number, chunk, text))

    def _jobs(self, erased: Erased, progress: Progress) -> None:
        store, cursor = self._runtime.store, 0
        while True:
            cursor, job_ids = store.run(self._search.scan(cursor, BATCH))
            for found in store.run_all([self._search.outline(job_id) for job_id in job_ids]):
                if found and found.destination == self._number:
                    self._job(found.job_id, erased)
            erased.named += [job_id for job_id in job_ids if self._erasure.is_in(job_id)]
            progress(BATCH)
            if cursor == 0:
                return

    def _job(self, job_id: str, erased: Erased) -> None:
        store = self._runtime.store
        word = store.run(self._erasure.job(job_id))
        if word == "pending" and Outgoing(self._runtime).cancel(job_id, "erased") is Outcome.CANCELLED:
            erased.cancelled += 1
            word = store.run(self._erasure.job(job_id))
        if word == "erased":
            erased.jobs += 1
        elif word != "other":
            erased.open.append(job_id)

    def _streams(self, erased: Erased) -> None:
        store = self._runtime.store
        for name, stream in self._erasure.streams.items():
            after = "-"
            while after:
                after, named = store.run(self._erasure.entries(stream, after, BATCH))
                if named:
                    erased.entries[name] += store.run(self._erasure.delete(stream, named))

    def _parts(self, erased: Erased) -> None:
        store = self._runtime.store
        names = store.run(self._erasure.collecting())
        for first in range(0, len(names), BATCH):
            some = names[first : first + BATCH]
            named = store.run_all([self._erasure.names_it(name) for name in some])
            for name, is_theirs in zip(some, named, strict=True):
                if is_theirs:
                    store.run_all(self._erasure.drop_parts(name))
                    erased.entries["messages"] += 1

    def _hooked(self, erased: Erased) -> None:
        store, cursor = self._runtime.store, 0
        while True:
            cursor, named = store.run(self._erasure.hooked(cursor, BATCH))
            if named:
                erased.entries["events"] += store.run(self._erasure.unhook(named))
            if cursor == 0:
                return
