"""`send_sms`: what applications call. What a worker does with it is in `work`."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import Any

from celery import Task
from celery.result import AsyncResult
from kombu.exceptions import OperationalError

from smsfleet.config.errors import InvalidArgument, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.tasks.app import QUEUES, SEND_SMS, app, runs_eagerly, runtime, shares_a_server
from smsfleet.tasks.messages import Messages, bell
from smsfleet.workers.request import SmsRequest, checked_key

REFUSED_OPTIONS = {
    "eta": "scheduled sending does not exist yet: call it when it is due",
    "countdown": "scheduled sending does not exist yet: call it when it is due",
    "expires": "give validity= (a timedelta or seconds) as an argument of send_sms instead",
}
"""Celery options that would run a job twice or leave it unsent without a status."""


_messages = Messages(app, runtime)


class SendSms(Task):  # type: ignore[misc]
    """Send one SMS to one recipient: `send_sms.delay(to, text, sender="", *, lane="normal", ...)`.

    `delay` and `apply_async` check the arguments, store the job in Redis and only then publish its id: no
    number and no text travels through the broker. The result's `id` is the job id for `job_status`.

    Arguments:
        to: international number, with or without `+`, spaces, dashes.
        text: up to `max_segments` segments.
        sender: registered sender ID, at most 11 characters or 16 digits; empty for the account's own.
        lane: `high` (OTP), `normal` or `bulk`.
        idempotency_key: 1-64 of `A-Z a-z 0-9 _ . : -`; the same key again returns the first job, sent once.
        encoding: `auto`, `gsm` or `ucs2`.
        validity: timedelta or seconds (at most 7 days) after which it is not sent any more.
        on_ambiguous: `resend`, `hold`, `hold_then_resend` or `fail`, for an outcome that nobody knows; the
            lane's setting when not given.
        max_segments: most segments of the text (1-255); the setting when not given.

    Raises InvalidArgument (InvalidDestination, InvalidSender, InvalidText, TextTooLong) for what can never be
    sent, StoreUnavailable when Redis cannot take the job; in both cases nothing is stored.
    """

    abstract = True
    Request = "smsfleet.tasks.redaction:RedactedRequest"
    Strategy = "smsfleet.tasks.strategy:bulk"
    typing = False

    def apply_async(  # noqa: PLR0913, PLR0917 - Celery's signature
        self,
        args: Any = None,
        kwargs: Any = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: str | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Store the job, then publish its id; see the class for arguments and errors."""
        for option, advice in REFUSED_OPTIONS.items():
            if options.get(option) is not None:
                raise InvalidArgument(f"{option}={options[option]!r} is refused: {advice}")
        request, key = bind(*(args or ()), **(kwargs or {}))
        job_id = checked_key(task_id, "task_id") if task_id else key or new_job_id()
        given = {"producer": producer, "link": link, "link_error": link_error, "shadow": shadow, **options}
        asked = {name: value for name, value in given.items() if value is not None}
        if shares_a_server() and not runs_eagerly() and "producer" not in asked:
            return self.AsyncResult(self._publish_with_intake(job_id, request, key, asked))
        new, job_id = take_in(job_id, request, key)
        if new:
            self._publish_after_intake(job_id, asked.pop("queue", QUEUES[request.lane]), asked)
        return self.AsyncResult(job_id)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """`delay` for asyncio applications: the loop goes on while the store is written."""
        import asyncio  # noqa: PLC0415

        return await asyncio.to_thread(self.delay, *args, **kwargs)

    def _publish_with_intake(
        self, job_id: str, request: SmsRequest, key: str | None, options: dict[str, Any]
    ) -> str:
        """Broker and store are one server: intake and publish in one script; the (first) job's id."""
        queue = options.pop("queue", QUEUES[request.lane])
        try:
            message = _messages.make(self._publish, job_id, queue, options)
        except OperationalError as error:  # the first message of a process asks the broker, the same server
            raise StoreUnavailable(f"Redis cannot be used now: {error}") from error
        now = runtime()
        call = now.jobs.take_in_and_publish(
            job_id,
            lane=request.lane,
            destination=request.to,
            content=request.to_json(),
            idempotency_key=key,
            queue=message.queue,
            bell=bell(message.queue),
            message=message.text,
        )
        return now.store.run(call).job_id

    def _publish_after_intake(self, job_id: str, queue: str, options: dict[str, Any]) -> None:
        try:
            self._publish(job_id, queue=queue, **options)
        except OperationalError as error:
            # The job is stored: a worker's sweeper publishes it when the broker is back.
            logger(__name__).warning("the broker is away: the sweeper publishes", job_id=job_id, error=error)

    def _publish(self, job_id: str, **options: Any) -> Any:
        """Celery's own publishing of a job: its id, no arguments."""
        return super().apply_async((), {}, task_id=job_id, **options)


def bind(*args: Any, **kwargs: Any) -> tuple[SmsRequest, str | None]:
    """The checked request and the idempotency key of a call of send_sms; raises InvalidArgument."""
    try:
        return _bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArgument(str(error).replace("_bind()", "send_sms()")) from None


def _bind(  # noqa: PLR0913 - the arguments of send_sms
    to: str,
    text: str,
    sender: str = "",
    *,
    lane: str = "normal",
    idempotency_key: str | None = None,
    encoding: str = "auto",
    validity: timedelta | float | None = None,
    on_ambiguous: str | None = None,
    max_segments: int | None = None,
) -> tuple[SmsRequest, str | None]:
    settings = runtime().settings
    request = SmsRequest.checked(
        to,
        text,
        sender,
        lane=lane,
        encoding=encoding,
        validity=validity,
        on_ambiguous=on_ambiguous,
        max_segments=settings.max_segments if max_segments is None else max_segments,
        default_country_code=settings.default_country_code,
        now_ms=time.time_ns() // 1_000_000,
    )
    return request, None if idempotency_key is None else checked_key(idempotency_key)


def take_in(job_id: str, request: SmsRequest, key: str | None) -> tuple[bool, str]:
    """Store a job; whether it is new, and the id of the (first) job. Raises StoreUnavailable."""
    now = runtime()
    call = now.jobs.take_in(
        job_id,
        lane=request.lane,
        destination=request.to,
        content=request.to_json(),
        idempotency_key=key,
    )
    return now.store.run(call)


def new_job_id() -> str:
    """128 random bits as 22 characters of `A-Za-z0-9_-`, none with a leading `-`: no shell option."""
    while (job_id := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return job_id


def _work(self: SendSms, *args: Any, **kwargs: Any) -> str:
    from smsfleet.tasks.work import work  # noqa: PLC0415 - the worker's side: applications never need it

    return work(self.request.id, *args, **kwargs)


# Lazy: the app is configured, and the environment read, when the task is first used.
send_sms: SendSms = app.task(_work, name=SEND_SMS, base=SendSms, bind=True, lazy=True)
"""The task; see SendSms."""
