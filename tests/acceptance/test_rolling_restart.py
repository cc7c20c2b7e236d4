"""A rolling restart under traffic: every binder and worker is replaced, and nobody can tell from the messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.fleet import Fleet, Process, statuses, traffic, wait_until

from smsfleet.tasks import job_status

ROUNDS = 3
MOST_JOBS = 10_000
"""The last replacement ends the traffic, long before."""

PROGRESS = 60
"""Segments that reach the SMSC between two replacements, at least."""


def test_a_rolling_restart_loses_nothing_and_leaves_nothing_in_doubt(
    new_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = new_fleet(SMSFLEET_RATE="150", SMSFLEET_SMPP_WINDOW="50")
    fleet.options["simulator"] = ("--response-delay", "0.2", "--receipt-delay", "0.3")
    fleet.start("simulator", "binder", "worker")
    leader, standby = fleet.process("binder"), standby_on(fleet, tmp_path / "host-0")
    codes: list[int] = []

    with traffic(MOST_JOBS, lambda: fleet.smsc.accepted_count + 200, on_ambiguous="fail") as sending:
        for count in range(1, ROUNDS + 1):
            flows(fleet)
            codes.append(leader.send(15))
            wait_until(
                lambda expected=count + 1: len(fleet.smsc.bind_statuses) == expected, "the standby binds"
            )
            leader, standby = standby, standby_on(fleet, tmp_path / f"host-{count}")
            flows(fleet)
            old = fleet.process("worker")
            fleet.start("worker")
            flows(fleet)
            codes.append(old.send(15))
        flows(fleet)
        jobs = sending.end()
    wait_until(lambda: all(job_status(job.job_id).final for job in jobs), "every job is final")

    found = statuses(jobs).values()
    assert [0] * 2 * ROUNDS == codes
    assert [0] * (ROUNDS + 1) == fleet.smsc.bind_statuses
    assert ROUNDS == len(fleet.smsc.lines("unbind"))
    assert {("DELIVERED", 0, 0)} == {(status.state, status.ambiguous, status.duplicates) for status in found}
    assert {1} == set(fleet.smsc.times_accepted().values())
    assert sum(job.segments for job in jobs) == fleet.smsc.accepted_count


def standby_on(fleet: Fleet, folder: Path) -> Process:
    """A binder of another host, that waits."""
    folder.mkdir()
    standby = fleet.launch("binder", SMSFLEET_RUN_DIR=str(folder))
    wait_until(lambda: standby.says("standing by"), "the new binder stands by")
    return standby


def flows(fleet: Fleet) -> None:
    """Wait until some more have reached the SMSC."""
    reached = fleet.smsc.accepted_count + PROGRESS
    wait_until(lambda: fleet.smsc.accepted_count >= reached, "traffic flows")
