"""Counting what a campaign would be: each row judged as its worker would judge it, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import repeat
from typing import NamedTuple

from smsfleet.config.errors import InvalidArgument, OptedOut
from smsfleet.tasks.distinct import Distinct
from smsfleet.tasks.recipients import BadRow, Recipient, Row, kept
from smsfleet.workers.campaign_rows import RowMaker
from smsfleet.workers.templates import Template

DUPLICATE = "duplicate"
"""The code of a row whose number came before; as admit_rows.lua has it."""

Shape = tuple[str, int]
"""Encoding and number of segments of a text."""


class Refused(NamedTuple):
    """A row that would not be sent."""

    row: int
    """from 1"""
    line: int | None
    """of the file that it came from"""
    code: str
    why: str


class Census:
    """The counts of one walk through the recipients."""

    def __init__(  # noqa: PLR0913 - what a row is judged by
        self,
        maker: RowMaker,
        template: Template,
        *,
        number_field: str,
        duplicates: str,  # refuse or send
        price: Callable[[str], Fraction],
        opted_out: Callable[[Sequence[str]], Sequence[bool]] | None,
        refused: Callable[[Refused], None],
    ) -> None:
        """`price` is that of a segment; `opted_out` answers for many numbers at once."""
        self._maker = maker
        self._template = template
        self._number_field = number_field
        self._price = price
        self._opted_out = opted_out
        self._refuses_duplicates = duplicates == "refuse"
        self._tell = refused
        self._told: list[Refused] = []
        self._prices: Counter[tuple[int, int]] = Counter()
        self.numbers = Distinct()
        self.rows = 0
        self.refused: Counter[str] = Counter()
        """rows that would not be sent, by code"""
        self.messages: Counter[Shape] = Counter()
        """messages by encoding and segments"""

    @property
    def recipients(self) -> int:
        """Rows that would be sent."""
        return self.rows - self.refused.total()

    @property
    def segments(self) -> int:
        """Segments of all of them."""
        return sum(segments * count for (_, segments), count in self.messages.items())

    @property
    def credits(self) -> Fraction:
        """What they cost, exact."""
        return sum((Fraction(*price) * count for price, count in self._prices.items()), Fraction(0))

    def take(self, recipients: Sequence[Recipient]) -> None:
        """Judge the next recipients, in the order in which a worker does."""
        good = []
        for at, given in enumerate(recipients, start=self.rows + 1):
            try:
                number, cut = self._maker.judged(kept(given, self._template, self._number_field))
                good.append((at, given, number, (cut.encoding, cut.segments)))
            except InvalidArgument as error:
                self._refuse(at, given, error.code, str(error))
        gone = self._opted_out([number for _, _, number, _ in good]) if self._opted_out and good else ()
        for (at, given, number, shape), is_gone in zip(good, gone or repeat(False)):  # noqa: B905 - or endless
            if is_gone:
                self._refuse(at, given, OptedOut.code, "the number wants no messages")
            elif not self.numbers.add(number) and self._refuses_duplicates:
                self._refuse(at, given, DUPLICATE, f"{number} is that of an earlier row")
            else:
                self.messages[shape] += 1
                price = self._price(number)
                self._prices[price.numerator, price.denominator] += shape[1]
        self.rows += len(recipients)
        for one in sorted(self._told):
            self._tell(one)
        self._told.clear()

    def _refuse(self, at: int, given: Recipient, code: str, why: str) -> None:
        line = given.line if isinstance(given, Row | BadRow) else None
        self.refused[code] += 1
        self._told.append(Refused(at, line, code, why.removeprefix(f"line {line}: ")))
