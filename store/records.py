"""A job as it is stored: the reading of its hash. Its writing is in the Lua scripts (lib_job.lua)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from smsfleet.config.errors import RecordError
from smsfleet.store.forms import damaged_job
from smsfleet.store.packed import unpack_id, unpack_said

LANE_LETTER = {"high": "h", "normal": "n", "bulk": "b"}
LANE_OF_LETTER = {letter: lane for lane, letter in LANE_LETTER.items()}

POLICY_LETTER = {"resend": "R", "hold": "H", "hold_then_resend": "D", "fail": "F"}
POLICY_OF_LETTER = {letter: policy for policy, letter in POLICY_LETTER.items()}


def pack_policy(on_ambiguous: str, max_ambiguous: int) -> str:
    """What stands behind the lane's letter: the policy's, and the limit unless that is 1."""
    return POLICY_LETTER[on_ambiguous] + (str(max_ambiguous) if max_ambiguous != 1 else "")


LATEST_MS = 253_402_300_799_000
"""The end of the year 9999: no date is behind it."""

_SEGMENT = re.compile(r"([QWSHARFECN])(\d*),(\d*),(\d*),(\d*),(\d*),(\d*),(.*)", re.DOTALL)
_EVENT = re.compile(r"(~)?(\d+)(?:#(\d+))?([A-Z])(\d*)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """One segment: a submit_sm of the job."""

    number: int
    state: str
    """Q W S H A R F E C, as in lib_job.lua"""
    attempt: int
    status: int | None
    """what is known from the gateway; for a rejected one the status it is shown with"""
    error: int | None
    """command_status of the last refusal"""
    tries: int
    ambiguous: int
    duplicates: int
    message_id: str
    """opaque; decoded as Latin-1, so that every octet is kept"""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history."""

    at_ms: int
    """milliseconds since the epoch, by the server's clock"""
    segment: int | None
    letter: str
    code: int | None
    raw: str
    after_gap: bool = False
    """True when older lines before this one were cut"""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job's hash, read."""

    job_id: str
    created_ms: int
    destination: str
    lane: str
    policy: str | None
    deadline_ms: int | None
    """0: it was cancelled when it had segments"""
    status: int | None
    """the Appendix B number that the job is shown with"""
    refusal: str | None
    """`code: message` of a job that never became segments"""
    segments: tuple[SegmentRecord, ...]
    history: tuple[Event, ...]
    replaced: int = 0
    """places of the text that transliteration changed"""
    receipts: bool = True
    """False: the job asked for none"""
    client: str | None = None
    """the application that the job is counted for"""
    due_ms: int | None = None
    """when a scheduled job is to be published"""


def read_job(job_id: str, reply: Any) -> JobRecord | str | None:
    """Read a job's HGETALL: the record, the id of the job that this id is an alias of, or None.

    Raises RecordError when the hash is not of this version's form.
    """
    fields: dict[str, str] = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in zip(reply[::2], reply[1::2], strict=True)
    }
    if not fields:
        return None
    if "=" in fields:
        return fields["="]
    try:
        count = int(fields.get("n", "1")) if "1" in fields else 0
        created_ms = int(fields["c"])
        if not 0 <= created_ms <= LATEST_MS:
            raise ValueError(f"it was taken in at {created_ms} ms, which is no date")  # noqa: TRY301
        lane, policy = fields["l"][:1], fields["l"][1:2]
        return JobRecord(
            job_id=job_id,
            created_ms=created_ms,
            destination=fields["t"],
            lane=LANE_OF_LETTER[lane],
            policy=POLICY_OF_LETTER[policy] if policy else None,
            deadline_ms=_number(fields.get("x", "")),
            status=_number(fields.get("s", "")),
            refusal=reply_text(fields.get("e")),
            segments=tuple(read_segment(number, fields[str(number)]) for number in range(1, count + 1)),
            history=read_history(created_ms, fields.get("h", "")),
            replaced=int(fields.get("r", "0")),
            receipts=fields.get("d") != "0",
            client=fields.get("g"),
            due_ms=_number(fields.get("a", "")),
        )
    except KeyError as error:
        raise damaged_job(job_id, f"its field {error} is missing or of no meaning") from error
    except (ValueError, RecordError) as error:
        raise damaged_job(job_id, str(error)) from error


def reply_text(latin: str | None) -> str | None:
    """A text that was written as UTF-8 and read as Latin-1."""
    return None if latin is None else latin.encode("latin-1").decode("utf-8", "replace")


def read_segment(number: int, packed: str) -> SegmentRecord:
    """Read one packed segment; raises RecordError."""
    match = _SEGMENT.fullmatch(packed)
    if match is None:
        raise RecordError(f"segment {number} cannot be read: {packed[:80]!r}")
    state, attempt, status, error, tries, ambiguous, duplicates, message_id = match.groups()
    return SegmentRecord(
        number=number,
        state=state,
        attempt=int(attempt or 0),
        status=_number(status),
        error=_number(error),
        tries=int(tries or 0),
        ambiguous=int(ambiguous or 0),
        duplicates=int(duplicates or 0),
        message_id=unpack_id(message_id.encode("latin-1")).decode("latin-1"),
    )


def read_history(created_ms: int, packed: str) -> tuple[Event, ...]:
    """Read the history field."""
    events = []
    for line in packed.split(";"):
        match = _EVENT.fullmatch(line)
        if match:
            gap, elapsed, segment, letter, digits, raw = match.groups()
            code = _number(digits)
            events.append(
                Event(
                    created_ms + int(elapsed),
                    _number(segment or ""),
                    letter,
                    code,
                    unpack_said(code, raw).strip(),
                    gap is not None,
                )
            )
    return tuple(events)


def _number(text: str) -> int | None:
    return int(text) if text else None
