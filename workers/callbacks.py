"""Callbacks: events of the outbox become Celery tasks of applications, or go to the webhooks' schedule.

One consumer runs inside every worker process; a consumer group shares the events among them. An event
leaves the outbox after it was published: a worker that ends in between publishes it twice, under one id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.logs import logger
from smsfleet.config.targets import HookTarget, TaskTarget, parse_target
from smsfleet.store.calls import Call
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.outbox import ACCOUNT, Change, Events, Outbox, Ready, Unreadable
from smsfleet.workers.consuming import CLAIM_EVERY_S, CLAIM_IDLE_MS, consume
from smsfleet.workers.every import Every
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.states import of_labels

BATCH = 100


class TaskCall(NamedTuple):
    """A task of an application and the event that it is called with."""

    name: str
    queue: str
    event: dict[str, Any]


class Caller(Protocol):
    """The broker's side of callbacks: tasks/ has it, because it knows Celery."""

    def call(self, calls: Sequence[TaskCall]) -> None:
        """Publish tasks of applications, together; raises StoreUnavailable, then some may be published."""


class Callbacks:
    """One consumer of the outbox."""

    def __init__(  # noqa: PLR0913 - the last two are for tests
        self,
        runtime: Runtime,
        consumer: str,
        caller: Caller,
        *,
        calls_webhooks: bool = True,
        clock_ms: Callable[[], int] = epoch_ms,
        claim_idle_ms: int = CLAIM_IDLE_MS,
    ) -> None:
        self._runtime = runtime
        self._consumer = consumer
        self._caller = caller
        self._is_quiet = calls_webhooks
        """False: it has to be told that this worker calls no webhook"""
        self._clock_ms = clock_ms
        self._claim_idle_ms = claim_idle_ms
        self._claiming = Every()
        self._outbox = Outbox(runtime.keys)
        self._hooks = Hooks(runtime.keys)
        self._log = logger(__name__)

    def run(self) -> None:
        """Handle events until the runtime is stopping."""
        consume(
            self._runtime,
            self._log,
            groups=[self._outbox.create_group()],
            step=self.step,
            small=range(1, BATCH),
            leave=[self._outbox.forget_consumer(self._consumer)],
            away="callbacks wait for the store or the broker",
        )

    def step(self, block_ms: int) -> int:
        """Read one batch, waiting up to `block_ms`, and handle it; how many events it had."""
        store = self._runtime.store
        if self._claiming.is_over(round(CLAIM_EVERY_S * 1000), self._clock_ms()):
            self.handle(store.run(self._outbox.claim(self._consumer, self._claim_idle_ms, BATCH)))
        events = store.run(self._outbox.read(self._consumer, BATCH, block_ms))
        self.handle(events)
        return len(events)

    def handle(self, events: Events) -> None:
        """Hand events on, those of webhooks first: they need no broker. Raises StoreUnavailable; what was not
        handed on stays in the outbox.
        """
        hooks: list[Call[int]] = []
        tasks: list[TaskCall] = []
        called: list[bytes] = []
        nobody: list[bytes] = []
        for event in events:
            if isinstance(event, Unreadable):
                nobody.append(event.entry_id)
                continue
            target, said = self._target(event), self._said(event)
            if target is None or said is None:
                nobody.append(event.entry_id)
            elif isinstance(target, HookTarget):
                hooks.append(self._hooks.add(self._posting(said, target), event.entry_id))
            else:
                tasks.append(TaskCall(target.name, target.queue, said))
                called.append(event.entry_id)
        if nobody:
            self._log.warning(
                "events are dropped: no SMSFLEET_CALLBACK (any more), or unreadable", events=len(nobody)
            )
        if hooks and not self._is_quiet:
            self._is_quiet = True
            self._log.warning(
                "events wait for webhooks, and this worker calls none: it has no SMSFLEET_WEBHOOK_SECRET"
            )
        store = self._runtime.store
        if waiting := store.run_each(hooks).count(None):
            self._log.error("events wait: the schedule of their webhook's host is damaged", events=waiting)
        if nobody:
            store.run_all(self._outbox.done(nobody))
        if tasks:
            self._caller.call(tasks)
            store.run_all(self._outbox.done(called))

    def _target(self, event: Change | Ready) -> TaskTarget | HookTarget | None:
        given = self._runtime.settings.callback if event.target == ACCOUNT else event.target
        if not given:
            return None
        try:
            return parse_target(given)
        except InvalidArgument as error:
            self._log.error("an event is for nobody", error=error)
            return None

    def _posting(self, said: dict[str, Any], target: HookTarget) -> Posting:
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return Posting(said["event_id"], target.url, target.host, body, self._clock_ms())

    def _said(self, event: Change | Ready) -> dict[str, Any] | None:
        """What an event says; None when it is not of this version's form: it must not stop the others."""
        try:
            return self._event(event)
        except (IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
            self._log.error("an event cannot be read", entry_id=event.entry_id.decode(), error=repr(error))
            return None

    def _event(self, event: Change | Ready) -> dict[str, Any]:
        event_id = f"{self._runtime.settings.account}-{event.entry_id.decode()}"
        if isinstance(event, Ready):
            return {"event_id": event_id, **json.loads(event.body)}
        return {
            "event_id": event_id,
            "kind": "status",
            "job_id": event.job_id,
            "state": of_labels(event.labels, event.status),
            "status": event.status,
            "final": event.final,
            "at": datetime.fromtimestamp(event.at_ms / 1000, UTC).isoformat(),
        }
