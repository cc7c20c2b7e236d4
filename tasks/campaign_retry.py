"""Another try for those recipients of a campaign that did not get it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from smsfleet.config.errors import InvalidArgument
from smsfleet.store.campaign_records import CampaignRecord
from smsfleet.store.records import JobRecord
from smsfleet.store.server import server_time_ms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.campaign import check_states
from smsfleet.tasks.campaign_results import records
from smsfleet.tasks.campaign_start import put
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.templates import Template


def retry(found: CampaignRecord, states: Collection[str]) -> int:
    """Take rows whose last job ended in one of these states for another try; how many."""
    check_states(states)
    request = _common(found)
    has_fields = bool(Template(request.text).fields)
    number, taken = found.chunks, 0
    batch: list[tuple[int, int, Any]] = []
    for row, tried, value in _failed(found, states, has_fields=has_fields):
        batch.append((row, tried + 1, value))
        if len(batch) == found.chunk_rows:
            number, taken = number + 1, taken + _take(found, number + 1, batch)
            batch = []
    if batch:
        taken += _take(found, number + 1, batch)
    return taken


def _common(found: CampaignRecord) -> SmsRequest:
    now = runtime()
    content = now.store.run(now.campaigns.content(found.campaign_id))
    if content is None:
        raise InvalidArgument(f"campaign {found.campaign_id} cannot be tried again: it is gone")
    request = SmsRequest.from_json(content)
    if not found.submitted:
        raise InvalidArgument(f"campaign {found.campaign_id} cannot be tried again: its rows are being taken")
    if found.stopped == "c":
        raise InvalidArgument(f"campaign {found.campaign_id} cannot be tried again: it is cancelled")
    deadline = request.deadline_ms
    if deadline is not None and now.store.run(server_time_ms()) >= deadline:
        raise InvalidArgument(
            f"campaign {found.campaign_id} cannot be tried again: its validity is over, start another one"
        )
    return request


def _failed(
    found: CampaignRecord, states: Collection[str], *, has_fields: bool
) -> Iterator[tuple[int, int, Any]]:
    """Row, number of its last try, and its value as a chunk keeps it."""
    at, rows = 0, []
    for job, result in records(found):
        if not isinstance(job, JobRecord) or result.state not in states:
            continue
        tried = int(result.job_id.partition(".")[2] or 1)
        if not has_fields:
            yield result.row, tried, job.destination
            continue
        number = (result.row - 1) // found.chunk_rows + 1
        if number != at:
            at, rows = number, _rows_of(found, number)
        yield result.row, tried, rows[(result.row - 1) % found.chunk_rows]


def _rows_of(found: CampaignRecord, number: int) -> list[Any]:
    now = runtime()
    (chunk, _), _ = now.store.run_all(now.campaigns.chunk(found.campaign_id, number))
    if chunk is None:
        raise InvalidArgument(
            f"campaign {found.campaign_id} cannot be tried again: the fields of its text are kept for "
            f"{now.settings.text_ttl_s} s (SMSFLEET_TEXT_TTL_S)"
        )
    rows: list[Any] = json.loads(chunk)["r"]
    return rows


def _take(found: CampaignRecord, number: int, batch: list[tuple[int, int, Any]]) -> int:
    names = [f"{row}.{tried}" for row, tried, _ in batch]
    chunk = json.dumps({"r": [value for *_, value in batch], "i": names}, ensure_ascii=False)
    taken = put(
        found.campaign_id,
        number,
        len(batch),
        chunk,
        kind="retry",
        tries=[(row, tried) for row, tried, _ in batch],
        digest=found.digest,
    )
    if not taken:
        raise InvalidArgument(
            f"campaign {found.campaign_id} is being tried again by somebody else: run it later"
        )
    return len(batch)
