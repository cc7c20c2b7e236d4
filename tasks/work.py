"""What a worker does with one message of `send_sms`."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from celery.exceptions import Reject

from smsfleet.config.errors import InvalidArgument
from smsfleet.config.logs import logger
from smsfleet.config.masking import mask_reason
from smsfleet.config.targets import parse_target
from smsfleet.tasks.app import runtime
from smsfleet.tasks.sms import bind, refused_as_one, take_in, take_in_later
from smsfleet.workers.admissions import called_about
from smsfleet.workers.outgoing import REFUSED_STATUS, Outcome, Outgoing
from smsfleet.workers.request import checked_key, is_key


def work(job_id: str, *args: Any, **kwargs: Any) -> str:
    """Bring the job to the wire's side; one that was published by name with arguments is taken in first.

    The result is a word of `Outcome`. Raises Reject (requeue) when it could not be admitted in time, and
    StoreUnavailable when a job by name cannot be taken in: Celery delivers the message again.
    """
    if args or kwargs:
        try:
            asked = bind(*args, **kwargs)
            checked_key(job_id, "task_id")
            if asked.request.due_ms is not None:
                take_in_later(job_id, *asked, {})
                return _counted(Outcome.SCHEDULED)
            _, job_id = take_in(job_id, *asked)
        except InvalidArgument as error:
            _refuse(job_id, error, kwargs)
            return _counted(Outcome.REFUSED)
    outcome = _counted(Outgoing(runtime()).handle([job_id])[job_id])
    if outcome is Outcome.GIVEN_BACK:
        raise Reject("not admitted in time, or this worker is stopping", requeue=True)
    return outcome


def refuse_called(within: Any, asked: dict[str, Any]) -> NoReturn:
    """A plain call, without a job: by an application, or `within` a task of Celery's that a worker runs.

    The second is told to whoever has the id of that task, by a job of this id. Raises InvalidArgument.
    """
    if within is None:
        raise InvalidArgument("send_sms(...) is refused: it would send from here; use send_sms.delay(...)")
    job_id, how = within.request.id, within.name.rpartition(".")[2]
    error = InvalidArgument(refused_as_one(how))
    _refuse(job_id, error, asked)
    _counted(Outcome.REFUSED)
    raise error


def _counted(outcome: Outcome) -> Outcome:
    runtime().counts.handled([outcome])
    return outcome


def _refuse(job_id: str, error: InvalidArgument, asked: dict[str, Any]) -> None:
    """A task by name that can never be sent still becomes a job, with the reason."""
    reason = f"{error.code}: {mask_reason(str(error))}"
    if is_key(job_id):
        store, jobs = runtime().store, runtime().jobs
        store.run(jobs.take_in(job_id, lane="normal", destination="", content="{}"))
        callback = called_about(json.dumps({"callback": _callback(asked)}).encode(), runtime().settings)
        store.run(jobs.refuse(job_id, "normal", reason, REFUSED_STATUS, callback))
    logger(__name__).warning("job refused", job_id=job_id, reason=reason)


def _callback(asked: dict[str, Any]) -> str:
    """The callback of a call that is refused, where that is not what is wrong with it."""
    given = asked.get("callback")
    try:
        parse_target(given or "")
    except InvalidArgument:
        return ""
    return str(given)
