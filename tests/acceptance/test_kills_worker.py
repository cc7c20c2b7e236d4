"""Promise 1 and 2 (semantics.md): the worker is killed again and again, and nothing is lost or sent twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from tests.acceptance.fleet import Fleet, statuses, traffic, wait_until

PORTION = 120
"""Jobs that are sent for each kill."""

PROGRESS = 60
"""Segments of a portion that reach the SMSC before the kill: so each worker dies in the midst of its work."""


@pytest.mark.parametrize(
    ("broker", "kills"),
    [("smsfleet+redis", 25), ("redis", 10)],
    ids=["our transport", "kombu's transport"],
)
def test_kills_of_the_worker_lose_nothing_and_send_nothing_twice(
    new_fleet: Callable[..., Fleet], broker: str, kills: int
) -> None:
    fleet = new_fleet(
        broker=broker,
        SMSFLEET_RATE="400",
        SMSFLEET_SWEEP_S="1",
        SMSFLEET_SWEEP_MARGIN_S="3",
        SMSFLEET_VISIBILITY_TIMEOUT_S="10",
    )
    fleet.options["simulator"] = ("--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")
    began = time.monotonic()

    allowed = [0]
    with traffic(kills * PORTION, lambda: allowed[0]) as sending:
        for kill in range(1, kills + 1):
            reached = fleet.smsc.accepted_count + PROGRESS
            allowed[0] += PORTION
            wait_until(
                lambda at=reached: fleet.smsc.accepted_count >= at, f"traffic flows before kill {kill}"
            )
            fleet.kill("worker")
            fleet.start("worker")
        killed_s = time.monotonic() - began
        jobs = sending.finish()
    expected = {job.destination: job.segments for job in jobs}
    wait_until(
        lambda: len(fleet.smsc.times_accepted()) >= sum(expected.values()), "every segment is at the SMSC"
    )
    wait_until(lambda: all(status.final for status in statuses(jobs).values()), "every job is final")

    found = statuses(jobs)
    times = fleet.smsc.times_accepted()
    print(json.dumps({
        "broker": broker, "kills": kills, "jobs": len(jobs), "segments": sum(expected.values()),
        "lost": len(expected) - len(fleet.smsc.segments_accepted()),
        "twice": sum(count > 1 for count in times.values()),
        "published again": fleet.logs("worker").count("published again"),
        "killed_s": round(killed_s, 1), "s": round(time.monotonic() - began, 1),
    }))  # fmt: skip
    assert expected == fleet.smsc.segments_accepted()
    assert {1} == set(times.values())
    assert {"DELIVERED"} == {status.state for status in found.values()}
    assert (0, 0) == (sum(s.ambiguous for s in found.values()), sum(s.duplicates for s in found.values()))
