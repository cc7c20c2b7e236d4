"""The broker's side of the sweeper."""

from __future__ import annotations

from celery import Celery
from kombu.exceptions import OperationalError

from smsfleet.config.errors import StoreUnavailable
from smsfleet.tasks.app import QUEUES, SEND_SMS

AGAIN = "smsfleet_again"
"""Header of a message that repeats an earlier one: a worker may have ended by that."""


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
        try:
            self._app.send_task(SEND_SMS, task_id=job_id, queue=QUEUES[lane], headers={AGAIN: True})
        except OperationalError as error:
            raise StoreUnavailable(f"the broker does not answer: {error}") from error
