"""What changes is sent to pages that are open, as server-sent events: the same HTML as at first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from smsfleet.config.errors import SmsfleetError
from smsfleet.web.visit import Endpoint, Visit, of_request

MOST_STREAMS = 200
"""Of one process: a page that gets none is shown all the same, and asks again."""

RETRY_MS = 5000

EVENTS = "text/event-stream"

Part = Callable[[Visit], str]


def live(part: Part) -> Endpoint:
    """The endpoint of a page's stream."""

    async def endpoint(request: Request) -> Response:
        page = of_request(request)
        session = page.session(request)
        if session is None:  # said by an event, because scripts are not told the status of a stream
            return StreamingResponse(iter([_event("over", "")]), media_type=EVENTS)
        if page.streams >= MOST_STREAMS:
            return PlainTextResponse("too many open pages", 503, {"Retry-After": "30"})
        events = _events(part, Visit(page, session, request.path_params), request)
        return StreamingResponse(events, media_type=EVENTS, headers={"X-Accel-Buffering": "no"})

    return endpoint


async def _events(part: Part, visit: Visit, request: Request) -> AsyncIterator[str]:
    """The part at every look, until the session or the server ends."""
    page = visit.page
    page.streams += 1
    try:
        yield f"retry: {RETRY_MS}\n\n"
        while not page.stopping() and page.session(request) is visit.session:
            try:
                yield _event("part", await run_in_threadpool(part, visit))
            except SmsfleetError as error:
                yield _event("trouble", f"{visit.words(str(error))}. What is below is from before.")
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * page.settings.refresh_s):
                    await page.watch.wait()
        if not page.stopping():
            yield _event("over", "")
    finally:
        page.streams -= 1


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
