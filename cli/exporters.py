"""What a binder serves over HTTP for monitoring, put together from the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smsfleet.config.settings import Settings

if TYPE_CHECKING:
    from smsfleet.binder.metrics import Health
    from smsfleet.binder.service import Binder


@contextmanager
def binder_exporter(settings: Settings, binder: Binder, health: Health) -> Iterator[None]:
    """Serve a binder's metrics as long as the block runs, if it is asked for. Raises ConfigError."""
    if not settings.metrics:
        yield
        return
    from smsfleet.binder.metrics import binder_readings
    from smsfleet.cli.look import look_without_campaigns
    from smsfleet.ops.exposition import exposition
    from smsfleet.ops.http import MetricsServer, Pages
    from smsfleet.ops.source import AccountSource
    from smsfleet.store.client import Store
    from smsfleet.workers.runtime import Runtime

    # Of its own, and blocking: the binder's connections and its event loop have nothing to do with it.
    store = Store.connect(settings.redis_url, "metrics")
    runtime = Runtime(settings, store=store)
    account = AccountSource(lambda: look_without_campaigns(runtime), lambda: binder.leads)
    text = exposition(lambda: binder_readings(binder), account)
    try:
        server = MetricsServer(settings.metrics, Pages(text, health.alive, health.ready))
        try:
            yield
        finally:
            server.close()
    finally:
        account.close()
        store.close()
