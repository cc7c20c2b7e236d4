"""Takeover times of the real processes: a leader, and whoever leads after it.

    python -m tests.benchmarks.takeover --count 10

Each round has an account and host locks of its own, one leader that is bound at the simulator, and one event:

- kill -9: the standby, on another host (another lock), waits for the end of the lease
- SIGTERM: the leader unbinds and gives the lease back
- restart: kill -9, and a new start on the same host, whose lock proves the old one dead; no standby
- SIGSTOP: as kill -9, but the gateway still has the old bind: the standby's login is answered 0x05, and it
  waits for the ghost (60 s) before it binds. The old one then goes on: told is how long until it steps down.

`leads_s`: from the event until the lease has another token. `bound_s`: until the gateway has accepted the next
login. `start_s`: until a new process has started, the interpreter included. `left_s`: what was left of the
lease at the event, which is the ceiling.
"""

from __future__ import annotations

import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.acceptance.fleet import Fleet, Process
from tests.benchmarks.harness import Result, run, target, wait_until

from smsfleet.store.keys import Keys

EVENTS = ("kill -9", "SIGTERM", "restart", "SIGSTOP")
TTL_S = 10.0
SLACK_S = 1.0
PATIENCE_S = 60.0
QUICK_S = 0.002
"""How often is looked, where the time counts."""


def measure(count: int, ttl_s: float = TTL_S) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="smsfleet-bench-") as folder,
        Fleet(Path(folder), SMSFLEET_LEASE_TTL_S=str(ttl_s)) as fleet,
    ):
        fleet.start("simulator")
        rounds = {
            event: [_Round(fleet, event, f"r{number}-{at}").run() for number in range(count)]
            for at, event in enumerate(EVENTS)
        }
    table = {event: _table(results) for event, results in rounds.items()}
    leads = {event: [result["leads_s"] for result in results] for event, results in rounds.items()}
    restarts = [result["leads_s"] - result["start_s"] for result in rounds["restart"]]
    left = [result["left_s"] for result in rounds["kill -9"]]
    return {
        "lease_ttl_s": ttl_s,
        "events": table,
        "ratio_to_raw": round(statistics.median(leads["kill -9"]) / statistics.median(left), 3),
        "targets": [
            target("kill -9, leads s, max", max(leads["kill -9"]), at_most=ttl_s + SLACK_S),
            target("SIGSTOP, leads s, max", max(leads["SIGSTOP"]), at_most=ttl_s + SLACK_S),
            target("SIGTERM, leads s, max", max(leads["SIGTERM"]), at_most=SLACK_S),
            target("restart, once started, leads s, max", max(restarts), at_most=SLACK_S),
        ],
    }


class _Round:
    """One event: `run` gives its times in seconds."""

    def __init__(self, fleet: Fleet, event: str, account: str) -> None:
        self._fleet, self._event, self._account = fleet, event, account
        self._keys = Keys(account)

    def run(self) -> dict[str, float]:
        binds = len(self._fleet.smsc.bind_statuses)
        leader = self._start("host-1")
        self._until(lambda: len(self._fleet.smsc.bind_statuses) > binds, "the leader binds")
        token = self._token()
        heir = None if self._event == "restart" else self._start("host-2")
        if heir is not None:
            self._until(lambda: heir.says("standing by"), "the standby stands by")
        times = {"left_s": self._fleet.command("PTTL", self._keys.lease) / 1000}
        began = time.monotonic()
        self._happen(leader)
        if heir is None:
            heir = self._start("host-1")
            self._until(lambda: heir.says("binder starts"), "it has started", every_s=QUICK_S)
            times["start_s"] = time.monotonic() - began
        self._until(lambda: self._token() not in (None, token), "somebody else leads", every_s=QUICK_S)
        times["leads_s"] = time.monotonic() - began
        if self._event == "SIGSTOP":
            began = time.monotonic()
            leader.popen.send_signal(signal.SIGCONT)
            self._until(lambda: leader.says("stepping down"), "the old leader steps down", every_s=QUICK_S)
            times["steps_down_s"] = time.monotonic() - began
        else:
            self._until(lambda: len(self._fleet.smsc.bind_statuses) > binds + 1, "it binds", every_s=QUICK_S)
            times["bound_s"] = time.monotonic() - began
        for process in (leader, heir):
            process.send(signal.SIGKILL)
        return times

    def _start(self, host: str) -> Process:
        folder = self._fleet.folder / f"{self._account}-{host}"
        folder.mkdir(exist_ok=True)
        return self._fleet.launch("binder", SMSFLEET_ACCOUNT=self._account, SMSFLEET_RUN_DIR=str(folder))

    def _happen(self, leader: Process) -> None:
        if self._event in ("kill -9", "restart"):
            leader.send(signal.SIGKILL)
        else:
            leader.popen.send_signal(signal.SIGTERM if self._event == "SIGTERM" else signal.SIGSTOP)

    def _token(self) -> bytes | None:
        token: bytes | None = self._fleet.command("GET", self._keys.lease)
        return token

    def _until(self, done: Callable[[], object], what: str, *, every_s: float = 0.02) -> None:
        wait_until(lambda: bool(done()), timeout_s=PATIENCE_S, what=f"{self._event}: {what}", every_s=every_s)


def _table(results: Sequence[dict[str, float]]) -> Result:
    """min, median and max of each time, in seconds."""
    return {
        name: {
            word: round(of([result[name] for result in results]), 3)
            for word, of in (("min", min), ("median", statistics.median), ("max", max))
        }
        for name in results[0]
    }


if __name__ == "__main__":
    run("takeover", measure, 10)
