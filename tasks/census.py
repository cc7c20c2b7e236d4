"""Counting what a campaign would be: each row judged as a worker would judge it, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import repeat
from typing import Any, NamedTuple

from smsfleet.config.errors import InvalidArgument, InvalidText, OptedOut
from smsfleet.tasks.distinct import Distinct
from smsfleet.tasks.recipients import BadRow, Row
from smsfleet.workers import addresses
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.rules import NO_RULES, Rules
from smsfleet.workers.segments import segment
from smsfleet.workers.tariff import segment_credits
from smsfleet.workers.templates import Template

UNREADABLE = "unreadable-row"
DUPLICATE = "duplicate"

Recipient = str | Mapping[str, Any] | Row | BadRow
"""A number, a mapping with `to` and the fields of the template, or a row of a file."""


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
        asked: SmsRequest,
        template: Template,
        *,
        duplicates: str,
        rules: Rules,
        country_code: str | None,
        reference_octets: int,
        opted_out: Callable[[Sequence[str]], Sequence[bool]] | None,
        refused: Callable[[Refused], None],
    ) -> None:
        """`asked` holds for every message, `opted_out` answers for many numbers at once.

        `duplicates`: refuse or send. Raises InvalidText or TextTooLong for a text without fields that cannot be sent to anybody.
        """
        self._asked = asked
        self._template = template
        self._rules = rules
        self._country_code = country_code
        self._reference_octets = reference_octets
        self._opted_out = opted_out
        self._refuses_duplicates = duplicates == "refuse"
        self._tell = refused
        self._told: list[Refused] = []
        self._same = None if template.fields else self._shape(template.render(()))
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
            if isinstance(given, BadRow):
                self._refuse(given.number, given.line, UNREADABLE, given.why)
                continue
            row, line, to, fields = _parts(at, given)
            try:
                number = addresses.destination(to, default_country_code=self._country_code)
                if self._rules is not NO_RULES:
                    self._rules.check(number, "")
                good.append((row, line, number, self._same or self._shape_of(fields)))
            except InvalidArgument as error:
                self._refuse(row, line, error.code, str(error))
        gone = self._opted_out([number for _, _, number, _ in good]) if self._opted_out and good else ()
        for (row, line, number, shape), is_gone in zip(good, gone or repeat(False)):  # noqa: B905 - or endless
            if is_gone:
                self._refuse(row, line, OptedOut.code, f"{number} wants no messages")
            elif not self.numbers.add(number) and self._refuses_duplicates:
                self._refuse(row, line, DUPLICATE, f"{number} is that of an earlier row")
            else:
                self.messages[shape] += 1
                price = segment_credits(number)
                self._prices[price.numerator, price.denominator] += shape[1]
        self.rows += len(recipients)
        for one in sorted(self._told):
            self._tell(one)
        self._told.clear()

    def _shape_of(self, fields: Mapping[str, Any]) -> Shape:
        return self._shape(self._template.render(self._template.values(fields)))

    def _shape(self, text: str) -> Shape:
        if not text:
            raise InvalidText("the text is empty")
        asked = self._asked
        found = segment(
            text,
            encoding=asked.encoding,
            transliterate=asked.transliterate,
            long_messages=asked.long_messages,
            reference_octets=self._reference_octets,
            max_segments=asked.max_segments,
        )
        return found.encoding, found.segments

    def _refuse(self, row: int, line: int | None, code: str, why: str) -> None:
        self.refused[code] += 1
        self._told.append(Refused(row, line, code, why))


def _parts(at: int, given: str | Mapping[str, Any] | Row) -> tuple[int, int | None, str, Mapping[str, Any]]:
    """Number of the row, its line, the number as it is written, and the fields."""
    if isinstance(given, Row):
        return given
    if isinstance(given, str):
        return at, None, given, {}
    return at, None, given.get("to", ""), given
