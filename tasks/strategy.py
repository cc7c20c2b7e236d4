"""How a worker treats the messages of `send_sms`: in bulk, each job still its own task.

`Task.Strategy` is Celery's seam for it. Messages of one loop turn are collected by lane and handled together:
one fetch, one admission, then they are acknowledged. A lone job is not held back: a batch goes as soon as its
lane has a place, and whatever came meanwhile is the next one. Each lane has places of its own, so that jobs
waiting for a rate token keep nobody else out.

Messages that say more than `delay` does (arguments of a task published by name, links, chords) are left to
Celery's own strategy, one by one.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from celery import bootsteps
from celery.worker import state
from celery.worker.strategy import default as one_by_one
from kombu.utils.url import maybe_sanitize_url, parse_url

from smsfleet.config.logs import logger
from smsfleet.store.keys import LANES
from smsfleet.tasks.app import QUEUES, runtime
from smsfleet.workers.outgoing import Outcome, Outgoing

BATCH = 64
PLACES = 2
"""Batches of one lane that are handled at the same time: one may wait for the store while one encodes."""

EMPTY_BODY = b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
"""The body of a message of `delay`: the job id in the headers is all that it says."""

EMPTY_BODIES = (EMPTY_BODY, EMPTY_BODY.decode())
"""Redis' transports hand over octets, py-amqp text."""

LANE_OF_QUEUE = {queue: lane for lane, queue in QUEUES.items()}

AGAIN_S = 5.0
"""After an unexpected failure: until the job is given back to the queue."""


class Item(NamedTuple):
    """One message in hand."""

    job_id: str
    message: Any
    is_redelivered: bool
    is_revoked: bool

    @property
    def goes_alone(self) -> bool:
        """A redelivered job may be what ended the worker before; a revoked one is only closed."""
        return self.is_redelivered or self.is_revoked


class BulkStrategy:
    """One per consumer connection; called by Celery with each message of the task."""

    def __init__(self, task: Any, app: Any, consumer: Any) -> None:
        self._consumer = consumer
        self._name = task.name
        self._one_by_one = one_by_one(task, app, consumer)
        self._closing = threading.Event()
        self._outgoing = Outgoing(runtime(), self._closing)
        self._executor = ThreadPoolExecutor(len(LANES) * PLACES, thread_name_prefix="send_sms")
        self._waiting: dict[str, list[Item]] = {}
        self._running: dict[str, int] = {}
        self._futures: dict[Future[dict[str, Outcome]], tuple[str, list[Item], float]] = {}
        self._dispatch_due = False
        self._revoked = consumer.controller.state.revoked
        eventer = consumer.event_dispatcher
        events = eventer and eventer.enabled and task.send_events
        self._send_event: Callable[..., Any] | None = eventer.send if events else None
        self._event_share = runtime().settings.event_share
        self._log = logger(__name__)
        self._kombu_log = logging.getLogger(__name__)
        consumer.smsfleet_strategy = self

    # --- in the loop's thread ------------------------------------------------------------------

    def __call__(self, message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **options: Any) -> Any:
        """Take one message."""
        if self._closing.is_set():
            return None  # unacknowledged: it goes back with the connection
        headers = message.headers
        plain = message.body in EMPTY_BODIES and not headers.get("stamped_headers") and not headers.get("eta")
        if not plain:
            return self._one_by_one(message, body, ack, reject, callbacks, **options)
        job_id = headers["id"]
        info = message.delivery_info
        lane = LANE_OF_QUEUE.get(info.get("routing_key"), "normal")
        item = Item(job_id, message, bool(info.get("redelivered")), job_id in self._revoked)
        self._waiting.setdefault(lane, []).append(item)
        self._event("task-received", job_id, name=self._name, args="()", kwargs="{}", retries=0)
        if not self._dispatch_due:
            self._dispatch_due = True
            self._consumer.call_soon(self._dispatch)
        return None

    def _dispatch(self) -> None:
        self._dispatch_due = False
        for lane in list(self._waiting):
            while self._waiting[lane] and self._running.get(lane, 0) < PLACES:
                self._start(lane, self._next_batch(lane))

    def _next_batch(self, lane: str) -> list[Item]:
        items = self._waiting[lane]
        if items[0].goes_alone:
            return [items.pop(0)]
        size = next((at for at, item in enumerate(items[:BATCH]) if item.goes_alone), min(BATCH, len(items)))
        batch, self._waiting[lane] = items[:size], items[size:]
        return batch

    def _start(self, lane: str, batch: list[Item]) -> None:
        self._running[lane] = self._running.get(lane, 0) + 1
        for item in batch:
            self._event("task-started", item.job_id)
        future = self._executor.submit(self._handle, lane, batch)
        self._futures[future] = (lane, batch, time.monotonic())
        future.add_done_callback(lambda done: self._consumer.call_soon(partial(self._finish, done)))

    def _finish(self, future: Future[dict[str, Outcome]]) -> None:
        """Acknowledge what is admitted or closed, give back what is not; at most once for each batch."""
        found = self._futures.pop(future, None)
        if found is None:
            return
        lane, batch, started_at = found
        self._running[lane] -= 1
        outcomes = future.result()
        elapsed = time.monotonic() - started_at
        for item in batch:
            outcome = outcomes.get(item.job_id)
            if outcome is None:
                self._consumer.timer.call_after(
                    AGAIN_S, item.message.reject_log_error, (None, Exception, True)
                )
                self._event("task-failed", item.job_id, exception="unexpected failure", traceback="")
            elif outcome is Outcome.GIVEN_BACK:
                self._give_back(item)
            elif outcome is Outcome.CANCELLED:
                self._ack(item)
                self._event("task-revoked", item.job_id, terminated=False, signum=None, expired=False)
            else:
                self._ack(item)
                self._event("task-succeeded", item.job_id, result=repr(str(outcome)), runtime=elapsed)
        state.total_count[self._name] += len(batch)
        state.all_total_count[0] += len(batch)
        self._dispatch()

    def _ack(self, item: Item) -> None:
        if _is_gone(item.message):
            return  # it comes again, and admitting it twice changes nothing
        item.message.ack_log_error(self._kombu_log, self._consumer.connection_errors)

    def _give_back(self, item: Item) -> None:
        if _is_gone(item.message):
            return  # the broker gives it to another after the visibility timeout
        item.message.reject_log_error(self._kombu_log, self._consumer.connection_errors, requeue=True)

    def _event(self, kind: str, job_id: str, **fields: Any) -> None:
        if self._send_event is None:
            return
        # The same jobs for every kind of event, so that Flower sees whole tasks.
        if self._event_share < 1 and hash_share(job_id) >= self._event_share:
            return
        self._send_event(kind, uuid=job_id, **fields)

    # --- in an executor's thread ---------------------------------------------------------------

    def _handle(self, lane: str, batch: Sequence[Item]) -> dict[str, Outcome]:
        """Handle a batch; a job that fails unexpectedly has no outcome, and never fails its neighbours."""
        first = batch[0]
        try:
            if first.is_revoked:
                return {first.job_id: self._outgoing.cancel(first.job_id, lane, "revoked")}
            if first.is_redelivered:
                return {first.job_id: self._outgoing.handle_redelivered(first.job_id, lane)}
            return self._outgoing.handle([item.job_id for item in batch])
        except Exception:  # noqa: BLE001 - the outermost of this thread: find the one that fails
            self._log.exception("a batch failed: its jobs are handled one by one", jobs=len(batch))
        outcomes: dict[str, Outcome] = {}
        for item in batch:
            try:
                outcomes |= self._outgoing.handle([item.job_id])
            except Exception:  # noqa: BLE001
                self._log.exception("a job failed unexpectedly: it comes again", job_id=item.job_id)
        return outcomes

    # --- the end -------------------------------------------------------------------------------

    def drain(self) -> None:
        """Stopping: finish what is running and acknowledge it; what waits goes back with the connection."""
        self._waiting.clear()
        self._closing.set()
        self._executor.shutdown(wait=True, cancel_futures=False)
        for future in list(self._futures):
            self._finish(future)


def _is_gone(message: Any) -> bool:
    """Whether the connection that brought the message was closed meanwhile."""
    channel = message.channel
    connection = getattr(channel, "connection", None)
    if connection is None:  # how py-amqp says it
        return True
    return bool(getattr(channel, "closed", False) or getattr(connection, "client", connection) is None)


def hash_share(job_id: str) -> float:
    """A number in [0, 1) that is always the same for an id."""
    return zlib.crc32(job_id.encode()) / 2**32


class DrainStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Drains the strategy before the consumer's connection is closed."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Nothing: the strategy starts with the first message."""

    def stop(self, consumer: Any) -> None:
        """Finish and acknowledge what is running."""
        strategy = getattr(consumer, "smsfleet_strategy", None)
        if strategy is not None:
            strategy.drain()

    shutdown = stop

    def info(self, consumer: Any) -> dict[str, Any]:
        """What `inspect stats` and Flower show of the broker.

        Kombu keeps the URL of a transport with a `+` whole, and Celery would show it with its password.
        """
        connection = consumer.connection
        if not connection or "://" not in connection.hostname:
            return {}
        url = parse_url(connection.hostname)
        named = {name: url[name] for name in ("hostname", "userid", "virtual_host", "port")}
        alternates = [maybe_sanitize_url(other) for other in connection.alt]
        shown = {**connection.info(), **named, "alternates": alternates}
        return {"broker": {name: value for name, value in shown.items() if name != "password"}}


def bulk(task: Any, app: Any, consumer: Any, **_: Any) -> BulkStrategy:
    """The strategy of `send_sms`, for `Task.Strategy`."""
    return BulkStrategy(task, app, consumer)
