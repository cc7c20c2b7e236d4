"""A campaign: from `start_campaign` to the receipt in every job, with the product's own processes.

The rows come from a generator in a process of its own: its time, CPU and memory are the submitter's. Then as fast
as the fleet is: jobs a second from the first row to the last receipt, and from the end of the submission; CPU of
each process for 1,000 jobs; memory of the server after it. The ratio is to the individual path in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, run, target
from tests.benchmarks.individual import Fleet, fleet
from tests.benchmarks.individual import throughput as individual_path

from smsfleet.config.settings import load
from smsfleet.store.campaigns import IN_PLAY
from smsfleet.tasks import Campaign, start_campaign
from smsfleet.tasks.app import use_runtime
from smsfleet.tasks.campaign_start import CHUNK_ROWS
from smsfleet.workers.chunks import Chunks
from smsfleet.workers.runtime import Runtime

WORKERS = 1

SUBMIT = """
import json, resource, sys, time
from smsfleet.tasks import start_campaign
count, text = int(sys.argv[1]), sys.argv[2]
rows = ({"to": f"2799910{n % 10_000:04d}", "name": f"Number {n}"} for n in range(count))
start_campaign([], text)  # imports and connections
began, cpu = time.time(), time.process_time()
campaign = start_campaign(rows, text, duplicates="send")
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "id": campaign.id, "began": began, "submitted_s": round(time.time() - began, 3),
    "cpu_us": round((time.process_time() - cpu) / count * 1e6, 2), "peak_mib": round(used.ru_maxrss / 1024, 1),
}))
"""


def measure(count: int, workers: int = WORKERS) -> Result:
    same = throughput(count, workers)
    individual = individual_path(max(1, count // 6), workers)
    fields = _run(max(1, count // 4), workers, "Hello {name}, " + harness.TEXT[:120])
    return {
        "workers": workers,
        "rows_to_jobs": _admission(max(CHUNK_ROWS, count // 4)),
        "one_text": same,
        "text_with_a_field": fields,
        "individual_path": {name: individual[name] for name in ("jobs_per_s", "cpu_s_per_1000")},
        "ratio_to_raw": round(same["jobs_per_s"] / individual["jobs_per_s"], 2),
        "targets": [
            target("jobs done/s", same["jobs_per_s"], at_least=6000),
            target("CPU s/1,000", sum(same["cpu_s_per_1000"].values()), at_most=0.20),
            target("MiB of the submitter", same["submitter"]["peak_mib"], at_most=100),
        ],
    }


def throughput(count: int, workers: int) -> Result:
    """One text for all: jobs a second from the first row to the last receipt, CPU of each process."""
    return _run(count, workers, harness.TEXT)


def _run(count: int, workers: int, text: str) -> Result:
    with fleet(workers, journal=False, settings={"SMSFLEET_CAMPAIGN_CHUNKS": "100000"}) as started:
        before, memory = harness.cpu_s(started.pids), started.server.memory()
        submitter = _submit(started, count, text)
        use_runtime(Runtime(load(started.environment), name="benchmark"))
        try:
            ended = _wait_until_finished(submitter["id"], count)
        finally:
            use_runtime(None)
        after = harness.cpu_s(started.pids)
        seconds = ended - submitter.pop("began")
        octets = started.server.memory() - memory
    return {
        "jobs_per_s": round(count / seconds),
        "seconds": round(seconds, 3),
        "submitter": submitter,
        "redis_octets_a_job": round(octets / count),
        **harness.spent(before, after, count),
    }


@contextmanager
def in_this_process(server: Server) -> Iterator[Runtime]:
    """What workers and applications have, without bounds and without a broker, for the length of the block."""
    given = {
        "SMSFLEET_REDIS_URL": server.url, "SMSFLEET_ACCOUNT": harness.ACCOUNT, "SMSFLEET_RATE": "100000",
        "SMSFLEET_OUTBOUND_LIMIT": "1000000", "SMSFLEET_CAMPAIGN_CHUNKS": "100000",
        "SMSFLEET_BROKER_URL": "memory://",
    }  # fmt: skip
    runtime = Runtime(load(given), store=server.store)
    use_runtime(runtime)
    try:
        yield runtime
    finally:
        use_runtime(None)


def _admission(count: int) -> Result:
    """Rows become jobs in this process, nothing else running: CPU of each row, and of taking it."""
    with harness.server() as server, in_this_process(server) as runtime:
        start_campaign([], "Hello")  # imports and scripts
        before = _spent(server)
        campaign = start_campaign((f"279{n:08d}" for n in range(count)), harness.TEXT)
        taken = _spent(server)
        todo = list(range(1, IN_PLAY + 1))
        while todo:
            todo += Chunks(runtime).handle(campaign.id, todo.pop()).publish
        admitted = _spent(server)
        assert count == campaign.counts().queued
    return {
        "taken_us": harness.rounded({name: (taken[name] - before[name]) / count * 1e6 for name in before}),
        "admitted_us": harness.rounded(
            {name: (admitted[name] - taken[name]) / count * 1e6 for name in taken}
        ),
    }


def _spent(server: Server) -> dict[str, float]:
    return {"redis": server.cpu_s(), "python": time.process_time()}


def _submit(started: Fleet, count: int, text: str) -> Result:
    command = [sys.executable, "-c", SUBMIT, str(count), text]
    done = subprocess.run(command, env=started.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the submitter failed:\n{done.stderr[-2000:]}")
    answer: Result = json.loads(done.stdout)
    return answer


def _wait_until_finished(campaign_id: str, count: int) -> float:
    """When every job was delivered, in seconds since the epoch."""
    campaign = Campaign(campaign_id)
    harness.wait_until(
        lambda: campaign.progress().state == "finished",
        timeout_s=60 + count / 200,
        what="DELIVERED jobs",
        every_s=0.05,
    )
    ended = time.time()
    counts = campaign.counts()
    assert count == counts.delivered, counts
    return ended


if __name__ == "__main__":
    run("campaign", measure, 60_000)
