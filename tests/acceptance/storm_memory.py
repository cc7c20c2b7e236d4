"""What the finished jobs of a storm leave in Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.storm_ledger import Stored

from smsfleet.store.records import JobRecord
from smsfleet.tasks import job_status, send_sms

SHRUNK_S = 2.0
"""The server shrinks and merges its tables and buffers in the background."""

BATCH = 500


def warm(fleet: Fleet, jobs: int) -> int:
    """Octets of Redis when scripts, streams and buffers are there: after some jobs, whose texts are deleted."""
    ids = [send_sms.delay(f"279991{number:05d}", "warm").id for number in range(jobs)]
    wait_until(lambda: all(job_status(job_id).final for job_id in ids), "the first jobs are final")
    for job_id in ids:
        fleet.command("DEL", fleet.keys.content(job_id))
    return _octets(fleet)


def _octets(fleet: Fleet) -> int:
    threading.Event().wait(SHRUNK_S)
    info: bytes = fleet.command("INFO", "memory")
    used = next(line for line in info.splitlines() if line.startswith(b"used_memory:"))
    return int(used.partition(b":")[2]) - _usage(fleet, fleet.keys.status)


def _usage(fleet: Fleet, key: bytes) -> int:
    return fleet.command("MEMORY", "USAGE", key, "SAMPLES", 0) or 0


def finished_jobs(fleet: Fleet, stored: Stored, empty: int) -> dict[str, float]:
    """Octets of a finished job of one segment, as tests/benchmarks/memory.py has them; texts deleted first."""
    for at in range(0, len(stored.job_ids), BATCH):
        fleet.command("DEL", *(fleet.keys.content(job_id) for job_id in stored.job_ids[at : at + BATCH]))
    records = [record for record in stored.records if record is not None]
    one, two = (_mean(fleet, [r for r in records if len(r.segments) == count]) for count in (1, 2))
    index = sum(_usage(fleet, key) for key in keys_of(fleet, b"index:*")) / len(stored.index)
    rest = (b"orphan:*", b"orphans", b"last:*", b"doub*", b"reference:*")
    beside = sum(_usage(fleet, key) for pattern in rest for key in keys_of(fleet, pattern))
    beside += (len(stored.index) - len(records)) * (two - one + index)  # the second segments
    finished = (_octets(fleet) - empty - beside) / len(records)
    return {
        "finished_job": round(finished, 1),
        "job_hash": round(one, 1),
        "index": round(index, 1),
        "tables_and_rest": round(finished - one - index, 1),
    }


def _mean(fleet: Fleet, records: list[JobRecord]) -> float:
    sample = records[:: max(1, len(records) // 1000)]
    return sum(_usage(fleet, fleet.keys.job(record.job_id)) for record in sample) / max(1, len(sample))


def keys_of(fleet: Fleet, pattern: bytes) -> Iterator[bytes]:
    """Every key of the account that matches."""
    cursor = b"0"
    while True:
        cursor, keys = fleet.command("SCAN", cursor, "MATCH", fleet.keys.prefix + pattern, "COUNT", 1000)
        yield from keys
        if cursor == b"0":
            return
