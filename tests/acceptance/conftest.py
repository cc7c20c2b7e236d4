"""Fleets for the acceptance tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet


@pytest.fixture
def new_fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet with the settings given (`SMSFLEET_...="..."`); it ends with the test."""
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(Fleet(tmp_path, **environment))
