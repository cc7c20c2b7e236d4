"""The search for jobs, and one job with its time-line."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.statuses import APPENDIX_B
from smsfleet.store.keys import LANES
from smsfleet.tasks import cancel as cancel_job
from smsfleet.tasks import job_status
from smsfleet.tasks.app import runtime
from smsfleet.tasks.search import Criteria, find_jobs
from smsfleet.tasks.status import FINAL_STATES, OPEN_STATES, JobStatus
from smsfleet.web.visit import Visit, refusal
from smsfleet.workers.addresses import destination

MOST_SHOWN = 50

PATIENCE_S = 10.0
"""A search looks at every job: after so long it shows what it has found."""

SINCE_S = {"1 hour": 3600, "1 day": 86_400, "7 days": 7 * 86_400}

_one_at_a_time = threading.Lock()


def form(visit: Visit) -> Response:
    """The search, empty."""
    return _search_page(visit)


def search(visit: Visit) -> Response:
    """What was found; a job that is named by its id is shown itself. Numbers stay out of addresses: POST."""
    asked = visit.form
    if job_id := asked.get("job_id", "").strip():
        # Looked up here: what is typed may be a number, and stays out of addresses unless a job has that id.
        return visit.go(f"/jobs/{quote(job_status(job_id).job_id, safe='')}")
    criteria = _criteria(visit)
    if not _one_at_a_time.acquire(blocking=False):
        return refusal(visit, 503, "Somebody else is searching: each search looks at every job. Try again.")
    try:
        until = time.monotonic() + PATIENCE_S
        found, total = find_jobs(criteria, MOST_SHOWN, enough=lambda: time.monotonic() > until)
        whole = time.monotonic() <= until
    finally:
        _one_at_a_time.release()
    return _search_page(visit, found=found, total=total, whole=whole)


def one(visit: Visit) -> Response:
    """A job."""
    return visit.html("job.html", job=_job(visit))


def part(visit: Visit) -> str:
    """What of it changes."""
    return visit.part("_job.html", job=_job(visit))


def cancel(visit: Visit) -> Response:
    """Send nothing more of it."""
    job_id = visit.path["job_id"]
    became = cancel_job(job_id)
    visit.note("cancel", job_id=became.job_id)
    if became.complete:
        told = "Cancelled: nothing of it is sent."
    elif became.cancelled:
        told = f"{len(became.cancelled)} segments are cancelled, {len(became.gone)} had gone."
    else:
        told = "Too late: the gateway has it, and it cannot be called back."
    return visit.go(f"/jobs/{quote(job_id, safe='')}", told)


def _job(visit: Visit) -> JobStatus:
    return job_status(visit.path["job_id"])


def _search_page(visit: Visit, **values: Any) -> Response:
    shown = {"found": None, "total": 0, "whole": True} | values
    return visit.html(
        "jobs.html",
        asked=visit.form,
        states=sorted((*OPEN_STATES, *FINAL_STATES)),
        statuses=list(APPENDIX_B.values()),
        lanes=LANES,
        since=list(SINCE_S),
        **shown,
    )


def _criteria(visit: Visit) -> Criteria:
    asked = visit.form
    to, state, status, lane = (asked.get(name, "").strip() for name in ("to", "state", "status", "lane"))
    if state and state not in (*OPEN_STATES, *FINAL_STATES):
        raise InvalidArgument(f"state {state!r} is refused: there is none of that name")
    if status and status not in {str(number) for number in APPENDIX_B}:
        raise InvalidArgument(f"status {status!r} is refused: there is none of that number")
    if lane and lane not in LANES:
        raise InvalidArgument(f"lane {lane!r} is refused: must be one of {', '.join(LANES)}")
    country_code = runtime().settings.default_country_code or None
    since_s = SINCE_S.get(asked.get("since", ""))
    return Criteria(
        to=destination(to, default_country_code=country_code) if to else "",
        states=frozenset({state} if state else ()),
        statuses=frozenset({int(status)} if status else ()),
        lanes=frozenset({lane} if lane else ()),
        since_ms=epoch_ms() - since_s * 1000 if since_s else 0,
    )
