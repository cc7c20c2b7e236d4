"""`smsfleet cancel` and `smsfleet send --at` on a real server without a binder."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from tests.integration.broker.conftest import messages, raw  # noqa: F401
from tests.integration.cli.test_jobs import TO, Here, here, said  # noqa: F401
from tests.integration.store.steps import Fleet
from tests.unit.cli.conftest import smsfleet  # noqa: F401

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store

pytestmark = pytest.mark.server


@pytest.fixture
def fleet(server: EmbeddedServer) -> Fleet:
    """The steps of others on that server."""
    fleet = Fleet(Store.connect(server.url))
    fleet.create_groups()
    fleet.lead()
    return fleet


def test_a_job_that_waits_is_cancelled(here: Here) -> None:
    here("send", TO, "Hello", "--idempotency-key", "order-1")

    result = here("cancel", "order-1")

    assert (0, "") == (result.exit_code, result.stderr)
    assert ["job       order-1", "state     CANCELLED"] == result.stdout.splitlines()
    assert "CANCELLED" == said(here("status", "order-1", "--json"))["state"]


def test_what_had_gone_is_said_and_the_exit_code_is_1(here: Here, fleet: Fleet) -> None:
    fleet.take_in_and_admit(segments=2)
    fleet.take_and_begin(1)

    result = here("cancel", "j1")

    assert (1, "") == (result.exit_code, result.stderr)
    assert [
        "job       j1",
        "state     SENDING",
        "segment 2 cancelled: will never be sent",
        "segment 1 with the gateway, or on its way there: cannot be called back",
    ] == result.stdout.splitlines()
    again = here("cancel", "j1", "--json")
    assert 1 == again.exit_code
    assert {
        "job_id": "j1", "complete": False, "cancelled": [2], "gone": [1], "unknown": [], "ended": [],
    } == json.loads(again.stdout)  # fmt: skip


def test_no_such_job_exits_with_1_and_one_line(here: Here) -> None:
    result = here("cancel", "never")

    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("smsfleet: no job 'never'")


@pytest.mark.parametrize("form", ["seconds", "moment"])
def test_a_job_may_be_sent_later(here: Here, raw: redis.Redis, form: str) -> None:
    at = "3600" if form == "seconds" else (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    result = here("send", TO, "Hello", "--at", at, "--idempotency-key", "later")

    assert (0, "") == (result.exit_code, result.stderr)
    assert "state     SCHEDULED (open)" in result.stdout.splitlines()
    assert "\nat        20" in result.stdout
    assert [] == messages(raw, "sms.normal")
    overview = json.loads(here("status", "--json").stdout)
    assert 1 == overview["waiting"]["scheduled"]["count"]


@pytest.mark.parametrize("at", ["tomorrow", "2030-01-01T00:00:00", "999999999999"])
def test_a_moment_that_cannot_be_is_a_wrong_argument(here: Here, at: str) -> None:
    result = here("send", TO, "Hello", "--at", at)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("smsfleet: at ")
