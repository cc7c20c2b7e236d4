"""What became of each row of a campaign, read in bounded steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from smsfleet.store.campaign_records import CampaignRecord
from smsfleet.store.campaigns import LISTED_REFUSALS
from smsfleet.store.records import JobRecord
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign import Refusal, refusal_of
from smsfleet.tasks.status import of_record

BATCH = 500


@dataclass(frozen=True, slots=True)
class Result:
    """One row, with its last job."""

    row: int
    """from 1"""
    job_id: str
    """for `job_status`; a row that is no job yet will have this id"""
    to: str | None
    """None: it is no job"""
    state: str
    """as of `job_status`; PENDING: no job yet, REFUSED, CANCELLED: it will not become one"""
    status: int | None
    final: bool
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def job_id_of(campaign_id: str, row: int, tried: int = 1) -> str:
    """The id of a row's job; `tried`: 2 for its first retry."""
    return f"{campaign_id}:{row}" + (f".{tried}" if tried > 1 else "")


def results(found: CampaignRecord) -> Iterator[Result]:
    """What became of each row that was taken, in their order."""
    for _, result in records(found):
        yield result


def records(found: CampaignRecord) -> Iterator[tuple[JobRecord | None, Result]]:
    """Each row's last job, and what it says."""
    now = runtime()
    for first in range(1, found.rows + 1, BATCH):
        rows = range(first, min(first + BATCH, found.rows + 1))
        tries = now.store.run(now.campaigns.tries(found.campaign_id, rows))
        ids = [job_id_of(found.campaign_id, row, tried) for row, tried in zip(rows, tries, strict=True)]
        jobs = now.store.run_each([now.jobs.read(job_id) for job_id in ids])
        refused = _refused(found, rows) if any(job is None for job in jobs) else {}
        for row, job_id, job in zip(rows, ids, jobs, strict=True):
            if isinstance(job, JobRecord):
                status = of_record(job)
                yield (
                    job,
                    Result(
                        row, job_id, job.destination, status.state, status.status, status.final, status.error
                    ),
                )
            else:
                yield None, _without_job(found, row, job_id, refused.get(row))


def _refused(found: CampaignRecord, rows: range) -> dict[int, Refusal]:
    now = runtime()
    call = now.campaigns.refusals(found.campaign_id, str(rows.start - 1), len(rows))
    refusals = [refusal_of(line)[1] for line in now.store.run(call)]
    return {refusal.row: refusal for refusal in refusals}


def _without_job(found: CampaignRecord, row: int, job_id: str, refusal: Refusal | None) -> Result:
    if refusal is not None:
        return Result(row, job_id, None, "REFUSED", 5, True, f"{refusal.code}: {refusal.reason}")
    if found.stopped == "c":
        return Result(row, job_id, None, "CANCELLED", 6, True, "cancelled: with its campaign")
    if found.refused > LISTED_REFUSALS and (row - 1) // found.chunk_rows < found.given_out - found.in_play:
        return Result(row, job_id, None, "REFUSED", 5, True, "too many were refused: its reason is not kept")
    return Result(row, job_id, None, "PENDING", None, False, None)
