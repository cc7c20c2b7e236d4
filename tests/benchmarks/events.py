"""What Celery's task events cost a worker: off, on, a tenth of the jobs, none; one worker drains jobs that wait.

Somebody listens, as Flower would: its CPU is not counted, the server's for it is. Each variant has a server of its
own in the same run. Ceiling of the ratio: the worker without events.
"""

from __future__ import annotations

from tests.benchmarks.drain import drain
from tests.benchmarks.harness import Result, run

VARIANTS = {
    "off": ((), "1"),
    "on": (("-E",), "1"),
    "on, share 0.1": (("-E",), "0.1"),
    "on, share 0": (("-E",), "0"),
}


def measure(count: int) -> Result:
    variants = {
        name: drain(
            count,
            "smsfleet+redis",
            options=options,
            settings={"SMSFLEET_EVENT_SHARE": share},
            listened=True,
        )
        for name, (options, share) in VARIANTS.items()
    }
    off, on = variants["off"], variants["on"]
    cost = {part: round(on["cpu_us"][part] - off["cpu_us"][part], 1) for part in ("worker", "redis")}
    return {
        "variants": variants,
        "three_events_us": cost,
        "ratio_to_raw": round(on["jobs_per_s"] / off["jobs_per_s"], 2),
        "targets": [],
    }


if __name__ == "__main__":
    run("events", measure, 20_000)
