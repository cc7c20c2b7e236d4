"""From lines to records, each of them bounded: a broken one costs one line, never the rest of the file.

A quote that nobody closes would swallow all that follows as one field. So the lines of a record are kept
until it is whole; where it is broken, only its first line is given up, and the next record begins behind it.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TextIO

LONGEST_RECORD = 100_000
"""Characters of one record: more than the longest text there is (65,535 octets, guide §11) and its fields."""


class BadRecord(NamedTuple):
    """A record that cannot be read."""

    line: int
    why: str


Record = tuple[int, list[str]]
"""The line that it begins at, and its cells."""


class _Broken(Exception):
    """A line that ends its record; never leaves this module."""


class Lines:
    """The lines of a text, one by one; those of the last record can be taken back but for its first."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._back: deque[str | None] = deque()
        self._taken: list[str | None] = []
        self._length = 0
        self.number = 0
        """of the line that was given last"""

    def begin(self) -> int:
        """Begin a record; the number of its first line."""
        self._taken.clear()
        self._length = 0
        return self.number + 1

    def give_back(self) -> None:
        """All lines of this record but the first are read again."""
        self._back.extendleft(reversed(self._taken[1:]))
        self.number -= max(0, len(self._taken) - 1)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._read()
        if line == "":
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        self._length += LONGEST_RECORD + 1 if line is None else len(line)
        if line is None or self._length > LONGEST_RECORD:
            why = f"it is longer than {LONGEST_RECORD:,} characters"
            raise _Broken(why if len(self._taken) == 1 else f"a quote is not closed: {why}")
        if "\0" in line:
            raise _Broken("it holds a NUL character")
        return line

    def _read(self) -> str | None:
        """The next line, empty at the end; None for one that is too long, of which nothing is kept."""
        line = self._text.readline(LONGEST_RECORD + 1)
        if len(line) <= LONGEST_RECORD or line[-1] == "\n":
            return line
        while (rest := self._text.readline(LONGEST_RECORD)) and rest[-1] != "\n":
            pass
        return None


def csv_records(text: TextIO, delimiter: str) -> Iterator[Record | BadRecord]:
    """The records of a CSV file (RFC 4180, with any delimiter); an empty line is a record without cells."""
    lines = Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        line = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _Broken as error:
            lines.give_back()
            yield BadRecord(line, str(error))
        except csv.Error as error:
            lines.give_back()
            yield BadRecord(line, _in_words(error))
        else:
            yield line, cells


def whole_lines(text: TextIO) -> Iterator[Record | BadRecord]:
    """Each line as a record of one cell."""
    lines = Lines(text)
    while True:
        number = lines.begin()
        try:
            yield number, [next(lines).rstrip("\n")]
        except StopIteration:
            return
        except _Broken as error:
            yield BadRecord(number, str(error))


def _in_words(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote is not closed: the file ends in it"
    if "field limit" in str(error):
        return "a field is too long"
    return f"its quotes cannot be read: {error}"
