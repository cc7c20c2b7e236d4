"""The application's side of `individual`: calls send_sms.delay in a process of its own.

python -m tests.benchmarks.caller COUNT RATE [LANE FIRST AT]: as fast as it goes for RATE 0; settings from the
environment; FIRST is the number of the first destination, AT when to begin (seconds since the epoch).
Prints one JSON line: when each call began (seconds since the epoch), its job id and destination, and what the
calls cost; for RATE 0 also what a stock Celery `.delay` of an empty task costs here (the raw ceiling).
"""

from __future__ import annotations

import json
import sys
import time

from celery import Celery
from tests.benchmarks.harness import TEXT, latency_ms

from smsfleet.config.settings import load
from smsfleet.tasks import send_sms

RAW_CALLS = 500
NUMBERS = 10_000


def destination(number: int) -> str:
    """The number-th of the destinations that the simulator delivers to; they repeat after 10,000."""
    return f"2799910{number % NUMBERS:04d}"


def main(count: int, rate: float, lane: str = "normal", first: int = 0, at: float = 0.0) -> None:
    send_sms.delay(destination(NUMBERS - 1), TEXT)  # imports, connections, scripts: not what is measured
    time.sleep(max(0.0, at - time.time()))
    rows, took = [], []
    cpu_s, start = time.process_time(), time.perf_counter()
    for number in range(count):
        if rate:
            time.sleep(max(0.0, start + number / rate - time.perf_counter()))
        called_at, began = time.time(), time.perf_counter()
        job_id = send_sms.delay(destination(first + number), TEXT, lane=lane).id
        took.append(time.perf_counter() - began)
        rows.append((called_at, job_id, destination(first + number)))
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_s
    costs = {
        "calls_per_s": round(count / seconds),
        "call_us": round(sum(took) / count * 1e6, 1),
        "call_ms": latency_ms(took),
        "cpu_us": round(cpu_s / count * 1e6, 1),
    }
    if not rate and lane == "normal" and not at:
        costs["stock_celery_call_us"] = round(_stock_call_us(), 1)
    print(json.dumps({"rows": rows, "costs": costs}))


def _stock_call_us() -> float:
    """µs of one publish of an empty task by Celery as it is, into a queue that nobody reads."""
    app = Celery("raw", broker=load().broker, set_as_current=False)

    @app.task(name="raw.empty", ignore_result=True)
    def task() -> None:
        """Nothing."""

    task.apply_async(queue="raw.ceiling")
    start = time.perf_counter()
    for _ in range(RAW_CALLS):
        task.apply_async(queue="raw.ceiling")
    return (time.perf_counter() - start) / RAW_CALLS * 1e6


if __name__ == "__main__":
    main(
        int(sys.argv[1]),
        float(sys.argv[2]),
        *sys.argv[3:4],
        *map(int, sys.argv[4:5]),
        *map(float, sys.argv[5:6]),
    )
