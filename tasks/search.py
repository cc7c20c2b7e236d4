"""Finding jobs by what is known of them: a walk through all of them, in bounded steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappush, heappushpop

from smsfleet.store.records import JobRecord
from smsfleet.store.search import Outline, Search
from smsfleet.tasks.app import runtime
from smsfleet.tasks.status import JobStatus, of_record

BATCH = 500


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a job must be; an empty one takes any."""

    to: str = ""
    states: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    lanes: frozenset[str] = frozenset()
    since_ms: int = 0
    until_ms: int | None = None

    def may_be(self, job: Outline) -> bool:
        """Whether the job can still fit: its state is not known yet."""
        return (
            self.to in ("", job.destination)
            and (not self.statuses or job.status in self.statuses)
            and (not self.lanes or job.lane in self.lanes)
            and self.since_ms <= job.created_ms
            and (self.until_ms is None or job.created_ms < self.until_ms)
        )


def find_jobs(
    criteria: Criteria,
    limit: int,
    progress: Callable[[int, int], None] = lambda _keys, _found: None,
    *,
    enough: Callable[[], bool] = lambda: False,
) -> tuple[list[JobStatus], int]:
    """The newest `limit` jobs that fit, the newest first, and how many fit in all.

    Looks at every job: on a large account that takes a while, and costs the server about as much as reading
    them one by one. `progress` is called with the keys looked at and the jobs found, since the last call.
    Once `enough()` is true no further jobs are looked at.
    """
    now, cursor = runtime(), 0
    search = Search(now.keys)
    newest: list[tuple[int, str, JobRecord]] = []
    seen: set[str] = set()
    while True:
        cursor, job_ids = now.store.run(search.scan(cursor, BATCH))
        outlines = now.store.run_each([search.outline(job_id) for job_id in job_ids])
        fitting = [job for job in outlines if job and job.job_id not in seen and criteria.may_be(job)]
        before = len(seen)
        if len(newest) == limit and not criteria.states:  # of the older ones only their number is wanted
            seen |= {job.job_id for job in fitting}
            fitting = [job for job in fitting if job.created_ms > newest[0][0]]
        for record in now.store.run_each([now.jobs.read(job.job_id) for job in fitting]):
            if not isinstance(record, JobRecord):
                continue
            if criteria.states and of_record(record).state not in criteria.states:
                continue
            seen.add(record.job_id)
            entry = (record.created_ms, record.job_id, record)
            if len(newest) < limit:
                heappush(newest, entry)
            else:
                heappushpop(newest, entry)
        progress(BATCH, len(seen) - before)
        if cursor == 0 or enough():
            return [of_record(record) for _, _, record in sorted(newest, reverse=True)], len(seen)
