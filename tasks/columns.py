"""Which column of a file holds what: its delimiter, its heading, the numbers, the fields of a template.

Found from the beginning of the file where it is plain, and refused where it is not: a guess could make a
recipient of an order number.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from smsfleet.config.errors import InvalidFile

DELIMITERS = ",;\t|"

SAMPLE = 65_536
"""Characters from which the delimiter is found."""

NUMBER_COLUMNS = frozenset({
    "to", "number", "msisdn", "phone", "phonenumber", "phone_number", "mobile", "mobile_number", "cell",
    "cellphone", "telephone", "tel", "recipient", "destination",
})  # fmt: skip
"""The columns that are taken for that of the numbers when nothing else is said."""

_SEPARATORS = str.maketrans("", "", " -().+/")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file, found once."""

    to: str
    """that of the numbers: its name, or its place from 1"""
    place: int
    """the same, from 0; CSV only"""
    names: tuple[str, ...]
    """all of them, CSV only: those of the heading, else 1, 2, ..."""
    fields: Mapping[str, str]
    """the fields that were mapped, and the names of their columns"""
    heading: bool

    @property
    def places(self) -> list[tuple[str, int]]:
        """Each field of a row with the place of its cell; CSV only."""
        named = [(name, at) for at, name in enumerate(self.names) if name]
        return named + [(field, self.names.index(column)) for field, column in self.fields.items()]

    @classmethod
    def of(
        cls, file: str, first: Sequence[str], to: str | None, fields: Mapping[str, str], *, heading: bool
    ) -> Columns:
        """Those of a CSV file whose first row is this. Raises InvalidFile."""
        names = (
            tuple(cell.strip() for cell in first) if heading else tuple(map(str, range(1, len(first) + 1)))
        )
        twice = [name for name, count in Counter(filter(None, names)).items() if count > 1]
        if twice:
            raise InvalidFile(f"{file}: column {twice[0]!r} is there twice: rename one")
        place = number_column(file, names, to, "the heading") if heading or to else 0
        mapped = {field: names[_place(file, names, column)] for field, column in fields.items()}
        return cls(names[place], place, names, mapped, heading)


def number_column(file: str, names: Sequence[str], to: str | None, where: str) -> int:
    """The place of the column with the numbers. Raises InvalidFile where it is not plain."""
    if to is not None:
        return _place(file, names, to)
    if len(names) == 1:
        return 0
    known = [at for at, name in enumerate(names) if _word(name) in NUMBER_COLUMNS]
    if len(known) != 1:
        raise InvalidFile(
            f"{file}: which column holds the numbers? {where} has {listed(names)}:"
            " name one of them (--to COLUMN)"
        )
    return known[0]


def listed(names: Iterable[str]) -> str:
    """Names of columns for a message, whatever a file has in their place."""
    joined = ", ".join(filter(None, names))
    return "".join(sign if sign.isprintable() else "?" for sign in joined[:200])


def _place(file: str, names: Sequence[str], column: str) -> int:
    """The place of a column that is named, exactly or in other case, or given as a number from 1."""
    exact = [at for at, name in enumerate(names) if name and name == column]
    alike = [at for at, name in enumerate(names) if name and name.casefold() == column.strip().casefold()]
    for found in (exact, alike):
        if len(found) == 1:
            return found[0]
    if column.isascii() and column.isdigit() and 1 <= int(column) <= len(names):
        return int(column) - 1
    raise InvalidFile(f"{file} has no column {column!r}: it has {listed(names)}")


def _word(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def has_heading(first: Sequence[str]) -> bool:
    """Whether a first row names columns: no cell of it could be a number."""
    return not any(_may_be_a_number(cell) for cell in first)


def _may_be_a_number(cell: str) -> bool:
    digits = cell.translate(_SEPARATORS)
    return len(digits) >= 5 and digits.isascii() and digits.isdigit()


def sniff_delimiter(file: str, text: TextIO) -> str:
    """What parts the columns of a CSV file that begins so. Raises InvalidFile where two could be it."""
    sample = text.read(SAMPLE)
    lines = [line + "\n" for line in sample.split("\n")]
    if len(sample) == SAMPLE:
        lines.pop()  # it may be a part only
    widths = {delimiter: _widths(lines, delimiter) for delimiter in DELIMITERS}
    several = {delimiter: found for delimiter, found in widths.items() if found and found[0] > 1}
    even = {delimiter: found for delimiter, found in several.items() if len(set(found)) == 1}
    best = even or several
    if not best:
        return ","  # one column
    widest = max(found[0] for found in best.values())
    wide = [delimiter for delimiter, found in best.items() if found[0] == widest]
    if len(wide) > 1 or (not even and len(best) > 1):
        named = " or ".join(map(repr, best))
        raise InvalidFile(f"{file}: which of {named} parts the columns? Say it (--delimiter)")
    return wide[0]


def _widths(lines: Sequence[str], delimiter: str) -> list[int]:
    """The number of cells of each row of the sample."""
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    return [len(row) for row in rows if row]
