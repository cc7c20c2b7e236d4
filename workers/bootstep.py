"""Relay, duties and callbacks inside a Celery worker: a bootstep that starts and stops their threads."""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import bootsteps, signals

from smsfleet.config.logs import logger
from smsfleet.config.webhook_settings import load_webhooks
from smsfleet.workers.callbacks import Callbacks, Caller
from smsfleet.workers.duties import Duties, Publisher
from smsfleet.workers.relay import Relay
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.webhooks import Webhooks

if TYPE_CHECKING:
    from smsfleet.ops.http import MetricsServer

STOP_S = 15.0


class RelayBootstep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Applies facts and does the duties beside the tasks, in the worker's main process.

    A subclass says which runtime this process has and who publishes: that side knows the Celery app.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._threads: list[threading.Thread] = []
        self._metrics: MetricsServer | None = None

    @abstractmethod
    def runtime(self) -> Runtime:
        """The runtime of this process."""

    @abstractmethod
    def publisher(self) -> Publisher:
        """The broker's side of the sweeper."""

    @abstractmethod
    def caller(self) -> Caller:
        """The broker's side of callbacks."""

    def start(self, parent: Any) -> None:
        """Check the store, then start; an unsafe Redis stops the worker here (StoreMisconfigured)."""
        runtime, hooks = self.runtime(), load_webhooks()
        runtime.require_durable_store()
        self._metrics = _metrics_server(runtime)
        # A stopping worker releases whoever waits for a rate token at once.
        signals.worker_shutting_down.connect(self._on_shutting_down, weak=False)
        consumer = f"{getattr(parent, 'hostname', 'worker')}/{os.getpid()}"
        has_secret = hooks.secret is not None
        callbacks = Callbacks(runtime, consumer, self.caller(), calls_webhooks=has_secret)
        self._threads = [
            _thread("relay", Relay(runtime, consumer).run),
            _thread("duties", Duties(runtime, self.publisher()).run),
            _thread("callbacks", callbacks.run),
        ]
        if has_secret:  # else their events wait for a worker that has it
            self._threads.append(_thread("webhooks", Webhooks(runtime, hooks).run))

    def stop(self, _parent: Any) -> None:
        """Stop cleanly: a batch that was read is applied."""
        self.runtime().stopping.set()
        for thread in self._threads:
            thread.join(STOP_S)
            if thread.is_alive():
                logger(__name__).warning("did not stop in time", thread=thread.name)
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    terminate = stop

    def _on_shutting_down(self, **_: Any) -> None:
        self.runtime().stopping.set()


def _metrics_server(runtime: Runtime) -> MetricsServer | None:
    """What serves this worker's metrics, where it is asked for; raises ConfigError."""
    counts, address = runtime.counts, runtime.settings.metrics
    if not address:
        return None
    from smsfleet.ops.exposition import exposition  # noqa: PLC0415
    from smsfleet.ops.http import MetricsServer, Pages  # noqa: PLC0415

    return MetricsServer(address, Pages(exposition(counts.readings), counts.alive, counts.ready))


def _thread(name: str, work: Callable[[], None]) -> threading.Thread:
    def guarded() -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - a thread's outermost loop: a dead relay must not go unnoticed
            logger(__name__).exception("a thread of this worker failed: the worker ends", thread=name)
            os._exit(os.EX_SOFTWARE)

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread
