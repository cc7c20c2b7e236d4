"""How a worker treats the messages of `send_sms`: in bulk, each job still its own task.

`Task.Strategy` is Celery's seam for it. Messages of one loop turn are collected by lane and handled together:
one fetch, one admission, then they are acknowledged. A lone job is not held back: a batch goes as soon as its
lane has a place, and whatever came meanwhile is the next one. Each lane has places of its own, so that jobs
waiting for a rate token keep nobody else out.

Jobs whose messages came back (given back, restored, published again) are handled together too, and counted
while they are: those that were in the hands of a worker when it ended become suspects, and suspects are
handled one at a time, so that the one that ends workers is found and its neighbours are not taken for it.

Messages that say more than `delay` does (arguments of a task published by name, links, chords) are left to
Celery's own strategy, one by one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from celery import bootsteps
from celery.worker import state
from celery.worker.strategy import default as one_by_one
from kombu.utils.url import maybe_sanitize_url, parse_url

from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.keys import LANES
from smsfleet.tasks import inspection
from smsfleet.tasks.app import QUEUES, SEND_SMS, runtime
from smsfleet.tasks.events import SampledEvents, WithEvents
from smsfleet.tasks.publisher import AGAIN
from smsfleet.tasks.sms import ETA
from smsfleet.workers.outgoing import Outcome, Outgoing

BATCH = 64
PLACES = 2
"""Batches of one lane that are handled at the same time: one may wait for the store while one encodes."""

EMPTY_BODY = b'[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
"""The body of a message of `delay`: the job id in the headers is all that it says."""

EMPTY_BODIES = (EMPTY_BODY, EMPTY_BODY.decode())
"""Redis' transports hand over octets, py-amqp text."""

LANE_OF_QUEUE = {queue: lane for lane, queue in QUEUES.items()}

SUSPECTS = "suspects"
"""The place of jobs that are handled alone, beside the lanes: one at a time in this process."""

REVOKED = "revoked"
"""The reason of a job that was revoked by Celery's means."""

AGAIN_S = 5.0
"""After an unexpected failure: until the job is given back to the queue."""


class Item(NamedTuple):
    """One message in hand."""

    job_id: str
    lane: str
    message: Any
    is_redelivered: bool

    def info(self, hostname: str, task: str = SEND_SMS) -> dict[str, Any]:
        """What `inspect` shows of it: the fields of Celery's requests."""
        return {
            "id": self.job_id, "name": task, "type": task, "args": [], "kwargs": {},
            "hostname": hostname, "worker_pid": os.getpid(), "time_start": None, "acknowledged": False,
            "delivery_info": {**self.message.delivery_info, "redelivered": self.is_redelivered},
        }  # fmt: skip


class BulkStrategy:
    """One per consumer connection; called by Celery with each message of the task."""

    batch = BATCH
    """most messages that are handled together"""
    task_name = SEND_SMS

    def __init__(self, task: Any, app: Any, consumer: Any) -> None:
        self._consumer = consumer
        self._name = task.name
        eventer = consumer.event_dispatcher
        events = eventer and SampledEvents(eventer, runtime().settings.event_share)
        self._one_by_one = one_by_one(task, app, WithEvents(consumer, events))
        self._events = events if events and events.enabled and task.send_events else None
        self._closing = threading.Event()
        self._outgoing = Outgoing(runtime(), self._closing)
        self._executor = ThreadPoolExecutor(len(LANES) * PLACES + 1, thread_name_prefix="send_sms")
        self._waiting: dict[str, list[Item]] = {}
        self._running: dict[str, int] = {}
        self._futures: dict[Future[dict[str, Outcome]], tuple[str, list[Item], float]] = {}
        self._dispatch_due = False
        self._revoked = consumer.controller.state.revoked
        self._log = logger(__name__)
        self._kombu_log = logging.getLogger(__name__)
        consumer.smsfleet_strategies = [*getattr(consumer, "smsfleet_strategies", ()), self]
        inspection.register()

    # --- in the loop's thread ------------------------------------------------------------------

    def __call__(self, message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **options: Any) -> Any:
        """Take one message, in bulk or by Celery's own strategy."""
        if self.take(message):
            return None
        headers = message.headers
        if headers.get("eta"):  # Celery would hold it here, and the broker give it to others meanwhile
            headers[ETA], headers["eta"] = headers["eta"], None
        return self._one_by_one(message, body, ack, reject, callbacks, **options)

    def take(self, message: Any) -> bool:
        """Take one message; False when it says more than `delay` does."""
        if self._closing.is_set():
            return True  # unacknowledged: it goes back with the connection
        headers = message.headers
        if message.body not in EMPTY_BODIES or headers.get("stamped_headers") or headers.get("eta"):
            return False
        job_id = headers["id"]
        info = message.delivery_info
        lane = LANE_OF_QUEUE.get(info.get("routing_key"), "normal")
        came_back = bool(info.get("redelivered") or headers.get(AGAIN))
        self._waiting.setdefault(lane, []).append(Item(job_id, lane, message, came_back))
        if self._tells:
            self._event("task-received", job_id, name=self._name, args="()", kwargs="{}", retries=0)
        if not self._dispatch_due:
            self._dispatch_due = True
            self._consumer.call_soon(self._dispatch)
        return True

    def _dispatch(self) -> None:
        self._dispatch_due = False
        for place in list(self._waiting):
            places = 1 if place == SUSPECTS else PLACES
            while self._waiting[place] and self._running.get(place, 0) < places:
                self._start(place, self._next_batch(place))

    def _next_batch(self, place: str) -> list[Item]:
        items = self._waiting[place]
        if place == SUSPECTS or items[0].job_id in self._revoked:  # a revoked one is only closed
            size = 1
        else:
            size = next(
                (at for at, item in enumerate(items[: self.batch]) if item.job_id in self._revoked),
                self.batch,
            )
        batch, self._waiting[place] = items[:size], items[size:]
        return batch

    def _start(self, place: str, batch: list[Item]) -> None:
        self._running[place] = self._running.get(place, 0) + 1
        if batch[0].job_id in self._revoked:
            future = self._executor.submit(self._close_revoked, batch[0])
        elif place == SUSPECTS:
            future = self._executor.submit(self._handle_suspect, batch[0])
        else:
            if self._tells:
                for item in batch:
                    self._event("task-started", item.job_id)
            future = self._executor.submit(self._handle, batch)
        self._futures[future] = (place, batch, time.monotonic())
        future.add_done_callback(lambda done: self._consumer.call_soon(partial(self._finish, done)))

    def _finish(self, future: Future[dict[str, Outcome]]) -> None:
        """Acknowledge what is admitted or closed, give back what is not; at most once for each batch."""
        found = self._futures.pop(future, None)
        if found is None:
            return
        place, batch, started_at = found
        self._running[place] -= 1
        outcomes = future.result()
        elapsed, handled, tells = time.monotonic() - started_at, 0, self._tells
        for item in batch:
            outcome = outcomes.get(item.job_id)
            if outcome is None:
                self._consumer.timer.call_after(
                    AGAIN_S, item.message.reject_log_error, (None, Exception, True)
                )
                self._event("task-failed", item.job_id, exception="unexpected failure", traceback="")
            elif outcome is Outcome.GIVEN_BACK:
                self._give_back(item)
            elif outcome is Outcome.SUSPECT:
                if not self._closing.is_set():  # else it goes back with the connection
                    self._waiting.setdefault(SUSPECTS, []).append(item)
                continue
            elif outcome is Outcome.CANCELLED:
                self._ack(item)
                self._event("task-revoked", item.job_id, terminated=False, signum=None, expired=False)
            else:
                self._ack(item)
                if tells:
                    self._event("task-succeeded", item.job_id, result=repr(str(outcome)), runtime=elapsed)
            handled += 1
        self._count(batch, outcomes)
        state.total_count[self._name] += handled
        state.all_total_count[0] += handled
        self._dispatch()

    def _count(self, batch: Sequence[Item], outcomes: dict[str, Outcome]) -> None:
        """For the exporter."""
        runtime().counts.handled(outcomes.get(item.job_id, "failed") for item in batch)

    def _ack(self, item: Item) -> None:
        if _is_gone(item.message):
            return  # it comes again, and admitting it twice changes nothing
        item.message.ack_log_error(self._kombu_log, self._consumer.connection_errors)

    def _give_back(self, item: Item) -> None:
        if _is_gone(item.message):
            return  # the broker gives it to another after the visibility timeout
        item.message.reject_log_error(self._kombu_log, self._consumer.connection_errors, requeue=True)

    @property
    def _tells(self) -> bool:
        """Whether events are sent now; asked where it spares a call for every job."""
        return self._events is not None and self._events.are_wanted

    def _event(self, kind: str, job_id: str, **fields: Any) -> None:
        if self._events is not None:
            self._events.send(kind, uuid=job_id, **fields)

    # --- in an executor's thread ---------------------------------------------------------------

    def _handle(self, batch: Sequence[Item]) -> dict[str, Outcome]:
        """Handle a batch; a job that fails unexpectedly has no outcome, and never fails its neighbours."""
        try:
            outcomes = self._outgoing.handle([item.job_id for item in batch if not item.is_redelivered])
            redelivered = [item.job_id for item in batch if item.is_redelivered]
            if redelivered:
                outcomes |= self._outgoing.handle_redelivered(redelivered)
            return outcomes  # noqa: TRY300
        except Exception:  # noqa: BLE001 - the outermost of this thread: find the one that fails
            self._log.exception("a batch failed: its jobs are handled one by one", jobs=len(batch))
        outcomes = {}
        for item in batch:
            try:
                outcomes |= self._outgoing.handle([item.job_id])
            except Exception:  # noqa: BLE001 - the same outermost: it ends no other job
                self._log.exception("a job failed unexpectedly: it comes again", job_id=item.job_id)
        return outcomes

    def _close_revoked(self, item: Item) -> dict[str, Outcome]:
        try:
            return {item.job_id: self._outgoing.cancel(item.job_id, REVOKED)}
        except StoreUnavailable as error:
            self._log.warning(
                "a revoked job is not closed yet: it comes again", job_id=item.job_id, error=error
            )
        return {}

    def _handle_suspect(self, item: Item) -> dict[str, Outcome]:
        try:
            return {item.job_id: self._outgoing.handle_suspect(item.job_id, item.lane)}
        except Exception:  # noqa: BLE001 - the outermost of this thread
            self._log.exception("a job failed unexpectedly: it comes again", job_id=item.job_id)
        return {}

    # --- what `inspect` shows ------------------------------------------------------------------

    def running(self) -> list[Item]:
        """The jobs that are handled now."""
        return [item for _, batch, _ in self._futures.values() for item in batch]

    def waiting(self) -> list[Item]:
        """The jobs in hand that are not handled yet."""
        return [item for items in self._waiting.values() for item in items]

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


def _task_handler(consumer: Any) -> Callable[[Any], Any]:
    """Celery's handler of messages, but that those of a bulk strategy go to it straight.

    Celery makes two promises for each message, which are not used here: a tenth of what receiving it costs.
    """
    others = type(consumer).create_task_handler(consumer)
    strategies = consumer.strategies

    def on_message(message: Any) -> Any:
        strategy = strategies.get((message.headers or {}).get("task"))
        if isinstance(strategy, BulkStrategy) and strategy.take(message):
            return None
        return others(message)

    return on_message


class DrainStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Drains the strategy before the consumer's connection is closed."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Let the strategies have their messages straight; they start with the first one."""
        consumer.create_task_handler = partial(_task_handler, consumer)

    def stop(self, consumer: Any) -> None:
        """Finish and acknowledge what is running."""
        for strategy in getattr(consumer, "smsfleet_strategies", ()):
            strategy.drain()
        consumer.smsfleet_strategies = []

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
