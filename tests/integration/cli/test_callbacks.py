"""`callbacks list | replay | drop` on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from tests.integration.broker.conftest import raw  # noqa: F401 - a fixture
from tests.integration.cli.test_jobs import Here, here  # noqa: F401 - a fixture
from tests.unit.cli.conftest import smsfleet  # noqa: F401 - a fixture

from smsfleet.config.clock import epoch_ms
from smsfleet.store.client import Store
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.keys import Keys
from smsfleet.store.outbox import Outbox

pytestmark = pytest.mark.server

KEYS = Keys("main")
HOST = "billing.example:443"


@pytest.fixture
def bury(here: Here, real_store: Store) -> Callable[..., None]:  # noqa: F811
    """Gives events up."""
    hooks, outbox = Hooks(KEYS), Outbox(KEYS)

    def bury(*event_ids: str) -> None:
        for event_id in event_ids:
            posting = Posting(event_id, "https://billing.example/sms?key=hidden", HOST, '{"text":"Hello"}', 1)
            real_store.run(hooks.add(posting, real_store.run(outbox.put("x", "{}"))))
            real_store.run(hooks.bury(posting.failed("answered 500"), "answered 500"))

    return bury


def said(result: Result) -> Any:
    assert "" == result.stderr
    return json.loads(result.stdout)


def ids(here: Here) -> list[str]:  # noqa: F811
    return [row["id"] for row in said(here("callbacks", "list", "--json"))["undelivered"]]


@pytest.mark.usefixtures("bury")
def test_nothing_undelivered_is_said(here: Here) -> None:  # noqa: F811
    assert "0 undelivered; 0 wait for their webhook\n" == here("callbacks", "list").stdout


def test_undelivered_events_are_shown_without_what_they_say(here: Here, bury: Callable[..., None]) -> None:  # noqa: F811
    bury("e1", "e2")

    shown, as_json = here("callbacks", "list", "--limit", "1"), here("callbacks", "list", "--json")

    assert shown.stdout.splitlines()[0].endswith(f"{HOST}  1 tries  answered 500")
    assert "2 undelivered, 1 not shown; 0 wait for their webhook" == shown.stdout.splitlines()[-1]
    first = said(as_json)["undelivered"][0]
    assert ("e1", HOST, "/sms", 1) == (first["event_id"], first["host"], first["path"], first["tries"])
    assert not {word for word in ("Hello", "hidden") if word in shown.stdout + as_json.stdout}


def test_one_event_is_tried_anew(here: Here, bury: Callable[..., None], real_store: Store) -> None:  # noqa: F811
    bury("e1", "e2")
    first, second = ids(here)

    result = here("callbacks", "replay", first)

    assert (0, "1 of 1 tried anew") == (result.exit_code, result.stdout.splitlines()[-1])
    assert [second] == ids(here)
    (again,) = real_store.run(Hooks(KEYS).claim(HOST, 10**14, 1, 10))
    assert ("e1", 0) == (again.event_id, again.attempts)


def test_all_are_tried_anew_after_a_question(here: Here, bury: Callable[..., None]) -> None:  # noqa: F811
    bury("e1", "e2")

    refused = here("callbacks", "replay", "--all")
    result = here("callbacks", "replay", "--all", "--yes", "--json")

    assert 1 == refused.exit_code
    assert [True, True] == list(said(result).values())
    assert "0 undelivered; 2 wait for their webhook" == here("callbacks", "list").stdout.splitlines()[-1]


def test_why_events_wait_is_said_by_host(here: Here, real_store: Store) -> None:  # noqa: F811
    hooks, outbox = Hooks(KEYS), Outbox(KEYS)
    now_ms = epoch_ms()
    untried, failing = "untried.example:443", "failing.example:443"
    for host, since_ms in ((untried, now_ms - 3_630_000), (failing, now_ms)):
        posting = Posting(f"of {host}", f"https://{host}/", host, "{}", since_ms)
        real_store.run(hooks.add(posting, real_store.run(outbox.put("x", "{}"))))
    (claimed,) = real_store.run(hooks.claim(failing, now_ms, 70_000, 1))
    real_store.run(hooks.again(claimed.failed("answered 500"), now_ms + 3_050_000))

    shown, as_json = here("callbacks", "list").stdout.splitlines(), said(here("callbacks", "list", "--json"))

    assert [
        f"{untried}  1 waiting  no worker tries them for 1 h: has one SMSFLEET_WEBHOOK_SECRET?",
        f"{failing}  1 waiting  failed tries: 1, the last: answered 500; the next try in 50 min",
        "0 undelivered; 2 wait for their webhook",
    ] == shown
    assert [(untried, True, ""), (failing, False, "answered 500")] == [
        (row["host"], row["not_tried"], row["why"]) for row in as_json["hosts"]
    ]


def test_events_are_dropped(here: Here, bury: Callable[..., None]) -> None:  # noqa: F811
    bury("e1", "e2", "e3")
    first = ids(here)[0]

    assert 0 == here("callbacks", "drop", first).exit_code
    assert 0 == here("callbacks", "drop", "--all", "--yes").exit_code
    assert [] == ids(here)


@pytest.mark.usefixtures("bury")
@pytest.mark.parametrize("command", ["replay", "drop"])
def test_what_is_not_there_exits_with_1(here: Here, command: str) -> None:  # noqa: F811
    result = here("callbacks", command, "1-0")

    assert (1, "1-0  not there (any more)") == (result.exit_code, result.stdout.splitlines()[0])


@pytest.mark.usefixtures("bury")
@pytest.mark.parametrize("arguments", [(), ("1-0", "--all"), ("--all", "--json")])
def test_a_wrong_choice_is_refused(here: Here, arguments: tuple[str, ...]) -> None:  # noqa: F811
    assert 2 == here("callbacks", "replay", *arguments).exit_code
