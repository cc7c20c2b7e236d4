"""The page on a real server: it looks at INFO, which the fake one has not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.integration.store.steps import Fleet

from smsfleet.config.settings import load
from smsfleet.config.web_settings import load_web
from smsfleet.ops.snapshot import take
from smsfleet.store.client import Store
from smsfleet.tasks.app import use_runtime
from smsfleet.web.app import create_app
from smsfleet.web.users import Role, User, Users, line_of
from smsfleet.web.visit import Page
from smsfleet.workers.runtime import Runtime

PASSWORD = "correct horse battery"
HOST = "http://localhost"


class Visitor:
    """Somebody with a browser."""

    def __init__(self, client: TestClient, page: Page) -> None:
        self.client = client
        self.page = page

    @property
    def csrf(self) -> str:
        """The token of this visitor's session."""
        session = self.page.sessions.of(self.client.cookies.get(self.page.cookie))
        assert session is not None
        return session.csrf

    def get(self, path: str, **more: Any) -> Any:
        """A page; redirects are not followed."""
        return self.client.get(path, follow_redirects=False, **more)

    def post(self, path: str, *, csrf: str | None = None, **form: str) -> Any:
        """Send a form of the page."""
        fields = {"csrf": self.csrf if csrf is None else csrf, **form}
        return self.client.post(path, data=fields, follow_redirects=False)

    def send(self, path: str, **form: str) -> str:
        """Send a form, and the page behind it."""
        sent = self.post(path, **form)
        assert 303 == sent.status_code, sent.text
        text: str = self.get(sent.headers["location"]).text
        return text


@pytest.fixture(scope="session")
def users() -> Users:
    return Users([line_of("anna", "operator", PASSWORD), line_of("vera", "viewer", PASSWORD)])


@pytest.fixture
def fleet(real_store: Store) -> Fleet:
    """Groups are made and binder A leads."""
    fleet = Fleet(real_store)
    fleet.create_groups()
    fleet.lead("A")
    return fleet


@pytest.fixture
def visit(real_store: Store, users: Users) -> Iterator[Callable[..., Visitor]]:
    """Makes a visitor: `visit()` is not logged in, `visit("operator")` is; settings by their names."""
    use_runtime(Runtime(load({}), store=real_store))
    with ExitStack() as stack:

        def make(
            role: str = "",
            *,
            clock: Callable[[], float] | None = None,
            credits_: dict[str, Any] | None = None,
            **settings: str,
        ) -> Visitor:
            given = {f"SMSFLEET_WEB_{name.upper()}": value for name, value in settings.items()}
            loaded = load_web({"SMSFLEET_WEB_USERS_FILE": "given", **given})
            more = {} if clock is None else {"clock": clock}
            app = create_app(
                loaded,
                users,
                lambda: replace(take(real_store, "main"), credits=credits_),
                account="main",
                **more,
            )
            page: Page = app.state.page
            client = stack.enter_context(TestClient(app, base_url=HOST, raise_server_exceptions=False))
            if role:
                client.cookies.set(page.cookie, page.sessions.begin(User(role, Role(role))))
            return Visitor(client, page)

        yield make
    use_runtime(None)
