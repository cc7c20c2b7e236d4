"""The rate, a gateway in bad moods, and pauses, on real processes; counted at the SMSC."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.celery_side import WORKER, inspected, not_admitted, queued, unacknowledged
from tests.acceptance.fleet import PASSWORD, Fleet, number, wait_until
from tests.gateway import Gateway, most_in_a_second

from smsfleet.store.standing import Standing, Standings
from smsfleet.tasks import job_status, send_sms

RATE = 40


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A simulator that the test changes while the fleet uses it."""
    with Gateway(password=PASSWORD, receipt_delay_s=0.1) as started:
        yield started


@pytest.fixture
def fleet_on(tmp_path: Path, gateway: Gateway) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet with a bound binder on the gateway."""
    fleets: list[Fleet] = []

    def make(**environment: str) -> Fleet:
        fleet = Fleet(tmp_path, SMSFLEET_SMPP_PORT=str(gateway.simulator.port), **environment)
        fleets.append(fleet)
        fleet.__enter__()
        fleet.launch("binder")
        wait_until(lambda: gateway.simulator.bound == 1, "the binder is bound")
        return fleet

    yield make
    for fleet in fleets:
        fleet.__exit__(None, None, None)


def standing(fleet: Fleet) -> Standing:
    return fleet.store.run(Standings(fleet.keys).read())


def test_four_workers_together_keep_the_rate_at_the_smsc(
    fleet_on: Callable[..., Fleet], gateway: Gateway
) -> None:
    fleet = fleet_on(SMSFLEET_RATE=str(RATE))
    for name in "abcd":
        fleet.launch("worker", "--hostname", f"{name}@rate")
    for process in fleet.processes[1:]:
        wait_until(lambda process=process: process.says(" ready."), "the worker is ready")

    ids = [send_sms.delay(number(n), f"text {n}", lane="bulk").id for n in range(RATE * 6)]
    wait_until(lambda: all(job_status(job_id).final for job_id in ids), "every job is final")

    times = [at for at, _, _ in gateway.submitted()]
    assert len(ids) == len(times)
    assert most_in_a_second(times) <= 1.1 * RATE
    assert 0.95 * RATE <= (len(times) - 1) / (max(times) - min(times)) <= 1.05 * RATE


def test_a_gateway_that_throttles_and_is_out_of_credit_burns_no_job(
    fleet_on: Callable[..., Fleet], gateway: Gateway
) -> None:
    fleet = fleet_on(SMSFLEET_RATE="200", SMSFLEET_BACKOFF_S="0.2", SMSFLEET_PROBE_S="1")
    fleet.start("worker")
    ids = []

    def send(count: int) -> None:
        ids.extend(send_sms.delay(number(len(ids)), "in bad moods").id for _ in range(count))

    gateway.change(error_share=0.3)
    send(200)
    wait_until(lambda: (standing(fleet).rate or 200) < 150, "the rate is lowered")
    gateway.change(error_share=1.0, error_status=0x14)
    wait_until(lambda: standing(fleet).throttled > 100, "the queue of the gateway is full")
    gateway.change(error_share=1.0, error_status=0x401)
    send(20)
    wait_until(lambda: standing(fleet).gateway is not None, "the account is paused")
    before = len(gateway.submitted())
    wait_until(lambda: (paused := standing(fleet).gateway) is not None and paused.probes >= 2, "two probes")
    probed = len(gateway.submitted()) - before
    shown = fleet.run("status").stdout
    waits = next(found for found in map(job_status, ids) if found.status == 12)
    gateway.change(error_share=0.0)
    wait_until(lambda: all(job_status(job_id).final for job_id in ids), "every job is final")

    ends = {(found.state, found.ambiguous, found.duplicates) for found in map(job_status, ids)}
    assert {("DELIVERED", 0, 0)} == ends
    assert ("QUEUED", False, 12) == (waits.state, waits.final, waits.status)
    assert probed < 60  # a window that was on its way, and the probes
    assert "the account, by the gateway for" in shown
    assert standing(fleet).gateway is None
    assert 1 == fleet.logs("worker").count("the gateway refuses the account")
    wait_until(lambda: standing(fleet).rate == 200, "the rate has recovered")


def test_a_paused_lane_waits_on_the_wires_side_and_goes_when_it_is_resumed(
    fleet_on: Callable[..., Fleet], gateway: Gateway
) -> None:
    fleet = fleet_on(SMSFLEET_RATE="200")
    fleet.start("worker")
    assert 0 == fleet.run("pause", "--lane", "bulk", "--reason", "wrong text").returncode

    bulk = [send_sms.delay(number(n), "bulk", lane="bulk").id for n in range(30)]
    high = send_sms.delay(number(100), "high", lane="high").id
    wait_until(lambda: job_status(high).final, "the high lane goes on")
    wait_until(lambda: not_admitted(fleet) == 0, "bulk is admitted")
    sent = len(gateway.submitted())
    said = json.loads(fleet.run("status", "--json").stdout)
    began = time.monotonic()
    assert 0 == fleet.run("resume", "--lane", "bulk").returncode
    wait_until(lambda: all(job_status(job_id).final for job_id in bulk), "bulk goes on")

    assert 1 == sent
    assert "wrong text" == said["standing"]["paused"]["bulk"]["reason"]
    assert [30, 0] == [said["lanes"][lane]["outbound"]["count"] for lane in ("bulk", "high")]
    assert time.monotonic() - began < 20


def test_a_worker_whose_jobs_wait_for_their_rate_answers_and_ends_at_once(
    fleet_on: Callable[..., Fleet], gateway: Gateway
) -> None:
    fleet = fleet_on(SMSFLEET_RATE="2")
    fleet.start("worker")
    worker = fleet.process("worker")
    ids = [send_sms.delay(number(n), "slowly", lane="bulk").id for n in range(300)]
    wait_until(gateway.submitted, "some are sent")

    answers = [inspected(fleet, "ping") for _ in range(2)]
    began = time.monotonic()
    code = worker.send(signal.SIGTERM)
    took_s = time.monotonic() - began

    assert [{WORKER: {"ok": "pong"}}] * 2 == answers
    assert code == 0
    assert took_s < 15  # not the 150 s that the jobs in hand would have to wait
    assert not_admitted(fleet) == queued(fleet) > 200
    assert unacknowledged(fleet) == 0
    assert {"PENDING", "QUEUED", "SENDING", "ACCEPTED", "DELIVERED"} >= {job_status(i).state for i in ids}
