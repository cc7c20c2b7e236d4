"""What the benchmarks share: a server of their own, CPU seconds of processes, targets, the JSON line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import redis

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store
from smsfleet.store.jobs import Admission, Jobs, Pace
from smsfleet.store.keys import Keys
from smsfleet.workers.segments import segment
from smsfleet.workers.submit import SubmitOptions, bodies

Result = dict[str, Any]

ACCOUNT = "bench"
DAY_S = 86_400
JOB_TTL_S, TEXT_TTL_S, INDEX_TTL_S = 30 * DAY_S, DAY_S, 8 * DAY_S
TEXT = "Your order 4711 left our store today. Track it on example.com/t/4711 or call us, we are glad to help."
UNLIMITED = Pace(rate=1e9, bulk_reserve=0.0, outbound_limit=10**9)
"""Admission without waiting: the benchmarks fill the streams as fast as the script does."""
BATCH = 100
REPOSITORY = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join((str(REPOSITORY / ".ns"), str(REPOSITORY)))


# --- the server ------------------------------------------------------------------------------------


class Server(NamedTuple):
    """A running server, a plain client of it, and our store on it."""

    url: str
    pid: int
    client: redis.Redis
    store: Store

    def cpu_s(self) -> float:
        """CPU seconds of the server so far, its background threads included."""
        info = self.client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def memory(self) -> int:
        """used_memory in octets."""
        return int(self.client.info("memory")["used_memory"])


@contextmanager
def server() -> Iterator[Server]:
    """An empty server on a free port, append-only file on, fsync every second; ends with the block."""
    with tempfile.TemporaryDirectory(prefix="smsfleet-bench-", ignore_cleanup_errors=True) as folder:
        embedded = EmbeddedServer(Path(folder)).start()
        try:
            client = redis.Redis.from_url(embedded.url, protocol=2)
            refuse_company(client)
            store = Store.connect(embedded.url, "benchmark")
            assert embedded.process is not None
            yield Server(embedded.url, embedded.process.pid, client, store)
            store.close()
            client.close()
        finally:
            embedded.stop()


def refuse_company(client: redis.Redis) -> None:
    """Raise SystemExit when somebody else is connected: the figures would be theirs too."""
    own = client.client_id()
    others = [row for row in client.client_list() if int(row["id"]) != own]
    if others:
        names = ", ".join(f"{row['addr']} {row['name']}".strip() for row in others)
        raise SystemExit(f"refusing to measure: other clients are connected to this Redis ({names})")


# --- jobs ------------------------------------------------------------------------------------------


def keys() -> Keys:
    """The keys of the benchmarks' account."""
    return Keys(ACCOUNT)


def jobs() -> Jobs:
    """The calls about jobs, with the product's default lifetimes."""
    return Jobs(keys(), job_ttl_s=JOB_TTL_S, text_ttl_s=TEXT_TTL_S)


def new_ids(count: int) -> list[str]:
    """Job ids of the form that the tasks make."""
    return [secrets.token_urlsafe(16) for _ in range(count)]


def submit_body(text: str = TEXT, destination: str = "27999100001") -> bytes:
    """The submit_sm body of a one-segment text."""
    return bodies(SubmitOptions(destination=destination, source="smsfleet"), segment(text))[0]


def take_in(store: Store, job_ids: Sequence[str], lane: str = "bulk") -> None:
    """Store jobs, `BATCH` in one round trip."""
    ours = jobs()
    content = json.dumps({"to": "27999100001", "text": TEXT, "sender": "smsfleet", "lane": lane})
    for part in batches(job_ids):
        store.run_all(
            [ours.take_in(id_, lane=lane, destination="27999100001", content=content) for id_ in part]
        )


def admit(store: Store, job_ids: Sequence[str], lane: str = "bulk", body: bytes | None = None) -> None:
    """Put jobs of one segment into the outbound stream by real calls of admit."""
    ours, segment_body = jobs(), [body or submit_body()]
    for part in batches(job_ids):
        admissions = [Admission(job_id, lane, "fail", 1, None, segment_body) for job_id in part]
        results, _ = store.run(ours.admit(admissions, UNLIMITED))
        assert [1] * len(part) == results


def environment(server: Server, folder: str, smpp_port: int, window: int) -> dict[str, str]:
    """The settings of a process of ours on this server, and where it finds the code that runs here."""
    return {
        **os.environ,
        "PYTHONPATH": PYTHONPATH,
        "SMSFLEET_REDIS_URL": server.url,
        "SMSFLEET_ACCOUNT": ACCOUNT,
        "SMSFLEET_RUN_DIR": folder,
        "SMSFLEET_LOG_LEVEL": "WARNING",
        "SMSFLEET_RATE": "100000",
        "SMSFLEET_SMPP_HOST": "127.0.0.1",
        "SMSFLEET_SMPP_PORT": str(smpp_port),
        "SMSFLEET_SMPP_SYSTEM_ID": "demo",
        "SMSFLEET_SMPP_PASSWORD": "secret",
        "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
        "SMSFLEET_SMPP_WINDOW": str(window),
    }


def batches(items: Sequence[Any], size: int = BATCH) -> Iterator[Sequence[Any]]:
    """Slices of `size`."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


# --- measuring -------------------------------------------------------------------------------------


def cpu_s(pids: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """CPU seconds so far, user and system, of groups of processes."""
    found = {}
    for name, group in pids.items():
        times = [psutil.Process(pid).cpu_times() for pid in group]
        found[name] = sum(time.user + time.system for time in times)
    return found


def spent(before: Mapping[str, float], after: Mapping[str, float], count: int) -> Result:
    """CPU seconds of each group between two readings: in all, per 1,000 of `count`, and µs for each one."""
    seconds = {name: after[name] - before[name] for name in before}
    return {
        "cpu_s": rounded(seconds),
        "cpu_s_per_1000": rounded({name: value / count * 1000 for name, value in seconds.items()}),
        "cpu_us_each": rounded({name: value / count * 1e6 for name, value in seconds.items()}),
    }


def per_second(work: Callable[[], Any], times: int, *, rounds: int = 5) -> float:
    """How often `work` runs in a second: the best of some rounds of `times` calls."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - start)
    return times / best


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latency_ms(seconds: Sequence[float]) -> Result:
    """p50, p99 and the worst of some latencies, in milliseconds."""
    return rounded(
        {
            "p50": percentile(seconds, 0.5) * 1000,
            "p99": percentile(seconds, 0.99) * 1000,
            "max": max(seconds) * 1000,
        }
    )


def wait_until(done: Callable[[], bool], *, timeout_s: float, what: str, every_s: float = 0.02) -> None:
    """Ask until it is so; raises SystemExit with `what` when it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {timeout_s:g} s: {what}")
        time.sleep(every_s)


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Four significant digits: more would be noise."""
    return {name: float(f"{value:.4g}") for name, value in values.items()}


# --- reporting -------------------------------------------------------------------------------------


def target(
    figure: str, value: float, *, at_least: float | None = None, at_most: float | None = None
) -> Result:
    """One figure against its target of performance.md."""
    met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
    words = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}"
    return {"figure": figure, "value": float(f"{value:.4g}"), "target": words, "met": met}


def run(name: str, measure: Callable[[int], Result], count: int) -> None:
    """The command line of one benchmark: measure and print one JSON line."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{name}")
    parser.add_argument("--count", type=int, default=count, help=f"how many (default {count:,})")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    figures = measure(asked.count)
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "load_before": round(load, 2)}
    print(json.dumps({"benchmark": name, "count": asked.count, "machine": machine, **figures}))
