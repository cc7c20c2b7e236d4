"""One request of somebody who is logged in, and how its view is run: in a thread, as the store blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from smsfleet.config.errors import InvalidArgument, StoreError, UnknownCampaign, UnknownJob
from smsfleet.config.logs import logger
from smsfleet.config.masking import mask_number
from smsfleet.config.web_settings import WebSettings
from smsfleet.web.guard import TooLong, form_of, is_same_site
from smsfleet.web.sessions import Session, Sessions, Throttle, is_from_page
from smsfleet.web.shown import hidden
from smsfleet.web.users import Users
from smsfleet.web.watch import Watch

UNAVAILABLE, AGAIN_S = 503, 5
"""Of an answer without Redis, and after how many seconds a page that was to be shown asks again."""

TITLES = {404: "Not found", UNAVAILABLE: "Not possible now"}


@dataclass
class Page:
    """What all views share."""

    settings: WebSettings
    account: str
    users: Users
    sessions: Sessions
    throttle: Throttle
    watch: Watch
    templates: Environment
    stopping: Callable[[], bool] = lambda: False
    """whether the server is to end: then streams end too"""
    streams: int = 0
    """open streams of events"""
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """one password is checked at a time: it takes CPU, and anybody may ask"""

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; browsers keep `__Host-` from other hosts and from plain HTTP."""
        return "__Host-smsfleet" if self.settings.https else "smsfleet"

    def session(self, request: Request) -> Session | None:
        """Who asks."""
        return self.sessions.of(request.cookies.get(self.cookie))

    def html(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        base = self.settings.root_path
        said = self.templates.get_template(template).render(base=base, account=self.account, **values)
        return HTMLResponse(said, status)


def of_request(request: Request) -> Page:
    """The page that a request asks."""
    page: Page = request.app.state.page
    return page


@dataclass
class Visit:
    """A request, who sent it, and what its form brought."""

    page: Page
    session: Session
    path: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_operate(self) -> bool:
        """Whether numbers are shown and something may be changed."""
        return self.session.user.may_operate

    def number(self, value: str) -> str:
        """A phone number as this role sees it."""
        return value if self.may_operate else mask_number(value)

    def words(self, value: str | None) -> str:
        """Words that may hold numbers, as this role sees them."""
        return value or "" if self.may_operate else hidden(value or "")

    def values(self) -> dict[str, Any]:
        """What every template of a visit gets."""
        return {
            "user": self.session.user,
            "may_operate": self.may_operate,
            "csrf": self.session.csrf,
            "watch": self.page.watch,
            "refresh_s": self.page.settings.refresh_s,
            "number": self.number,
            "words": self.words,
        }

    def html(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, with what there is to tell."""
        said, self.session.said = self.session.said, []
        return self.page.html(template, status, said=said, **self.values(), **values)

    def part(self, template: str, **values: Any) -> str:
        """A part of a page, for a stream of events."""
        base = self.page.settings.root_path
        made = self.page.templates.get_template(template)
        return made.render(base=base, account=self.page.account, **self.values(), **values)

    def go(self, path: str, told: str = "") -> Response:
        """To another page, where it is told what was done."""
        if told:
            self.session.said.append(told)
        return RedirectResponse(self.page.settings.root_path + path, 303)

    def note(self, action: str, **what: Any) -> None:
        """Log what an operator did."""
        logger(__name__).info("by an operator", action=action, user=self.session.user.name, **what)


View = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def shown(view: View) -> Endpoint:
    """The endpoint of a view that shows something, for whoever is logged in."""

    async def endpoint(request: Request) -> Response:
        page = of_request(request)
        session = page.session(request)
        if session is None:
            return RedirectResponse(f"{page.settings.root_path}/login", 303)
        answer = await _run(view, Visit(page, session, request.path_params))
        if answer.status_code == UNAVAILABLE:
            answer.headers["Refresh"] = str(AGAIN_S)  # nobody has to press a key when Redis is back
        return answer

    return endpoint


def done(view: View, *, by_anybody: bool = False) -> Endpoint:
    """The endpoint of a form: of a page of ours, by an operator unless `by_anybody` who is logged in."""

    async def endpoint(request: Request) -> Response:
        page = of_request(request)
        session = page.session(request)
        if session is None:
            return RedirectResponse(f"{page.settings.root_path}/login", 303)
        visit = Visit(page, session, request.path_params)
        try:
            visit.form = await form_of(request)
        except TooLong:
            return refusal(visit, 413, "The form is too long.")
        if not is_same_site(request) or not is_from_page(session, visit.form.get("csrf", "")):
            logger(__name__).warning("a form that is not of this page", user=session.user.name)
            return refusal(
                visit, 403, "The form is not of this page, or it is of an earlier login: try again."
            )
        if not (by_anybody or visit.may_operate):
            return refusal(visit, 403, "Your role is viewer: only operators may do this.")
        return await _run(view, visit)

    return endpoint


async def _run(view: View, visit: Visit) -> Response:
    try:
        return await run_in_threadpool(view, visit)
    except (UnknownJob, UnknownCampaign) as error:
        return refusal(visit, 404, visit.words(str(error)))
    except InvalidArgument as error:
        return refusal(visit, 400, visit.words(str(error)))
    except StoreError as error:
        return refusal(visit, UNAVAILABLE, visit.words(str(error)))


def refusal(visit: Visit, status: int, why: str) -> Response:
    """A page that says why not."""
    return visit.html("refusal.html", status, title=TITLES.get(status, "That was not done"), why=why)
