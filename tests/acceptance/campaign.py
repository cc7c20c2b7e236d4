"""A campaign with kills, counted at the SMSC: no recipient is lost, none gets it twice.

test_campaign.py runs it small. The full size, one JSON line:

    python -m tests.acceptance.campaign --recipients 1000000

A CSV of that many recipients is written, and submitted by a process of its own that reads it row by row. The
submitter, a worker and the binder are killed with -9 in the middle. Policy `fail`: what was on its way when the
binder was killed may be unknown, and is never sent again. The journal of the SMSC is counted line by line.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.acceptance.fleet import REPOSITORY, Fleet, wait_until

from smsfleet.tasks import Campaign, find_campaign
from smsfleet.tasks.campaign import Counts

SETTINGS = {
    "SMSFLEET_RATE": "100000",
    "SMSFLEET_SMPP_WINDOW": "200",
    "SMSFLEET_VISIBILITY_TIMEOUT_S": "5",
    "SMSFLEET_SWEEP_S": "1",
    "SMSFLEET_SWEEP_MARGIN_S": "3",
    "SMSFLEET_MO_REPLY_S": "0",
}

KEY = "full-size"

SMALL = 20_000

PATIENCE_S = 120.0
"""Beside a second for each 200 recipients."""

SUBMITTER = """
import csv, json, sys, time
from pathlib import Path
from smsfleet.tasks import start_campaign
began = time.monotonic()
def peak_kib():  # getrusage counts what the process was before its exec, too
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
def note(rows):
    print(json.dumps({"rows": rows}), flush=True)
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    campaign = start_campaign(
        csv.DictReader(file), "Hello {name}", name="full size", idempotency_key=sys.argv[2], on_progress=note
    )
print(json.dumps({
    "id": campaign.id, "s": round(time.monotonic() - began, 2),
    "peak_mib": round(peak_kib() / 1024, 1),
}), flush=True)
"""


def number(n: int) -> str:
    """The n-th of a thousand million destinations; all end so that the simulator delivers."""
    return f"27{n // 10_000:05d}1{n % 10_000:04d}"


def _place(destination: str) -> int:
    """Which one it is; -1 for a stranger."""
    n = int(destination[2:7] + destination[8:])
    return n if number(n) == destination else -1


class Submitter:
    """The process that reads the file and starts the campaign."""

    def __init__(self, fleet: Fleet, file: Path) -> None:
        self._log = fleet.folder / f"submitter-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SUBMITTER, str(file), KEY],
                cwd=REPOSITORY,
                env=fleet.environment,
                stdout=log,
            )

    def said(self) -> list[dict[str, Any]]:
        """What it has printed so far, whole lines only."""
        lines = self._log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines]

    def kill(self) -> int:
        """Kill -9; the rows that it had been told were taken."""
        self._process.kill()
        self._process.wait()
        return max((line["rows"] for line in self.said() if "rows" in line), default=0)

    def finished(self, within_s: float) -> dict[str, Any]:
        """Wait for its end; what it measured."""
        assert self._process.wait(within_s) == 0, self._log.read_text()[-2000:]
        return self.said()[-1]


def write(file: Path, recipients: int) -> None:
    """A CSV of so many different recipients."""
    with file.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(("to", "name"))
        rows.writerows((number(n), f"Number {n}") for n in range(recipients))


def run(folder: Path, recipients: int) -> dict[str, Any]:
    """The campaign with its kills; the counts."""
    file = folder / "recipients.csv"
    write(file, recipients)
    patience_s = PATIENCE_S + recipients / 200
    # A small one is submitted sooner than anybody can kill: it waits for a worker in its middle.
    chunks = {"SMSFLEET_CAMPAIGN_CHUNKS": "4"} if recipients < SMALL else {}
    with Fleet(folder, **SETTINGS, **chunks) as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0")
        fleet.start("simulator", "binder")
        began, memory = time.monotonic(), _memory(fleet)
        first = Submitter(fleet, file)
        wait_until(lambda: len(first.said()) > 1, "rows are taken")
        killed_at = first.kill()
        fleet.start("worker")
        second = Submitter(fleet, file)
        wait_until(
            lambda: len(fleet.command("ZRANGE", fleet.keys.campaigns, 0, -1)) == 1, "the campaign is there"
        )
        campaign = find_campaign(KEY)
        peak = [memory]

        def reached(share: float) -> Callable[[], bool]:
            def is_reached() -> bool:
                peak.append(_memory(fleet))
                counts = campaign.counts()
                return counts.rows - counts.open >= recipients * share

            return is_reached

        wait_until(reached(0.2), "a fifth is final", within_s=patience_s)
        fleet.kill("worker")
        fleet.start("worker")
        wait_until(reached(0.5), "a half is final", within_s=patience_s)
        fleet.kill("binder")
        fleet.start("binder")
        submitted = second.finished(patience_s)
        wait_until(
            lambda: _is_finished(campaign, peak, fleet), "the campaign is finished", within_s=patience_s
        )
        seconds = time.monotonic() - began
        return {
            "recipients": recipients,
            "submitter_killed_at": killed_at,
            "submission_s": submitted["s"],
            "submitter_peak_mib": submitted["peak_mib"],
            "redis_mib_peak": round((max(peak) - memory) / 2**20, 1),
            "redis_mib_end": round((_memory(fleet) - memory) / 2**20, 1),
            "s": round(seconds, 1),
            "final_per_s": round(recipients / seconds),
            **_counted(fleet, campaign.counts(), recipients),
        }


def _is_finished(campaign: Campaign, peak: list[int], fleet: Fleet) -> bool:
    peak.append(_memory(fleet))
    return campaign.progress().state == "finished"


def _counted(fleet: Fleet, counts: Counts, recipients: int) -> dict[str, Any]:
    """The counts of the campaign and those of the SMSC's journal."""
    times: dict[str, int] = {}
    for line in _accepted(fleet.folder / "journal.jsonl"):
        times[line["destination"]] = times.get(line["destination"], 0) + 1
    return {
        "delivered": counts.delivered,
        "failed_unknown": counts.failed_unknown,
        "refused": counts.refused,
        "at_the_smsc": len(times),
        "twice": sum(count > 1 for count in times.values()),
        "never_there": recipients - len(times),
        "strangers": sum(not 0 <= _place(to) < recipients for to in times),
    }


def _accepted(journal: Path) -> Iterator[dict[str, Any]]:
    with journal.open("rb") as lines:
        for text in lines:
            line = json.loads(text)
            if line["event"] == "submit_sm" and line["status"] == 0:
                yield line


def _memory(fleet: Fleet) -> int:
    said: bytes = fleet.command("INFO", "memory")
    return int(said.partition(b"used_memory:")[2].split()[0])


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipients", type=int, default=1_000_000)
    recipients = parser.parse_args().recipients
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), recipients)), flush=True)


if __name__ == "__main__":
    main()
