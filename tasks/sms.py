"""`send_sms`: what applications call. What a worker does with it is in `work`."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from celery import Task
from celery.result import AsyncResult
from kombu.exceptions import EncodeError, OperationalError
from kombu.utils.json import dumps

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import (
    DestinationDenied,
    IdempotencyConflict,
    InvalidArgument,
    SenderDenied,
    StoreUnavailable,
)
from smsfleet.config.logs import logger
from smsfleet.store.jobs import Envelope, TakenIn
from smsfleet.store.server import server_time_ms
from smsfleet.tasks.app import QUEUES, SEND_SMS, app, runs_eagerly, runtime, shares_a_server
from smsfleet.tasks.messages import Messages
from smsfleet.workers import moments
from smsfleet.workers.fingerprint import differences, fingerprint
from smsfleet.workers.request import SmsRequest, checked_key

ETA = "smsfleet_eta"
"""Header that a worker puts in place of Celery's `eta` on a task published by name: it is scheduled by us."""

UNKEPT_OPTIONS = ("producer", "connection", "router", "retry", "retry_policy", "add_to_parent")
"""Celery options that mean the publishing process: a scheduled job is published by another."""


_messages = Messages(app, runtime)


class SendSms(Task):  # type: ignore[misc]
    """Send one SMS to one recipient: `send_sms.delay(to, text, sender="", *, lane="normal", ...)`.

    `delay` and `apply_async` check the arguments, store the job in Redis and only then publish its id: no
    number and no text travels through the broker. The result's `id` is the job id for `job_status`.

    A time is a timedelta or seconds from now on, an aware datetime, or its ISO 8601 text; 7 days at most.

    Arguments:
        to: international number, with or without `+`, spaces, dashes.
        text: up to `max_segments` segments.
        sender: registered sender ID, at most 11 characters or 16 digits; empty for the account's own.
        lane: `high` (OTP), `normal` or `bulk`.
        idempotency_key: 1-64 of `A-Z a-z 0-9 _ . : -`; the same key again returns the first job, sent once.
            The same key with another content is refused.
        encoding: `auto`, `gsm` or `ucs2`.
        transliterate: `off`, `typographic` (quotes, dashes, spaces ... become GSM) or `lossy` (every script
            becomes ASCII), kept only where it makes the text GSM; the setting when not given.
        long_messages: `udh`, `payload` or `sar`; the setting when not given.
        at: a time at which it is to be sent, at most 30 days ahead, by the clock of Redis. Celery's `eta` and
            `countdown` mean the same.
        validity: a time after which it is not sent any more, from `at` on. Celery's `expires` means the same,
            its seconds counted from now.
        schedule_delivery_time: a time at which the gateway is to deliver it, from `at` on.
        on_ambiguous: `resend`, `hold`, `hold_then_resend` or `fail`, for an outcome that nobody knows; the
            lane's setting when not given.
        max_segments: most segments of the text (1-255); the setting when not given.
        registered_delivery: `final`, `failure-only`, `intermediate` or `none`: which receipts are asked for.
        priority_flag: 0-3. service_type: at most 5 characters. protocol_id: 0-255.
        replace_if_present: True replaces a message that the gateway still has, of the same addresses and
            service_type; for a single segment.
        source_ton, source_npi: in place of the gateway's detection.
        data: octets (bytes, or hexadecimal digits) in place of a text, for those who know, with
        udh: their user data header, length octet first, and
        data_coding: 0-255, 4 (octets) when not given.
        client: 1-32 of `A-Z a-z 0-9 _ . -`: the application whose daily credits (`SMSFLEET_QUOTAS`) it takes.
        ignore_opt_out: send it to a number that opted out too: for what the person has just asked for.
        callback: `task:NAME@QUEUE` or `https://...`: called about each status; the setting when not given.

    Raises InvalidArgument (InvalidDestination, InvalidSender, InvalidText, TextTooLong) for what can never be
    sent, IdempotencyConflict (an InvalidArgument too) for a key that was used for something else,
    StoreUnavailable when Redis cannot take the job; in all cases nothing is stored.
    """

    abstract = True
    Request = "smsfleet.tasks.redaction:JobRequest"
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
        if options and (times := moments.of_celery(options)):
            kwargs = _with_times(kwargs or {}, times)
        asked = bind(*(args or ()), **(kwargs or {}))
        request = asked.request
        job_id = checked_key(task_id, "task_id") if task_id else asked.key or new_job_id()
        given = {"producer": producer, "link": link, "link_error": link_error, "shadow": shadow, **options}
        wanted = {name: value for name, value in given.items() if value is not None}
        if request.due_ms is not None:
            kept = {name: value for name, value in wanted.items() if name not in UNKEPT_OPTIONS}
            if kept and shares_a_server():
                self.envelope(job_id, request.lane, dict(kept))  # what Celery does not take is refused now
            return self.AsyncResult(take_in_later(job_id, *asked, kept))
        if shares_a_server() and not runs_eagerly() and "producer" not in wanted:
            return self.AsyncResult(self._publish_with_intake(job_id, asked, wanted))
        new, job_id = take_in(job_id, *asked)
        if new:
            self._publish_after_intake(job_id, wanted.pop("queue", QUEUES[request.lane]), wanted)
        return self.AsyncResult(job_id)

    async def adelay(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """`delay` for asyncio applications: the loop goes on while the store is written."""
        import asyncio  # noqa: PLC0415

        return await asyncio.to_thread(self.delay, *args, **kwargs)

    def map(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: one message would carry all numbers and texts, and come again whole."""
        raise InvalidArgument(refused_as_one("map"))

    def starmap(self, *_: Any, **__: Any) -> NoReturn:
        """Refused, as `map`."""
        raise InvalidArgument(refused_as_one("starmap"))

    def chunks(self, *_: Any, **__: Any) -> NoReturn:
        """Refused, as `map`."""
        raise InvalidArgument(refused_as_one("chunks"))

    def _publish_with_intake(self, job_id: str, asked: Asked, options: dict[str, Any]) -> str:
        """Broker and store are one server: intake and publish in one script; the (first) job's id."""
        request = asked.request
        message = self.envelope(job_id, request.lane, options)
        now = runtime()
        call = now.jobs.take_in_and_publish(
            job_id,
            lane=request.lane,
            destination=request.to,
            content=request.to_json(),
            idempotency_key=asked.key,
            message=message,
            fingerprint=asked.fingerprint,
        )
        taken = now.store.run(call)
        return (taken if taken.other is None else _no_conflict(taken, asked)).job_id

    def envelope(self, job_id: str, lane: str, options: dict[str, Any]) -> Envelope:
        """The job's message for a broker that is a list of the store's server; raises StoreUnavailable."""
        queue = options.pop("queue", QUEUES[lane])
        try:
            return _messages.make(self._publish, job_id, queue, options)
        except OperationalError as error:  # the first message of a process asks the broker, the same server
            from smsfleet.store.client import why  # noqa: PLC0415 - an import of the tasks loads no client

            raise StoreUnavailable(f"Redis cannot be used now: {why(error)}") from error

    def _publish_after_intake(self, job_id: str, queue: str, options: dict[str, Any]) -> None:
        try:
            self._publish(job_id, queue=queue, **options)
        except OperationalError as error:
            # The job is stored: a worker's sweeper publishes it when the broker is back.
            logger(__name__).warning("the broker is away: the sweeper publishes", job_id=job_id, error=error)

    def _publish(self, job_id: str, **options: Any) -> Any:
        """Celery's own publishing of a job: its id, no arguments."""
        return super().apply_async((), {}, task_id=job_id, **options)


def refused_as_one(how: str) -> str:
    """Why many jobs cannot be one task of Celery's, and what does it."""
    return (
        f"send_sms.{how} is refused: all its numbers and texts would be one message of the broker;"
        " use group(send_sms.s(...), ...) or, for many, start_campaign"
    )


class Asked(NamedTuple):
    """A call of send_sms, checked."""

    request: SmsRequest
    key: str | None
    """its idempotency key"""
    fingerprint: str | None
    """of what is asked; only with a key"""


def bind(*args: Any, **kwargs: Any) -> Asked:
    """A call of send_sms, checked; raises InvalidArgument, and with `at` StoreUnavailable."""
    try:
        return _bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidArgument(re.sub(r"[\w.]+\(\)", "send_sms()", str(error), count=1)) from None
    except (DestinationDenied, SenderDenied):
        # The lists may have been reloaded since this process began: an application does not follow by itself.
        if not _follows_other_rules():
            raise
    return _bind(*args, **kwargs)


def _bind(  # noqa: PLR0913 - the arguments of send_sms, as far as settings fill them in
    to: str,
    text: str = "",
    sender: str = "",
    *,
    idempotency_key: str | None = None,
    max_segments: int | None = None,
    transliterate: str | None = None,
    long_messages: str | None = None,
    client: str = "",
    **options: Any,
) -> Asked:
    now = runtime()
    settings = now.settings
    request = SmsRequest.checked(
        to,
        text,
        sender,
        max_segments=settings.max_segments if max_segments is None else max_segments,
        transliterate=settings.transliterate if transliterate is None else transliterate,
        long_messages=settings.long_messages if long_messages is None else long_messages,
        client=client,
        default_country_code=settings.default_country_code,
        reference_octets=settings.reference_octets,
        rules=now.rules,
        # A due time is one of the store's clock, by which it is judged.
        now_ms=now.store.run(server_time_ms()) if options.get("at") is not None else epoch_ms(),
        **options,
    )
    if idempotency_key is None:
        return Asked(request, None, None)
    given = {"transliterate": transliterate, "long_messages": long_messages, **options}
    return Asked(request, checked_key(idempotency_key), fingerprint(request, given))


def _follows_other_rules() -> bool:
    """Whether the lists of the last reload, asked for now, are others than before."""
    now = runtime()
    before = now.rules
    with suppress(StoreUnavailable):
        now.follow()
    return now.rules is not before


def _with_times(kwargs: dict[str, Any], times: dict[str, Any]) -> dict[str, Any]:
    """The arguments with those of Celery's options; nothing may be said twice."""
    for name in times:
        if kwargs.get(name) is not None:
            raise InvalidArgument(f"{name}={kwargs[name]!r} is refused beside eta, countdown or expires")
    return {**kwargs, **times}


def take_in(job_id: str, request: SmsRequest, key: str | None, mark: str | None = None) -> tuple[bool, str]:
    """Store a job; whether it is new, and the id of the (first) job.

    Raises StoreUnavailable, and IdempotencyConflict when the key was used for another content: `mark` is the
    fingerprint of this one.
    """
    now = runtime()
    call = now.jobs.take_in(
        job_id,
        lane=request.lane,
        destination=request.to,
        content=request.to_json(),
        idempotency_key=key,
        fingerprint=mark,
    )
    return _no_conflict(now.store.run(call), Asked(request, key, mark))[:2]


def take_in_later(
    job_id: str, request: SmsRequest, key: str | None, mark: str | None, options: dict[str, Any]
) -> str:
    """Store a job that is due later; the id of the (first) job. A worker publishes it with these options.

    Raises as `take_in`, and InvalidArgument for options that cannot be kept.
    """
    assert request.due_ms is not None
    try:
        packed = dumps(options) if options else ""
    except (EncodeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"a scheduled job cannot keep its options: {error}") from None
    now = runtime()
    call = now.jobs.take_in_later(
        job_id,
        lane=request.lane,
        destination=request.to,
        content=request.to_json(),
        idempotency_key=key,
        due_ms=request.due_ms,
        options=packed,
        fingerprint=mark,
    )
    return _no_conflict(now.store.run(call), Asked(request, key, mark)).job_id


def _no_conflict(taken: TakenIn, asked: Asked) -> TakenIn:
    if taken.other is not None and asked.fingerprint is not None:
        named = ", ".join(differences(taken.other, asked.fingerprint))
        raise IdempotencyConflict(
            f"idempotency_key {asked.key!r} belongs to job {taken.job_id!r}, which was asked with other "
            f"content ({named}): give another key for another SMS"
        )
    return taken


def new_job_id() -> str:
    """128 random bits as 22 characters of `A-Za-z0-9_-`, none with a leading `-`: no shell option."""
    while (job_id := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return job_id


def _work(self: SendSms, *args: Any, **kwargs: Any) -> str:
    from smsfleet.tasks.work import refuse_called, work  # noqa: PLC0415 - applications never need it

    if self.request.called_directly:
        refuse_called(app.current_worker_task, kwargs)
    eta = self.request.get(ETA)
    if eta is not None and (args or kwargs):
        kwargs.setdefault("at", eta)
    return work(self.request.id, *args, **kwargs)


# Lazy: the app is configured, and the environment read, when the task is first used.
send_sms: SendSms = app.task(_work, name=SEND_SMS, base=SendSms, bind=True, lazy=True)
"""The task; see SendSms."""
