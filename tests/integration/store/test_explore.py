"""All interleavings of small worlds: promises 1 to 4 of semantics.md hold, and seeded faults are noticed.

`make explore` runs the full matrix; this is its quick slice.
"""

from __future__ import annotations

import pytest
from tests.explore import matrix
from tests.explore.explorer import Result
from tests.explore.faults import FAULTS
from tests.explore.model import Configuration

pytestmark = [pytest.mark.server, pytest.mark.explore]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], Result]:
    """Of every task, by the names of its configuration and fault; two processes share the work."""
    tasks = [*matrix.healthy(matrix.QUICK, most_s=120.0), *matrix.seeded()]
    found = matrix.run(tasks, jobs=2)
    return {
        (task.configuration.name, task.fault.name if task.fault else ""): result
        for task, result in zip(tasks, found, strict=True)
    }


@pytest.mark.parametrize("world", matrix.QUICK, ids=lambda world: world.name)
def test_every_promise_holds(results: dict[tuple[str, str], Result], world: Configuration) -> None:
    result = results[world.name, ""]

    assert (result.broken, result.trace) == ("", ())
    assert result.complete
    assert result.at_rest > 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_seeded_fault_is_noticed(results: dict[tuple[str, str], Result], fault) -> None:
    result = results[fault.shown_by.name, fault.name]

    assert result.broken
    assert result.trace
