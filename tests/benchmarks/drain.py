"""One worker drains jobs that wait: stock transport and strategy, claim only, bulk only, both; side by side.

In the last variant the messages came back: every one is marked as delivered before.

No binder: what is measured is from the queue to the outbound stream. Each variant has a server of its own in
the same run. Ceiling of the ratio: the stock variant.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import psutil
from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, run, target

STOCK = 1_500
"""Jobs of a slow variant at the most."""

VARIANTS = {
    "stock": ("redis", "one by one"),
    "claim only": ("smsfleet+redis", "one by one"),
    "bulk only": ("redis", "bulk"),
    "both": ("smsfleet+redis", "bulk"),
    "both, redelivered": ("smsfleet+redis", "bulk"),
}

PREPARE = "from smsfleet.tasks.sms import SendSms; SendSms.Strategy = 'celery.worker.strategy:default'; "
START = "from smsfleet.cli.main import main; main(['worker', '--pool', 'threads', *{}])"
QUEUE = "sms.normal"
SEND = """
import sys, time
from smsfleet.tasks import send_sms
from tests.benchmarks.harness import TEXT
for number in range(int(sys.argv[1])):
    send_sms.delay(f"2799910{number % 10000:04d}", TEXT)
"""


def measure(count: int) -> Result:
    variants = {name: _drain(name, count) for name in VARIANTS}
    both, stock, again = variants["both"], variants["stock"], variants["both, redelivered"]
    return {
        "variants": variants,
        "ratio_to_raw": round(both["jobs_per_s"] / stock["jobs_per_s"], 1),
        "targets": [
            target(
                "worker CPU, stock / both",
                stock["cpu_us"]["worker"] / max(1, both["cpu_us"]["worker"]),
                at_least=10,
            ),
            target("jobs/s of one worker", both["jobs_per_s"], at_least=3_000),
            target("redelivered / fresh jobs/s", again["jobs_per_s"] / both["jobs_per_s"], at_least=0.5),
        ],
    }


def _drain(name: str, count: int) -> Result:
    scheme, strategy = VARIANTS[name]
    count = count if name.startswith("both") else min(count, STOCK)
    return drain(
        count, scheme, PREPARE if strategy == "one by one" else "", redelivered="redelivered" in name
    )


def drain(
    count: int,
    scheme: str,
    prepare: str = "",
    *,
    redelivered: bool = False,
    options: tuple[str, ...] = (),
    settings: Mapping[str, str] | None = None,
    listened: bool = False,
) -> Result:
    """Rate and CPU of one worker of that transport; `prepare` is code that runs before it.

    `listened`: somebody receives all that is published on the server, such as events.
    """
    with harness.server() as server, tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": harness.PYTHONPATH,
            "SMSFLEET_ACCOUNT": harness.ACCOUNT,
            "SMSFLEET_REDIS_URL": server.url,
            "SMSFLEET_BROKER_URL": server.url.replace("redis", scheme, 1),
            "SMSFLEET_RATE": "100000",
            "SMSFLEET_OUTBOUND_LIMIT": "1000000",
            "SMSFLEET_LOG_LEVEL": "WARNING",
            "SMSFLEET_RUN_DIR": folder,
            **(settings or {}),
        }
        subprocess.run([sys.executable, "-c", SEND, str(count)], env=environment, check=True)
        if redelivered:
            _mark_redelivered(server)
        code = prepare + START.format(options)
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        listener = server.client.pubsub()
        if listened:
            listener.psubscribe(**{"*": lambda _: None})
            ears = listener.run_in_thread(daemon=True)
        worker = subprocess.Popen([sys.executable, "-c", code], env=environment, **silent)
        try:
            return _watch(server, psutil.Process(worker.pid), count)
        finally:
            worker.terminate()
            worker.wait(60)
            if listened:
                ears.stop()
                ears.join()
            listener.close()


def _mark_redelivered(server: Server) -> None:
    """Mark every message as kombu does when it gives one back."""
    for _ in range(server.client.llen(QUEUE)):
        text: Any = server.client.rpop(QUEUE)
        message = json.loads(text)
        message["headers"]["redelivered"] = True
        message["properties"]["delivery_info"]["redelivered"] = True
        server.client.lpush(QUEUE, json.dumps(message))


def _watch(server: Server, worker: psutil.Process, count: int) -> Result:
    """From a tenth to nine tenths of the jobs, so that neither start nor end is in the figures."""
    stream = harness.keys().outbound["normal"]

    def passed(share: float) -> tuple[int, float, float, float]:
        harness.wait_until(
            lambda: server.client.xlen(stream) >= count * share, timeout_s=60 + count / 100, what="jobs"
        )
        now: Any = worker.cpu_times()
        return server.client.xlen(stream), time.perf_counter(), now.user + now.system, server.cpu_s()

    start = passed(0)
    first, last = passed(0.1), passed(0.9)
    if first[0] >= count * 0.9:  # so few that all were done between two looks
        first = start
    passed_by = [after - before for before, after in zip(first, last, strict=True)]
    jobs, seconds, worker_s, redis_s = (max(value, 1e-6) for value in passed_by)
    return {
        "jobs_per_s": round(jobs / seconds),
        "cpu_us": {"worker": round(worker_s / jobs * 1e6, 1), "redis": round(redis_s / jobs * 1e6, 1)},
    }


if __name__ == "__main__":
    run("drain", measure, 20_000)
