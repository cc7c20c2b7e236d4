"""A real server, a TCP simulator and binders, all ended with the test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.integration.binder.support import Account, Binders, new_simulator

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.simulator.server import Simulator


@pytest.fixture
def account(server: EmbeddedServer) -> Iterator[Account]:
    """An account of its own on the shared server."""
    made = Account(f"t-{secrets.token_hex(4)}", server.url)
    yield made
    made.store.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that the test may freeze, fill or kill; nothing it has acknowledged is lost by a kill."""
    started = EmbeddedServer(tmp_path / "server", fsync="always").start()
    yield started
    started.stop()


@pytest.fixture
def own_account(own_server: EmbeddedServer) -> Iterator[Account]:
    """An account on a server of the test's own."""
    made = Account("t-own", own_server.url)
    yield made
    made.store.close()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A simulator that answers at once."""
    async with new_simulator() as started:
        yield started


@pytest.fixture
async def binders(tmp_path: Path) -> AsyncIterator[Binders]:
    """Starts binders."""
    factory = Binders(tmp_path)
    yield factory
    await factory.clean_up()
