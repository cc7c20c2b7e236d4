"""A gateway in bad moods, one after the other, under a steady stream of jobs: what becomes of rate and jobs.

Refuses 30 % with 0x58, takes only some segments a second, answers everything with 0x14 for moments, and is out of
credit (0x401) for a minute. Printed: a row for each five seconds, and what became of the jobs. Ceiling of the ratio:
all jobs delivered.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, NamedTuple

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, run, target
from tests.benchmarks.individual import Fleet, fleet
from tests.benchmarks.lanes import begin_calls, rows_of
from tests.gateway import Gateway

from smsfleet.store.jobs import Jobs
from smsfleet.store.records import JobRecord
from smsfleet.store.standing import Standings

RATE = 100
JOBS_PER_S = 40
ROW_S = 5.0
COUNT = 6_600
"""Jobs for the whole programme, less what the last mood is for: to catch up."""

HEALTHY: dict[str, Any] = {"error_share": 0.0, "throttle_per_s": 0}


class Mood(NamedTuple):
    """What the gateway does for some seconds."""

    name: str
    seconds: float
    options: dict[str, Any]


def _refusing(share: float, status: int) -> dict[str, Any]:
    return {"error_share": share, "error_status": status, "throttle_per_s": 0}


MOODS = (
    Mood("healthy", 10, HEALTHY),
    Mood("30 % 0x58", 20, _refusing(0.3, 0x58)),
    Mood("healthy", 15, HEALTHY),
    Mood("takes 25/s", 20, {"error_share": 0.0, "throttle_per_s": 25}),
    Mood("healthy", 15, HEALTHY),
    Mood("all 0x14", 3, _refusing(1.0, 0x14)),
    Mood("healthy", 7, HEALTHY),
    Mood("all 0x14", 3, _refusing(1.0, 0x14)),
    Mood("healthy", 12, HEALTHY),
    Mood("all 0x401", 60, _refusing(1.0, 0x401)),
    Mood("healthy", 1e9, HEALTHY),
)


def measure(count: int) -> Result:
    """What became of so many jobs; the moods are as much shorter as there are fewer."""
    scale = min(1.0, count / COUNT)
    with (
        Gateway(receipt_delay_s=0.2) as gateway,
        fleet(
            2,
            journal=False,
            gateway_port=gateway.simulator.port,
            settings={"SMSFLEET_RATE": str(RATE), "SMSFLEET_PROBE_S": "10"},
        ) as started,
    ):
        caller = begin_calls(started, count, JOBS_PER_S, "normal", 0)
        rows = _watch(started, gateway, count, scale)
        calls = rows_of(caller)
        records = [_record(started, job_id) for _, job_id, _ in calls]
        statuses = Counter(status for _, status, _ in gateway.submitted())
    ends = Counter(record.status for record in records)
    attempts = [segment.attempt for record in records for segment in record.segments]
    accepted_twice = sum(segment.duplicates for record in records for segment in record.segments)
    return {
        "rate": RATE,
        "jobs_per_s": JOBS_PER_S,
        "rows": rows,
        "answers": {f"0x{status:X}": times for status, times in sorted(statuses.items())},
        "jobs_by_status": {str(status): times for status, times in ends.items()},
        "attempts": {"mean": round(sum(attempts) / len(attempts), 2), "most": max(attempts)},
        "ratio_to_raw": round(ends[4] / count, 4),
        "targets": [
            target("jobs delivered", ends[4], at_least=count),
            target("accepted twice", accepted_twice, at_most=0),
            target("most attempts", max(attempts), at_most=17),
            target("rate at the end", rows[-1]["rate"], at_least=RATE),
        ],
    }


def _record(started: Fleet, job_id: str) -> JobRecord:
    record = started.server.store.run(Jobs(harness.keys(), job_ttl_s=1, text_ttl_s=1).read(job_id))
    assert isinstance(record, JobRecord)
    return record


def _watch(started: Fleet, gateway: Gateway, count: int, scale: float) -> list[dict[str, Any]]:
    """Go through the moods until everything is accepted; a row for each five seconds or mood."""
    store, standings, counts = started.server.store, Standings(harness.keys()), gateway.simulator.smsc.counts
    rows: list[dict[str, Any]] = []
    began = time.monotonic()
    give_up_at = began + 400
    for mood in MOODS:
        gateway.change(**mood.options)
        ends_at = time.monotonic() + mood.seconds * scale
        while (now := time.monotonic()) < min(ends_at, give_up_at):
            accepted, refused = counts.accepted, counts.refused
            time.sleep(min(ROW_S, max(0.0, ends_at - now)))
            seconds = time.monotonic() - now
            standing = store.run(standings.read())
            rows.append(
                {
                    "at_s": round(time.monotonic() - began),
                    "gateway": mood.name,
                    "rate": round(standing.rate or RATE, 1),
                    "accepted_per_s": round((counts.accepted - accepted) / seconds, 1),
                    "refused_per_s": round((counts.refused - refused) / seconds, 1),
                    "paused": standing.gateway is not None,
                    "delayed": started.server.client.zcard(harness.keys().delayed),
                }
            )
            done = counts.accepted > count  # the caller's own first call is one more
            recovered = standing.rate == standing.set_rate
            if mood is MOODS[-1] and done and recovered:
                time.sleep(2)  # for the last receipts
                return rows
    return rows


if __name__ == "__main__":
    run("adversity", measure, COUNT)
