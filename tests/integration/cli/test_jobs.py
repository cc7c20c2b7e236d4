"""`send` and `status` on a real server without a binder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from click.testing import Result
from tests.integration.broker.conftest import messages, raw  # noqa: F401 - a fixture
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.settings import load
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease
from smsfleet.store.wire import Wire
from smsfleet.tasks import app
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.outgoing import Outgoing
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.server

TO = "27999100001"

Here = Callable[..., Result]


@pytest.fixture
def here(server: EmbeddedServer, raw: redis.Redis, smsfleet: Smsfleet) -> Iterator[Here]:  # noqa: F811
    """Runs the command on the emptied server."""
    names = ("broker_url", "broker_read_url", "broker_write_url")
    use_runtime(Runtime(load({"SMSFLEET_REDIS_URL": server.url})))
    before = {name: app.conf[name] for name in names}
    app._after_fork()
    app.conf.update(dict.fromkeys(names, f"smsfleet+{server.url}"))
    yield lambda *arguments, **settings: smsfleet(*arguments, redis_url=server.url, **settings)
    app._after_fork()
    app.conf.update(before)


def said(result: Result) -> Any:
    assert "" == result.stderr
    return json.loads(result.stdout)


def test_a_job_that_is_sent_is_shown_and_waits_in_its_queue(here: Here, raw: redis.Redis) -> None:  # noqa: F811
    result = here("send", "+27 99 910 0001", "Hello", "--lane", "high", "--idempotency-key", "order-1")

    assert (0, "") == (result.exit_code, result.stderr)
    lines = result.stdout.splitlines()
    assert ["job       order-1", "to        27*******01", "state     PENDING (open)"] == lines[:3]
    assert "waits     no worker runs: start `smsfleet worker`; see its log" == lines[4]
    assert "application taken in" in lines[5]
    assert ["order-1"] == [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.high")]


def test_a_job_for_programs_is_json(here: Here) -> None:
    sent = said(here("send", TO, "Hello", "--json"))

    found = said(here("status", sent["job_id"], "--json"))

    assert sent == found
    assert ("PENDING", "27*******01", "normal", False, None) == (
        found["state"], found["to"], found["lane"], found["final"], found["status"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "job order-1 is taken in and goes on: smsfleet job order-1 --follow"),
        (StoreUnavailable("Redis cannot be used now: gone"), 69, "gone; job order-1 is taken in and goes on"),
    ],
    ids=["Ctrl-C", "Redis"],
)
def test_a_wait_that_ends_early_names_the_job_which_is_sent_all_the_same(
    here: Here, monkeypatch: pytest.MonkeyPatch, ends: BaseException, code: int, says: str
) -> None:
    def waits(*_: object) -> None:
        raise ends

    monkeypatch.setattr("smsfleet.tasks.wait_for_status", waits)

    result = here("send", TO, "Hello", "--idempotency-key", "order-1", "--wait", "30")

    assert (code, "") == (result.exit_code, result.stdout)
    assert says in result.stderr


def test_a_callback_is_kept_with_the_job(here: Here, raw: redis.Redis) -> None:  # noqa: F811
    job_id = said(here("send", TO, "Hello", "--callback", "task:a.b@c", "--json"))["job_id"]

    assert "task:a.b@c" == json.loads(raw.get(f"{{main}}:content:{job_id}"))["callback"]
    assert 2 == here("send", TO, "Hello", "--callback", "nobody").exit_code


def test_the_same_key_again_shows_the_first_job(here: Here, raw: redis.Redis) -> None:  # noqa: F811
    first, second = (said(here("send", TO, "x", "--idempotency-key", "k", "--json")) for _ in range(2))

    assert first == second
    assert 1 == raw.llen("sms.normal")


def test_a_job_that_is_not_final_in_time_exits_with_1(here: Here) -> None:
    result = here("send", TO, "Hello", "--wait", "0.01")

    assert (1, "") == (result.exit_code, result.stderr)
    assert "state     PENDING (open)" in result.stdout


def test_a_refused_job_is_final_and_says_why(here: Here, server: EmbeddedServer) -> None:
    runtime = Runtime(load({"SMSFLEET_REDIS_URL": server.url}))
    runtime.store.run(runtime.jobs.take_in("bad", lane="normal", destination=TO, content="{"))
    Outgoing(runtime).handle(["bad"])

    result = here("status", "bad")

    assert 0 == result.exit_code
    assert "state     REFUSED" in result.stdout.splitlines()
    assert "status    005 error with message" in result.stdout
    assert "error     record: " in result.stdout
    runtime.store.close()


@pytest.mark.parametrize("job_id", ["never", "ключ", "a#1"])
def test_no_such_job_exits_with_1_and_one_line(here: Here, job_id: str) -> None:
    result = here("status", job_id)

    assert (1, "") == (result.exit_code, result.stdout)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"smsfleet: no job {job_id!r}")


def test_without_a_binder_the_status_says_so_and_exits_with_1(here: Here) -> None:
    here("send", TO, "Hello", "--lane", "bulk")

    result = here("status")

    assert (1, "") == (result.exit_code, result.stderr)
    assert "binder    absent: no binder is running" == result.stdout.splitlines()[0]
    assert "lane      bulk          1 taken in,      0 outbound" in result.stdout


def test_the_status_for_programs_is_json_whatever_the_exit_code(here: Here) -> None:
    result = here("status", "--json")

    found = said(result)
    assert 1 == result.exit_code
    assert ("main", "absent", None) == (found["account"], found["binder"]["state"], found["lease"]["holder"])
    assert {"high", "normal", "bulk"} == set(found["lanes"])
    assert {0} == {stage["count"] for stage in found["waiting"].values()}
    assert ["NoBinder", "NoWorkers"] == [alert["name"] for alert in found["alerts"]]
    assert [] == found["redis"]["findings"]


@pytest.mark.parametrize(("state", "code"), [("bound", 0), ("connecting", 1)])
def test_what_the_binder_reports_is_shown_and_decides_the_exit_code(
    here: Here, real_store: Store, state: str, code: int
) -> None:
    report = {
        "state": state, "why": "", "gateway": "smpp.example:2775", "bind_mode": "transceiver", "window": 50,
        "submitted": 7, "answered": 6, "delivered": 5, "in_flight": 1,
    }  # fmt: skip
    wire = Wire(Keys("main"), text_ttl_s=60, hold_s=1)
    real_store.run(wire.report(json.dumps(report), 5.0))

    result = here("status")

    assert code == result.exit_code
    assert f"binder    {state}" == result.stdout.splitlines()[0]
    assert "gateway   smpp.example:2775 as transceiver, window 50" in result.stdout
    assert "7 submitted, 6 answered, 5 deliver_sm stored, 1 in flight" in result.stdout


def test_a_binder_that_leads_and_reports_nothing_is_a_standby_that_took_over(
    here: Here, real_store: Store
) -> None:
    real_store.run(Lease(Keys("main")).acquire("A", 10.0))

    assert "standby" == said(here("status", "--json"))["binder"]["state"]


def test_another_account_has_a_status_of_its_own(here: Here) -> None:
    here("send", TO, "Hello")

    assert 0 == said(here("status", "--json", account="other"))["lanes"]["normal"]["queue"]["count"]


def test_a_server_that_would_lose_jobs_stops_worker_and_binder(
    here: Here,
    raw: redis.Redis,  # noqa: F811
) -> None:
    smpp = {
        "smpp_host": "smpp.example", "smpp_system_id": "user", "smpp_password": "secret",
        "smpp_system_type": "3000000",
    }  # fmt: skip
    raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        results = [here("worker"), here("binder", **smpp)]
    finally:
        raw.config_set("maxmemory-policy", "noeviction")

    assert [os.EX_CONFIG] * 2 == [result.exit_code for result in results]
    for result in results:
        assert "maxmemory-policy noeviction" in result.stderr.splitlines()[-1]
    assert "redis     maxmemory-policy" not in here("status").stdout
