"""How the processes start, refuse to start, and end: exit codes, messages, and what they leave in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import REPOSITORY, Fleet, number, statuses, traffic, wait_until

from smsfleet.cli.embedded import free_port
from smsfleet.config.codes import ESME_RINVPASWD
from smsfleet.tasks import job_status, send_sms

JOBS = 300


@pytest.fixture(scope="module")
def idle_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet without processes, for commands that end by themselves."""
    with Fleet(tmp_path_factory.mktemp("idle")) as fleet:
        yield fleet


# --- the end -----------------------------------------------------------------------------------------


def test_sigterm_ends_the_binder_with_nothing_in_doubt(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_RATE="1000")
    fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")

    with traffic(JOBS, lambda: fleet.smsc.accepted_count + 200) as sending:
        wait_until(lambda: fleet.smsc.accepted_count >= 50, "traffic flows")
        code = fleet.end("binder")
        lease, in_flight = fleet.lease, fleet.command("HLEN", fleet.keys.inflight)
        unbinds = len(fleet.smsc.lines("unbind"))
        fleet.start("binder")
        jobs = sending.finish()
    wait_until(lambda: all(status.final for status in statuses(jobs).values()), "every job is final")

    assert (0, 1, None, 0) == (code, unbinds, lease, in_flight)
    assert {("DELIVERED", 0)} == {(status.state, status.ambiguous) for status in statuses(jobs).values()}
    assert {1} == set(fleet.smsc.times_accepted().values())


def test_sigterm_ends_the_worker_and_the_next_one_goes_on(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_RATE="100")
    fleet.options["simulator"] = ("--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")

    with traffic(JOBS, lambda: fleet.smsc.accepted_count + 200) as sending:
        wait_until(lambda: fleet.smsc.accepted_count >= 50, "traffic flows")
        code = fleet.end("worker")
        held_by_nobody = fleet.command("HLEN", "unacked")
        consumers = fleet.command("XINFO", "CONSUMERS", fleet.keys.responses, "workers")
        fleet.start("worker")
        jobs = sending.finish()
    wait_until(lambda: all(status.final for status in statuses(jobs).values()), "every job is final")

    assert 0 == code
    assert 0 == held_by_nobody
    assert [] == consumers
    assert {"DELIVERED"} == {status.state for status in statuses(jobs).values()}
    assert {1} == set(fleet.smsc.times_accepted().values())


def test_a_standby_binds_only_when_the_leader_is_gone(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet()
    fleet.start("simulator", "binder")
    leader = fleet.process("binder")

    standby = fleet.launch("binder")
    wait_until(lambda: standby.says("standing by"), "the second binder stands by")
    binds_before = fleet.smsc.bind_statuses
    code = leader.send(15)
    wait_until(lambda: len(fleet.smsc.bind_statuses) == 2, "the standby binds")

    assert [0] == binds_before
    assert 0 == code
    assert [0, 0] == fleet.smsc.bind_statuses


@pytest.mark.parametrize("by", ["SIGHUP", "smsfleet reload"])
def test_a_reload_reaches_the_workers_and_leaves_the_bind_alone(
    new_fleet: Callable[..., Fleet], tmp_path: Path, by: str
) -> None:
    file = tmp_path / "settings"
    file.write_text("SMSFLEET_RATE=0.1\n", encoding="utf-8")
    fleet = new_fleet(SMSFLEET_SETTINGS_FILE=str(file))
    fleet.start("simulator", "binder", "worker")
    jobs = [send_sms.delay(number(n), "Hello") for n in range(30)]  # five minutes at this rate
    wait_until(lambda: fleet.smsc.accepted_count >= 1, "the first has gone", within_s=8)

    file.write_text("SMSFLEET_RATE=fast\n", encoding="utf-8")
    if by == "SIGHUP":
        os.kill(fleet.process("binder").pid, signal.SIGHUP)
        wait_until(lambda: fleet.process("binder").says("settings not reloaded"), "a bad value is refused")
    else:
        assert os.EX_CONFIG == fleet.run("reload").returncode
    file.write_text("SMSFLEET_RATE=1000\n", encoding="utf-8")
    if by == "SIGHUP":
        os.kill(fleet.process("binder").pid, signal.SIGHUP)
    else:
        assert 0 == fleet.run("reload").returncode
    wait_until(lambda: all(job_status(job.id).final for job in jobs), "every job is final")

    assert fleet.smsc.bind_statuses == [0]
    assert fleet.process("worker").says("settings reloaded")


# --- the bind ----------------------------------------------------------------------------------------


def test_a_wrong_password_is_tried_exactly_once(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet()
    fleet.start("simulator")

    binder = fleet.launch("binder", SMSFLEET_SMPP_PASSWORD="wrong")
    wait_until(lambda: binder.says("bind refused"), "the binder gives up")
    wait_until(lambda: state_of(fleet) == "refused", "it says so to operators")
    status = fleet.run("status")
    code = fleet.end("binder")

    assert [ESME_RINVPASWD] == fleet.smsc.bind_statuses
    assert "SMSFLEET_SMPP_PASSWORD" in status.stdout
    assert (1, 0) == (status.returncode, code)


def state_of(fleet: Fleet) -> str | None:
    report = fleet.command("GET", fleet.keys.binder)
    return json.loads(report)["state"] if report else None


# --- a server that would lose jobs, or none ----------------------------------------------------------


@pytest.mark.parametrize("role", ["binder", "worker"])
@pytest.mark.parametrize(
    ("directive", "unsafe", "safe"),
    [("appendonly", "no", "yes"), ("maxmemory-policy", "allkeys-lru", "noeviction")],
)
def test_a_redis_that_would_lose_jobs_is_refused(
    idle_fleet: Fleet, role: str, directive: str, unsafe: str, safe: str
) -> None:
    idle_fleet.command("CONFIG", "SET", directive, unsafe)

    ended = idle_fleet.run(role)

    idle_fleet.command("CONFIG", "SET", directive, safe)
    assert (os.EX_CONFIG, "smsfleet: ") == (ended.returncode, last_line(ended)[:10])
    assert f"set `{directive} {safe}`" in last_line(ended)
    assert "SMSFLEET_ALLOW_VOLATILE_REDIS" in last_line(ended)


@pytest.mark.parametrize(
    "command", [["binder"], ["worker"], ["status"], ["send", "27999100001", "Hello"]], ids=" ".join
)
def test_a_redis_that_is_away_gives_an_exit_code_of_its_own(idle_fleet: Fleet, command: list[str]) -> None:
    ended = idle_fleet.run(*command, SMSFLEET_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")

    assert os.EX_UNAVAILABLE == ended.returncode
    assert last_line(ended).startswith("smsfleet: Redis cannot be used now")
    assert "Traceback" not in ended.stderr


# --- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["binder", "worker"])
@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("SMSFLEET_RATE", "0", "SMSFLEET_RATE='0' is refused: must be segments per second"),
        ("SMSFLEET_ACCOUNT", "a b", "SMSFLEET_ACCOUNT='a b' is refused: must be 1-32 of"),
        ("SMSFLEET_REDIS_URL", "http://x", "SMSFLEET_REDIS_URL=(hidden) is refused: must be redis://"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_its_rule(
    idle_fleet: Fleet, role: str, setting: str, value: str, said: str
) -> None:
    ended = idle_fleet.run(role, **{setting: value})

    assert os.EX_CONFIG == ended.returncode
    assert said in last_line(ended)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("SMSFLEET_SMPP_HOST", "", "SMSFLEET_SMPP_HOST is not set: host name"),
        ("SMSFLEET_SMPP_SYSTEM_TYPE", "", "SMSFLEET_SMPP_SYSTEM_TYPE is not set: API ID"),
        ("SMSFLEET_SMPP_PASSWORD", "", "SMSFLEET_SMPP_PASSWORD is not set: account password"),
        ("SMSFLEET_SMPP_PASSWORD", "ninechars", "SMSFLEET_SMPP_PASSWORD has 9 characters: must be 1-8"),
        (
            "SMSFLEET_SMPP_ENQUIRE_LINK_S",
            "30",
            "SMSFLEET_SMPP_ENQUIRE_LINK_S='30' is refused: must be 55-57 s",
        ),
        (
            "SMSFLEET_SMPP_RECONNECT_MIN_S",
            "5",
            "SMSFLEET_SMPP_RECONNECT_MIN_S='5' is refused: must be 30-60 s",
        ),
        ("SMSFLEET_SMPP_PORT", "x", "SMSFLEET_SMPP_PORT='x' is refused: must be TCP port"),
    ],
)
def test_a_bad_setting_of_the_bind_is_named_with_its_rule(
    idle_fleet: Fleet, setting: str, value: str, said: str
) -> None:
    ended = idle_fleet.run("binder", **{setting: value})

    assert os.EX_CONFIG == ended.returncode
    assert said in last_line(ended)
    assert "ninechars" not in ended.stderr


# --- the import --------------------------------------------------------------------------------------

AN_APPLICATION = """
import json, resource, sys
from celery import Celery
host = Celery("host", broker="memory://")
before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
import smsfleet.tasks
spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
from celery import current_app
print(json.dumps({
    "current app": current_app.main,
    "loaded": sorted(set(sys.modules) & {"redis", "pydantic", "structlog", "asyncio", "fakeredis", "rich"}),
    "our rooms": sorted({name.split(".")[1] for name in sys.modules if name.startswith("smsfleet.")}),
    "of the protocol": [name for name in sys.modules if name.startswith("smsfleet.smpp.")],
    "user CPU s": round(spent, 3),
}))
"""


def test_importing_the_tasks_leaves_the_application_as_it_is() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSFLEET_")}

    ended = subprocess.run(
        [sys.executable, "-c", AN_APPLICATION],
        env={**environment, "PYTHONPATH": str(REPOSITORY / ".ns")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    found = json.loads(ended.stdout)
    print(f"import smsfleet.tasks: {found.pop('user CPU s')} s of user CPU")
    assert {
        "current app": "host",
        "loaded": [],
        "our rooms": ["config", "smpp", "store", "tasks", "workers"],
        "of the protocol": ["smsfleet.smpp.constants"],  # what the options of a job are checked against
    } == found


def last_line(ended: subprocess.CompletedProcess[str]) -> str:
    return (ended.stderr.strip().splitlines() or [""])[-1]
