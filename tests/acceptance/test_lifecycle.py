"""Scheduled and cancelled jobs on a whole fleet, through kills: none lost, none twice, none that was called off."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from celery import Celery
from tests.acceptance.celery_side import WORKER, start_worker
from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.tasks import app, cancel, job_status, send_sms

JOBS = 240
KILLS = 6


@pytest.mark.parametrize("broker", ["smsfleet+redis", "redis"], ids=["our transport", "kombu's transport"])
def test_scheduled_jobs_survive_kills_of_the_workers_and_are_sent_once(
    new_fleet: Callable[..., Fleet], broker: str
) -> None:
    fleet = new_fleet(
        broker=broker,
        SMSFLEET_RATE="400",
        SMSFLEET_SWEEP_S="1",
        SMSFLEET_SWEEP_MARGIN_S="3",
        SMSFLEET_VISIBILITY_TIMEOUT_S="5",
    )
    fleet.options["simulator"] = ("--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")

    # Twenty are due together, so that a kill often comes between two of them.
    jobs = [send_sms.delay(number(n), f"text {n}", at=timedelta(seconds=2 + n // 20)).id for n in range(JOBS)]
    states = {job_status(job_id).state for job_id in jobs}
    for kill in range(1, KILLS + 1):
        reached = kill * JOBS // (KILLS + 2)
        wait_until(lambda at=reached: fleet.smsc.accepted_count >= at, f"jobs are sent before kill {kill}")
        fleet.kill("worker")
        fleet.start("worker")
    wait_until(lambda: len(fleet.smsc.times_accepted()) >= JOBS, "every job is at the SMSC")
    wait_until(lambda: all(job_status(job_id).final for job_id in jobs), "every job is final")

    times = fleet.smsc.times_accepted()
    assert {"SCHEDULED"} == states
    assert ({1}, JOBS) == (set(times.values()), len(times))
    assert {"DELIVERED"} == {job_status(job_id).state for job_id in jobs}
    for job_id in jobs:
        found = job_status(job_id)
        published = next(entry.at for entry in found.timeline if entry.event == "due: published")
        assert found.at is not None
        assert published >= found.at


def test_what_is_cancelled_never_reaches_the_gateway_and_everything_else_does(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = new_fleet(SMSFLEET_RATE="50", SMSFLEET_SMPP_WINDOW="2")
    fleet.options["simulator"] = ("--receipt-delay", "0.1")
    fleet.start("simulator", "binder", "worker")
    jobs = [send_sms.delay(number(n), f"text {n}").id for n in range(JOBS)]
    later = [send_sms.delay(number(JOBS + n), "later", at=timedelta(seconds=1)).id for n in range(10)]

    # From the first on: some are gone, some in the outbound stream, some with the worker, some in the queue.
    wait_until(lambda: fleet.smsc.accepted_count >= 10, "some are gone")
    said = {n: cancel(jobs[n]) for n in range(0, JOBS, 2)}
    said |= {JOBS + n: cancel(job_id) for n, job_id in enumerate(later)}
    kept = [jobs[n] for n in range(1, JOBS, 2)]
    wait_until(lambda: all(job_status(job_id).final for job_id in [*jobs, *later]), "every job is final")

    complete = {number(n) for n, answer in said.items() if answer.complete}
    reached = {destination for destination, _ in fleet.smsc.times_accepted()}
    print(json.dumps({"cancelled": len(complete), "had gone": len(said) - len(complete)}))
    assert set() == complete & reached
    assert {1} == set(fleet.smsc.times_accepted().values())
    assert {"DELIVERED"} == {job_status(job_id).state for job_id in kept}
    assert len(complete) > JOBS / 4
    assert {number(n) for n, answer in said.items() if answer.gone} <= reached
    assert {"CANCELLED"} == {job_status(a.job_id).state for a in said.values() if a.complete}


def test_a_revoked_job_with_callbacks_is_closed_when_its_message_comes(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = new_fleet(SMSFLEET_SWEEP_S="3600")  # the sweeper would bring it to this worker a second time
    fleet.start("simulator", "binder")
    start_worker(fleet)
    app.control.revoke("called-off")
    wait_until(
        lambda: "called-off" in (app.control.inspect([WORKER]).revoked() or {}).get(WORKER, ()),
        "the worker knows of it",
    )

    link = Celery("other", set_as_current=False).signature("other.task")
    send_sms.apply_async((number(1), "must not be sent"), task_id="called-off", link=link)
    wait_until(lambda: job_status("called-off").final, "it is closed")
    send_sms.delay(number(2), "sent")
    wait_until(lambda: fleet.smsc.accepted_count == 1, "another is sent")

    assert ("CANCELLED", "cancelled: revoked") == (
        job_status("called-off").state, job_status("called-off").error,
    )  # fmt: skip
    assert [number(2)] == [destination for destination, _ in fleet.smsc.times_accepted()]
    assert 0 == sum(fleet.store.run_all(list(fleet.runtime.jobs.waiting_intake())))


def test_a_task_by_name_with_a_countdown_is_scheduled_and_held_by_no_worker(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = new_fleet()
    fleet.start("simulator", "binder")
    start_worker(fleet)
    other = Celery("other", broker=fleet.redis.url, set_as_current=False)
    asked = {"to": number(1), "text": "by name"}

    with other:
        task = other.send_task("sms.send_sms", kwargs=asked, queue="sms.normal", countdown=3)
    wait_until(lambda: fleet.command("EXISTS", fleet.keys.job(task.id)), "it is taken in")
    then = job_status(task.id).state
    wait_until(lambda: fleet.command("HLEN", "unacked") == 0, "its message is acknowledged")
    meanwhile = job_status(task.id).state
    wait_until(lambda: job_status(task.id).final, "it is final")

    assert ("SCHEDULED", "SCHEDULED", "DELIVERED") == (then, meanwhile, job_status(task.id).state)
    assert {1} == set(fleet.smsc.times_accepted().values())
