"""Who is called about a status: a Celery task by name, or a webhook. Checked at the earliest place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from smsfleet.config.errors import InvalidArgument

TASK = "task:"
DEFAULT_QUEUE = "celery"
"""Celery's own default: where a worker listens that was told nothing else."""

LONGEST = 500

_TASK = re.compile(r"(?P<name>[A-Za-z0-9_.:-]{1,200})(@(?P<queue>[A-Za-z0-9_.:-]{1,100}))?")
_OWN_QUEUES = "sms."


@dataclass(frozen=True, slots=True)
class TaskTarget:
    """A Celery task of an application."""

    name: str
    queue: str


@dataclass(frozen=True, slots=True)
class HookTarget:
    """A webhook."""

    url: str
    host: str
    """host name and port in lower case: what shares a bound of connections"""


def parse_target(value: str) -> TaskTarget | HookTarget:
    """Who `task:NAME`, `task:NAME@QUEUE` or a URL means.

    Raises InvalidArgument that names the value and the rule. A URL with http:// is read too: whether it may
    be called is the worker's setting (SMSFLEET_WEBHOOK_HTTP).
    """
    if not isinstance(value, str) or len(value) > LONGEST or not value.isascii() or not value.isprintable():
        raise _refused(value, f"it must be printable ASCII of at most {LONGEST} characters")
    if value.startswith(TASK):
        match = _TASK.fullmatch(value.removeprefix(TASK))
        if match is None:
            raise _refused(value, "a task is task:NAME or task:NAME@QUEUE, of A-Z a-z 0-9 _ . : -")
        queue = match["queue"] or DEFAULT_QUEUE
        if queue.startswith(_OWN_QUEUES):
            raise _refused(value, "the queues sms.* are the fleet's own: name one of your application")
        return TaskTarget(match["name"], queue)
    return _hook(value)


def _hook(value: str) -> HookTarget:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused(value, "the URL cannot be read") from None
    if parts.scheme not in ("https", "http") or not host or " " in value:
        raise _refused(value, "it must be task:NAME@QUEUE or a URL with https://")
    if parts.username is not None or parts.password is not None:
        raise _refused("(hidden)", "a URL with a user or password in it would show them: sign instead")
    if parts.fragment:
        raise _refused(value, "a fragment (#) is not sent to a server")
    shown = f"[{host}]" if ":" in host else host
    return HookTarget(value, f"{shown}:{port or (443 if parts.scheme == 'https' else 80)}")


def _refused(value: object, rule: str) -> InvalidArgument:
    return InvalidArgument(f"callback {value!r} is refused: {rule}")
