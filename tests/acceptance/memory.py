"""Resident memory of the calling process, the worker and the binder over many jobs and their receipts, as one JSON line.

    python -m tests.acceptance.memory --jobs 1000000

The caller sends from a process of its own. Samples are taken after a tenth of the jobs (what is loaded once is
loaded then), in the middle and at the end; `flat` says that the growth from start to end is below 10 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tests.acceptance.fleet import REPOSITORY, WITHIN_S, Fleet, wait_until

AHEAD = 2000
"""So many jobs the caller may be ahead of the SMSC: what waits is Redis' memory, not the worker's."""

MOST_GROWTH = 1.10

PORTIONS = 20

_CALLER = """
import sys
from smsfleet.tasks import send_sms
print("ready", flush=True)
n = 0
for line in sys.stdin:
    for _ in range(int(line)):
        send_sms.delay(f"2799910{n % 10000:04d}", f"job {n}")
        n += 1
    print(n, flush=True)
"""

SETTINGS = {
    "SMSFLEET_RATE": "100000",
    "SMSFLEET_OUTBOUND_LIMIT": "1000000",
    "SMSFLEET_SMPP_WINDOW": "500",
}


def measure(jobs: int, folder: Path) -> dict[str, Any]:
    """The samples and the time."""
    with Fleet(folder, **SETTINGS) as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0")
        fleet.start("simulator", "binder", "worker")
        caller = subprocess.Popen(
            [sys.executable, "-c", _CALLER],
            cwd=REPOSITORY,
            env=fleet.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            return {"jobs": jobs, **_run(fleet, caller, jobs)}
        finally:
            caller.kill()
            caller.communicate()


def _run(fleet: Fleet, caller: subprocess.Popen[str], jobs: int) -> dict[str, Any]:
    assert caller.stdin is not None
    assert caller.stdout is not None
    caller.stdout.readline()
    watched = {"caller": psutil.Process(caller.pid)}
    watched |= {role: psutil.Process(fleet.process(role).pid) for role in ("worker", "binder")}
    samples: dict[str, list[float]] = {name: [] for name in watched}
    wire = _Wire(fleet)
    began = time.monotonic()
    sent = 0
    while sent < jobs:
        portion = min(AHEAD, max(1, jobs // PORTIONS), jobs - sent)
        caller.stdin.write(f"{portion}\n")
        caller.stdin.flush()
        sent = int(caller.stdout.readline())
        wait_until(
            lambda at=sent - portion: wire.accepted() >= at, "the jobs are at the SMSC", within_s=WITHIN_S * 5
        )
        for name, process in watched.items():
            samples[name].append(process.memory_info().rss / 2**20)
    wait_until(lambda: wire.accepted() >= jobs, "every job is at the SMSC", within_s=WITHIN_S * 5)
    found = {name: _three(values) for name, values in samples.items()}
    flat = all(value["end"] <= value["start"] * MOST_GROWTH for value in found.values())
    return {"resident_mib": found, "flat": flat, "s": round(time.monotonic() - began, 1)}


class _Wire:
    """Counts what the SMSC accepted without keeping the journal in this process' memory."""

    def __init__(self, fleet: Fleet) -> None:
        self._smsc = fleet.smsc
        self._accepted = 0

    def accepted(self) -> int:
        """How many so far."""
        self._accepted += self._smsc.accepted_count
        self._smsc._lines.clear()
        return self._accepted


def _three(values: list[float]) -> dict[str, float]:
    places = {"start": len(values) // 10, "middle": len(values) // 2, "end": len(values) - 1}
    return {name: round(values[place], 1) for name, place in places.items()}


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(jobs, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
