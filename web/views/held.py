"""Segments of which nobody knows whether the gateway accepted them: an operator decides."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from smsfleet.config.errors import InvalidArgument
from smsfleet.store.doubts import Held
from smsfleet.store.keys import split_ref
from smsfleet.store.records import JobRecord
from smsfleet.tasks.app import runtime
from smsfleet.web.visit import Visit

MOST_SHOWN = 100

TOLD = {
    "queued": "is queued again: the recipient may get it twice.",
    "failed": "is given up: its job says that it may have been delivered.",
    "gone": "is not held any more: nothing is done.",
}
"""The words of release_held.lua."""

_REF = re.compile(r"[A-Za-z0-9_.:-]{1,64}#[0-9]{1,3}")


def listed(visit: Visit) -> Response:
    """The page."""
    return visit.html("held.html", **_values())


def part(visit: Visit) -> str:
    """What of it changes."""
    return visit.part("_held.html", **_values())


def decide(visit: Visit) -> Response:
    """Send a segment again, or give it up."""
    reference, decision = visit.form.get("ref", ""), visit.form.get("decision", "")
    if not _REF.fullmatch(reference):
        raise InvalidArgument(f"{reference!r} is no segment: must be JOB_ID#NUMBER")
    if decision not in ("resend", "fail"):
        raise InvalidArgument(f"{decision!r} is refused: must be resend or fail")
    now = runtime()
    (word,) = now.store.run(now.facts.release_held([reference.encode()], decision))
    visit.note(decision, ref=reference, became=word)
    return visit.go("/held", f"{reference} {TOLD.get(word, word)}")


def _values() -> dict[str, Any]:
    now = runtime()
    segments = now.store.run(now.doubts.held(0, MOST_SHOWN))
    records = now.store.run_each([now.jobs.read(split_ref(segment.ref)[0]) for segment in segments])
    rows = [_row(segment, record) for segment, record in zip(segments, records, strict=True)]
    return {"total": now.store.run(now.doubts.held_count()), "rows": rows}


def _row(segment: Held, record: JobRecord | str | None) -> dict[str, Any]:
    job_id, number = split_ref(segment.ref)
    job = record if isinstance(record, JobRecord) else None
    since = [event.at_ms for event in job.history if event.letter == "U"] if job else []
    return {
        "ref": segment.ref,
        "job_id": job_id,
        "number": number,
        "lane": job.lane if job else "",
        "to": job.destination if job else "",
        "since_ms": since[-1] if since else None,
        "until_ms": segment.until_ms,
    }
