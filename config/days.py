"""The days and months of the account's time zone: the gateway counts credits by month (guide §4, §7)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def zone(name: str) -> tzinfo:
    """The time zone of this name; raises ValueError when this machine does not know it."""
    if name == "UTC":  # needs no tz database
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        raise ValueError(
            f"{name!r} is no time zone of this machine: a name such as Africa/Johannesburg; where even that"
            " is refused, install tzdata"
        ) from None


class AccountDays:
    """Which day a moment belongs to. Days begin at midnight by the zone's clock: some have 23 or 25 hours."""

    def __init__(self, zone_name: str) -> None:
        self.zone_name = zone_name
        self._zone = zone(zone_name)
        self._last = (0, 0, "")  # one object: threads share it

    def day(self, at_ms: int) -> date:
        """The day of a moment (ms since the epoch)."""
        return datetime.fromtimestamp(at_ms // 1000, self._zone).date()

    def name(self, at_ms: int) -> str:
        """The day of a moment as YYYYMMDD; that of the last call is remembered, because it comes again."""
        begins_ms, ends_ms, name = self._last
        if begins_ms <= at_ms < ends_ms:
            return name
        day = self.day(at_ms)
        name = day_name(day)
        self._last = (self.begins_ms(day), self.begins_ms(day + timedelta(1)), name)
        return name

    def begins_ms(self, day: date) -> int:
        """The first moment of a day, in ms since the epoch; where midnight is skipped, the one after it."""
        return round(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * 1000


UTC_DAYS = AccountDays("UTC")


def day_name(day: date) -> str:
    """A day as keys have it: YYYYMMDD."""
    return f"{day:%Y%m%d}"


def first_of_month(month: str) -> date:
    """The first day of `2026-11`; raises ValueError for anything else."""
    match = _MONTH.fullmatch(month)
    if match is None or match[1] == "0000":
        raise ValueError(f"{month[:40]!r} must be a month as 2026-11")
    return date(int(match[1]), int(match[2]), 1)


def last_of_month(day: date) -> date:
    """The last day of the month that a day is in."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def days_between(first: date, last: date) -> list[date]:
    """The days from the first to the last, both included."""
    return [first + timedelta(n) for n in range((last - first).days + 1)]
