"""Sentinels name the store and the broker: the primary is killed under traffic, and everybody goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.individual import Sender
from tests.acceptance.sentinel import Guarded, client
from tests.acceptance.test_redis_outages import SETTINGS, at_rest, known

from smsfleet.config.errors import StoreUnavailable
from smsfleet.tasks import job_status

JOBS = 300


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Fleet, Guarded]]:
    """A running fleet whose Redis is found by a Sentinel."""
    fleet, server = Fleet(tmp_path, **SETTINGS), Guarded(tmp_path / "guarded")
    fleet.redis = server
    with fleet:
        fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
        fleet.start("simulator", "binder", "worker")
        yield fleet, server


def states(count: int) -> set[str]:
    return {job_status(f"key-{n}").state for n in range(count) if known(f"key-{n}")}


def is_quiet(fleet: Fleet) -> bool:
    """Whether nothing is on its way; a connection of ours may still be that to the dead primary."""
    try:
        return at_rest(fleet)
    except StoreUnavailable:
        return False


def sent_jobs(fleet: Fleet, count: int) -> Sender:
    """Jobs being sent, of which a fifth is at the SMSC."""
    sender = Sender(count, on_ambiguous="resend")
    sender.start()
    wait_until(lambda: fleet.smsc.accepted_count >= count // 5, "traffic flows")
    return sender


def test_a_killed_primary_is_replaced_and_application_worker_and_binder_go_on(
    guarded: tuple[Fleet, Guarded],
) -> None:
    fleet, server = guarded
    sender, first = sent_jobs(fleet, JOBS), server.port

    server.stop(signal.SIGKILL)
    wait_until(lambda: server.primary_port() != first, "the Sentinel has promoted the replica")
    sender.join(60)
    wait_until(lambda: is_quiet(fleet), "nothing is on its way any more")

    times = fleet.smsc.times_accepted()
    lost = [to for (to, text) in sender.sent if (to, text) not in times]
    # What the replica had not got is unknown to it; all that it knows has reached its end.
    assert [] == [to for to in lost if known(f"key-{int(to[-4:])}")]
    assert len(lost) < JOBS // 10
    assert 2 >= max(times.values())
    assert {"DELIVERED"} == states(JOBS)
    assert all(process.running for process in fleet.processes)
    assert [0] == fleet.smsc.bind_statuses


def test_a_planned_failover_loses_nothing(guarded: tuple[Fleet, Guarded]) -> None:
    fleet, server = guarded
    sender, first = sent_jobs(fleet, JOBS), server.port

    with client(server.sentinel_port) as sentinel:
        sentinel.execute_command("SENTINEL", "FAILOVER", "fleet")
        wait_until(lambda: server.primary_port() != first, "the Sentinel has promoted the replica")
    sender.join(60)
    wait_until(lambda: is_quiet(fleet), "nothing is on its way any more")
    wait_until(lambda: {"DELIVERED"} == states(JOBS), "every job is delivered")

    times = fleet.smsc.times_accepted()
    assert set(sender.sent) == set(times)
    assert 2 >= max(times.values())
    assert [0] == fleet.smsc.bind_statuses
