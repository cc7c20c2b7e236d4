"""Passwords stay where they belong: not in logs, argv, output or repr. test_privacy.py has numbers and texts."""

from __future__ import annotations

import signal
from collections.abc import Callable

import psutil
from tests.acceptance.fleet import PASSWORD, Fleet, wait_until

from smsfleet.cli.binder import session_options
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing
from smsfleet.simulator.options import SimulatorOptions

REDIS_PASSWORD = "Rd5w8Tq2"


def test_no_secret_shows_in_a_process_or_its_logs(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_LOG_LEVEL="DEBUG")
    fleet.command("CONFIG", "SET", "requirepass", REDIS_PASSWORD)
    fleet.environment["SMSFLEET_REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{fleet.redis.port}/0"

    fleet.start("simulator", "binder", "worker")
    wait_until(lambda: fleet.run("status").returncode == 0, "the binder has told that it is bound")
    status = fleet.run("status", "--json")
    refused = fleet.run(
        "status", SMSFLEET_REDIS_URL=f"redis://:wrong{REDIS_PASSWORD}@127.0.0.1:{fleet.redis.port}"
    )
    argv = [psutil.Process(process.pid).cmdline() for process in fleet.processes]
    ended = [fleet.process(role).send(signal.SIGTERM) for role in ("binder", "worker", "simulator")]

    assert [0, 0, 0] == ended
    assert '"state": "bound"' in status.stdout
    assert refused.returncode != 0
    assert "SMSFLEET_REDIS_URL" in refused.stderr
    for secret in (PASSWORD, REDIS_PASSWORD):
        assert secret not in str(argv)
        assert secret not in fleet.logs()
        assert secret not in status.stdout + status.stderr + refused.stdout + refused.stderr
        assert secret not in (fleet.folder / "journal.jsonl").read_text()


def test_no_secret_shows_in_a_repr() -> None:
    environment = {
        "SMSFLEET_REDIS_URL": f"redis://:{REDIS_PASSWORD}@redis/0",
        "SMSFLEET_BROKER_URL": f"redis://:{REDIS_PASSWORD}@broker/0",
        "SMSFLEET_SMPP_HOST": "smpp.example",
        "SMSFLEET_SMPP_SYSTEM_ID": "demo",
        "SMSFLEET_SMPP_PASSWORD": PASSWORD,
        "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
    }

    settings: Settings = load(environment)
    smpp: SmppSettings = load_smpp(environment)
    session = session_options(smpp, Timing.of(settings, smpp), "transceiver")
    said = repr([settings, smpp, session, SimulatorOptions(password=PASSWORD)])

    assert PASSWORD not in said
    assert REDIS_PASSWORD not in said
