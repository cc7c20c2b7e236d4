"""`smsfleet dead`: what an operator sees and decides about what was set aside."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

import json

import pytest
import redis
from tests.integration.broker.conftest import messages, raw  # noqa: F401
from tests.integration.cli.test_cancel import fleet  # noqa: F401
from tests.integration.cli.test_jobs import TO, Here, here, said  # noqa: F401
from tests.integration.store.steps import Fleet
from tests.integration.store.test_aside import bury, set_aside
from tests.unit.cli.conftest import smsfleet  # noqa: F401

pytestmark = pytest.mark.server


@pytest.fixture
def entry(fleet: Fleet) -> str:
    """A job that was set aside, and a deliver_sm; what the latter is named by."""
    fleet.take_in("j1", "high")
    set_aside(fleet, lane="high")
    return f"deliver_sm/{bury(fleet, b'secret words')}"


def test_nothing_is_set_aside(here: Here) -> None:
    assert "0 set aside\n" == here("dead", "list").stdout
    assert {"total": 0, "dead": []} == said(here("dead", "list", "--json"))


def test_jobs_and_deliver_sm_are_listed_with_their_reasons_and_without_contents(
    here: Here,
    entry: str,
) -> None:
    lines = here("dead", "list").stdout.splitlines()

    assert ["j1", entry, "2"] == [line.split()[0] for line in lines]
    assert lines[0].endswith("poison: 3 workers ended")
    assert lines[1].endswith("no message id")
    found = said(here("dead", "list", "--json"))
    assert (2, "27*******01", 12) == (found["total"], found["dead"][0]["to"], found["dead"][1]["octets"])
    assert not any(word in json.dumps(found) for word in (TO, "secret"))
    assert "1 not shown" in here("dead", "list", "--limit", "1").stdout


def test_a_replayed_job_is_in_its_queue_again(here: Here, raw: redis.Redis, entry: str) -> None:
    result = here("dead", "replay", "j1")

    assert (0, "j1  done\nreplay: 1 of 1\n", "") == (result.exit_code, result.stdout, result.stderr)
    assert ["j1"] == [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.high")]
    assert "PENDING" == said(here("status", "j1", "--json"))["state"]


def test_a_replayed_deliver_sm_is_among_the_deliveries_again(
    here: Here,
    fleet: Fleet,
    entry: str,
) -> None:
    assert {entry: "done"} == said(here("dead", "replay", entry, "--json"))

    ((_, fields),) = fleet.redis("XRANGE", fleet.keys.deliveries, "-", "+")
    assert b"secret words" == fields[1]


def test_a_dropped_job_ends_with_the_reason(here: Here, entry: str) -> None:
    assert 0 == here("dead", "drop", "j1", "--reason", "bad encoder").exit_code

    found = said(here("status", "j1", "--json"))
    assert ("REFUSED", 5, "dropped: bad encoder") == (found["state"], found["status"], found["error"])


def test_all_are_decided_together_after_a_yes(here: Here, entry: str) -> None:
    assert 2 == here("dead", "drop", "--all", "--json").exit_code
    assert {"j1": "done", entry: "done"} == said(here("dead", "drop", "--all", "--yes", "--json"))
    assert {"total": 0, "dead": []} == said(here("dead", "list", "--json"))


def test_what_is_not_set_aside_is_said_and_the_exit_code_is_1(
    here: Here,
    fleet: Fleet,
    entry: str,
) -> None:
    fleet.redis("DEL", fleet.keys.job("j1"))
    names = ["j1", "never", "deliver_sm/1-1"]

    result = here("dead", "replay", *names, "--json")

    assert (1, dict.fromkeys(names, "gone")) == (result.exit_code, json.loads(result.stdout))
    assert 1 == said(here("dead", "list", "--json"))["total"]  # the job that is gone is forgotten


@pytest.mark.parametrize("arguments", [(), ("j1", "--all"), ("a#1",), ("deliver_sm/x",)])
def test_what_names_nothing_is_a_wrong_usage(here: Here, arguments: tuple[str, ...]) -> None:
    result = here("dead", "replay", *arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("smsfleet: ")
