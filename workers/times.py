"""Times of a job: as callers give them, and as SMPP writes them (SMPP 3.4 §7.1.1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from smsfleet.config.errors import InvalidArgument

LONGEST_S = 7 * 86_400
"""A receipt is held for 7 days (guide §4): nothing could be learned of a message that lives longer."""

MAX_VALIDITY_S = 31 * 86_400
"""The largest number of days that the time format is sure to hold (SMPP 3.4 §7.1.1.2)."""

When = timedelta | datetime | float | str
"""From now on (timedelta or seconds), or a moment: an aware datetime, or its ISO 8601 text in JSON."""


def seconds_ahead(name: str, value: When, now_ms: int) -> float:
    """How far `value` is from `now_ms`, 1 s to 7 days.

    Raises InvalidArgument, which names the value and the rule: for a time without its zone, for one that is
    over or too far, and for anything else.
    """
    seconds = seconds_from(name, value, now_ms)
    if not 1 <= seconds <= LONGEST_S:
        raise InvalidArgument(
            f"{name} of {seconds:g} s is refused: it must be from 1 s to {LONGEST_S} s (7 days, "
            "as long as the gateway holds receipts: guide §4)"
        )
    return seconds


def seconds_from(name: str, value: When, now_ms: int) -> float:
    """How far `value` is from `now_ms`, below 0 when it is over.

    Raises InvalidArgument, as `seconds_ahead`, for what is no time.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    moment = value
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            moment = value
    if not isinstance(moment, datetime):
        raise InvalidArgument(
            f"{name} {value!r} is refused: give a timedelta, seconds, an aware datetime, or ISO 8601 such as"
            " '2027-01-31T08:00:00+02:00'"
        )
    if moment.utcoffset() is None:
        raise InvalidArgument(
            f"{name} {str(value)!r} is refused: it has no time zone; give one, such as"
            " datetime(..., tzinfo=UTC) or '2027-01-31T08:00:00+02:00'"
        )
    return moment.timestamp() - now_ms / 1000


def validity_period(seconds: int) -> str:
    """`seconds` from the gateway's receipt of the message on, as SMPP writes it: `000001020304000R`.

    Raises InvalidArgument below 1 second or above 31 days. Source: SMPP 3.4 §7.1.1.2.
    """
    if not 1 <= seconds <= MAX_VALIDITY_S:
        raise InvalidArgument(f"a validity of {seconds} s: it must be 1 s to 31 days ({MAX_VALIDITY_S} s)")
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02d}{hour:02d}{minute:02d}{second:02d}000R"


def absolute_time(ms: int) -> str:
    """A moment (ms since the epoch) in UTC, as SMPP writes it: `270131060000000+`.

    Raises InvalidArgument for a year of other than 2000-2099, which two digits cannot tell from another.
    Source: SMPP 3.4 §7.1.1.1.
    """
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise InvalidArgument(f"the time {ms} ms is out of range") from error
    if not 2000 <= moment.year < 2100:
        raise InvalidArgument(f"a time in the year {moment.year}: it must be in 2000-2099")
    return f"{moment:%y%m%d%H%M%S}{ms % 1000 // 100}00+"
