"""What all tests share: one real server a session, and stores on the fake and on the real one."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import fakeredis
import hypothesis
import pytest
import structlog

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Call, Store

# Not how fast the machine is, but what is true.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_configure() -> None:
    """Let the processes of tests hear Ctrl-C: who starts the suite in the background may have it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that kill processes at random do it a few times, or so often."""
    parser.addoption("--kills", type=int, default=4, help="kills of each random kill test (default 4)")


@pytest.fixture(autouse=True)
def log_configuration() -> Iterator[None]:
    """What a test lets a command, or a benchmark, configure ends with it: logs, their level, their handlers."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A real Redis-compatible server; a missing binary is an error, never a skip."""
    started = EmbeddedServer(tmp_path_factory.mktemp("server")).start()
    yield started
    started.stop()


@pytest.fixture
def real_store(server: EmbeddedServer) -> Iterator[Store]:
    """A store on the real server, emptied first."""
    store = Store.connect(server.url, "test")
    store.run(Call(("FLUSHALL",), bool))
    yield store
    store.close()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The same test body on fakeredis and on the real server."""
    if request.param == "real":
        yield request.getfixturevalue("real_store")
    else:
        fake = Store(fakeredis.FakeRedis(protocol=2))
        yield fake
        fake.close()


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]
