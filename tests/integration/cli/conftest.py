"""The command on a real server: arguments and settings in, exit code and two streams out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from tests.unit.cli.conftest import Smsfleet, smsfleet

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store

__all__ = ["Here", "here", "smsfleet"]

Here = Callable[..., Result]


@pytest.fixture
def here(server: EmbeddedServer, real_store: Store, smsfleet: Smsfleet) -> Here:
    """Runs the command on the emptied server; settings by their names without the prefix."""
    del real_store
    return lambda *arguments, **settings: smsfleet(*arguments, **({"redis_url": server.url} | settings))
