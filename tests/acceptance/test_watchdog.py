"""A binder whose loop stands still ends itself; one that was merely stopped goes on as a standby."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.fleet import Fleet, Process, wait_until

HERE = Path(__file__).parent
LEASE_TTL_S, WATCHDOG_S = 2.0, 3.0


def start_binder(fleet: Fleet, **environment: str) -> Process:
    """A binder that SIGUSR1 freezes."""
    log = fleet.folder / f"binder-{len(fleet.processes) + 1}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, str(HERE / "frozen_binder.py")],
            cwd=fleet.folder,
            env={**fleet.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process("binder", log, popen)
    fleet.processes.append(process)
    return process


def test_a_frozen_binder_ends_and_a_standby_binds_while_a_stopped_one_lives(
    new_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = new_fleet(SMSFLEET_LEASE_TTL_S=str(LEASE_TTL_S), SMSFLEET_WATCHDOG_S=str(WATCHDOG_S))
    fleet.start("simulator")
    leader = start_binder(fleet)
    wait_until(lambda: [0] == fleet.smsc.bind_statuses, "the leader is bound")
    other_host = tmp_path / "other"
    other_host.mkdir()
    standby = start_binder(fleet, SMSFLEET_RUN_DIR=str(other_host))
    wait_until(lambda: standby.says("standing by"), "the second binder stands by")

    # Stopped for longer than a frozen loop may stand still: it costs the watchdog one look.
    standby.popen.send_signal(signal.SIGSTOP)
    leader.popen.send_signal(signal.SIGUSR1)
    code = leader.popen.wait(30)
    standby.popen.send_signal(signal.SIGCONT)

    assert os.EX_SOFTWARE == code
    assert "the loop stands still: the binder ends" in leader.log.read_text()
    assert "frozen_binder.py" in leader.log.read_text()  # where it stood
    wait_until(lambda: [0, 0] == fleet.smsc.bind_statuses, "the standby binds: no ghost is in its way")
    assert standby.running
