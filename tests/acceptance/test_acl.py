"""A whole fleet whose processes are Redis users of their own: each can do its work, and nothing that is not its own."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from click.testing import Result
from kombu.exceptions import OperationalError
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet import tasks
from smsfleet.config.errors import UnknownMessage
from smsfleet.config.settings import load
from smsfleet.store.acl import ROLES
from smsfleet.tasks import Campaign, cancel, job_status, send_sms, wait_for_status
from smsfleet.workers.runtime import Runtime

KEYS = "{main}:"

UNDELIVERABLE = "27999170005"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Every process with its own user, by a URL in a file."""
    folder = tmp_path_factory.mktemp("acl")
    with Fleet(folder, SMSFLEET_SWEEP_S="1") as fleet:
        made = fleet.run("acl", "--passwords", str(folder / "passwords"), "--keep-default", "--queue", "app")
        assert 0 == made.returncode, made.stderr
        for line in made.stdout.splitlines():
            _, name, *rules = line.split(" ")
            fleet.command("ACL SETUSER", name, *rules)
        fleet.options["simulator"] = ("--receipt-delay", "0.2")
        fleet.start("simulator")
        for role in ("binder", "worker"):
            fleet.launch(role, SMSFLEET_REDIS_URL=url(fleet, role))
        worker, binder = fleet.processes[-1], fleet.processes[-2]
        wait_until(lambda: worker.says(" ready."), "the worker is ready")
        wait_until(lambda: fleet.smsc.bind_statuses or not binder.goes_on(), "the binder binds")
        yield fleet


@pytest.fixture
def fleet(running: Fleet) -> Iterator[Fleet]:
    """The same, and this process is the application."""
    before = running.runtime
    running.runtime = Runtime(
        load({**running.environment, "SMSFLEET_REDIS_URL": url(running, "application")})
    )
    running.use()
    yield running
    running.runtime.store.close()
    running.runtime = before
    running.use()


def password(fleet: Fleet, role: str) -> str:
    return (fleet.folder / "passwords" / f"main-{role}").read_text().strip()


def url(fleet: Fleet, role: str) -> str:
    return fleet.redis.url.replace("redis://", f"redis://main-{role}:{password(fleet, role)}@")


@pytest.fixture
def run(fleet: Fleet, smsfleet: Smsfleet) -> Iterator[Callable[..., Result]]:  # noqa: F811
    """A command of smsfleet as the user of a role."""
    given = {
        name.removeprefix("SMSFLEET_").lower(): value
        for name, value in fleet.environment.items()
        if name.startswith("SMSFLEET_")
    }
    yield lambda role, *arguments: smsfleet(*arguments, **{**given, "redis_url": url(fleet, role)})
    fleet.use()


def denied(fleet: Fleet) -> list[str]:
    """What the server has refused anybody since it was asked last."""
    with redis.Redis(port=fleet.redis.port, decode_responses=True) as admin:
        found = [f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in admin.acl_log(128)]
        admin.acl_log_reset()
    return sorted(found)


def test_every_role_can_do_its_work(fleet: Fleet, run: Callable[..., Result]) -> None:
    denied(fleet)

    job = send_sms.delay(number(1), "Hello", idempotency_key="one")
    long = send_sms.delay(number(2), "A text of two segments. " * 8, lane="bulk", client="shop")
    later = send_sms.delay(number(3), "Later", at=timedelta(hours=1))
    soon = send_sms.delay(number(4), "Soon", at=timedelta(seconds=1), callback="task:app.told@app")
    assert "DELIVERED" == wait_for_status(job.id, timeout=30).state
    cancel(later.id)
    wait_until(lambda: job_status(long.id).final and job_status(soon.id).final, "all are final")

    assert "CANCELLED" == job_status(later.id).state
    for arguments in (
        ("status",), ("jobs", "--limit", "5"), ("job", job.id), ("held", "list"), ("dead", "list"),
        ("receipts",), ("callbacks", "list"), ("pause", "--lane", "bulk"), ("resume", "--lane", "bulk"),
        ("bind", "status"), ("optout", "add", number(9)), ("optout", "list"), ("capture", "--last", "5"),
        ("estimate", "Hello"), ("erase", number(2)), ("reload",), ("compliance", "--since", "1m"),
        ("query", job.id), ("send", number(5), "By an operator", "--wait", "20"),
    ):  # fmt: skip
        done = run("operator", *arguments)
        assert done.exit_code not in (69, 70, 78), (arguments, done.stderr)
    for arguments in (("status",), ("jobs", "--limit", "5"), ("pause",), ("resume",), ("cancel", job.id)):
        done = run("web", *arguments)
        assert done.exit_code not in (69, 70, 78), (arguments, done.stderr)
    doctor = json.loads(run("operator", "doctor", "--json").stdout)
    assert [] == [finding for finding in doctor["findings"] if finding["severity"] == "error"]
    assert [] == denied(fleet)


def an_sms(n: int, **options: Any) -> str:
    return str(send_sms.delay(number(n), "Hello", **options).id)


def a_campaign(n: int, **options: Any) -> Campaign:
    return tasks.start_campaign([number(n), "no number"], "Hello", at=timedelta(hours=1), **options)


PUBLIC: dict[str, Callable[[], object]] = {
    "send_sms.delay": lambda: an_sms(10),
    "send_sms.adelay": lambda: asyncio.run(send_sms.adelay(number(11), "Hello")),
    "send_sms.apply_async": lambda: send_sms.apply_async((number(12), "Hello"), countdown=3600),
    "job_status": lambda: tasks.job_status(an_sms(13)),
    "wait_for_status": lambda: wait_for_status(an_sms(14), timeout=30),
    "await_status": lambda: asyncio.run(tasks.await_status(an_sms(15), timeout=30)),
    "cancel": lambda: cancel(an_sms(16, at=timedelta(hours=1))),
    "acancel": lambda: asyncio.run(tasks.acancel(an_sms(17, at=timedelta(hours=1)))),
    "estimate": lambda: tasks.estimate("Hello", to=number(18)),
    "plan_campaign": lambda: tasks.plan_campaign([number(19), "no number"], "Hello"),
    "start_campaign": lambda: a_campaign(20),
    "find_campaign": lambda: tasks.find_campaign(a_campaign(21, idempotency_key="a-key").id),
    "campaigns": tasks.campaigns,
    "read_mo": lambda: tasks.read_mo("1-1"),
    "read_recipients": lambda: list(tasks.read_recipients(io.BytesIO(f"{number(22)}\n".encode()))),
    "verify_webhook": lambda: tasks.verify_webhook("secret", b"", timestamp="1", signature="v1=x"),
    "Campaign.progress": lambda: a_campaign(23).progress(),
    "Campaign.counts": lambda: a_campaign(24).counts(),
    "Campaign.pause": lambda: a_campaign(25).pause(),
    "Campaign.resume": lambda: paused_campaign(26).resume(),
    "Campaign.cancel": lambda: a_campaign(27).cancel(),
    "Campaign.set_rate": lambda: a_campaign(28).set_rate(5.0),
    "Campaign.retry_failed": lambda: ended_campaign(29).retry_failed(),
    "Campaign.refused": lambda: list(ended_campaign(30).refused()),
    "Campaign.results": lambda: list(ended_campaign(31).results()),
}
"""Everything that the documents tell an application to call."""


SEEN_WITHOUT = {
    "plan_campaign": {f"main-application: key {KEYS}{key}" for key in ("optedout", "rate")},
}
"""What is asked for and gone without."""


def paused_campaign(n: int) -> Campaign:
    campaign = a_campaign(n)
    campaign.pause()
    return campaign


def ended_campaign(n: int) -> Campaign:
    campaign = tasks.start_campaign([number(n), UNDELIVERABLE, "no number"], "Hello")
    wait_until(lambda: not campaign.counts().open, "the campaign is done")
    return campaign


def test_the_list_of_what_is_public_is_whole() -> None:
    named = {name for name in tasks.__all__ if inspect.isfunction(getattr(tasks, name))}
    methods = {
        f"Campaign.{name}" for name, _ in inspect.getmembers(Campaign, inspect.isfunction) if name[0] != "_"
    }

    assert named | methods | {"send_sms.delay", "send_sms.adelay", "send_sms.apply_async"} == set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_an_application_may_call_what_is_public(fleet: Fleet, name: str) -> None:
    denied(fleet)

    with suppress(UnknownMessage):
        PUBLIC[name]()

    refused = {entry for entry in denied(fleet) if "application" in entry}
    assert SEEN_WITHOUT.get(name, set()) == refused


def test_a_plan_of_an_application_says_what_it_could_not_see(fleet: Fleet) -> None:
    plan = tasks.plan_campaign([number(32), "no number"], "Hello")

    assert (1, {"invalid-destination": 1}) == (plan.recipients, plan.refused)
    assert ["this Redis user may not look at the account"] == [
        warning.partition(":")[0] for warning in plan.warnings if "Redis user" in warning
    ]


FOREIGN = {
    "application": [
        ("SET", f"{KEYS}lease", "x"), ("GET", f"{KEYS}fence"), ("XRANGE", f"{KEYS}outbound:high", "-", "+"),
        ("EVAL", "return redis.call('DEL', KEYS[1])", 1, f"{KEYS}pause"), ("GET", "{other}:job:1"),
        ("HGETALL", f"{KEYS}bind"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("SCAN", "0"),
        ("PSUBSCRIBE", "*"), ("ACL", "LIST"), ("MONITOR",), ("CLIENT", "LIST"),
        ("DEL", "unacked"), ("DEL", "_kombu.binding.celery.pidbox"), ("PUBLISH", "/0.celery.pidbox", "{}"),
        ("XADD", f"{KEYS}responses", "*", "r", "x"), ("GET", f"{KEYS}credits"),
    ],
    "worker": [
        ("SET", f"{KEYS}lease", "x"), ("SET", f"{KEYS}fence", "x"), ("GET", f"{KEYS}captured:x"),
        ("HGETALL", f"{KEYS}bind"), ("GET", "{other}:job:1"), ("FLUSHDB",), ("CONFIG", "GET", "*"), ("KEYS", "*"),
    ],
    "binder": [
        ("LRANGE", "sms.high", "0", "-1"), ("HGETALL", "unacked"), ("XRANGE", f"{KEYS}mo", "-", "+"),
        ("HGETALL", f"{KEYS}hooked"), ("GET", "{other}:lease"), ("FLUSHALL",), ("SHUTDOWN",), ("KEYS", "*"),
    ],
    "operator": [("FLUSHALL",), ("CONFIG", "SET", "save", ""), ("GET", "{other}:job:1"), ("ACL", "LIST")],
    "web": [
        ("FLUSHALL",), ("CONFIG", "GET", "*"), ("GET", "{other}:job:1"), ("CLIENT", "LIST"), ("MONITOR",),
        ("BRPOP", "sms.high", "1"),
    ],
    "flower": [("GET", f"{KEYS}lease"), ("HGETALL", f"{KEYS}job:x"), ("XLEN", f"{KEYS}mo"), ("FLUSHALL",)],
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_refused_what_is_not_its_own(running: Fleet, role: str) -> None:
    with redis.Redis.from_url(url(running, role)) as client:
        for words in FOREIGN[role]:
            with pytest.raises(redis.exceptions.ResponseError, match=r"(?i)no ?perm"):
                client.execute_command(*words)

    assert 4 <= len(denied(running))


def test_an_application_cannot_end_the_workers(fleet: Fleet) -> None:
    """Celery's remote control has no users of its own: who may publish in its channel may say `shutdown`."""
    denied(fleet)

    with Celery(broker=url(fleet, "application")) as theirs, pytest.raises(OperationalError):
        theirs.control.broadcast("shutdown", connection=theirs.connection_for_write(), retry=False)

    assert [entry for entry in denied(fleet) if "pidbox" in entry]
    assert "DELIVERED" == wait_for_status(an_sms(40), timeout=30).state


def test_a_wrong_password_is_refused_with_the_setting_to_mend(running: Fleet, tmp_path: Path) -> None:
    wrong = running.redis.url.replace("redis://", "redis://main-operator:wrong-password@")

    done = running.run("status", SMSFLEET_REDIS_URL=wrong)

    assert os.EX_CONFIG == done.returncode
    assert "Redis refused the login: check the user and password in SMSFLEET_REDIS_URL" in done.stderr
    assert "wrong-password" not in done.stderr
