"""Redis is frozen, killed, emptied, failed over: what the table in docs/operations.md says, with real processes.

Everywhere: no segment twice beyond its policy, no job lost that Redis kept.
"""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.acceptance.fleet import Fleet, Process, number, wait_until
from tests.acceptance.individual import Sender
from tests.acceptance.switch import Switch

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.config.errors import UnknownJob
from smsfleet.tasks import job_status, send_sms

LEASE_TTL_S = 2.0
JOBS = 600
SETTINGS = {
    "SMSFLEET_RATE": "200",
    "SMSFLEET_LEASE_TTL_S": str(LEASE_TTL_S),
    "SMSFLEET_SMPP_WINDOW": "20",
    "SMSFLEET_SMPP_RECONNECT_MAX_S": "30",
    "SMSFLEET_SWEEP_S": "1",
    "SMSFLEET_SWEEP_MARGIN_S": "3",
    "SMSFLEET_VISIBILITY_TIMEOUT_S": "5",
}


def started(fleet: Fleet) -> None:
    fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
    fleet.start("simulator", "binder", "worker")


@contextmanager
def sending(fleet: Fleet, **options: Any) -> Iterator[Sender]:
    """JOBS jobs being sent, of which a fifth is at the SMSC."""
    sender = Sender(JOBS, **options)
    sender.start()
    wait_until(lambda: fleet.smsc.accepted_count >= JOBS // 5, "traffic flows")
    yield sender


def ambiguous() -> int:
    """Unknown outcomes of all jobs that Redis still knows."""
    return sum(job_status(f"key-{n}").ambiguous for n in range(JOBS) if known(f"key-{n}"))


def known(job_id: str) -> bool:
    try:
        job_status(job_id)
    except UnknownJob:
        return False
    return True


def states() -> Counter[str]:
    return Counter(job_status(f"key-{n}").state for n in range(JOBS))


def another_host(fleet: Fleet, folder: Path) -> Process:
    """A standby that does not share the leader's lock."""
    folder.mkdir()
    standby = fleet.launch("binder", SMSFLEET_RUN_DIR=str(folder))
    wait_until(lambda: standby.says("standing by"), "the second binder stands by")
    return standby


# --- frozen, killed, emptied -------------------------------------------------------------------------


@pytest.mark.parametrize("standby", [False, True], ids=["alone", "with a standby"])
def test_redis_frozen_for_longer_than_the_lease(
    new_fleet: Callable[..., Fleet], tmp_path: Path, standby: bool
) -> None:
    fleet = new_fleet(**SETTINGS)
    started(fleet)
    if standby:
        another_host(fleet, tmp_path / "other-host")

    with sending(fleet, on_ambiguous="resend") as sender:
        assert fleet.redis.process is not None
        fleet.redis.process.send_signal(signal.SIGSTOP)
        frozen_at = time.time()
        threading.Event().wait(3 * LEASE_TTL_S)
        thawed_at = time.time()
        fleet.redis.process.send_signal(signal.SIGCONT)
        counts = sender.finished(fleet)
    wait_until(lambda: {"DELIVERED": JOBS} == states(), "every job is delivered")

    # Nothing leaves once the lease may have ended.
    unleased = [
        line for line in fleet.smsc.lines("submit_sm") if frozen_at + LEASE_TTL_S < line["at"] < thawed_at
    ]
    assert [] == unleased
    assert 0 == counts["lost"]
    assert counts["twice"] <= ambiguous()
    if not standby:
        assert ([0], 0, 0) == (fleet.smsc.bind_statuses, counts["twice"], ambiguous())


def test_redis_killed_and_restarted_on_its_file(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(**SETTINGS)
    started(fleet)

    with sending(fleet, on_ambiguous="fail") as sender:
        for share in (2, 3, 4):
            fleet.redis.stop(signal.SIGKILL)
            fleet.redis.start()
            wait_until(lambda at=JOBS * share // 5: fleet.smsc.accepted_count >= at, "traffic flows again")
        counts = sender.finished(fleet)
    wait_until(lambda: {"DELIVERED": JOBS} == states(), "every job is delivered")

    assert (0, 0, 0) == (counts["lost"], counts["twice"], ambiguous())
    assert [0] == fleet.smsc.bind_statuses  # the bind has stood through all of it


def test_redis_restarted_empty(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(**SETTINGS)
    started(fleet)
    before = [send_sms.delay(number(n), "before", on_ambiguous="resend").id for n in range(JOBS)]
    wait_until(lambda: fleet.smsc.accepted_count >= 50, "traffic flows")

    fleet.redis.stop(signal.SIGKILL)
    shutil.rmtree(fleet.redis.folder / "appendonlydir")
    fleet.redis.start()

    binder = fleet.process("binder")
    wait_until(lambda: binder.says("stepping down"), "the fence is gone: nobody leads")
    wait_until(lambda: len(fleet.smsc.bind_statuses) == 2, "it leads and binds again")
    accepted_before = fleet.smsc.accepted_count
    after = [send_sms.delay(number(n), "after").id for n in range(20)]
    wait_until(lambda: all(job_status(job_id).final for job_id in after), "new jobs come to their end")
    times = fleet.smsc.times_accepted()
    assert {"DELIVERED"} == {job_status(job_id).state for job_id in after}
    assert {1} == set(times.values())
    assert accepted_before + 20 == fleet.smsc.accepted_count < JOBS  # the old jobs are gone
    assert {False} == {known(job_id) for job_id in before}
    lost, again = fleet.smsc.lines("disconnect")[0]["at"], fleet.smsc.lines("connect")[1]["at"]
    assert 29.5 <= again - lost


# --- failed over -------------------------------------------------------------------------------------


@contextmanager
def replicated(folder: Path) -> Iterator[tuple[Fleet, Switch, EmbeddedServer]]:
    """A fleet that reaches its Redis through a switch, and a replica that has everything."""
    port = free_port()
    switch, replica = Switch(port), EmbeddedServer(folder / "replica")
    fleet = Fleet(folder, SMSFLEET_REDIS_URL=f"redis://127.0.0.1:{switch.port}/0", **SETTINGS)
    fleet.redis.port = port
    try:
        with fleet:
            replica.start()
            with client(replica) as second:
                second.replicaof("127.0.0.1", port)
                wait_until(lambda: second.info("replication")["master_link_status"] == "up", "it replicates")
            yield fleet, switch, replica
    finally:
        switch.end()
        replica.stop()


@contextmanager
def client(server: EmbeddedServer) -> Iterator[Any]:
    """A client that speaks to this very server."""
    opened = redis.Redis(port=server.port, protocol=2)
    try:
        yield opened
    finally:
        opened.close()


def test_a_replica_is_promoted_after_the_primary_was_killed(tmp_path: Path) -> None:
    with replicated(tmp_path) as (fleet, switch, replica), client(replica) as second:
        started(fleet)

        with sending(fleet, on_ambiguous="resend") as sender:
            switch.cut()
            fleet.redis.stop(signal.SIGKILL)
            second.replicaof("NO", "ONE")
            switch.point_at(replica.port)
            sender.join(60)
        wait_until(lambda: at_rest(fleet), "nothing is on its way any more")

        times = fleet.smsc.times_accepted()
        lost = [to for (to, text) in sender.sent if (to, text) not in times]
        assert [] == [to for to in lost if known(f"key-{int(to[-4:])}")]
        assert len(lost) < JOBS // 10
        assert sum(times.values()) - len(times) <= ambiguous()
        assert 2 >= max(times.values())
        assert fleet.lease is not None


def test_a_primary_hands_over_to_its_replica(tmp_path: Path) -> None:
    with (
        replicated(tmp_path) as (fleet, switch, replica),
        client(replica) as second,
        client(fleet.redis) as first,
    ):
        started(fleet)
        lease = fleet.lease

        with sending(fleet, on_ambiguous="fail") as sender:
            first.execute_command("FAILOVER", "TO", "127.0.0.1", replica.port)
            wait_until(lambda: second.info("replication")["role"] == "master", "the replica is the primary")
            wait_until(lambda: fleet.process("binder").says("cannot"), "the old one takes no writes")
            switch.point_at(replica.port)
            counts = sender.finished(fleet)
        wait_until(lambda: {"DELIVERED": JOBS} == states(), "every job is delivered")

        assert (0, 0, 0) == (counts["lost"], counts["twice"], ambiguous())
        assert ([0], lease) == (fleet.smsc.bind_statuses, fleet.lease)


def at_rest(fleet: Fleet) -> bool:
    runtime = fleet.runtime
    calls = [*runtime.jobs.waiting_intake(), *runtime.jobs.waiting_outbound(), *runtime.facts.waiting()]
    return sum(fleet.store.run_all(calls)) == 0
