"""A storm of receipts: late, shuffled, three times each, before their response, contradicting, of nobody.

Through kills of workers and binder, or failures of Redis. Every promise of docs/semantics.md is checked against the
simulator's journal, the orphans exactly. test_receipts_storm.py runs it small. One JSON line, and exit code 1 when a
promise is broken:

    python -m tests.acceptance.receipts_storm --jobs 100000
    python -m tests.acceptance.receipts_storm --jobs 20000 --fault full --times 3
    python -m tests.acceptance.receipts_storm --jobs 20000 --fault frozen --times 1
    python -m tests.acceptance.receipts_storm --jobs 20000 --fault killed --times 10 --fsync always

Without a word about `fsync` the append-only file is written each second; a kill of Redis' process loses nothing of it, a
power cut up to a second (docs/operations.md).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.storm_faults import FAULTS, PATIENCE_S, Storm
from tests.acceptance.storm_ledger import RANKS, Stored, Tally, believed, violations
from tests.acceptance.storm_memory import finished_jobs, keys_of, warm

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.config.errors import StoreUnavailable
from smsfleet.simulator.control import ask
from smsfleet.store.packed import unpack_id
from smsfleet.store.records import JobRecord
from smsfleet.tasks import send_sms

SETTINGS = {
    "SMSFLEET_RATE": "100000",
    "SMSFLEET_OUTBOUND_LIMIT": "1000000",
    "SMSFLEET_SMPP_WINDOW": "200",
    "SMSFLEET_VISIBILITY_TIMEOUT_S": "5",
    "SMSFLEET_SWEEP_S": "1",
    "SMSFLEET_SWEEP_MARGIN_S": "3",
    "SMSFLEET_HOLD_S": "3",
    "SMSFLEET_MATCH_AFTER_S": "1",
}

RECEIPTS = {
    "receipt_delay_s": 0.5,
    "receipt_spread_s": 2,  # shuffled with those of thousands of others
    "receipt_twice_share": 1,
    "receipt_repeats": 2,
    "receipt_first_share": 0.1,
    "receipt_contradicted_share": 0.025,
    "receipt_denied_share": 0.025,
    "receipt_intermediate_share": 0.05,
    "receipt_unknown_share": 0.01,
    "redelivery_delay_s": 1,
}

POLICIES = ("resend", "hold_then_resend", "fail")

FAILING = ("27999170005", "27999170003", "27999170008")
"""Destinations whose receipts say UNDELIV, EXPIRED and REJECTD: every fiftieth job is for one of them."""

DESTINATIONS = 60_000

MATCHED_S = 3.0
"""After this time of quiet no receipt is matched any more: its age, and a turn of the duties."""

MOST_OCTETS = 320
"""A finished job of one segment with its index, text expired; what the running fleet holds beside it included."""

MEASURED = 50_000
"""Memory is measured from so many jobs on: below that buffers are the larger part."""

WARM = 1000

BATCH = 500


class Sender(threading.Thread):
    """An application that sends everything, `per_s` a second or (0) as fast as it can.

    Every twentieth text has two segments. With `per_s` each job has an idempotency key, and what Redis could not take
    is sent again.
    """

    def __init__(self, count: int, per_s: int) -> None:
        super().__init__(daemon=True)
        self.count = count
        self.retries = 0
        self._per_s = per_s
        self._pause = threading.Event()
        self.job_ids: list[str] = []
        self.policies = [POLICIES[number % len(POLICIES)] for number in range(count)]
        self.s = 0.0

    def run(self) -> None:
        """Send."""
        began = time.monotonic()
        for number, policy in enumerate(self.policies):
            to = f"279991{number % DESTINATIONS:05d}"
            if number % 50 == 0:
                to = FAILING[number // 50 % len(FAILING)]
            text = f"storm {number:06d} " * (15 if number % 20 == 7 else 1)
            if self._per_s:
                self._pause.wait(max(0.0, began + number / self._per_s - time.monotonic()))
            key = f"key-{number}" if self._per_s else None
            self.job_ids.append(self._sent(to, text, on_ambiguous=policy, idempotency_key=key))
        self.s = time.monotonic() - began

    def _sent(self, to: str, text: str, **options: Any) -> str:
        while True:
            try:
                return send_sms.delay(to, text, **options).id
            except StoreUnavailable:
                if not self._per_s:
                    raise
                self.retries += 1
                self._pause.wait(0.05)


class Watch(threading.Thread):
    """Follows the stream `status`, as an application would, and how many facts wait for the relays."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(daemon=True)
        self._fleet = fleet
        self._done = threading.Event()
        self._shown: dict[bytes, int] = {}
        self._after = b"0-0"
        self.backwards: list[str] = []
        self.transitions = 0
        self.most_waiting = 0
        self.drained_at = 0.0
        """when facts were last seen to wait, on the journal's clock"""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        """Read until told to end."""
        while not self._done.is_set():
            with suppress(StoreUnavailable):
                if self._look() >= BATCH:
                    continue
            self._done.wait(0.05)

    def _look(self) -> int:
        """Read on; how many changes there were."""
        fleet = self._fleet
        if waiting := fleet.facts_waiting:
            self.most_waiting = max(self.most_waiting, waiting)
            self.drained_at = time.time()
        entries = fleet.command("XRANGE", fleet.keys.status, b"(" + self._after, "+", "COUNT", 5000)
        for at, (_, job_id, _, status, _, _) in entries:
            self._after = at
            self._see(job_id, int(status or 0))
        return len(entries)

    def _see(self, job_id: bytes, status: int) -> None:
        self.transitions += 1
        before = self._shown.get(job_id, 0)
        if before in RANKS and status in RANKS and RANKS.index(status) < RANKS.index(before):
            self.backwards.append(f"{job_id.decode()}: {before}, then {status}")
        self._shown[job_id] = status


def run(
    folder: Path,
    *,
    jobs: int = 100_000,
    fault: str = "kills",
    times: int = 5,
    seed: int = 1,
    fsync: str = "everysec",
    outage_s: float = 15.0,
) -> dict[str, Any]:
    """One storm in a fleet of its own: its figures, and under `broken` the promises that did not hold."""
    # Kills are best met at full speed; a failure of Redis lasts, and traffic is to go on meanwhile.
    per_s = 0 if fault == "kills" else max(100, jobs // 20)
    fleet = Fleet(folder, **SETTINGS)
    fleet.redis = EmbeddedServer(folder / "redis", fsync=fsync)
    with fleet:
        control = free_port()
        options = [f"--option={name}={value}" for name, value in {**RECEIPTS, "seed": seed}.items()]
        fleet.options["simulator"] = ("--control", str(control), *options)
        fleet.start("simulator", "binder", "worker")
        empty = warm(fleet, WARM) if jobs >= MEASURED else 0
        storm = Storm(fleet, Tally(folder / "journal.jsonl"), jobs, outage_s)
        sender = Sender(jobs, per_s)
        with Watch(fleet) as watch:
            sender.start()
            FAULTS[fault](storm, times)
            sender.join(PATIENCE_S * 4)
            assert len(sender.job_ids) == jobs, f"only {len(sender.job_ids)} of {jobs} sent"
            _wait_for_rest(fleet, storm.tally, control)
            stored = _stored(storm, sender)
        broken = violations(storm.tally.read(), stored)
        if watch.backwards:
            broken["promise 4: a status moved backwards"] = watch.backwards
        found = {
            "jobs": jobs,
            "fault": fault,
            "times": times,
            "seed": seed,
            "fsync": fsync,
            **_counts(storm.tally, stored),
            **_pace(storm.tally, sender, watch),
        }
        if jobs >= MEASURED:
            found["octets_each"] = finished_jobs(fleet, stored, empty)
            # With an idempotency key a job also keeps a fingerprint.
            if fault == "kills" and (octets := found["octets_each"]["finished_job"]) > MOST_OCTETS:
                broken["memory of a finished job"] = [f"{octets} octets"]
    return {**found, "broken": {rule: [len(what), *what[:5]] for rule, what in broken.items()}}


# --- the storm ---------------------------------------------------------------------------------------


def _wait_for_rest(fleet: Fleet, tally: Tally, control: int) -> None:
    """Until nothing is on its way, every receipt is acknowledged, and no receipt can be matched any more."""

    def is_quiet() -> bool:
        if _on_the_way(fleet):
            return False
        posted = ask(control, {"do": "status"})["deliver_sm"]
        return len(tally.read().acknowledged) >= posted and not _on_the_way(fleet)

    wait_until(is_quiet, "every receipt is acknowledged and applied", within_s=PATIENCE_S)
    orphans: set[str] = set()
    while orphans != fleet.orphans or _on_the_way(fleet):  # one that is matched may bring a resend to its end
        orphans = fleet.orphans
        threading.Event().wait(MATCHED_S)


def _on_the_way(fleet: Fleet) -> int:
    runtime, keys = fleet.runtime, fleet.keys
    waiting = sum(fleet.store.run_all([*runtime.jobs.waiting_intake(), *runtime.jobs.waiting_outbound()]))
    hashes = sum(fleet.command("HLEN", key) for key in ("unacked", keys.inflight, keys.waiting))
    held = sum(fleet.command("ZCARD", key) for key in (keys.held, keys.delayed))
    return waiting + hashes + held + fleet.facts_waiting


# --- what it left ------------------------------------------------------------------------------------


def _stored(storm: Storm, sender: Sender) -> Stored:
    fleet = storm.fleet
    records: list[JobRecord | None] = []
    for at in range(0, sender.count, BATCH):
        for found in fleet.store.run_all(
            [fleet.runtime.jobs.read(i) for i in sender.job_ids[at : at + BATCH]]
        ):
            assert not isinstance(found, str)
            records.append(found)
    keys = fleet.keys
    strays, dead, messages = (fleet.command("XLEN", key) for key in (keys.strays, keys.dead, keys.mo))
    return Stored(
        job_ids=sender.job_ids,
        policies=sender.policies,
        records=records,
        index={known: where for known, where in _index(fleet) if known not in storm.tally.others},
        orphans=fleet.orphans,
        strays=strays,
        dead=dead,
        messages=messages,
        without_redis=storm.without_redis,
    )


def _index(fleet: Fleet) -> Iterator[tuple[str, tuple[str, int]]]:
    for key in keys_of(fleet, b"index:*"):
        flat = fleet.command("HGETALL", key)
        for message_id, ref in zip(flat[::2], flat[1::2], strict=True):
            job_id, _, number = ref.decode().rpartition("#")
            yield unpack_id(message_id).decode("latin-1"), (job_id, int(number))


def _counts(tally: Tally, stored: Stored) -> dict[str, Any]:
    records = [record for record in stored.records if record is not None]
    segments = [segment for record in records for segment in record.segments]
    return {
        "segments": len(segments),
        "submitted": sum(tally.times.values()),
        "sent_again": sum(tally.times.values()) - len(tally.times),
        "receipts": len(tally.acknowledged),
        "sent_back": tally.answers.total() - tally.answers[0],
        "statuses": {f"{status:03d}": n for status, n in sorted(_by_status(records).items())},
        "unknown_outcomes": sum(segment.ambiguous for segment in segments),
        "orphans": {
            "nobody's": len(tally.nobodys & stored.orphans),
            "unmatched": len(stored.orphans - tally.nobodys),
        },
        "nobody's_believed": len(believed(tally, stored)),
        "binds": tally.binds.total(),
    }


def _by_status(records: list[JobRecord]) -> Counter[int]:
    return Counter(record.status or 0 for record in records)


def _pace(tally: Tally, sender: Sender, watch: Watch) -> dict[str, Any]:
    """The relays keep up when little waits, and nothing soon after the last receipt."""
    facts = len(tally.places) + tally.answers[0]
    span_s = max(tally.last_at, watch.drained_at) - tally.first_at
    return {
        "sent_per_s": round(sender.count / sender.s),
        "send_retries": sender.retries,
        "facts": facts,
        "facts_per_s": round(facts / span_s),
        "most_facts_waiting": watch.most_waiting,
        "behind_s": round(max(0.0, watch.drained_at - tally.last_at), 2),
        "transitions_seen": watch.transitions,
        "storm_s": round(span_s, 1),
    }


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--fault", choices=list(FAULTS), default="kills")
    parser.add_argument(
        "--times", type=int, default=5, help="how often; kills: of the worker and of the binder"
    )
    parser.add_argument("--outage-s", type=float, default=15.0, help="how long Redis is full or frozen")
    parser.add_argument("--fsync", choices=["always", "everysec"], default="everysec")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep journal, logs and the server's files there")
    given = vars(parser.parse_args())
    with _folder(given.pop("folder")) as folder:
        found = run(folder, **given)
    print(json.dumps(found), flush=True)
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
