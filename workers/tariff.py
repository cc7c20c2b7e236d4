"""What a segment costs, in credits: the one place that knows. Prices are exact: whole thirds of a credit."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from smsfleet.config.tariff import ANY, read_tariff
from smsfleet.workers import addresses

THIRDS = 3
"""Of a credit: what a message to the test ranges costs is one of them (guide §3)."""


class Price(NamedTuple):
    """What each segment to a destination costs."""

    thirds: int = THIRDS
    row: str = ""
    """the row of the tariff that says so, or the test range; empty: anything else"""

    @property
    def packed(self) -> str:
        """As a job keeps it: empty for a credit by no row, which most jobs cost."""
        return "" if self == USUAL else f"{self.thirds}.{self.row}"


USUAL = Price()


class Tariff:
    """Prices by prefix: the longest one counts. The test ranges are no matter of the table."""

    def __init__(self, thirds: Mapping[str, int]) -> None:
        self._other = Price(thirds.get(ANY, THIRDS))
        self._rows = {prefix: Price(price, prefix) for prefix, price in thirds.items() if prefix != ANY}
        self._lengths = sorted({len(prefix) for prefix in self._rows}, reverse=True)

    def price(self, to: str | None) -> Price:
        """Of a segment to a normalised destination; of any that no row names when `to` is None."""
        if to is None:
            return self._other
        if test_range := addresses.test_range(to):
            return Price(1, test_range)
        for length in self._lengths:
            if found := self._rows.get(to[:length]):
                return found
        return self._other


@lru_cache(maxsize=8)
def tariff_of(text: str) -> Tariff:
    """The tariff that `SMSFLEET_TARIFF` says; raises ValueError for what breaks its rule."""
    return Tariff(read_tariff(text))


def segment_credits(to: str | None, table: str = "") -> Fraction:
    """Credits of one segment to a normalised destination, exact; of any other one when `to` is None.

    `table` as `SMSFLEET_TARIFF`; without it everything but the test ranges costs one.
    """
    return message_credits(to, 1, table)


def message_credits(to: str | None, segments: int, table: str = "") -> Fraction:
    """Credits of a message of so many segments, exact: what the gateway charges when it takes them all."""
    return Fraction(segments * tariff_of(table).price(to).thirds, THIRDS)
