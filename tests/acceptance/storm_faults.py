"""What happens to a fleet during a storm of receipts (receipts_storm.py)."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.storm_ledger import Tally

from smsfleet.store.calls import Call

PATIENCE_S = 300.0

Span = tuple[float, float]
"""A time during which Redis stored nothing, on the journal's clock."""


@dataclass
class Storm:
    """A storm that goes on, for whoever disturbs it."""

    fleet: Fleet
    tally: Tally
    jobs: int
    outage_s: float = 15.0
    """how long Redis is full or frozen; by default longer than the lease"""
    without_redis: list[Span] = field(default_factory=list)

    def shares(self, times: int) -> Iterator[int]:
        """Count to `times`, whenever another share of the jobs is at the SMSC."""
        for nth in range(1, times + 1):
            share = self.jobs * nth // (times + 1)
            wait_until(
                lambda at=share: len(self.tally.read().places) >= at,
                f"{share} jobs are at the SMSC",
                within_s=PATIENCE_S,
            )
            yield nth

    @contextmanager
    def nothing_stored(self) -> Iterator[None]:
        """The block is a time during which Redis stores nothing."""
        began = time.time()
        yield
        self.without_redis.append((began, time.time()))


def kills(storm: Storm, times: int) -> None:
    """kill -9 of binder and worker in turn, `times` times each."""
    for nth in storm.shares(2 * times):
        role = "binder" if nth % 2 else "worker"
        storm.fleet.kill(role)
        storm.fleet.start(role)


def full(storm: Storm, times: int) -> None:
    """Redis has no memory left (noeviction) for a while, then is given some."""
    for _ in storm.shares(times):
        _fill(storm)


def frozen(storm: Storm, times: int) -> None:
    """Redis neither answers nor closes its connections."""
    for _ in storm.shares(times):
        process = storm.fleet.redis.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        with storm.nothing_stored():
            threading.Event().wait(storm.outage_s)
        process.send_signal(signal.SIGCONT)


def killed(storm: Storm, times: int) -> None:
    """kill -9 of Redis, and a start on the same append-only file."""
    for _ in storm.shares(times):
        _kill(storm)


def full_and_killed(storm: Storm, times: int) -> None:
    """Both in turn, `times` times each: what the suite runs."""
    for nth in storm.shares(2 * times):
        (_fill if nth % 2 else _kill)(storm)


FAULTS: dict[str, Callable[[Storm, int], None]] = {
    fault.__name__: fault for fault in (kills, full, frozen, killed, full_and_killed)
}


def _fill(storm: Storm) -> None:
    store = storm.fleet.store
    store.run(Call(("CONFIG", "SET", "maxmemory", "1"), bool))
    with storm.nothing_stored():
        threading.Event().wait(storm.outage_s)
    store.run(Call(("CONFIG", "SET", "maxmemory", "0"), bool))


def _kill(storm: Storm) -> None:
    storm.fleet.redis.stop(signal.SIGKILL)
    storm.fleet.redis.start()
