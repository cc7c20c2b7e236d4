"""Sentinels name the store and the broker: the primary is killed under traffic, and everybody goes on by itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.individual import Sender
from tests.acceptance.sentinel import Guarded, GuardedByTls
from tests.acceptance.servers import TlsServer
from tests.acceptance.test_redis_outages import SETTINGS, at_rest, known

from smsfleet.config.errors import StoreUnavailable
from smsfleet.tasks import job_status

JOBS = 150


@pytest.fixture(params=[Guarded, GuardedByTls], ids=["plain", "TLS"])
def guarded(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Fleet, Guarded]]:
    """A running fleet whose Redis is found by a Sentinel, by TLS too where a server can speak it."""
    if request.param is GuardedByTls:
        TlsServer.skip_unless_possible()
    fleet, server = Fleet(tmp_path, **SETTINGS), request.param(tmp_path / "guarded")
    fleet.redis = server
    with fleet:
        fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
        fleet.start("simulator", "binder", "worker")
        yield fleet, server


def states() -> set[str]:
    """The states of the jobs that are known; none while a connection of ours is that to the dead primary."""
    try:
        names = [f"key-{n}" for n in range(JOBS)]
        return {job_status(name).state for name in names if known(name)}
    except StoreUnavailable:
        return set()


def is_quiet(fleet: Fleet) -> bool:
    """Whether nothing is on its way; a connection of ours may still be that to the dead primary."""
    try:
        return at_rest(fleet)
    except StoreUnavailable:
        return False


def test_application_worker_and_binder_go_on_when_the_primary_dies(guarded: tuple[Fleet, Guarded]) -> None:
    fleet, server = guarded
    sender = Sender(JOBS, on_ambiguous="resend")
    sender.start()
    wait_until(lambda: fleet.smsc.accepted_count >= JOBS // 5, "traffic flows")

    server.stop(signal.SIGKILL)
    wait_until(lambda: server.primary_port() == server.replica.port, "the Sentinel has promoted the replica")
    sender.join(60)
    wait_until(lambda: is_quiet(fleet), "nothing is on its way any more")

    times = fleet.smsc.times_accepted()
    lost = [to for (to, text) in sender.sent if (to, text) not in times]
    # What the replica had not got is unknown to it; all that it knows has reached its end.
    assert [] == [to for to in lost if known(f"key-{int(to[-4:])}")]
    assert len(lost) < JOBS // 10
    assert 2 >= max(times.values())
    wait_until(lambda: {"DELIVERED"} == states(), "every job that is known is delivered")
    assert all(process.running for process in fleet.processes)
    assert [0] == fleet.smsc.bind_statuses
