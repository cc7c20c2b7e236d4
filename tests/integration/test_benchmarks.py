"""The benchmarks run, with tiny counts: their figures mean nothing here, but they must not rot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import redis
from tests.benchmarks import (
    adversity,
    binder,
    campaign,
    codec,
    drain,
    encoding,
    events,
    harness,
    individual,
    kannel,
    lanes,
    memory,
    orphans,
    rate,
    scripts,
    takeover,
    walk,
)
from tests.benchmarks.harness import Result

from smsfleet.cli.embedded import EmbeddedServer

TINY: dict[str, Callable[[], Result]] = {
    "codec": lambda: codec.measure(100),
    "encoding": lambda: encoding.measure(10),
    "scripts": lambda: scripts.measure(100),
    "memory": lambda: memory.measure(1000),
    "orphans": lambda: orphans.measure(3000, limit=2000),
    "binder": lambda: binder.measure(300, windows=(50,)),
    "drain": lambda: drain.measure(600),
    "events": lambda: events.measure(300),
    "individual": lambda: individual.measure(20),
    "campaign": lambda: campaign.measure(60),
    "lanes": lambda: lanes.measure(60),
    "takeover": lambda: takeover.measure(1, ttl_s=1.0),
    "rate": lambda: rate.measure(600),
    "adversity": lambda: adversity.measure(200),
    "walk": lambda: walk.measure(1000),
}


@pytest.mark.server
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_runs_and_compares_with_its_targets(name: str) -> None:
    result = json.loads(json.dumps(TINY[name]()))

    assert result["ratio_to_raw"]
    assert all({"figure", "value", "target", "met"} == set(row) for row in result["targets"])


@pytest.mark.server
def test_the_comparison_with_kannel_runs() -> None:
    try:
        kannel.programs()
    except SystemExit as error:
        pytest.skip(str(error))

    result = json.loads(json.dumps(kannel.measure(60)))

    assert {"kannel", "individual", "campaign"} <= set(result)
    assert all(row["jobs_per_s"] > 0 for row in (result["kannel"], result["individual"], result["campaign"]))


@pytest.mark.server
def test_a_benchmark_refuses_a_redis_that_others_use(server: EmbeddedServer) -> None:
    with redis.Redis.from_url(server.url) as other, redis.Redis.from_url(server.url) as ours:
        other.ping()

        with pytest.raises(SystemExit, match="other clients are connected"):
            harness.refuse_company(ours)


def test_a_benchmark_prints_one_json_line() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.encoding", "--count", "10"]

    environment = {**os.environ, "PYTHONPATH": harness.PYTHONPATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["benchmark"] == "encoding"
