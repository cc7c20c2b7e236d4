"""The individual path: from `send_sms.delay` to the receipt, with the product's own processes.

Three runs: a caller with nothing but the server beside it (what a call costs); as fast as some callers call (jobs
a second until the last receipt has reached its job, CPU of each process); and at 200 a second (latency to the wire
and from the wire to DELIVERED; simulator's journal and caller use the same clock; DELIVERED is the time of the entry
in the status stream, in whole milliseconds). Ceiling: stock Celery's `.delay` of an empty task in the first caller.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, latency_ms, run, target

from smsfleet.cli.embedded import free_port
from smsfleet.simulator.journal import read

WORKERS = 1
CALLERS = 4
"""A single one waits for the server most of the time, and the fleet for it."""
RATE = 200
WINDOW = 200
START_S = 4.0
"""How long callers have for their imports before all begin."""
LATENCY_SHARE = 0.2
"""Jobs of the second run, as a share of the first."""


class Fleet(NamedTuple):
    """The processes of one run."""

    server: Server
    environment: dict[str, str]
    journal: Path | None
    pids: dict[str, list[int]]


def measure(count: int, workers: int = WORKERS) -> Result:
    alone = _alone(max(1, count // 4))
    fast = throughput(count, workers)
    slow = latency(max(1, min(10_000, int(count * LATENCY_SHARE))), workers)
    fleet_s = sum(fast["cpu_s_per_1000"].values())
    return {
        "workers": workers,
        "caller_alone": alone,
        "fast": fast,
        "latency_at_200_per_s": slow,
        "ratio_to_raw": round(alone["stock_celery_call_us"] / alone["call_us"], 2),
        "targets": [
            target("jobs done/s", fast["jobs_per_s"], at_least=3000),
            target("CPU s/1,000", fleet_s, at_most=0.35),
            target("µs a call", alone["call_us"], at_most=200),
            target("to the wire p50 ms", slow["call_to_wire_ms"]["p50"], at_most=5),
            target("to the wire p99 ms", slow["call_to_wire_ms"]["p99"], at_most=25),
        ],
    }


def _alone(count: int) -> Result:
    with harness.server() as server, tempfile.TemporaryDirectory(prefix="smsfleet-bench-") as folder:
        environment = harness.environment(server, folder, free_port(), WINDOW)
        costs: Result = call(Fleet(server, environment, None, {}), count, 0)["costs"]
    return costs


def throughput(count: int, workers: int) -> Result:
    """As fast as some callers call: jobs a second until the last receipt is in its job, CPU of each process."""
    with fleet(workers, journal=False) as started, ThreadPoolExecutor(CALLERS) as callers:
        before = harness.cpu_s(started.pids)
        at = time.time() + START_S
        shares = [count // CALLERS + (number < count % CALLERS) for number in range(CALLERS)]
        called = [
            callers.submit(call, started, share, 0, "normal", number * share, at)
            for number, share in enumerate(shares)
            if share
        ]
        rows = [row for caller in called for row in caller.result()["rows"]]
        final = _wait_for_final(started, [row[1] for row in rows])
        after = harness.cpu_s(started.pids)
    costs = [caller.result()["costs"] for caller in called]
    seconds = max(final.values()) - min(row[0] for row in rows)
    return {
        "jobs_per_s": round(count / seconds),
        "seconds": round(seconds, 3),
        "callers": len(called),
        "caller": {
            "call_us": round(sum(cost["call_us"] for cost in costs) / len(costs), 1),
            "cpu_us": round(sum(cost["cpu_us"] for cost in costs) / len(costs), 1),
        },
        **harness.spent(before, after, count),
    }


def latency(count: int, workers: int) -> Result:
    """At 200 a second: from the call to the wire, and from there to DELIVERED."""
    with fleet(workers, journal=True) as started:
        before = harness.cpu_s(started.pids)
        caller = call(started, count, RATE)
        final = _wait_for_final(started, [row[1] for row in caller["rows"]])
        after = harness.cpu_s(started.pids)
        assert started.journal is not None
        wire = {
            line["destination"]: line["at"] for line in read(started.journal) if line["event"] == "submit_sm"
        }
    return {
        "jobs": count,
        "call_to_wire_ms": latency_ms([wire[to] - at for at, _, to in caller["rows"]]),
        "wire_to_delivered_ms": latency_ms([final[job_id] - wire[to] for _, job_id, to in caller["rows"]]),
        "caller": caller["costs"],
        "cpu_us_each": harness.spent(before, after, count)["cpu_us_each"],
    }


def call(  # noqa: PLR0917 - the words of its command line
    started: Fleet, count: int, rate: int, lane: str = "normal", first: int = 0, at: float = 0.0
) -> dict[str, Any]:
    """What a caller process has found; see caller.py."""
    command = [sys.executable, "-m", "tests.benchmarks.caller", *map(str, (count, rate, lane, first, at))]
    done = subprocess.run(command, env=started.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the caller failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _wait_for_final(started: Fleet, job_ids: list[str]) -> dict[str, float]:
    """When each job became DELIVERED, in seconds since the epoch."""
    stream, wanted = harness.keys().status, set(job_ids)
    final: dict[str, float] = {}
    after = b"-"

    def all_final() -> bool:
        nonlocal after
        for entry_id, fields in started.server.client.xrange(stream, after, "+", count=10_000):
            after = b"(" + entry_id
            job_id = fields[b"j"].decode()
            if fields[b"f"] == b"1" and job_id in wanted:
                assert fields[b"s"] == b"4", fields
                final[job_id] = int(entry_id.split(b"-")[0]) / 1000
        return len(final) == len(wanted)

    harness.wait_until(all_final, timeout_s=60 + len(job_ids) / 50, what="DELIVERED jobs", every_s=0.1)
    return final


@contextmanager
def fleet(
    workers: int, *, journal: bool, settings: Mapping[str, str] | None = None, gateway_port: int = 0
) -> Iterator[Fleet]:
    """Server, simulator, bound binder and ready workers, with these settings beside the benchmarks' own.

    With `gateway_port` no simulator is started: there is one.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smsfleet-bench-")))
        server = stack.enter_context(harness.server())
        port = gateway_port or free_port()
        environment = harness.environment(server, str(folder), port, WINDOW) | dict(settings or {})
        path = folder / "journal.jsonl" if journal else None
        simulator = ["simulator", "--port", str(port), "--receipt-delay", "0"]
        if path is not None:
            simulator += ["--journal", str(path)]
        pids = {"redis": [server.pid]}
        if not gateway_port:
            pids["simulator"] = [process(stack, folder, environment, "simulator", simulator)]
        wait_for_port(port)
        pids["binder"] = [process(stack, folder, environment, "binder", ["binder"])]
        pids["workers"] = [
            process(
                stack, folder, environment, f"worker{number}", ["worker", "--hostname", f"w{number}@bench"]
            )
            for number in range(workers)
        ]
        _wait_until_ready(server, workers)
        yield Fleet(server, environment, path, pids)


def process(stack: ExitStack, folder: Path, environment: dict[str, str], name: str, words: list[str]) -> int:
    """Start a command of ours; its pid. It ends with `stack`."""
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    child = subprocess.Popen(
        [sys.executable, "-m", "smsfleet.cli", *words], env=environment, stdout=log, stderr=subprocess.STDOUT
    )

    stack.callback(end, child)
    return child.pid


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process, by force when it takes half a minute."""
    child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def wait_for_port(port: int) -> None:
    """Wait until somebody listens there."""

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    harness.wait_until(listens, timeout_s=30, what=f"a listener on port {port}")


def _wait_until_ready(server: Server, workers: int) -> None:
    keys = harness.keys()

    def bound() -> bool:
        report = server.client.get(keys.binder)
        return report is not None and json.loads(report)["state"] == "bound"

    def consumed() -> bool:
        if not server.client.exists(keys.responses):
            return False
        groups = server.client.xinfo_groups(keys.responses)
        return bool(groups) and groups[0]["consumers"] >= workers

    harness.wait_until(bound, timeout_s=60, what="a bound binder")
    harness.wait_until(consumed, timeout_s=60, what="the workers' relays")
    time.sleep(2)  # the workers' consumers start after their relays


if __name__ == "__main__":
    run("individual", measure, 20_000)
