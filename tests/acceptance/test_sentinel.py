"""Sentinels name the store and the broker: the primary is killed under traffic, and everybody goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.individual import Sender
from tests.acceptance.sentinel import NAME, Guarded, client
from tests.acceptance.test_redis_outages import SETTINGS, at_rest, known

from smsfleet.config.errors import StoreUnavailable
from smsfleet.tasks import job_status

JOBS = 150


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Fleet, Guarded]]:
    """A running fleet whose Redis is found by a Sentinel."""
    fleet, server = Fleet(tmp_path, **SETTINGS), Guarded(tmp_path / "guarded")
    fleet.redis = server
    with fleet:
        fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
        fleet.start("simulator", "binder", "worker")
        yield fleet, server


def states(series: str) -> set[str]:
    """The states of the jobs that are known; none while a connection of ours is that to the dead primary."""
    try:
        names = [f"{series}-{n}" for n in range(JOBS)]
        return {job_status(name).state for name in names if known(name)}
    except StoreUnavailable:
        return set()


def is_quiet(fleet: Fleet) -> bool:
    """Whether nothing is on its way; a connection of ours may still be that to the dead primary."""
    try:
        return at_rest(fleet)
    except StoreUnavailable:
        return False


def sent_jobs(fleet: Fleet, series: str) -> Sender:
    """Jobs being sent, of which a fifth is at the SMSC."""
    sender, before = Sender(JOBS, series, on_ambiguous="resend"), fleet.smsc.accepted_count
    sender.start()
    wait_until(lambda: fleet.smsc.accepted_count >= before + JOBS // 5, "traffic flows")
    return sender


def settled(fleet: Fleet, sender: Sender) -> set[str]:
    """Wait until everything that was sent is at rest; the destinations that the SMSC never heard of."""
    sender.join(60)
    wait_until(lambda: is_quiet(fleet), "nothing is on its way any more")
    times = fleet.smsc.times_accepted()
    assert 2 >= max(times.values())
    return {to for (to, text) in sender.sent if (to, text) not in times}


def test_application_worker_and_binder_go_on_when_the_primary_changes(guarded: tuple[Fleet, Guarded]) -> None:
    fleet, server = guarded

    # Planned: nothing is lost.
    sender, first = sent_jobs(fleet, "planned"), server.primary_port()
    with client(server.sentinel_port) as sentinel:
        sentinel.execute_command("SENTINEL", "FAILOVER", NAME)
    wait_until(lambda: server.primary_port() == server.replica.port, "the Sentinel has promoted the replica")
    assert set() == settled(fleet, sender)
    wait_until(lambda: {"DELIVERED"} == states("planned"), "every job is delivered")
    wait_until(server.replicates_again, "the former primary has everything")

    # Killed: what the replica had not got is unknown to it; all that it knows reaches its end.
    sender = sent_jobs(fleet, "killed")
    server.replica.stop(signal.SIGKILL)
    wait_until(lambda: server.primary_port() == first, "the Sentinel has promoted the first one")
    lost = settled(fleet, sender)
    assert [] == [to for to in lost if known(f"killed-{int(to[-4:])}")]
    assert len(lost) < JOBS // 10
    wait_until(lambda: {"DELIVERED"} == states("killed"), "every job that is known is delivered")

    assert all(process.running for process in fleet.processes)
    assert [0] == fleet.smsc.bind_statuses
