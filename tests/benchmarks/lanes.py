"""Three lanes at once: how long a call takes to the wire in each, while bulk has more than the rate lets through.

The account's rate is `RATE`; bulk jobs for many seconds of it are called at once, then high and normal ones come at
a steady pace until bulk has gone. Simulator's journal and callers use the same clock. Ceiling of the ratio: the high
lane of the same fleet before there is any bulk.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, latency_ms, run, target
from tests.benchmarks.individual import Fleet, call, fleet

from smsfleet.simulator.journal import read

RATE = 500
"""Segments a second of the account."""

PACE = {"high": 50, "normal": 100}
"""Jobs a second of the lanes that are not saturated."""

MOST = 5_000
"""Bulk jobs at the most: each job has a destination of its own."""


def measure(count: int) -> Result:
    bulk = min(count, MOST)
    seconds = bulk / (RATE - sum(PACE.values()))
    with fleet(1, journal=True, settings={"SMSFLEET_RATE": str(RATE)}) as started:
        alone = _latency(started, call(started, max(1, bulk // 50), PACE["high"], "high", 9_000))
        callers = {"bulk": begin_calls(started, bulk, 0, "bulk", 0)}
        first = {"high": 5_000, "normal": 6_000}
        for lane, pace in PACE.items():
            callers[lane] = begin_calls(
                started, max(1, min(900, int(pace * seconds))), pace, lane, first[lane]
            )
        rows = {lane: rows_of(caller) for lane, caller in callers.items()}
        harness.wait_until(
            lambda: len(_wire(started)) >= sum(map(len, rows.values())),
            timeout_s=120,
            what="jobs on the wire",
        )
        lanes = {lane: _latency(started, {"rows": rows[lane]}) for lane in ("high", "normal", "bulk")}
    return {
        "rate": RATE,
        "jobs": {lane: len(found) for lane, found in rows.items()},
        "high_alone_ms": alone,
        "call_to_wire_ms": lanes,
        "ratio_to_raw": round(lanes["high"]["p99"] / alone["p99"], 2),
        "targets": [target("high under bulk p99 ms", lanes["high"]["p99"], at_most=100)],
    }


def begin_calls(started: Fleet, count: int, rate: int, lane: str, first: int) -> subprocess.Popen[str]:
    """A caller process; see caller.py."""
    command = [sys.executable, "-m", "tests.benchmarks.caller", *map(str, (count, rate, lane, first))]
    return subprocess.Popen(command, env=started.environment, stdout=subprocess.PIPE, text=True)


def rows_of(caller: subprocess.Popen[str]) -> list[Any]:
    """What a caller has called, when it has ended."""
    printed, _ = caller.communicate()
    if caller.returncode:
        raise SystemExit("a caller failed")
    rows: list[Any] = json.loads(printed)["rows"]
    return rows


def _wire(started: Fleet) -> dict[str, float]:
    assert started.journal is not None
    lines = read(started.journal)
    return {line["destination"]: line["at"] for line in lines if line["event"] == "submit_sm"}


def _latency(started: Fleet, caller: dict[str, Any]) -> Result:
    rows = caller["rows"]
    harness.wait_until(
        lambda: {to for _, _, to in rows} <= _wire(started).keys(),
        timeout_s=60,
        what="jobs on the wire",
        every_s=0.2,
    )
    wire = _wire(started)
    return latency_ms([wire[to] - at for at, _, to in rows])


if __name__ == "__main__":
    run("lanes", measure, MOST)
