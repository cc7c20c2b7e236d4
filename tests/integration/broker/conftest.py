"""A real server as broker and store, and this process' runtime on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.settings import load
from smsfleet.tasks import app
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.server


@pytest.fixture
def raw(server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A plain client of the emptied server."""
    client = redis.Redis(port=server.port, decode_responses=True)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def fleet_app(server: EmbeddedServer, raw: redis.Redis) -> Iterator[Celery]:
    """The fleet's app with its runtime on the server."""
    runtime = Runtime(load({"SMSFLEET_REDIS_URL": server.url}))
    use_runtime(runtime)
    app._after_fork()  # no pool of an earlier test's server
    app.conf.update(broker_url=runtime.settings.broker, broker_read_url=runtime.settings.broker)
    app.conf.update(broker_write_url=runtime.settings.broker)
    yield app
    runtime.store.close()
    use_runtime(None)


def messages(raw: redis.Redis, queue: str) -> list[Any]:
    """The texts in a queue, oldest first."""
    return list(reversed(raw.lrange(queue, 0, -1)))
