"""A worker's runtime on fakeredis and on the real server, time that only waiting moves, an outage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import fakeredis
import pytest
from tests.integration.store.steps import Fleet

from smsfleet.config.settings import load
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.workers.runtime import Runtime


class Stopping(Event):
    """A `stopping` on which nobody waits in earnest: waiting moves its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        """what happens during each wait"""

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        assert len(self.waits) < 1_000, "waits for ever"
        self.meanwhile()
        return self.is_set()

    def clock(self) -> float:
        return sum(self.waits)


class Outage:
    """Makes the store's server take no writes, and take them again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fake: Any = None
        client: Any = store._client
        if isinstance(client, fakeredis.FakeRedis):
            connection: Any = client.connection_pool.get_connection()
            self._fake = connection._server
            client.connection_pool.release(connection)

    def begin(self) -> None:
        self._set(connected=False)

    def end(self) -> None:
        self._set(connected=True)

    def _set(self, *, connected: bool) -> None:
        if self._fake is not None:
            self._fake.connected = connected
        else:
            self._store.run(Call(("CONFIG SET", "min-replicas-to-write", int(not connected)), bool))


@pytest.fixture
def make_runtime(store: Store) -> Callable[..., Runtime]:
    """Makes a runtime on the store; settings by their names without the prefix."""

    def make(**settings: str) -> Runtime:
        runtime = Runtime(
            load({f"SMSFLEET_{name.upper()}": value for name, value in settings.items()}), store=store
        )
        runtime.stopping = Stopping()
        return runtime

    return make


@pytest.fixture
def runtime(make_runtime: Callable[..., Runtime]) -> Runtime:
    """Default settings, but no limit of rate that a test could meet."""
    return make_runtime(rate="100000")


@pytest.fixture
def fleet(store: Store) -> Fleet:
    """The steps of others, some years ago by their clock; groups are made and binder A leads."""
    fleet = Fleet(store)
    fleet.create_groups()
    fleet.lead("A")
    return fleet


@pytest.fixture
def outage(store: Store) -> Iterator[Outage]:
    """An outage that ends with the test."""
    outage = Outage(store)
    yield outage
    outage.end()
