"""Logging in and out."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from smsfleet.config.logs import logger
from smsfleet.web.guard import TooLong, form_of, is_same_site
from smsfleet.web.visit import Page, Visit, of_request

WRONG = "This name and password do not go together."


async def form(request: Request) -> Response:
    """Who are you?"""
    page = of_request(request)
    if page.session(request) is not None:
        return RedirectResponse(f"{page.settings.root_path}/", 303)
    return page.html("login.html", why="")


async def log_in(request: Request) -> Response:
    """A new session for a right password; after some wrong ones none is tried for a while."""
    page = of_request(request)
    try:
        given = await form_of(request)
    except TooLong:
        return page.html("login.html", 413, why="The form is too long.")
    if not is_same_site(request):
        return page.html("login.html", 403, why="The form is not of this page: try again.")
    name, address = given.get("name", "")[:64], request.client.host if request.client else ""
    if wait_s := page.throttle.wait_s(address, name):
        # Whether the password would be right is not looked at: an answer would tell.
        answer = page.html("login.html", 429, why=f"Too many failed logins: try again in {wait_s} s.")
        answer.headers["Retry-After"] = str(wait_s)
        return answer
    page.throttle.failed(address, name)
    async with page.checking:
        user = await run_in_threadpool(page.users.check, name, given.get("password", ""))
    if user is None:
        # What was typed as a name may be a password.
        logger(__name__).warning("a login failed", address=address)
        return page.html("login.html", 401, why=WRONG)
    page.throttle.succeeded(address, name)
    logger(__name__).info("logged in", user=user.name, role=user.role.value, address=address)
    page.sessions.end(request.cookies.get(page.cookie))
    home = RedirectResponse(f"{page.settings.root_path}/", 303)
    home.set_cookie(
        page.cookie,
        page.sessions.begin(user),
        max_age=page.settings.session_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=page.settings.https,
    )
    return home


def log_out(visit: Visit) -> Response:
    """End the session."""
    visit.page.sessions.end_session(visit.session)
    answer = visit.go("/login")
    answer.delete_cookie(visit.page.cookie, path="/", secure=visit.page.settings.https)
    return answer


async def health(request: Request) -> Response:
    """Whether the page runs: for load balancers; says nothing of the fleet."""
    page: Page = of_request(request)
    well = page.watch.looks > 0 and not page.watch.trouble
    return PlainTextResponse("OK" if well else "Redis is away", 200 if well else 503)
