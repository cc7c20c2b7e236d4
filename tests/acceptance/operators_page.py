"""`smsfleet web` on a fleet, with a viewer and an operator who have logged in."""

from __future__ import annotations

import html
import re

import httpx
from tests.acceptance.fleet import WITHIN_S, Fleet, wait_until

from smsfleet.cli.embedded import free_port
from smsfleet.web.users import line_of

PASSWORD = "correct horse battery"


class OperatorsPage:
    """Its process, what a viewer sees of it, and an operator."""

    def __init__(self, fleet: Fleet) -> None:
        users = fleet.folder / "web_users"
        people = {"vera": "viewer", "anna": "operator"}
        users.write_text("\n".join(line_of(name, role, PASSWORD) for name, role in people.items()))
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.process = fleet.launch(
            "web", f"--port={port}", SMSFLEET_WEB_USERS_FILE=str(users), SMSFLEET_WEB_REFRESH_S="0.5"
        )
        wait_until(self._answers, "the page answers")
        self.vera, self.anna = (self._logged_in(name) for name in people)

    def _logged_in(self, name: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, trust_env=False, timeout=WITHIN_S)
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert 303 == answer.status_code, answer.text
        return client

    def _answers(self) -> bool:
        assert self.process.goes_on()
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def words(self, path: str) -> str:
        """What is to be read on a page."""
        answer = self.vera.get(path)
        assert 200 == answer.status_code, answer.text
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))

    def close(self) -> None:
        """Both go home."""
        self.vera.close()
        self.anna.close()
