"""Credits by destination: how `SMSFLEET_TARIFF` is written."""

from __future__ import annotations

import re
from fractions import Fraction

ANY = "*"
"""The row of all destinations that no other row names."""

MOST_CREDITS = 1000

_PREFIX = re.compile(r"[1-9][0-9]{0,14}|\*")
_CREDITS = re.compile(r"[0-9]{1,5}(/[13])?")


def read_tariff(text: str) -> dict[str, int]:
    """Thirds of a credit for a segment, by prefix, of `44=2,27=5/3,*=1`; raises ValueError with the rule."""
    thirds: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        prefix, _, price = (word.strip() for word in part.partition("="))
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(f"{prefix[:40]!r} must be a prefix of 1-15 digits, country code first, or {ANY}")
        if not _CREDITS.fullmatch(price) or (credits_each := Fraction(price)) > MOST_CREDITS:
            raise ValueError(
                f"{prefix}={price[:40]!r} must be whole credits or thirds, as 2 or 5/3, at most"
                f" {MOST_CREDITS}: credits are counted in thirds, exactly"
            )
        if prefix in thirds:
            raise ValueError(f"{prefix} must be named once")
        thirds[prefix] = int(3 * credits_each)
    return thirds
