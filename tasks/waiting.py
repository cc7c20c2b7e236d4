"""Waiting for the status of a job: the server speaks when it changes, nobody asks again and again."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from smsfleet.config.errors import StillOpen
from smsfleet.tasks.app import runtime
from smsfleet.tasks.status import JobStatus, job_status, reading

if TYPE_CHECKING:
    from smsfleet.store.client import AsyncStore

LOOK_AGAIN_S = 10.0
"""How long a wait trusts that it hears of each change: a connection may be lost and made again unheard."""


def wait_for_status(job_id: str, timeout: float, *, final: bool = True) -> JobStatus:
    """The job's status once nothing more is expected; with `final=False` once the gateway has spoken.

    `timeout` in seconds. A wait has a connection of its own, and costs the server nothing until the job
    changes. Raises StillOpen (a TimeoutError) when the time is over, UnknownJob, StoreUnavailable.
    """
    with closing(changes(job_id, timeout)) as found_ones:
        for found in found_ones:
            if _is_enough(found, final=final):
                return found
    raise StillOpen(_still_open(job_id, timeout))


async def await_status(job_id: str, timeout: float, *, final: bool = True) -> JobStatus:  # noqa: ASYNC109
    """`wait_for_status` for asyncio applications: the loop goes on meanwhile. Raises the same."""
    # The timeout is not that of a call that hangs: it is how long the job is given, so it is an argument.
    async with aclosing(_changes(job_id, timeout)) as found_ones:
        async for found in found_ones:
            if _is_enough(found, final=final):
                return found
    raise StillOpen(_still_open(job_id, timeout))


def changes(
    job_id: str, timeout: float, *, look_again_s: float = LOOK_AGAIN_S
) -> Generator[JobStatus, None, None]:
    """The job as it is, and again when its status changes, until it is final or the time is over.

    The same may come twice. Raises UnknownJob, StoreUnavailable.
    """
    deadline = time.monotonic() + timeout
    found = job_status(job_id)
    yield found
    if found.final or timeout <= 0:
        return
    now = runtime()
    with now.store.listening([now.keys.channel(found.job_id)]) as heard:
        now.store.run(now.jobs.watch(found.job_id))
        while True:
            found = job_status(found.job_id)  # what changed before the watch is seen here
            yield found
            left_s = deadline - time.monotonic()
            if found.final or left_s <= 0:
                return
            heard.wait(min(left_s, look_again_s))


async def _changes(job_id: str, timeout: float) -> AsyncGenerator[JobStatus, None]:  # noqa: ASYNC109
    from smsfleet.store.client import AsyncStore  # noqa: PLC0415 - redis costs 0.1 s at import

    deadline = time.monotonic() + timeout
    now = runtime()
    store = AsyncStore.connect(now.settings.redis_url, "waiting")
    try:
        found = await _status(store, job_id)
        yield found
        if found.final or timeout <= 0:
            return
        async with store.listening([now.keys.channel(found.job_id)]) as heard:
            await store.run(now.jobs.watch(found.job_id))
            while True:
                found = await _status(store, found.job_id)
                yield found
                left_s = deadline - time.monotonic()
                if found.final or left_s <= 0:
                    return
                await heard.wait(min(left_s, LOOK_AGAIN_S))
    finally:
        await store.close()


async def _status(store: AsyncStore, job_id: str) -> JobStatus:
    steps = reading(job_id)
    call = next(steps)
    while True:
        try:
            call = steps.send(await store.run(call))
        except StopIteration as done:
            found: JobStatus = done.value
            return found


def _is_enough(found: JobStatus, *, final: bool) -> bool:
    return found.final or (not final and found.status is not None)


def _still_open(job_id: str, timeout: float) -> str:
    return f"job {job_id!r} is still open after {timeout:g} s: it may end later, ask again"
