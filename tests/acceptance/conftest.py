"""Fleets for the acceptance tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet
from tests.acceptance.zygote import commands


@pytest.fixture
def new_fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet with the settings given (`SMSFLEET_...="..."`); it ends with the test."""
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(Fleet(tmp_path, **environment))


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Path]]:
    """A fleet that answers fast, and the commands for it; once for a module."""
    folder = tmp_path_factory.mktemp("documents")
    settings = {
        "SMSFLEET_WEBHOOK_SECRET": "a secret of the tests",
        "SMSFLEET_WEBHOOK_HTTP": "1",
        "SMSFLEET_WEBHOOK_ALLOW": "127.0.0.1",
    }
    with Fleet(folder, **settings) as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0.1", "--control", "0")
        with commands(folder, fleet.environment) as binaries:
            fleet.start("simulator", "binder", "worker")
            yield fleet, binaries
