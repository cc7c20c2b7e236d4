"""When a job is to be sent: the due time that an application gives, also in Celery's words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from smsfleet.config.errors import InvalidArgument
from smsfleet.workers.times import When, seconds_from

LONGEST_AHEAD_S = 30 * 86_400
"""As long as a job is kept by default: who plans further ahead has a calendar of their own."""

_FAR_S = 10**9
"""More seconds than any rule allows, few enough to count with."""


def due_ms(at: When, now_ms: int) -> int | None:
    """When a job is due; None: at once, because its time is over. Raises InvalidArgument."""
    seconds = seconds_from("at", at, now_ms)
    if not seconds <= LONGEST_AHEAD_S:
        raise InvalidArgument(
            f"at {at} is refused: it must be at most {LONGEST_AHEAD_S // 86_400} days ahead"
        )
    return now_ms + round(seconds * 1000) if seconds > 0 else None


def as_given(value: When) -> int | str:
    """The same for the same words: moments in ms, spans with a `+`. Of a value that was accepted."""
    if isinstance(value, timedelta | int | float):
        return f"+{round(seconds_from('', value, 0) * 1000)}"
    return round(seconds_from("", value, 0) * 1000)


def of_celery(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments `at` and `validity` for Celery's `eta`, `countdown` and `expires`, which are taken out.

    Celery would hold such a message in a worker, where with Redis it runs again after each visibility
    timeout. Raises InvalidArgument.
    """
    eta, countdown, expires = (options.pop(name, None) for name in ("eta", "countdown", "expires"))
    asked: dict[str, Any] = {}
    if eta is not None and countdown is not None:
        raise InvalidArgument("eta and countdown are refused together: give one of them")
    if countdown is not None:
        asked["at"] = timedelta(seconds=_number("countdown", countdown))
    elif eta is not None:
        asked["at"] = _moment("eta", eta)
    if isinstance(expires, datetime | str):
        asked["validity"] = _moment("expires", expires)
    elif expires is not None:
        span_s = _number("expires", expires)  # from now, as Celery counts
        if eta is not None:
            raise InvalidArgument("expires in seconds is refused beside eta: give a datetime, or validity=")
        asked["validity"] = span_s - max(0.0, float(countdown or 0))
    return asked


def _moment(name: str, value: Any) -> datetime | str:
    if not isinstance(value, datetime | str):
        raise InvalidArgument(f"{name} {value!r} is refused: give an aware datetime")
    seconds_from(name, value, 0)
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _FAR_S:
        raise InvalidArgument(f"{name} {value!r} is refused: give seconds, at most 30 days")
    return float(value)
