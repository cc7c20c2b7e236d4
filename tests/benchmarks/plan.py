"""What `plan_campaign` says of Redis' memory, beside what finished campaigns take.

Campaigns of different numbers live their whole life in one process, without a sender, so that replies are linked: the
most that a row can take. The growth of used_memory is shared out by jobs, the capped status stream left out (up to 20
octets a job more or less by the count: tables of keys have a power of two of places). The figures of tasks/plan.py are
these, with a tenth for tables of a fleet that has more in them (docs/benchmarks.md, the storm). Ratio: planned / measured.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.benchmarks import harness
from tests.benchmarks.campaign import in_this_process
from tests.benchmarks.harness import Result, Server, run, target
from tests.benchmarks.memory import SETTLE_S
from tests.benchmarks.scripts import Life

from smsfleet.store.campaigns import IN_PLAY
from smsfleet.tasks import plan_campaign, start_campaign
from smsfleet.workers.chunks import Chunks
from smsfleet.workers.runtime import Runtime

SHAPES = {
    "one_segment": (1, "Hello"),
    "three_segments": (3, "a" * 459),
    "one_segment_and_a_field": (1, "Hello {name}"),
}


def measure(count: int) -> Result:
    shapes = {name: _shape(count, segments, text) for name, (segments, text) in SHAPES.items()}
    measured, planned = (sum(shape[name] for shape in shapes.values()) for name in ("measured", "planned"))
    return {
        "jobs": count,
        "octets_each": shapes,
        "ratio_to_raw": round(planned / measured, 2),
        "targets": [
            target(f"measured / planned, {name}", shape["measured"] / shape["planned"], at_most=1.0)
            for name, shape in shapes.items()
        ],
    }


def _shape(count: int, segments: int, text: str) -> Result:
    with harness.server() as server, in_this_process(server) as runtime:
        _live(server, runtime, _rows(1000, 0), segments, text)  # scripts, streams and buffers from now on
        empty = _octets(server)
        rows = _rows(count, 1000)
        planned = plan_campaign(rows, text).redis_octets
        _live(server, runtime, rows, segments, text)
        time.sleep(SETTLE_S)
        measured = _octets(server) - empty
    return harness.rounded({"measured": measured / count, "planned": planned / count})


def _rows(count: int, first: int) -> Sequence[dict[str, Any]]:
    return [{"to": f"2782{n:07d}", "name": f"Number {n}"} for n in range(first, first + count)]


def _live(server: Server, runtime: Runtime, rows: Sequence[dict[str, Any]], segments: int, text: str) -> None:
    """A whole life of a campaign, from its rows to the receipts."""
    campaign = start_campaign(rows, text)
    todo = list(range(1, IN_PLAY + 1))
    while todo:
        todo += Chunks(runtime).handle(campaign.id, todo.pop()).publish
    stages = Life(server, [campaign.id] * (len(rows) * segments)).stages
    for name in ("take", "begin", "settle", "apply_response", "deliver", "apply_receipt"):
        stages[name]()
    assert len(rows) == campaign.counts().delivered, campaign.counts()


def _octets(server: Server) -> int:
    return server.memory() - int(server.client.memory_usage(harness.keys().status, samples=0) or 0)


if __name__ == "__main__":
    run("plan", measure, 50_000)
