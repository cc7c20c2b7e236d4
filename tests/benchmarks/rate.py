"""The rate at the SMSC: four workers, a bulk campaign with more than it lets through, and some high jobs beside it.

Counted at the simulator, whole seconds and any second wherever it begins. Ceiling of the ratio: the rate that is set.
"""

from __future__ import annotations

import time
from collections import Counter

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, latency_ms, run, target
from tests.benchmarks.individual import fleet
from tests.benchmarks.lanes import begin_calls, rows_of
from tests.gateway import most_in_a_second

from smsfleet.simulator.journal import read

RATE = 200
WORKERS = 4
HIGH = 10
"""Jobs a second of the high lane."""

SETTLE_S = 3.0
"""Until bulk is saturated."""

MOST_NUMBERS = 9_000
"""Destinations of bulk; those of the high lane begin here."""

COUNT = 12_800
"""Bulk jobs for a minute and what is around it."""


def measure(count: int) -> Result:
    """The figures for so many bulk jobs."""
    campaign_s = count / (RATE - HIGH)
    settle_s = min(SETTLE_S, 0.2 * campaign_s)
    span_s = max(1.0, campaign_s - 2 * settle_s)
    with fleet(WORKERS, journal=True, settings={"SMSFLEET_RATE": str(RATE)}) as started:
        parts = [min(MOST_NUMBERS, count), max(0, count - MOST_NUMBERS)]
        bulk = [begin_calls(started, part, 0, "bulk", 0) for part in parts if part]
        calls_at = time.time()
        high_count = min(999, max(1, int(HIGH * (span_s + settle_s))))
        high = rows_of(begin_calls(started, high_count, HIGH, "high", MOST_NUMBERS))
        for caller in bulk:
            rows_of(caller)
        assert started.journal is not None
        journal = started.journal

        def on_the_wire() -> int:
            return sum(line["event"] == "submit_sm" for line in read(journal))

        expected = count + high_count + len(parts[: 1 + bool(parts[1])]) + 1  # each caller warms up with one
        harness.wait_until(
            lambda: on_the_wire() >= expected,
            timeout_s=60 + count / RATE,
            what="jobs on the wire",
            every_s=0.5,
        )
        lines = [line for line in read(journal) if line["event"] == "submit_sm"]
    first_high = min(at for at, _, _ in high)
    begin = max(first_high, calls_at) + settle_s
    times = [line["at"] for line in lines if begin <= line["at"] < begin + span_s]
    seconds = Counter(int(at - begin) for at in times)
    whole = [seconds[second] for second in range(int(span_s))]
    wire = {line["destination"]: line["at"] for line in lines}
    latency = latency_ms([wire[to] - at for at, _, to in high])
    mean = sum(whole) / len(whole)
    return {
        "rate": RATE,
        "workers": WORKERS,
        "seconds": len(whole),
        "per_second": {"mean": round(mean, 2), "least": min(whole), "most": max(whole)},
        "most_in_any_second": most_in_a_second(times),
        "high_call_to_wire_ms": latency,
        "ratio_to_raw": round(mean / RATE, 3),
        "targets": [
            target("segments/s at least", mean, at_least=0.95 * RATE),
            target("segments/s at most", mean, at_most=1.05 * RATE),
            target("most in a second", max(whole), at_most=1.1 * RATE),
            target("high under bulk p99 ms", latency["p99"], at_most=100),
        ],
    }


if __name__ == "__main__":
    run("rate", measure, COUNT)
