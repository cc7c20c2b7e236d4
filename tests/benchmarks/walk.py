"""A walk through the index over finished jobs, which nearly all are: what looking for lost receipts costs.

For each message id that a pass looks at: CPU µs at the server and in the worker that walks. Ceiling: one field of
each job's hash, read by plain commands in pipelines of 200.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.benchmarks import harness
from tests.benchmarks.harness import Result, Server, batches, rounded, run, target
from tests.benchmarks.scripts import Life

from smsfleet.config.settings import load
from smsfleet.store.keys import DAY_MS, INDEX_BUCKETS
from smsfleet.store.walks import Known, Turn
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.walk import LOOK, Walk

CROWD = 1000


def measure(count: int) -> Result:
    with harness.server() as server:
        ids: list[str] = []
        for _ in range(max(1, count // CROWD)):
            crowd = harness.new_ids(CROWD)
            for stage in Life(server, crowd).stages.values():
                stage()
            ids += crowd
        runtime = Runtime(load({"SMSFLEET_ACCOUNT": harness.ACCOUNT}), store=server.store)
        keys, walks = runtime.keys, runtime.walks

        def look(known: Sequence[Known], _turn: Turn) -> None:
            assert runtime.store.run(walks.open_segments(known)) == []

        def close(known: Sequence[Known], _turn: Turn) -> None:
            assert runtime.store.run(walks.close_unconfirmed(known, 1.0)) == 0

        figures = {
            "look": _pass(server, runtime, keys.walk_query, look, len(ids)),
            "close": _pass(server, runtime, keys.walk_settle, close, len(ids)),
        }
        raw = _figures(server, lambda: _plain_reads(server, [keys.job(job_id) for job_id in ids]), len(ids))
    return {
        "segments": len(ids),
        "us_each": figures,
        "raw": raw,
        "ratio_to_raw": round(figures["look"]["redis_us"] / raw["redis_us"], 2),
        "targets": [target("Redis CPU ms per 1,000 segments", figures["look"]["redis_us"], at_most=10)],
    }


def _pass(
    server: Server, runtime: Runtime, key: bytes, visit: Callable[[Sequence[Known], Turn], None], count: int
) -> dict[str, float]:
    """One pass over today."""
    today = time.time_ns() // 1_000_000 // DAY_MS
    walk = Walk(runtime, key, every_ms=DAY_MS, days=lambda _previous, _now: {today}, visit=visit, pause_ms=0)

    def work() -> None:
        seen = turns = 0
        while seen < count:
            seen += walk.step()
            turns += 1
            assert turns <= INDEX_BUCKETS, "the walk does not find all"
        assert seen == count

    return _figures(server, work, count)


def _plain_reads(server: Server, jobs: Sequence[bytes]) -> None:
    for part in batches(jobs, LOOK):
        pipeline = server.client.pipeline(transaction=False)
        for job in part:
            pipeline.hget(job, "1")
        pipeline.execute()


def _figures(server: Server, work: Callable[[], None], count: int) -> dict[str, float]:
    redis_s, client_s, start = server.cpu_s(), time.process_time(), time.perf_counter()
    work()
    return rounded(
        {
            "redis_us": (server.cpu_s() - redis_s) / count * 1e6,
            "client_us": (time.process_time() - client_s) / count * 1e6,
            "wall_us": (time.perf_counter() - start) / count * 1e6,
        }
    )


if __name__ == "__main__":
    run("walk", measure, 50_000)
