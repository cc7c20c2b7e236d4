"""Promises 1, 2, 3 and 5 (semantics.md) in each bind mode: the binder is killed at random moments.

Four kills by default; twenty with `make test ARGS="--kills 20 tests/acceptance/test_kills_modes.py"`.
"""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Callable

import pytest
from tests.acceptance.fleet import Fleet, Sent, statuses, traffic, wait_until

from smsfleet.binder.outbound import ahead_of
from smsfleet.tasks import JobStatus

WINDOW = 50
MOST_BETWEEN = 150
"""Segments that reach the SMSC between two kills, at most."""

PATIENCE_S = 300.0
"""Two logins that were cut off by kills make the next one wait 225 s."""


@pytest.mark.parametrize("mode", ["transceiver", "transmitter_receiver", "transmitter"])
def test_kills_at_random_moments_lose_nothing(
    new_fleet: Callable[..., Fleet], request: pytest.FixtureRequest, mode: str
) -> None:
    kills, seed = request.config.getoption("--kills"), random.randrange(2**32)
    draw = random.Random(seed)
    fleet = new_fleet(
        SMSFLEET_RATE="5000",
        SMSFLEET_SMPP_WINDOW=str(WINDOW),
        SMSFLEET_SMPP_BIND_MODE=mode,
        SMSFLEET_SWEEP_S="1",
    )
    fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
    fleet.start("simulator", "binder", "worker")
    jobs_wanted = (kills + 1) * (MOST_BETWEEN + WINDOW)

    with traffic(jobs_wanted, lambda: fleet.smsc.accepted_count + 600, on_ambiguous="resend") as sending:
        for kill in range(kills):
            reached = fleet.smsc.accepted_count + draw.randrange(MOST_BETWEEN)
            wait_until(
                lambda at=reached: fleet.smsc.accepted_count >= at, f"traffic flows (seed {seed})",
                within_s=PATIENCE_S,
            )  # fmt: skip
            fleet.kill("binder")
            binder = fleet.launch("binder")
            if kill == 0:  # this one in the middle of its login, which then counts as failed
                wait_until(lambda binder=binder: binder.says('"state": "connecting"'), "it connects")
                binder.send(signal.SIGKILL)
                fleet.launch("binder")
        jobs = sending.finish(PATIENCE_S)
    wait_until(lambda: is_settled(fleet, jobs, mode), "every job has come to its end", within_s=PATIENCE_S)

    found = statuses(jobs)
    states = Counter(status.state for status in found.values())
    times = fleet.smsc.times_accepted()
    twice = sum(count > 1 for count in times.values())
    print(json.dumps({
        "mode": mode, "kills": kills, "seed": seed, "jobs": len(jobs), "states": states, "twice": twice,
        "ambiguous": sum(status.ambiguous for status in found.values()),
        "binds": Counter(line["mode"] for line in fleet.smsc.lines("bind")),
        "receipts": len(fleet.smsc.acknowledged),
    }))  # fmt: skip
    assert {0} == set(fleet.smsc.bind_statuses)
    assert 2 >= max(times.values())
    assert twice <= (kills + 1) * (WINDOW + ahead_of(WINDOW))
    assert [] == missing(fleet, jobs, found)
    asked = {line["registered_delivery"] for line in fleet.smsc.lines("submit_sm")}
    if mode == "transmitter":
        assert (set(states) | {"FAILED_UNKNOWN"}, asked) == ({"ACCEPTED", "FAILED_UNKNOWN"}, {0})
        sent = {job_id for job_id, status in found.items() if status.state == "ACCEPTED"}
        assert {False} == {found[job_id].receipts for job_id in sent}
        assert set() == fleet.smsc.acknowledged
    else:
        assert (set(states) | {"FAILED_UNKNOWN"}, asked) == ({"DELIVERED", "FAILED_UNKNOWN"}, {1})
        assert {line["message_id"] for line in fleet.smsc.accepted} == fleet.smsc.acknowledged


def missing(fleet: Fleet, jobs: list[Sent], found: dict[str, JobStatus]) -> list[str]:
    """Jobs of which the SMSC has not got a segment that does not say FAILED_UNKNOWN: its one resend was cut off."""
    at_the_smsc = fleet.smsc.segments_accepted()
    unknown = {
        job_id: sum(segment.state == "FAILED_UNKNOWN" for segment in status.segments)
        for job_id, status in found.items()
    }
    return [job.job_id for job in jobs if at_the_smsc[job.destination] + unknown[job.job_id] < job.segments]


def is_settled(fleet: Fleet, jobs: list[Sent], mode: str) -> bool:
    if fleet.facts_waiting or fleet.command("HLEN", fleet.keys.inflight):
        return False
    if mode == "transmitter":
        return all(status.final or status.state == "ACCEPTED" for status in statuses(jobs).values())
    accepted = {line["message_id"] for line in fleet.smsc.accepted}
    return accepted == fleet.smsc.acknowledged and all(status.final for status in statuses(jobs).values())
