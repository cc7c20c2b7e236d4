"""The broker's side of the duties: of the sweeper, of the promoter of scheduled jobs, and of callbacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu.exceptions import EncodeError, OperationalError
from kombu.utils.json import loads

from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.jobs import Envelope
from smsfleet.tasks.app import QUEUES, SEND_SMS, shares_a_server
from smsfleet.tasks.chunk import BROKER_AWAY, publish_chunks
from smsfleet.tasks.sms import send_sms
from smsfleet.workers.callbacks import TaskCall

AGAIN = "smsfleet_again"
"""Header of a message that repeats an earlier one: a worker may have ended by that."""


UNPUBLISHABLE = (EncodeError, TypeError, ValueError, KeyError, AttributeError)
"""What Celery raises for options that it does not take; the SMS is sent all the same."""


class CeleryPublisher:
    """Publishes jobs by Celery and kombu, whatever the broker."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def is_empty(self, lane: str) -> bool:
        """Whether the lane's queue has no message that waits; raises StoreUnavailable."""
        try:
            with self._app.connection_for_write() as connection:
                found = connection.default_channel.queue_declare(QUEUES[lane], passive=True)
        except connection.channel_errors:
            return True  # no such queue yet
        except (OperationalError, *connection.connection_errors) as error:
            raise StoreUnavailable(f"the broker does not answer: {error}") from error
        return bool(found.message_count == 0)

    def hand_over(self, task: str, queue: str, mo_id: str) -> None:
        """Publish an application's task with the id of a message, never its number or text."""
        try:
            self._app.send_task(task, kwargs={"mo_id": mo_id}, task_id=f"mo:{mo_id}", queue=queue)
        except OperationalError as error:
            raise StoreUnavailable(f"the broker does not answer: {error}") from error

    def publish(self, lane: str, job_id: str) -> None:
        """Publish the job's message again; raises StoreUnavailable."""
        self._send(job_id, queue=QUEUES[lane], headers={AGAIN: True})

    def envelope(self, lane: str, job_id: str, options: str) -> Envelope | None:
        """The first message of a job that was kept back; None where the broker is another server.

        Raises StoreUnavailable.
        """
        if not shares_a_server():
            return None
        try:
            return send_sms.envelope(job_id, lane, _read(options))
        except UNPUBLISHABLE as error:
            _warn(job_id, error)
            return send_sms.envelope(job_id, lane, {})

    def publish_kept(self, lane: str, job_id: str, options: str) -> None:
        """Publish a job that was kept back for the first time; raises StoreUnavailable."""
        plain = {"queue": QUEUES[lane]}
        try:
            self._send(job_id, **{**plain, **_read(options)})
        except UNPUBLISHABLE as error:
            _warn(job_id, error)
            self._send(job_id, **plain)

    def publish_chunks(self, campaign_id: str, lane: str, numbers: Sequence[int]) -> None:
        """Publish chunks that were given out; when the broker is away they come again."""
        publish_chunks(campaign_id, lane, numbers)

    def _send(self, job_id: str, **options: Any) -> None:
        try:
            self._app.send_task(SEND_SMS, task_id=job_id, **options)
        except OperationalError as error:
            raise StoreUnavailable(f"the broker does not answer: {error}") from error


class CeleryCaller:
    """Calls tasks of applications by name, on the fleet's broker; for one thread."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._producer: Any = None
        """kept from call to call; None: the next call connects"""

    def call(self, calls: Sequence[TaskCall]) -> None:
        """Publish each task with its event as the only argument; the task's id is the event's.

        Together, where the transport can: a round trip for each is most of the work. Raises StoreUnavailable,
        then some may be published.
        """
        if self._producer is not None:
            try:
                self._publish(calls)
            except StoreUnavailable:  # it may have been idle for so long that the broker closed it: once more
                self._disconnect()
            else:
                return
        try:
            self._publish(calls)
        except StoreUnavailable:
            self._disconnect()
            raise

    def _publish(self, calls: Sequence[TaskCall]) -> None:
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write())
        producer = self._producer
        try:
            with producer.batch():
                for name, queue, event in calls:
                    self._app.send_task(
                        name, (event,), task_id=event["event_id"], queue=queue, producer=producer
                    )
        except (*BROKER_AWAY, *producer.connection.connection_errors) as error:
            raise StoreUnavailable(f"the broker does not answer: {error}") from error

    def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()


def _warn(job_id: str, error: Exception) -> None:
    log = logger(__name__)
    log.error("options of a scheduled job are refused: published without them", job_id=job_id, error=error)


def _read(options: str) -> dict[str, Any]:
    return dict(loads(options)) if options else {}
