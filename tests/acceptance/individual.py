"""Faults on the individual path, counted at the SMSC: nothing is lost, nothing is sent twice.

test_individual.py runs them small. The full sizes, one JSON line each:

    python -m tests.acceptance.individual                 everything
    python -m tests.acceptance.individual worker_kills --jobs 80000 --kills 40 --pool prefork
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.fleet import Fleet, number, wait_until
from tests.acceptance.switch import Switch

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import StoreUnavailable
from smsfleet.tasks import send_sms

FAST = {
    "SMSFLEET_RATE": "100000",
    "SMSFLEET_OUTBOUND_LIMIT": "1000000",
    "SMSFLEET_SMPP_WINDOW": "500",
    "SMSFLEET_VISIBILITY_TIMEOUT_S": "5",
    "SMSFLEET_SWEEP_S": "1",
    "SMSFLEET_SWEEP_MARGIN_S": "3",
}

PATIENCE_S = 180.0


class Sender(threading.Thread):
    """Sends `count` different texts; what Redis could not take is sent again under its idempotency key."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(daemon=True)
        self.count = count
        self._options = options
        self.sent: Counter[tuple[str, str]] = Counter()
        self.retries = 0

    def run(self) -> None:
        """Send everything."""
        pause = threading.Event()
        for n in range(self.count):
            to, text = number(n % 10_000), f"job {n}"
            while True:
                try:
                    send_sms.delay(to, text, idempotency_key=f"key-{n}", **self._options)
                    break
                except StoreUnavailable:
                    self.retries += 1
                    pause.wait(0.05)
            self.sent[to, text.encode().hex()] += 1

    def finished(self, fleet: Fleet) -> dict[str, Any]:
        """Wait until all is sent and at the SMSC; the counts."""
        self.join(PATIENCE_S * 5)
        assert not self.is_alive(), f"only {len(self.sent)} of {self.count} sent"
        sent_at = time.monotonic()
        wait_until(
            lambda: fleet.smsc.accepted_count >= self.count,
            "every job is at the SMSC",
            within_s=PATIENCE_S,
        )
        drained_s = time.monotonic() - sent_at
        try:
            wait_until(lambda: _at_rest(fleet), "nothing is on its way any more", within_s=PATIENCE_S)
        except AssertionError as error:
            ended = fleet.ended_by_themselves()
            raise AssertionError(f"{error}; waiting: {_waiting(fleet)}; ended: {ended}") from None
        times = fleet.smsc.times_accepted()
        return {
            "jobs": self.count,
            "lost": len(self.sent - times),
            "twice": sum(times.values()) - len(times),
            "strangers": len(set(times) - set(self.sent)),
            "send_retries": self.retries,
            "drained_s": round(drained_s, 1),
        }


class Redelivery(threading.Thread):
    """Watches what the killed worker had in hand: how long until each message is given out again or settled."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(daemon=True)
        self._fleet = fleet
        self._lock = threading.Lock()
        self._held: dict[bytes, tuple[float, bytes]] = {}
        self._heir_since = 0.0
        self._done = threading.Event()
        self.took_s: list[float] = []

    def note_kill(self) -> None:
        """The worker is dead: what the broker has as unacknowledged was in its hands."""
        index = self._fleet.command("ZRANGE", "unacked_index", 0, -1, "WITHSCORES")
        now = time.monotonic()
        with self._lock:
            for tag, score in zip(index[::2], index[1::2], strict=True):
                if self._held.get(tag, (0.0, b""))[1] != score:  # else it still waits since an earlier kill
                    self._held[tag] = (now, score)

    def note_heir(self) -> None:
        """There is a worker again that can give messages out."""
        with self._lock:
            self._heir_since = time.monotonic()

    def run(self) -> None:
        """Look until told to end: a message that is given out again has another score, or none by now."""
        while not self._done.wait(0.1):
            self._look()

    def _look(self) -> None:
        with self._lock:
            held = dict(self._held)
            if not held:
                return
            scores = self._fleet.command("ZMSCORE", "unacked_index", *held)
            now = time.monotonic()
            for (tag, (at, old)), score in zip(held.items(), scores, strict=True):
                if score != old:
                    self.took_s.append(now - max(at, self._heir_since))
                    del self._held[tag]

    def end(self) -> dict[str, Any]:
        """How many messages of dead workers there were, and the longest time until one was given out again.

        Without the time in which there was no worker to do it.
        """
        self._done.set()
        self.join()
        self._look()
        assert not self._held, f"never given out again: {len(self._held)}"
        longest = max(self.took_s, default=0.0)
        return {"in_dead_hands": len(self.took_s), "redelivered_after_s": round(longest, 1)}


def _at_rest(fleet: Fleet) -> bool:
    return sum(_waiting(fleet)) == 0


def _waiting(fleet: Fleet) -> list[int]:
    """In each lane's intake and outbound stream, in the streams of facts, in workers' hands."""
    runtime = fleet.runtime
    calls = [*runtime.jobs.waiting_intake(), *runtime.jobs.waiting_outbound(), *runtime.facts.waiting()]
    return [*fleet.store.run_all(calls), fleet.command("HLEN", "unacked")]


def _started(fleet: Fleet, pool: str = "threads") -> None:
    fleet.options["simulator"] = ("--no-receipts",)
    fleet.options["worker"] = ("--pool", pool)
    fleet.start("simulator", "binder", "worker")


def _every(fleet: Fleet, sender: Sender, times: int, do: Callable[[], None]) -> None:
    """Do something `times` times while the jobs pass, whenever another share of them is at the SMSC."""
    share = sender.count // (times + 1)
    for nth in range(1, times + 1):
        wait_until(
            lambda at=share * nth: fleet.smsc.accepted_count >= at,
            f"{share * nth} jobs are at the SMSC",
            within_s=PATIENCE_S,
        )
        do()


def worker_kills(
    fleet: Fleet, *, jobs: int = 80_000, kills: int = 40, pool: str = "threads"
) -> dict[str, Any]:
    """kill -9 of the worker, again and again."""
    _started(fleet, pool)
    sender = Sender(jobs)
    sender.start()
    redelivery = Redelivery(fleet)
    redelivery.start()

    def kill() -> None:
        fleet.kill("worker")
        redelivery.note_kill()
        fleet.start("worker")
        redelivery.note_heir()

    _every(fleet, sender, kills, kill)
    counts = sender.finished(fleet)
    return {"kills": kills, "pool": pool} | counts | redelivery.end()


def server_kills(fleet: Fleet, *, jobs: int = 20_000, kills: int = 10) -> dict[str, Any]:
    """kill -9 of Redis, and a start on the same append-only file."""
    _started(fleet)
    sender = Sender(jobs)
    sender.start()

    def kill() -> None:
        fleet.redis.stop(signal.SIGKILL)
        fleet.redis.start()

    _every(fleet, sender, kills, kill)
    return {"kills": kills} | sender.finished(fleet)


def frozen_worker(fleet: Fleet, *, jobs: int = 10_000) -> dict[str, Any]:
    """A worker is frozen for longer than the visibility timeout, another takes its jobs, it wakes up."""
    fleet.options["simulator"] = ("--no-receipts",)
    fleet.start("simulator", "binder")
    sender = Sender(jobs)
    sender.start()
    sender.join(PATIENCE_S)
    # So slow that its hands are full of jobs that wait for their rate.
    frozen = fleet.launch("worker", SMSFLEET_RATE="300")
    wait_until(lambda: fleet.smsc.accepted_count > 0, "it sends")
    frozen.popen.send_signal(signal.SIGSTOP)
    redelivery = Redelivery(fleet)
    redelivery.note_kill()
    redelivery.start()
    fleet.start("worker")
    redelivery.note_heir()
    # Those in the frozen hands too: so the freeze is longer than the visibility timeout.
    wait_until(lambda: fleet.smsc.accepted_count >= jobs, "the other took over", within_s=PATIENCE_S)
    frozen.popen.send_signal(signal.SIGCONT)
    assert frozen.send(signal.SIGTERM) == 0  # it ends what it was doing
    return sender.finished(fleet) | redelivery.end()


def broker_cut(fleet: Fleet, *, jobs: int = 10_000, cut_s: float = 20.0) -> dict[str, Any]:
    """The worker's connections to Redis are cut for a while."""
    proxy = Switch(fleet.redis.port)
    real, fleet.environment["SMSFLEET_REDIS_URL"] = fleet.redis.url, f"redis://127.0.0.1:{proxy.port}/0"
    _started(fleet)
    fleet.environment["SMSFLEET_REDIS_URL"] = real
    sender = Sender(jobs)
    sender.start()

    def cut() -> None:
        proxy.cut()
        threading.Event().wait(cut_s)
        proxy.mend()

    try:
        _every(fleet, sender, 1, cut)
        return {"cut_s": cut_s} | sender.finished(fleet)
    finally:
        fleet.kill("worker")
        fleet.kill("binder")
        proxy.end()


SCENARIOS: dict[str, Callable[..., dict[str, Any]]] = {
    scenario.__name__: scenario for scenario in (worker_kills, server_kills, frozen_worker, broker_cut)
}


def run(name: str, folder: Path, **sizes: Any) -> dict[str, Any]:
    """One scenario in a fleet of its own; its counts."""
    fleet = Fleet(folder, **FAST)
    if name == "server_kills":  # with everysec the last second may be lost; see docs/operations.md
        fleet.redis = EmbeddedServer(folder / "redis", fsync="always")
    began = time.monotonic()
    with fleet:
        found = SCENARIOS[name](fleet, **sizes)
    return {"scenario": name, **found, "s": round(time.monotonic() - began, 1)}


def main() -> None:
    """The full sizes, from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenario", nargs="*", default=list(SCENARIOS), help=", ".join(SCENARIOS))
    for name, kind in (("jobs", int), ("kills", int), ("pool", str), ("cut-s", float)):
        parser.add_argument(f"--{name}", type=kind)
    given = vars(parser.parse_args())
    names = given.pop("scenario")
    sizes = {name: value for name, value in given.items() if value is not None}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(name, Path(folder), **sizes)), flush=True)


if __name__ == "__main__":
    main()
