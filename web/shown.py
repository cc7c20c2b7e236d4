"""How values are written for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from urllib.parse import quote

from markupsafe import Markup, escape

from smsfleet.config.masking import mask_string
from smsfleet.config.spans import span

_CODE = re.compile(r"`([^`]+)`")

_QUOTED = re.compile(r"'[^']*'")

FEWEST_DIGITS = 5
"""So many make a number that somebody could be called by; a code of an error has four at most."""


def age(seconds: float | None) -> str:
    """How long ago, or for how long; a dash for nothing."""
    return "–" if seconds is None else span(seconds)  # noqa: RUF001 - a dash


def moment(value: float | datetime | None) -> str:
    """A time, given as milliseconds since the epoch too: `2026-11-27 21:40:02`, UTC."""
    if value is None:
        return ""
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value / 1000, UTC)
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(value: datetime) -> str:
    """A time of a time-line, with its milliseconds."""
    return value.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def ticked(value: str) -> Markup:
    """Words with what stands between backticks as code; everything in them is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(value))))  # noqa: S704 - escaped before


def hidden(value: str) -> str:
    """Words without numbers: what the log masks, and what a message quotes that may be meant as one."""
    return _QUOTED.sub(_without_digits, mask_string(value))


def _without_digits(quoted: re.Match[str]) -> str:
    digits = sum(letter.isdigit() for letter in quoted[0])
    if digits < FEWEST_DIGITS:
        return quoted[0]
    seen = 0
    masked = ""
    for letter in quoted[0]:
        seen += letter.isdigit()
        masked += "*" if letter.isdigit() and 2 < seen <= digits - 2 else letter
    return masked


def many(value: float) -> str:
    """A count or a rate: `12,345`, `0.4`."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def credits_of(value: str, *, whole: bool = False) -> str:
    """Credits, which are exact in thirds: `1,234 1/3`; `whole` for a forecast."""
    exact = Fraction(value)
    if whole:
        return f"{round(exact):,}"
    full, rest = divmod(abs(exact), 1)
    said = " ".join(part for part in (f"{full:,}" if full or not rest else "", str(rest or "")) if part)
    return f"-{said}" if exact < 0 else said


def share(value: str) -> float:
    """The same for a bar."""
    return float(Fraction(value))


def of_url(value: str) -> str:
    """A job id as a part of an address."""
    return quote(value, safe="")
