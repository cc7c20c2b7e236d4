"""Cancelling a job: nothing more of it is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from smsfleet.tasks.app import runtime
from smsfleet.tasks.status import no_job
from smsfleet.workers.request import is_key

REQUESTED = "by request"


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What became of a job that was cancelled; asking again gives the same or a later answer."""

    job_id: str
    complete: bool
    """True: nothing of it was sent, and nothing will be"""
    cancelled: tuple[int, ...]
    """the numbers of the segments that will never be sent; none for a job that had no segments yet"""
    gone: tuple[int, ...]
    """segments that the gateway has, or that are on their way to it: a refused one is not sent again"""
    unknown: tuple[int, ...]
    """segments of which nobody knows whether the gateway has them; they are not sent again"""
    ended: tuple[int, ...]
    """segments that were rejected or had expired before"""

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def cancel(job_id: str) -> Cancellation:
    """Send nothing more of a job, named by its id or its idempotency key.

    A job that is not admitted yet, or scheduled, becomes CANCELLED at once. So do its segments that wait; one
    that may have been delivered already becomes FAILED_UNKNOWN. What the gateway has cannot be called back:
    its API has no such operation (guide §8). Raises UnknownJob, StoreUnavailable, and
    RecordError for a damaged job, of which what waits and can be read is cancelled all the same.
    """
    from smsfleet.workers.outgoing import cancel_job  # noqa: PLC0415 - senders that never cancel need it not

    first, states = cancel_job(runtime(), job_id, REQUESTED) if is_key(job_id) else (job_id, "")
    if not states:
        raise no_job(job_id)
    if states in ("c", "x"):
        return Cancellation(first, states == "c", (), (), (), ())

    def among(letters: str) -> tuple[int, ...]:
        return tuple(number for number, state in enumerate(states, start=1) if state in letters)

    return Cancellation(first, set(states) == {"C"}, among("C"), among("SA"), among("F"), among("RE"))


async def acancel(job_id: str) -> Cancellation:
    """`cancel` for asyncio applications."""
    import asyncio  # noqa: PLC0415

    return await asyncio.to_thread(cancel, job_id)
