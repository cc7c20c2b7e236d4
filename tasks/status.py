"""What became of a job, as applications see it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from smsfleet.config.codes import Reaction, command_status
from smsfleet.config.errors import UnknownJob
from smsfleet.config.spans import span
from smsfleet.config.statuses import message_status
from smsfleet.store.calls import Call
from smsfleet.store.records import Event, JobRecord, SegmentRecord
from smsfleet.tasks.app import runtime
from smsfleet.workers.request import is_key
from smsfleet.workers.states import FINAL_STATES, OPEN_STATES, Part, of_reason, part, together

__all__ = [
    "FINAL_STATES",
    "OPEN_STATES",
    "JobStatus",
    "SegmentStatus",
    "TimelineEntry",
    "job_status",
    "of_record",
]

Read = JobRecord | str | None

_LINES = {
    "Q": ("worker", "queued"),
    "S": ("binder", "sending"),
    "A": ("response", "accepted"),
    "X": ("response", "refused"),
    "D": ("receipt", "receipt"),
    "I": ("query", "asked by query_sm"),
    "J": ("timer", "closed at 003: no handset confirmation came"),
    "U": ("binder", "outcome unknown: the link was lost before the answer"),
    "F": ("policy", "failed: it may have been delivered"),
    "E": ("binder", "validity over before it was sent"),
    "C": ("binder", "cancelled"),
    "T": ("timer", "hold over: queued again"),
    "O": ("operator", "queued again"),
    "G": ("operator", "given up: it may have been delivered"),
    "K": ("application", "cancelled"),
    "L": ("policy", "cancelled: not sent"),
    "P": ("timer", "due: published"),
    "B": ("worker", "set aside"),
    "N": ("operator", "published again"),
    "Y": ("operator", "dropped"),
    "M": ("receipt", "accepted: no other segment to its number was in doubt"),
}


@dataclass(frozen=True, slots=True)
class SegmentStatus:
    """One submit_sm of a job."""

    number: int
    state: str
    status: int | None
    status_name: str | None
    message_id: str
    """the SMSC's, opaque; empty before the segment is accepted"""
    attempts: int
    error: str | None
    """the last refusal, code, name and meaning of Appendix A"""
    ambiguous: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Who said what, and when."""

    at: datetime
    source: str
    """application, worker, binder, response, receipt, query, timer, operator or policy"""
    event: str
    segment: int | None
    """None for a job of one segment"""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job and its Clickatell status."""

    job_id: str
    state: str
    """one of OPEN_STATES or FINAL_STATES"""
    final: bool
    status: int | None
    """Appendix B number, None before the gateway has spoken; 012 also while it waits for credit"""
    status_name: str | None
    error: str | None
    """why it was refused or rejected, or what the last attempt was answered"""
    to: str
    lane: str
    client: str | None
    """the application that it is counted for, once it was admitted"""
    created: datetime
    segments: tuple[SegmentStatus, ...]
    timeline: tuple[TimelineEntry, ...]
    ambiguous: int
    """how often nobody could know whether a segment was accepted; above 0 a duplicate is possible"""
    duplicates: int
    """acceptances beyond the first of a segment"""
    receipts: bool
    """False: none was asked for, by the job or because the bind is a transmitter only, and none will come"""
    replaced: int
    """places of the text that transliteration changed"""
    at: datetime | None
    """when a scheduled job is due"""

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON: times in ISO 8601, UTC."""
        values = asdict(self)
        values["created"] = self.created.isoformat()
        values["at"] = self.at and self.at.isoformat()
        for entry in values["timeline"]:
            entry["at"] = entry["at"].isoformat()
        return values


def job_status(job_id: str) -> JobStatus:
    """What became of a job, by the id of `send_sms.delay(...)` or by its idempotency key.

    Raises UnknownJob when there is no such job (any more), StoreUnavailable when Redis does not answer,
    RecordError when the job is damaged.
    """
    steps = reading(job_id)
    try:
        call = next(steps)
        while True:
            call = steps.send(runtime().store.run(call))
    except StopIteration as done:
        found: JobStatus = done.value
        return found


def reading(job_id: str) -> Generator[Call[Read], Read, JobStatus]:
    """The steps of `job_status`, for whoever runs calls in another way: send each reply into it.

    Returns the status; raises UnknownJob.
    """
    now = runtime()
    record = (yield now.jobs.read(job_id)) if is_key(job_id) else None
    if isinstance(record, str):  # an alias; aliases never point to aliases
        record = yield now.jobs.read(record)
    if not isinstance(record, JobRecord):
        raise no_job(job_id)
    return of_record(record)


def no_job(job_id: str) -> UnknownJob:
    """The error for an id that is no job's."""
    kept = span(runtime().settings.job_ttl_s)
    return UnknownJob(f"no job {job_id!r}: never taken in, or older than {kept}")


def of_record(record: JobRecord) -> JobStatus:
    """The public form of a stored job."""
    segments = tuple(_segment(segment) for segment in record.segments)
    state = _job_state(record)
    errors = [segment.error for segment in segments if segment.error]
    status = _waits_for(record) if record.status is None else record.status
    return JobStatus(
        job_id=record.job_id,
        state=state,
        final=state in FINAL_STATES,
        status=status,
        status_name=None if status is None else message_status(status).name,
        error=_reason(record) or (errors[-1] if errors else None),
        to=record.destination,
        lane=record.lane,
        client=record.client,
        created=_time(record.created_ms),
        segments=segments,
        timeline=(
            TimelineEntry(_time(record.created_ms), "application", "taken in", None),
            *(_line(event) for event in record.history),
        ),
        ambiguous=sum(segment.ambiguous for segment in record.segments),
        duplicates=sum(segment.duplicates for segment in record.segments),
        receipts=record.receipts
        and not any(event.letter == "S" and event.code == 0 for event in record.history),
        replaced=record.replaced,
        at=None if record.due_ms is None else _time(record.due_ms),
    )


def _part(record: SegmentRecord) -> Part:
    return part(record.state, record.status)


def _segment(record: SegmentRecord) -> SegmentStatus:
    state, shown = _part(record)
    if shown is None:
        shown = _credit(record)
    return SegmentStatus(
        number=record.number,
        state=state,
        status=shown,
        status_name=None if shown is None else message_status(shown).name,
        message_id=record.message_id,
        attempts=record.attempt,
        error=None if record.error is None else _last_error(record, record.error),
        ambiguous=record.ambiguous,
        duplicates=record.duplicates,
    )


def _job_state(record: JobRecord) -> str:
    if record.refusal is not None:
        return of_reason(record.refusal)
    if not record.segments:
        waits = record.due_ms is not None and not any(event.letter == "P" for event in record.history)
        return "SCHEDULED" if waits else "PENDING"
    return together([_part(segment) for segment in record.segments], record.status)


def _reason(record: JobRecord) -> str | None:
    """Why it never became segments; of one that is set aside the reason behind that."""
    return None if record.refusal is None else record.refusal.removeprefix("aside: ")


def _line(event: Event) -> TimelineEntry:
    source, words = _LINES.get(event.letter, ("?", event.letter))
    if event.letter in ("A", "D", "I") and event.code is not None:
        words = f"{words}: {message_status(event.code).label}"
    if event.letter == "S" and event.code == 0:
        words = f"{words}, without a receipt: the account is bound as a transmitter only"
    if event.letter == "X":
        source, words = (
            ("worker", words) if event.code is None else (source, f"{words}: {_error(event.code)}")
        )
    if event.raw:
        words = f"{words} ({event.raw})"
    return TimelineEntry(_time(event.at_ms), source, words, event.segment)


def _waits_for(record: JobRecord) -> int | None:
    """012 while a segment waits because the account is out of credit: not a status of the gateway's yet."""
    return next(filter(None, map(_credit, record.segments)), None)


def _credit(record: SegmentRecord) -> int | None:
    if record.state not in "QW" or record.error is None:
        return None
    row = command_status(record.error)
    return row.shown_status if row.reaction is Reaction.ACCOUNT else None


def _last_error(record: SegmentRecord, code: int) -> str:
    """The last refusal; of a segment whose tries are used up, how many they were."""
    if record.state == "R" and record.tries and command_status(code).retryable:
        return f"given up after {record.tries} refused tries, the last: {_error(code)}"
    return _error(code)


def _error(code: int) -> str:
    row = command_status(code)
    return f"{row.label}: {row.description}"


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
