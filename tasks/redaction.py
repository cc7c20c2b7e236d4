"""A worker's request that never shows its arguments: not in events, logs, inspect or Flower.

Messages of `send_sms.delay` have no arguments. A task published by name with plain arguments has a number
and a text in them, and its sender may have put their repr into the headers too. So have Celery's own tasks,
such as a `celery.starmap` that an application asks for by name.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.worker.request import Request

from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.tasks.app import runtime
from smsfleet.workers.outgoing import Outgoing

REDACTED = "<redacted>"


class RedactedRequest(Request):  # type: ignore[misc]
    """celery.worker.request.Request with the reprs replaced and `info` emptied of arguments."""

    def __init__(self, message: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(message, *args, **kwargs)
        self._argsrepr = self._kwargsrepr = REDACTED
        self._request_dict["argsrepr"] = self._request_dict["kwargsrepr"] = REDACTED
        # A `shadow` is any text of the caller's, and would be one more name to be counted.
        self.name, self._request_dict["shadow"] = self._request_dict["task"], None

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Celery's signature
        """What `inspect` shows."""
        return {**super().info(safe=safe), "args": REDACTED, "kwargs": REDACTED}


class JobRequest(RedactedRequest):
    """That of a job: revoked by Celery's means it is closed."""

    def _announce_revoked(self, reason: str, *args: Any) -> None:
        """A revoked job is closed too, else the sweeper would publish it again."""
        try:
            Outgoing(runtime()).cancel(self.id, reason)
        except StoreUnavailable as error:
            log = logger(__name__)
            log.warning("a revoked job is not closed yet: it comes again", job_id=self.id, error=error)
            self.reject(requeue=True)
            self._already_revoked = True
            return
        super()._announce_revoked(reason, *args)


def redact_logs_of_celery() -> None:
    """Keep arguments out of what Celery itself logs in a worker."""
    # At DEBUG the pool logs each task with its arguments.
    logging.getLogger("celery.pool").setLevel(logging.INFO)
    # A message that is no task of ours (a wrong name, a wrong form) is logged with its whole body.
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_without_bodies)


def _without_bodies(record: logging.LogRecord) -> bool:
    """Celery's reports of messages: the reason stays, which is an exception; body and headers go."""
    if isinstance(record.msg, str) and "body" in record.msg and isinstance(record.args, tuple):
        record.args = tuple(arg if isinstance(arg, Exception) else REDACTED for arg in record.args)
    return True
