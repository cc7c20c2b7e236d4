"""Promises 1, 2 and 3 (semantics.md): the binder is killed with a full window, under each policy."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable

import pytest
from tests.acceptance.fleet import Fleet, Sent, statuses, traffic, wait_until

from smsfleet.binder.outbound import ahead_of
from smsfleet.store.keys import ref
from smsfleet.tasks import JobStatus

JOBS = 2_400
KILLS = 10
WINDOW = 50
PROGRESS = 3 * WINDOW
"""Segments that reach the SMSC between two kills."""


@pytest.mark.parametrize("policy", ["resend", "hold", "fail"])
def test_10_kills_of_the_binder_lose_nothing(new_fleet: Callable[..., Fleet], policy: str) -> None:
    # What receipts resolve is the next test's: here it would change what is held while it is looked at.
    fleet = new_fleet(
        SMSFLEET_RATE="5000",
        SMSFLEET_SMPP_WINDOW=str(WINDOW),
        SMSFLEET_SWEEP_S="1",
        SMSFLEET_MATCH_AFTER_S="3600",
    )
    # Answers after 0.1 s: a window of 50 is full at 500 segments/s, and what is in it was accepted.
    fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
    fleet.start("simulator", "binder", "worker")
    began = time.monotonic()

    with traffic(JOBS, lambda: fleet.smsc.accepted_count + 600, on_ambiguous=policy) as sending:
        for kill in range(1, KILLS + 1):
            reached = fleet.smsc.accepted_count + PROGRESS
            wait_until(
                lambda at=reached: fleet.smsc.accepted_count >= at, f"traffic flows before kill {kill}"
            )
            fleet.kill("binder")
            fleet.start("binder")
        jobs = sending.finish()
    wait_until(lambda: is_settled(fleet, jobs), "every job is final or held, every receipt is acknowledged")

    found = statuses(jobs)
    states = Counter(status.state for status in found.values())
    times = fleet.smsc.times_accepted()
    twice = sum(count > 1 for count in times.values())
    print(json.dumps({
        "policy": policy, "kills": KILLS, "jobs": len(jobs), "states": states,
        "segments": len(times), "twice": twice, "most": max(times.values()),
        "ambiguous": sum(status.ambiguous for status in found.values()),
        "receipts": len(fleet.smsc.acknowledged), "orphans": len(fleet.orphans),
        "s": round(time.monotonic() - began, 1),
    }))  # fmt: skip
    assert [] == lost(fleet, jobs)
    assert KILLS <= sum(status.ambiguous for status in found.values()) <= KILLS * (WINDOW + ahead_of(WINDOW))
    assert [] == receipts_without_a_trace(fleet, jobs)
    assert held_segments(found) == {ref.decode() for ref in fleet.command("ZRANGE", fleet.keys.held, 0, -1)}
    if policy == "resend":
        assert twice <= KILLS * (WINDOW + ahead_of(WINDOW))
        assert max(times.values()) <= 2
        assert {"DELIVERED": len(jobs)} == states
    else:
        unknown = "HELD" if policy == "hold" else "FAILED_UNKNOWN"
        assert 0 == twice
        assert {"DELIVERED", unknown} == set(states)


def test_receipts_resolve_what_a_kill_left_unknown(new_fleet: Callable[..., Fleet]) -> None:
    """Held is in the end only what the SMSC has not got, or what its receipt cannot tell from another segment."""
    kills = 3
    fleet = new_fleet(SMSFLEET_RATE="5000", SMSFLEET_SMPP_WINDOW=str(WINDOW), SMSFLEET_MATCH_AFTER_S="2")
    fleet.options["simulator"] = ("--response-delay", "0.1", "--receipt-delay", "0.3")
    fleet.start("simulator", "binder", "worker")

    with traffic(800, lambda: fleet.smsc.accepted_count + 600, on_ambiguous="hold") as sending:
        for kill in range(1, kills + 1):
            reached = fleet.smsc.accepted_count + PROGRESS
            wait_until(
                lambda at=reached: fleet.smsc.accepted_count >= at, f"traffic flows before kill {kill}"
            )
            fleet.kill("binder")
            fleet.start("binder")
        jobs = sending.finish()
    wait_until(lambda: is_settled(fleet, jobs), "every job is final or held, every receipt is acknowledged")
    unknown = sum(status.ambiguous for status in statuses(jobs).values())

    def falsely_held() -> list[str]:
        accepted = fleet.smsc.segments_accepted()
        found = statuses(jobs)
        return [
            job.job_id
            for job in jobs
            if job.segments == 1 and accepted[job.destination] and found[job.job_id].state == "HELD"
        ]

    wait_until(lambda: not falsely_held(), "what reached the SMSC is resolved by its receipt")
    resolved = {
        job_id
        for job_id, status in statuses(jobs).items()
        if any(entry.source == "receipt" and "no other segment" in entry.event for entry in status.timeline)
    }
    print(json.dumps({"kills": kills, "jobs": len(jobs), "ambiguous": unknown, "resolved": len(resolved)}))
    assert [] == lost(fleet, jobs)
    assert 1 == max(fleet.smsc.times_accepted().values())
    assert kills <= len(resolved) <= unknown
    assert {"DELIVERED"} == {status.state for job_id, status in statuses(jobs).items() if job_id in resolved}


def is_settled(fleet: Fleet, jobs: list[Sent]) -> bool:
    accepted = {line["message_id"] for line in fleet.smsc.accepted}
    return (
        fleet.facts_waiting == 0
        and fleet.command("HLEN", fleet.keys.inflight) == 0
        and accepted == fleet.smsc.acknowledged
        and all(status.final or status.state == "HELD" for status in statuses(jobs).values())
    )


def lost(fleet: Fleet, jobs: list[Sent]) -> list[str]:
    """Jobs that the SMSC has not got whole and that do not say so."""
    at_the_smsc = fleet.smsc.segments_accepted()
    found = statuses(jobs)
    return [
        job.job_id
        for job in jobs
        if at_the_smsc[job.destination] != job.segments
        and found[job.job_id].state not in ("HELD", "FAILED_UNKNOWN")
    ]


def held_segments(found: dict[str, JobStatus]) -> set[str]:
    """The refs of segments that are shown as HELD."""
    return {
        ref(job_id, segment.number)
        for job_id, status in found.items()
        for segment in status.segments
        if segment.state == "HELD"
    }


def receipts_without_a_trace(fleet: Fleet, jobs: list[Sent]) -> list[str]:
    """Receipts that were answered ESME_ROK and that Redis knows nothing of."""
    job_of = {job.destination: job.job_id for job in jobs}
    found = statuses(jobs)
    destination_of = {line["message_id"]: line["destination"] for line in fleet.smsc.accepted}
    delivered = {
        segment.message_id
        for status in found.values()
        for segment in status.segments
        if segment.state == "DELIVERED"
    }
    missing = fleet.smsc.acknowledged - delivered - fleet.orphans
    # A segment that was sent twice keeps its first message id: its job shows the second receipt as well.
    return [
        message_id
        for message_id in missing
        if found[job_of[destination_of[message_id]]].duplicates == 0
        or found[job_of[destination_of[message_id]]].state != "DELIVERED"
    ]
