"""The binder alone: from segments in the outbound stream to their responses persisted, for some windows.

The real binder process, a real server, and a gateway that only looks at headers. The stream is filled by real
admit calls before the bind. Ceiling: the barest client on the same gateway with the same window.
With an answer after 20 ms the rate should be the window divided by the round trip.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, run, target
from tests.benchmarks.raw_smsc import RawSmsc, raw_submit_rate

from smsfleet.store.calls import Call

WINDOWS = (50, 200, 1000)
DELAY_S, DELAYED_WINDOWS = 0.02, (1, 10, 50, 200)
DELAYED_ROUND_TRIPS = 200
START = "from smsfleet.cli.main import main; main(['binder'])"


def measure(count: int, windows: tuple[int, ...] = WINDOWS) -> Result:
    measured = {f"window {window}": _drain(count, window) for window in windows}
    round_trips = min(DELAYED_ROUND_TRIPS, count)
    delayed = {
        f"window {window}": _drain(window * round_trips, window, DELAY_S) for window in DELAYED_WINDOWS
    }
    shares = {
        name: round(row["segments_per_s"] * DELAY_S / window, 3)
        for window, (name, row) in zip(DELAYED_WINDOWS, delayed.items(), strict=True)
    }
    best = max(measured.values(), key=lambda row: row["segments_per_s"])
    cpu_us = min(row["cpu_us_each"]["binder"] for row in measured.values())
    return {
        "windows": measured,
        "ratio_to_raw": best["ratio_to_raw"],
        "answers_after_20_ms": delayed,
        "share_of_window_by_round_trip": shares,
        "targets": [
            target("segments/s", best["segments_per_s"], at_least=20_000),
            target("binder CPU µs", cpu_us, at_most=40),
            target("least share of W/RTT", min(shares.values()), at_least=0.95),
        ],
    }


def _drain(count: int, window: int, delay_s: float = 0.0) -> Result:
    body = harness.submit_body()
    with harness.server() as server:
        job_ids = harness.new_ids(count)
        harness.take_in(server.store, job_ids)
        harness.admit(server.store, job_ids, body=body)
        smsc = RawSmsc(delay_s)
        try:
            with binder_process(server, smsc.port, window) as binder_pid:
                pids = {"binder": [binder_pid], "redis": [server.pid], "smsc": [smsc.pid]}
                smsc.wait_for_bind()
                before, start = harness.cpu_s(pids), time.perf_counter()
                smsc.let_in()
                settled = Call(("XLEN", harness.keys().responses), int)
                harness.wait_until(
                    lambda: server.store.run(settled) >= count, timeout_s=60 + count / 500, what="responses"
                )
                seconds, after = time.perf_counter() - start, harness.cpu_s(pids)
        finally:
            smsc.stop()
    rate = count / seconds
    result: Result = {
        "segments_per_s": round(rate),
        "seconds": round(seconds, 3),
        **harness.spent(before, after, count),
    }
    raw = raw_submit_rate(body, count, window, delay_s)
    return result | {"raw_per_s": round(raw), "ratio_to_raw": round(rate / raw, 3)}


@contextmanager
def binder_process(server: Server, port: int, window: int) -> Iterator[int]:
    """The product's binder as a process; its pid. It is stopped with the block, and must end well."""
    with tempfile.TemporaryDirectory(prefix="smsfleet-bench-") as folder:
        environment = harness.environment(server, folder, port, window)
        process = subprocess.Popen([sys.executable, "-c", START], env=environment)
        try:
            yield process.pid
            process.terminate()
            assert process.wait(30) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


if __name__ == "__main__":
    run("binder", measure, 100_000)
