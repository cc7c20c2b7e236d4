"""What the store is asked to admit for a job: submit_sm bodies, policy, quota, who is called about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from smsfleet.store.jobs import Admission, Quota
from smsfleet.store.outbox import ACCOUNT
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.segments import Segmented
from smsfleet.workers.submit import SubmitOptions, bodies
from smsfleet.workers.tariff import Price, tariff_of
from smsfleet.workers.times import absolute_time, validity_period

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings
    from smsfleet.workers.runtime import Runtime

SOON_MS = 10_000
"""A message that is due so soon is not scheduled: the gateway refuses a time that is over (0x61)."""


class Encoded(NamedTuple):
    """A job's request and the segments of its text."""

    job_id: str
    request: SmsRequest
    segmented: Segmented


def admission_of(job: Encoded, reference: int | None, settings: Settings, *, now_ms: int) -> Admission:
    """What admit.lua is asked for a job; `reference` is that of a text of several parts.

    Raises InvalidArgument or EncodeError for what cannot be put into submit_sm.
    """
    request, segmented = job.request, job.segmented
    if reference is not None:
        segmented = segmented.with_reference(reference)
    price = tariff_of(settings.tariff).price(request.to)
    due_ms = request.options.schedule_ms
    is_scheduled = due_ms is not None and due_ms > now_ms + SOON_MS
    options = SubmitOptions(
        destination=request.to,
        source=request.sender,
        validity_period=validity_period(request.validity_s) if request.validity_s else "",
        schedule_delivery_time=absolute_time(due_ms) if due_ms and is_scheduled else "",
        long_messages=request.long_messages,
        wire=request.options,
    )
    return Admission(
        job_id=job.job_id,
        lane=request.lane,
        on_ambiguous=request.on_ambiguous or settings.on_ambiguous(request.lane),  # type: ignore[arg-type]
        max_ambiguous=1,
        deadline_ms=request.deadline_ms,
        bodies=bodies(options, segmented),
        replaced=segmented.replaced,
        receipts=request.options.registered_delivery != "none",
        quota=_quota(request, segmented, settings, price) if request.client else None,
        callback=request.callback or _account_of(settings),
        price=price.packed,
    )


def _quota(request: SmsRequest, segmented: Segmented, settings: Settings, price: Price) -> Quota:
    cap = settings.caps.get(request.client)
    return Quota(request.client, segmented.segments * price.thirds, None if cap is None else 3 * cap)


def next_references(runtime: Runtime, destinations: Mapping[str, str]) -> dict[str, int]:
    """A concatenation reference for each text of several parts, by what names it; no round trip for none."""
    if not destinations:
        return {}
    modulus = 256**runtime.settings.reference_octets
    numbers = runtime.store.run(runtime.jobs.next_references([*destinations.values()], modulus))
    return dict(zip(destinations, numbers, strict=True))


def called_about(content: bytes | None, settings: Settings) -> str:
    """Who is called about a job, as the store keeps it; its content may be gone or unreadable."""
    try:
        own = json.loads(content or b"{}").get("callback")
    except (ValueError, AttributeError):
        own = None
    return own if isinstance(own, str) and own else _account_of(settings)


def _account_of(settings: Settings) -> str:
    return ACCOUNT if settings.callback else ""
