"""Who leads after what: kill -9, a restart on the same host, and a leader that is stopped and goes on.

The times of ten rounds each: `python -m tests.benchmarks.takeover`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.fleet import Fleet, Process, Stopwatch, number, wait_until

from smsfleet.config.codes import ESME_RALYNBD, ESME_ROK
from smsfleet.config.errors import Fenced
from smsfleet.store.wire import Wire
from smsfleet.tasks import job_status, send_sms

TTL_S = 2.0
WINDOW = 10
JOBS = 60
GHOST_S = 60.0
"""How long a standby waits for the bind of a leader that the gateway has not seen going (0x05)."""


def another_host(fleet: Fleet, folder: Path) -> Process:
    """A standby that does not share the leader's lock."""
    folder.mkdir()
    standby = fleet.launch("binder", SMSFLEET_RUN_DIR=str(folder))
    wait_until(lambda: standby.says("standing by"), "the second binder stands by")
    return standby


def stopwatch(fleet: Fleet, binder: Process) -> Stopwatch:
    """Begins now; what the binder and its Redis do counts, not who else has the CPUs."""
    assert fleet.redis.process is not None
    return Stopwatch(binder.pid, fleet.redis.process.pid)


def led_by_another(fleet: Fleet, token: bytes | None) -> bool:
    return fleet.lease not in (None, token)


def test_a_killed_leader_is_replaced_within_its_lease_and_a_second(
    new_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = new_fleet(SMSFLEET_LEASE_TTL_S=str(TTL_S))
    fleet.start("simulator", "binder", "worker")
    leader, token = fleet.process("binder"), fleet.lease
    standby = another_host(fleet, tmp_path / "other-host")

    leader.send(signal.SIGKILL)
    watch = stopwatch(fleet, standby)
    wait_until(lambda: led_by_another(fleet, token), "the standby leads")
    took_s = watch.s

    assert took_s <= TTL_S + 1
    wait_until(lambda: len(fleet.smsc.bind_statuses) == 2, "it binds at once: this process was never bound")
    job = send_sms.delay(number(1), "Hello")
    wait_until(lambda: job_status(job.id).final, "it serves")
    assert standby.running
    assert [ESME_ROK, ESME_ROK] == fleet.smsc.bind_statuses


def test_a_restart_on_the_same_host_waits_for_no_lease(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_LEASE_TTL_S="60")
    fleet.start("simulator", "binder")
    token = fleet.lease

    fleet.kill("binder")
    assert token == fleet.lease  # of a dead process, for most of a minute
    successor = fleet.launch("binder")
    wait_until(lambda: successor.says("binder starts"), "it starts")
    watch = stopwatch(fleet, successor)
    wait_until(lambda: len(fleet.smsc.bind_statuses) == 2, "it binds")
    took_s = watch.s

    assert took_s < 5
    assert successor.says("took the lease of a dead binder of this host")
    assert led_by_another(fleet, token)


def test_a_leader_that_was_stopped_and_goes_on_is_fenced(
    new_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    fleet = new_fleet(SMSFLEET_LEASE_TTL_S=str(TTL_S), SMSFLEET_SMPP_WINDOW=str(WINDOW), SMSFLEET_RATE="1000")
    fleet.options["simulator"] = ("--response-delay", "1", "--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")
    leader, token = fleet.process("binder"), fleet.lease
    standby = another_host(fleet, tmp_path / "other-host")
    jobs = [send_sms.delay(number(n), f"text {n}", on_ambiguous="resend").id for n in range(JOBS)]
    wait_until(lambda: fleet.smsc.accepted_count >= 2 * WINDOW, "the window is full")
    wait_until(lambda: not waiting_for_workers(fleet), "every job is admitted")

    leader.popen.send_signal(signal.SIGSTOP)
    watch = stopwatch(fleet, standby)
    wait_until(lambda: led_by_another(fleet, token), "the standby leads")
    took_s = watch.s
    wait_until(lambda: ESME_RALYNBD in fleet.smsc.bind_statuses, "for the gateway the old bind stands")
    wait_until(lambda: fleet.command("HLEN", fleet.keys.inflight) == 0, "what was in flight is recovered")
    assert 0 == fleet.end("worker")  # so that nobody applies what the old one still hears
    before = everything_commands_change(fleet, jobs)
    leader.popen.send_signal(signal.SIGCONT)
    wait_until(lambda: leader.says("stepping down"), "the old leader is fenced")
    wait_until(lambda: len(fleet.smsc.lines("disconnect")) == 2, "it has left the gateway")
    after = everything_commands_change(fleet, jobs)

    assert took_s <= TTL_S + 1
    assert before == after
    assert token is not None
    wire = Wire(fleet.keys, text_ttl_s=600, hold_s=1)
    with pytest.raises(Fenced):
        fleet.store.run(wire.begin(token.decode(), []))
    accepted = fleet.smsc.accepted_count
    fleet.start("worker")
    wait_until(lambda: all(job_status(job_id).final for job_id in jobs), "all is sent", within_s=GHOST_S + 60)
    assert [ESME_ROK, ESME_RALYNBD, ESME_ROK] == fleet.smsc.bind_statuses
    assert JOBS == fleet.smsc.accepted_count > accepted
    # An answer that the old leader heard when it went on is a fact, whoever leads: nothing is sent twice.
    assert {1} == set(fleet.smsc.times_accepted().values())
    found = [job_status(job_id) for job_id in jobs]
    assert {"DELIVERED"} == {status.state for status in found}
    assert 0 < sum(status.ambiguous for status in found) <= WINDOW + WINDOW // 5
    assert standby.running


def waiting_for_workers(fleet: Fleet) -> int:
    return sum(fleet.store.run_all(fleet.runtime.jobs.waiting_intake()))


def everything_commands_change(fleet: Fleet, jobs: list[str]) -> list[Any]:
    """Jobs, segments in flight, waiting and outbound ones, fence; not the facts that anybody may add."""
    keys = fleet.keys
    hashes = [keys.inflight, keys.waiting, *(keys.job(job_id) for job_id in jobs)]
    return [
        fleet.command("GET", keys.fence),
        fleet.command("ZRANGE", keys.held, 0, -1, "WITHSCORES"),
        *(sorted_pairs(fleet.command("HGETALL", key)) for key in hashes),
        *(fleet.command("XRANGE", stream, "-", "+") for stream in keys.outbounds()),
    ]


def sorted_pairs(flat: list[bytes]) -> list[tuple[bytes, bytes]]:
    return sorted(zip(flat[::2], flat[1::2], strict=True))
