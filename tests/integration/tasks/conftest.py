"""This process' runtime on fakeredis and on the real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.config.settings import load
from smsfleet.store.client import Store
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.runtime import Runtime


@pytest.fixture
def runtime(store: Store) -> Iterator[Runtime]:
    """What `smsfleet.tasks` uses in this test; the broker is another server than the store."""
    runtime = Runtime(load({"SMSFLEET_RATE": "100000", "SMSFLEET_BROKER_URL": "memory://"}), store=store)
    use_runtime(runtime)
    yield runtime
    use_runtime(None)


@pytest.fixture
def fleet(store: Store) -> Fleet:
    """The steps of others on the same store, by the server's clock; binder A leads."""
    fleet = Fleet(store, now_ms=0)
    fleet.create_groups()
    fleet.lead("A")
    return fleet
