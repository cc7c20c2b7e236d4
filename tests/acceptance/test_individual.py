"""The individual path through kills, cuts and freezes, small; the full sizes: python -m tests.acceptance.individual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.individual import run


@pytest.mark.parametrize(
    ("scenario", "sizes"),
    [
        ("worker_kills", {"jobs": 3000, "kills": 4, "pool": "threads"}),
        ("worker_kills", {"jobs": 2000, "kills": 2, "pool": "prefork"}),
        ("server_kills", {"jobs": 2000, "kills": 3}),
        ("frozen_worker", {"jobs": 1500}),
        ("broker_cut", {"jobs": 1500, "cut_s": 3.0}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("pool", ""),
)
def test_no_fault_loses_a_job_or_sends_it_twice(scenario: str, sizes: dict[str, Any], tmp_path: Path) -> None:
    found = run(scenario, tmp_path, **sizes)

    print(json.dumps(found))
    assert (0, 0, 0) == (found["lost"], found["twice"], found["strangers"])
    assert found.get("redelivered_after_s", 0) <= 15
