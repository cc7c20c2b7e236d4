"""What a finished job of one segment leaves in Redis, once its text has expired.

100,000 jobs live their whole life, 1,000 at a time; their contents are deleted, as their expiry would, and the
growth of used_memory is shared out: the job's hash with its key, the message-id index, and the rest (the tables
of keys and of expiries, which have a power of two of places: up to 20 octets a job more or less by the count).
The capped status stream is left out and told apart. Ceiling: the bare octets of keys, fields and values.
"""

from __future__ import annotations

import time

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, run, target
from tests.benchmarks.scripts import Life

from smsfleet.store.keys import Keys

SAMPLE = 200
CROWD = 1000
SETTLE_S = 2.0
"""The server shrinks and merges its tables in the background."""


def measure(count: int) -> Result:
    keys = harness.keys()
    with harness.server() as server:
        _live(server, keys, harness.new_ids(CROWD))  # scripts, streams and buffers are there from now on
        empty = _octets(server, keys)
        ids: list[str] = []
        for _ in range(max(1, count // CROWD)):
            crowd = harness.new_ids(CROWD)
            _live(server, keys, crowd)
            ids += crowd
        time.sleep(SETTLE_S)
        finished = (_octets(server, keys) - empty) / len(ids)
        return {
            "jobs": len(ids),
            "octets_each": {"finished_job": round(finished, 1), **_breakdown(server, keys, ids, finished)},
            "status_stream_octets": server.client.memory_usage(keys.status, samples=0),
            "status_stream_entries": server.client.xlen(keys.status),
            "example": _example(server, keys, ids[0]),
            "ratio_to_raw": round(finished / _bare_octets(server, keys, ids), 2),
            "targets": [target("octets per finished job", finished, at_most=320)],
        }


def _live(server: Server, keys: Keys, job_ids: list[str]) -> None:
    """A whole life, and the end of the texts."""
    for stage in Life(server, job_ids).stages.values():
        stage()
    server.client.delete(*[keys.content(job_id) for job_id in job_ids])


def _octets(server: Server, keys: Keys) -> int:
    return server.memory() - int(server.client.memory_usage(keys.status, samples=0))


def _breakdown(server: Server, keys: Keys, ids: list[str], finished: float) -> Result:
    """By MEMORY USAGE: hash and index; what is left are the tables of keys and of expiries."""
    client = server.client
    sample = ids[:: max(1, len(ids) // SAMPLE)]
    jobs = [client.memory_usage(keys.job(job_id), samples=0) for job_id in sample]
    job = sum(jobs) / len(jobs)
    index = sum(client.memory_usage(key, samples=0) for key in _index_keys(server, keys)) / (len(ids) + CROWD)
    encodings = {client.object("encoding", keys.job(job_id)).decode() for job_id in sample}
    return {
        "job_hash": round(job, 1),
        "index": round(index, 1),
        "tables_and_rest": round(finished - job - index, 1),
        "job_encoding": ",".join(sorted(encodings)),
    }


def _index_keys(server: Server, keys: Keys) -> list[bytes]:
    return list(server.client.scan_iter(keys.prefix + b"index:*", count=1000))


def _bare_octets(server: Server, keys: Keys, ids: list[str]) -> float:
    """Key, fields and values of a job, and its index entry, without any structure."""
    sample = ids[:: max(1, len(ids) // SAMPLE)]
    octets = 0
    for job_id in sample:
        fields = server.client.hgetall(keys.job(job_id))
        octets += len(keys.job(job_id)) + sum(len(name) + len(value) for name, value in fields.items())
        octets += 32 + len(job_id) + 2
    return octets / len(sample)


def _example(server: Server, keys: Keys, job_id: str) -> Result:
    fields = server.client.hgetall(keys.job(job_id))
    return {name.decode(): value.decode("latin-1") for name, value in fields.items()}


if __name__ == "__main__":
    run("memory", measure, 100_000)
