"""`smsfleet doctor` on a real server: what is stored and how the server is set up, as findings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.check_broker import check_workers
from smsfleet.cli.check_redis import check_redis, judge_memory
from smsfleet.cli.checkup import Severity
from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.config.settings import load
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.forms import REMEDY
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease
from smsfleet.store.ledger import Ledger
from smsfleet.store.live import Live
from smsfleet.store.standing import ACCOUNT, Standings
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.server

KEYS = Keys("main")
SKIP = ("--skip", "workers", "--skip", "gateway")

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(server: EmbeddedServer, real_store: Store, smsfleet: Smsfleet, tmp_path: Path) -> Look:  # noqa: F811
    """Runs the doctor on the emptied server; what it has found."""
    del real_store

    def run(*arguments: str, **settings: str) -> dict[str, Any]:
        given = {"redis_url": server.url, "run_dir": str(tmp_path), **settings}
        result = smsfleet("doctor", "--json", *arguments, **given)
        found: dict[str, Any] = json.loads(result.stdout)
        assert found["exit_code"] == result.exit_code
        return found

    return run


def said(found: dict[str, Any], words: str) -> str:
    """The severity of the one finding that holds these words."""
    severities = [finding["severity"] for finding in found["findings"] if words in finding["found"]]
    assert 1 == len(severities), [finding["found"] for finding in found["findings"]]
    severity: str = severities[0]
    return severity


def command(store: Store, *words: Any) -> Any:
    return store.run(Call(words, lambda reply: reply))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_an_empty_fleet_lacks_a_binder_and_the_rest_is_well(look: Look) -> None:
    found = look(*SKIP)

    assert "error" == said(found, "no binder holds the lease")
    assert 2 == found["exit_code"]
    assert 1 == found["summary"]["error"]
    for words in (
        "a round trip takes",
        "scripts run",
        "nothing is paused",
        "no login failed",
        "bulk: 0 taken in",
    ):
        assert "ok" == said(found, words)


def test_no_worker_is_an_error(server: EmbeddedServer, real_store: Store, tmp_path: Path) -> None:
    """In a process of its own, as it is used: Celery's pools of this one know the servers of other tests."""
    del real_store
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SMSFLEET_")}
    given = {"SMSFLEET_REDIS_URL": server.url, "SMSFLEET_RUN_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "smsfleet.cli", "doctor", "--json", "--timeout", "15", "--skip", "gateway"],
        env=ours | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "error" == said(json.loads(done.stdout), "no worker has answered within 2 s")


def test_redis_that_is_away_is_an_error_of_each_check_that_needs_it(look: Look, tmp_path: Path) -> None:
    found = look("--timeout", "4", redis_url=f"redis://127.0.0.1:{free_port()}/0", run_dir=str(tmp_path))

    failed = {finding["check"] for finding in found["findings"] if finding["severity"] == "error"}
    assert {"redis", "broker", "workers", "binder", "logins", "pauses", "waiting"} == failed
    assert 1 == sum("Connection refused" in finding["found"] for finding in found["findings"])
    assert "error" == said(found, "Redis cannot be used now")
    (broker,) = [finding for finding in found["findings"] if finding["check"] == "broker"]
    assert "it is the store's server: see check `redis`" == broker["todo"]
    assert "ok" == said(found, "settings are given")


def test_a_setting_that_is_refused_is_a_finding_and_what_needs_none_is_looked_at(look: Look) -> None:
    found = look(rate="0")

    assert "error" == said(found, "SMSFLEET_RATE='0' is refused")
    assert ["names", "settings", "packages", "clock"] == list(
        dict.fromkeys(finding["check"] for finding in found["findings"])
    )


def test_what_stops_the_bind_is_told_with_what_ends_it(look: Look, real_store: Store) -> None:
    token = real_store.run(Lease(KEYS).acquire("here", 30))
    real_store.run(Ledger(KEYS).failed("a1", "transceiver", "14"))
    real_store.run(Ledger(KEYS).pause())

    found = look(*SKIP)

    assert token is not None
    assert "ok" == said(found, "lease 1 is held by here")
    assert "warning" == said(found, "the leader says nothing of itself")
    assert "warning" == said(found, "the bind is paused by an operator")
    assert "warning" == said(found, "refused with 0x000e")
    assert "note" == said(found, "no standby")


def test_a_login_that_failed_long_ago_counts_no_more(look: Look, real_store: Store) -> None:
    hour_ago = now_ms() - 3_600_000
    real_store.run(Ledger(KEYS, now_ms=hour_ago).failed("a1", "transceiver", "14"))

    assert "ok" == said(look(*SKIP), "no login failed lately")


@pytest.mark.parametrize(
    ("state", "age_ms", "severity"),
    [("bound", 0, "ok"), ("refused", 0, "error"), ("waiting", 0, "warning"), ("waiting", 10**6, "error")],
)
def test_what_the_binder_says_of_itself_is_judged(
    look: Look, real_store: Store, state: str, age_ms: int, severity: str
) -> None:
    report = {"state": state, "why": "because", "since_ms": now_ms() - age_ms, "binds": 1, "disconnects": 0}
    real_store.run(Lease(KEYS).acquire("here", 30))
    command(real_store, "SET", KEYS.binder, json.dumps(report))

    assert severity == said(look(*SKIP), f"the binder is {state}")


@pytest.mark.parametrize("report", [b"[]", b"{", b"\xff", b"nothing"])
def test_a_report_that_cannot_be_read_hides_nothing(look: Look, real_store: Store, report: bytes) -> None:
    real_store.run(Lease(KEYS).acquire("here", 30))
    command(real_store, "SET", KEYS.binder, report)

    found = look(*SKIP)

    assert "ok" == said(found, "nothing is paused")
    assert 1 <= found["exit_code"]


def test_a_binder_that_tries_again_and_again_is_an_error_though_no_attempt_lasts(
    look: Look, real_store: Store
) -> None:
    report = {"state": "waiting", "why": "cannot connect", "since_ms": now_ms() - 9_000,
              "unbound_since_ms": now_ms() - 300_000}  # fmt: skip
    real_store.run(Lease(KEYS).acquire("here", 30))
    command(real_store, "SET", KEYS.binder, json.dumps(report))

    assert "error" == said(look(*SKIP), "the binder is waiting and not bound for 5 min: cannot connect")


def test_a_wrong_clock_of_the_binders_machine_is_told_and_its_ages_are_true(
    look: Look, real_store: Store
) -> None:
    there = now_ms() - 7_200_000
    real_store.run(Lease(KEYS).acquire("here", 30))
    report = {"state": "bound", "at_ms": there, "since_ms": there - 9_000}
    command(real_store, "SET", KEYS.binder, json.dumps(report))

    found = look(*SKIP)

    assert "warning" == said(found, "the clock of the binder's machine is 2 h behind Redis' clock")
    assert "ok" == said(found, "the binder is bound for 9")


def test_pauses_and_what_waits_too_long_are_told(look: Look, real_store: Store) -> None:
    real_store.run(Standings(KEYS).pause(["bulk", ACCOUNT], "noon"))
    command(real_store, "ZADD", KEYS.intake["high"], now_ms() - 60_000, "job")
    command(real_store, "ZADD", KEYS.held, "inf", "job#1")
    command(real_store, "XADD", KEYS.dead, "*", "p", "x")

    found = look(*SKIP)

    assert "warning" == said(found, "paused: lane bulk, by an operator")
    assert "warning" == said(found, "paused: the account, by an operator")
    assert "warning" == said(found, "high: 1 taken in, 0 outbound, 0 in flight, the oldest for 6")
    assert "warning" == said(found, "1 are held now")
    assert "warning" == said(found, "1 messages of the gateway cannot be read")


def test_quiet_shows_only_what_needs_somebody_and_ends_with_the_same_summary(
    server: EmbeddedServer,
    real_store: Store,
    smsfleet: Smsfleet,  # noqa: F811
) -> None:
    real_store.run(Lease(KEYS).acquire("here", 30))

    result: Result = smsfleet("doctor", "--quiet", *SKIP, redis_url=server.url)

    assert 1 == result.exit_code
    assert result.stdout.startswith("WARNING  binder")
    assert "0 errors, 1 warnings" in result.stdout.splitlines()[-1]
    assert "\n ok" not in result.stdout


# --- the server ---------------------------------------------------------------------------------


@pytest.fixture
def changed(real_store: Store) -> Iterator[Callable[[str, str], None]]:
    """Changes a setting of the server until the test ends."""
    before: dict[str, bytes] = {}

    def change(name: str, value: str) -> None:
        before[name] = command(real_store, "CONFIG GET", name)[1]
        command(real_store, "CONFIG SET", name, value)

    yield change
    for name, value in before.items():
        command(real_store, "CONFIG SET", name, value)


@pytest.mark.parametrize(
    ("setting", "words", "severity"),
    [
        ("maxmemory-policy=allkeys-lru", "maxmemory-policy is allkeys-lru", "error"),
        ("appendfsync=no", "appendfsync is no", "warning"),
        ("hash-max-listpack-value=64", "hash-max-listpack-value is below 512", "note"),
        ("save=60 1", "snapshots are made", "note"),
    ],
)
def test_a_server_that_is_set_up_otherwise_is_told(
    look: Look, changed: Callable[[str, str], None], setting: str, words: str, severity: str
) -> None:
    changed(*setting.split("="))

    assert severity == said(look(*SKIP), words)


@pytest.mark.parametrize(("used", "severity"), [(79, "OK"), (80, "WARNING"), (95, "ERROR")])
@pytest.mark.parametrize("limit", ["maxmemory", "total_system_memory"])
def test_a_server_that_is_nearly_full_is_told(limit: str, used: int, severity: str) -> None:
    findings = [*judge_memory({"used_memory": str(used * 2**20), limit: str(100 * 2**20)})]

    assert severity == findings[0].severity.name
    assert f"{used} MiB used, {used}% of" in findings[0].found
    assert (limit == "maxmemory") is ("maxmemory is not set" not in str(findings))


def test_keys_of_another_type_are_named(real_store: Store) -> None:
    keys = Keys("main")
    command(real_store, "SET", keys.rate, "x")
    command(real_store, "HSET", keys.outbound["bulk"], "x", "y")
    command(real_store, "HSET", keys.waiting, "x", "y")

    findings = [*check_redis(real_store, allow_volatile=False, wall_ms=now_ms, keys=keys)]

    assert [
        "the key {main}:rate is a string, not a hash",
        "the key {main}:outbound:bulk is a hash, not a stream",
    ] == [finding.found for finding in findings if finding.severity is Severity.ERROR]


def test_a_key_of_another_type_is_told_once_with_what_to_do(look: Look, real_store: Store) -> None:
    command(real_store, "SET", KEYS.rate, "x")

    found = look(*SKIP)

    told = [finding for finding in found["findings"] if "{main}:rate" in finding["found"]]
    assert [("redis", "the key {main}:rate is a string, not a hash", REMEDY)] == [
        (finding["check"], finding["found"], finding["todo"]) for finding in told
    ]
    assert ["pauses", "waiting"] == [
        finding["check"] for finding in found["findings"] if "see check `redis`" in finding["found"]
    ]


def test_a_command_that_meets_it_names_one_page(
    smsfleet: Smsfleet,  # noqa: F811
    server: EmbeddedServer,
    real_store: Store,
) -> None:
    command(real_store, "SET", KEYS.rate, "x")

    told = smsfleet("status", redis_url=server.url)

    assert (os.EX_UNAVAILABLE, 1) == (told.exit_code, told.stderr.count("docs/operations.md"))
    assert "'A key of another type'" in told.stderr


def test_a_clock_that_differs_is_told(real_store: Store) -> None:
    findings = [*check_redis(real_store, allow_volatile=False, wall_ms=lambda: now_ms() - 40_000)]

    (clock,) = [finding for finding in findings if "the clock of this machine" in finding.found]
    assert (Severity.ERROR, "40 s behind Redis' clock") == (clock.severity, clock.found.partition(" is ")[2])


def test_a_server_that_refuses_questions_is_looked_at_as_far_as_it_lets(
    server: EmbeddedServer, real_store: Store
) -> None:
    command(
        real_store,
        "ACL SETUSER",
        "careful",
        "on",
        ">pw",
        "~*",
        "+@all",
        "-config",
        "-slowlog",
        "-client|list",
    )
    store = Store.connect(server.url.replace("redis://", "redis://careful:pw@"))

    findings = [*check_redis(store, allow_volatile=False, wall_ms=now_ms)]
    store.close()

    notes = [finding.found for finding in findings if "refused here" in finding.found]
    assert [
        "CONFIG GET is refused here: not looked at",
        "SLOWLOG GET is refused here: not looked at",
    ] == notes
    assert "scripts run" in [finding.found for finding in findings]


@pytest.mark.parametrize(("rate", "told"), [(5.0, False), (100.0, True)])
def test_the_rate_of_the_workers_is_held_against_what_was_reloaded(
    server: EmbeddedServer,
    real_store: Store,
    rate: float,
    told: bool,
) -> None:
    real_store.run(Live(KEYS).publish({"rate": 5.0}))
    answer = {
        "version": "1",
        "celery": "5",
        "pool": "solo",
        "concurrency": 1,
        "queues": [],
        "account": "main",
    }
    replies = [{"celery@a": {**answer, "rate": rate}}]
    app = SimpleNamespace(control=SimpleNamespace(broadcast=lambda *_, **__: replies))
    now = Runtime(load({"SMSFLEET_REDIS_URL": server.url}), name="doctor")

    found = [*check_workers(app, now, 1.0, "1")]  # type: ignore[arg-type]
    now.store.close()

    assert told == any("SMSFLEET_RATE is not the same" in finding.found for finding in found)
