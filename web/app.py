"""The application: its routes, in one list, and what stands around them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from smsfleet.config.logs import logger
from smsfleet.config.web_settings import WebSettings
from smsfleet.web import shown as filters
from smsfleet.web.guard import SafeHeaders, headers_of
from smsfleet.web.live import live
from smsfleet.web.sessions import Sessions, Throttle
from smsfleet.web.users import Users
from smsfleet.web.views import bind, campaigns, held, jobs, login, overview
from smsfleet.web.visit import Page, done, of_request, shown
from smsfleet.web.watch import Look, Watch

HERE = Path(__file__).parent

ROUTES = [
    Route("/", shown(overview.overview)),
    Route("/lanes/pause", done(overview.pause), methods=["POST"]),
    Route("/lanes/resume", done(overview.resume), methods=["POST"]),
    Route("/bind", shown(bind.history)),
    Route("/jobs", shown(jobs.form), methods=["GET"]),
    Route("/jobs", done(jobs.search, by_anybody=True), methods=["POST"]),
    Route("/jobs/{job_id}", shown(jobs.one)),
    Route("/jobs/{job_id}/cancel", done(jobs.cancel), methods=["POST"]),
    Route("/campaigns", shown(campaigns.listed)),
    Route("/campaigns/{campaign_id}", shown(campaigns.one), methods=["GET"]),
    Route("/campaigns/{campaign_id}", done(campaigns.decide), methods=["POST"]),
    Route("/held", shown(held.listed)),
    Route("/held/decide", done(held.decide), methods=["POST"]),
    Route("/live/overview", live(overview.part)),
    Route("/live/bind", live(bind.part)),
    Route("/live/campaigns", live(campaigns.list_part)),
    Route("/live/campaigns/{campaign_id}", live(campaigns.part)),
    Route("/live/held", live(held.part)),
    Route("/live/jobs/{job_id}", live(jobs.part)),
    Route("/login", login.form, methods=["GET"]),
    Route("/login", login.log_in, methods=["POST"]),
    Route("/logout", done(login.log_out, by_anybody=True), methods=["POST"]),
    Route("/healthz", login.health),
]


def create_app(  # noqa: PLR0913 - what a process gives it
    settings: WebSettings,
    users: Users,
    look: Look,
    *,
    account: str,
    clock: Callable[[], float] = time.monotonic,
    stopping: Callable[[], bool] = lambda: False,
) -> Starlette:
    """The page of an account; `look` takes a snapshot. Jobs are those of `tasks.app.runtime()`."""
    page = Page(
        settings=settings,
        account=account,
        users=users,
        sessions=Sessions(settings.session_s, clock),
        throttle=Throttle(clock),
        watch=Watch(look, settings.refresh_s, clock=clock),
        templates=_templates(),
        stopping=stopping,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(page.watch.run())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    app = Starlette(
        routes=[*ROUTES, Mount("/static", StaticFiles(directory=HERE / "static"))],
        middleware=[
            Middleware(SafeHeaders, https=settings.https),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.host_names, www_redirect=False),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.page = page
    return app


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "age": filters.age, "moment": filters.moment, "clock": filters.clock, "many": filters.many,
        "of_url": filters.of_url, "ticked": filters.ticked, "credits": filters.credits_of,
        "share": filters.share,
    }  # fmt: skip
    return made


async def _refused(request: Request, error: Exception) -> Response:
    """No such page, or not in this way."""
    assert isinstance(error, HTTPException)
    page = of_request(request)
    return page.html("alone.html", error.status_code, why=error.detail)


async def _failed(request: Request, error: Exception) -> Response:
    """A defect: what it was is for the log."""
    logger(__name__).error("a view failed", error=error)
    headers = headers_of(https=of_request(request).settings.https)
    return PlainTextResponse("Something is wrong with this page: see its log.", 500, headers)
