"""The Celery message of a job, made by Celery's and kombu's own code but not sent by them.

When the broker is a list of the store's own server, intake and publish are one script, so the message is
wanted as text. Kombu's publish batches are the seam: a producer in a batch hands its final Redis commands to
the batch object instead of the server. The first message of each lane is made that way; its ids are then
replaced for later ones, because nothing else in them changes. Messages with options of their own, inside
another task, or while somebody listens to the publish signals, are always made in full.

Depends on kombu 5.7 (`Producer._batch_local`, `Channel.basic_publish(_publish_batch=)`), pinned in
pyproject.toml and guarded by tests/integration/broker/test_publish.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any

from celery import Celery, signals
from kombu.connection import Connection
from kombu.messaging import Producer

from smsfleet.config.errors import SmsfleetError
from smsfleet.store.jobs import Envelope

_ID = "smsfleet-template-job-id"


BELL = "smsfleet.bell."
"""Prefix of the list that is rung when a queue gets a message; it holds one element at most."""

_SEPARATOR = "\x06\x16"
"""Kombu's, between a queue's name and a priority."""


def bell(queue: str) -> str:
    """The bell of a queue, or of one of kombu's lists for its priorities: an idle worker waits on it."""
    return BELL + queue.split(_SEPARATOR, 1)[0]


class _Capture:
    """A publish batch that keeps what would be sent."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, tuple[Any, ...]]] = []

    def publish(self, channel: Any, message: Any, **options: Any) -> None:
        """Kombu's producer calls it in place of the channel's own publish."""
        channel.basic_publish(message, _publish_batch=self, **options)

    def add(self, name: str, *arguments: Any) -> None:
        """The channel calls it with each Redis command."""
        self.commands.append((name, arguments))


class Messages:
    """Makes messages of one app for the runtime at hand; safe to share between threads."""

    def __init__(self, app: Celery, runtime: Callable[[], object]) -> None:
        self._app = app
        self._runtime = runtime
        self._made_for: object = None
        self._producer: Any = None
        self._sends_sent_events = False
        self._templates: dict[str, tuple[str, str, list[str]]] = {}

    def make(self, publish: Callable[..., Any], job_id: str, queue: str, options: dict[str, Any]) -> Envelope:
        """The message of one job.

        `publish(job_id, producer=, queue=, retry=, **options)` is Celery's own publishing of the task.
        Raises kombu's OperationalError when the broker must be asked and is away.
        """
        producer = self._own_producer()
        if options or self._needs_all_of_celery():
            return self._capture(producer, publish, job_id, queue, options)
        template = self._templates.get(queue)
        if template is None:
            template = self._templates[queue] = self._template(producer, publish, queue)
        key, bell_of_it, parts = template
        tag = token_hex(16)  # kombu takes a UUID: as unique, and six times the work
        values = {"I": job_id, "T": tag, "R": self._app.thread_oid}
        return Envelope(key, bell_of_it, parts[0] + "".join(values[part[0]] + part[1:] for part in parts[1:]))

    def _needs_all_of_celery(self) -> bool:
        return bool(
            signals.before_task_publish.receivers
            or signals.after_task_publish.receivers
            or self._app.current_worker_task
            or self._sends_sent_events
        )

    def _capture(
        self, producer: Any, publish: Callable[..., Any], job_id: str, queue: str, options: dict[str, Any]
    ) -> Envelope:
        capture = _Capture()
        local = producer._batch_local
        local.current = capture
        try:
            publish(job_id, producer=producer, queue=queue, retry=False, **options)
        finally:
            del local.current
        pushes = [arguments for name, arguments in capture.commands if name == "lpush"]
        if len(pushes) != 1 or len(capture.commands) != 1:
            raise SmsfleetError(
                f"kombu published a job by {[name for name, _ in capture.commands]} in place of one lpush: "
                "set SMSFLEET_BROKER_URL to a broker of its own until smsfleet supports this kombu"
            )
        key, text = pushes[0]
        return Envelope(str(key), bell(str(key)), text)

    def _template(self, producer: Any, publish: Callable[..., Any], queue: str) -> tuple[str, str, list[str]]:
        """The lane's message with what differs cut out: a text, then pieces that begin with what comes there.

        `I` the job id, `T` the delivery tag, `R` reply_to, which is the thread's own.
        """
        key, bell_of_it, text = self._capture(producer, publish, _ID, queue, {})
        properties = json.loads(text)["properties"]
        for value, mark in ((_ID, "I"), (properties["delivery_tag"], "T"), (properties["reply_to"], "R")):
            text = text.replace(value, f"\0{mark}")
        return key, bell_of_it, text.split("\0")

    def _own_producer(self) -> Any:
        runtime = self._runtime()  # another one after a fork, and when a test brings its own
        if self._made_for is not runtime:
            connection: Connection = self._app.connection_for_write()
            make: Callable[..., Any] = Producer
            self._producer = make(connection.default_channel, auto_declare=False)
            self._templates = {}
            self._sends_sent_events = self._app.conf.task_send_sent_event
            self._made_for = runtime
        return self._producer
