"""Opt-out lists of other systems: CSV or JSON lines, every line judged on its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, TextIO

from smsfleet.config.errors import InvalidArgument
from smsfleet.store.opt_out import OptedOut
from smsfleet.workers.addresses import destination, sender

NAMES = ("number", "sender", "since", "why")

LONGEST_WHY = 100

LONGEST_LINE = 4_096
MOST_LINES = 20_000_000
"""Far more numbers than a country has phones for one sender: a file without end must not fill the memory."""


def lines_of(file: TextIO) -> Iterator[str]:
    """The lines of a file, each to a bound and not too many. Raises InvalidArgument."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise InvalidArgument(f"line {number} is refused: it is longer than {LONGEST_LINE} characters")
        if number > MOST_LINES:
            raise InvalidArgument(f"the file is refused: it has more than {MOST_LINES} lines")
        yield line


class BadLine(NamedTuple):
    """A line that cannot be read."""

    number: int
    why: str


def read_entries(lines: Iterable[str]) -> Iterator[OptedOut | BadLine]:
    """The entries of a file, in its order; empty lines and `#` comments are left out."""
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            values = _of_json(line) if line.startswith("{") else _of_csv(line)
            if values.get("number") != "number":  # else the heading
                yield _entry(values)
        except ValueError as error:
            yield BadLine(number, str(error))


def _of_json(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        raise ValueError("this is no JSON object") from None
    unknown = set(values) - set(NAMES)
    if unknown:
        raise ValueError(f"unknown name {min(unknown)!r}: there are {', '.join(NAMES)}")
    return {name: value for name, value in values.items() if value is not None}


def _of_csv(line: str) -> dict[str, Any]:
    (cells,) = csv.reader([line], skipinitialspace=True)
    if len(cells) > len(NAMES):
        raise ValueError(f"{len(cells)} columns: there are {', '.join(NAMES)}")
    return dict(zip(NAMES, (cell.strip() for cell in cells), strict=False))


def _entry(values: dict[str, Any]) -> OptedOut:
    why = values.get("why") or "import"
    if not isinstance(why, str) or len(why) > LONGEST_WHY or not why.isprintable():
        raise InvalidArgument(f"why is refused: it must be at most {LONGEST_WHY} printable characters")
    return OptedOut(
        destination(values.get("number", "")),
        sender(values.get("sender", "")),
        _ms(values.get("since") or ""),
        why,
    )


def _ms(since: Any) -> int:
    if not since:
        return 0
    try:
        moment = datetime.fromisoformat(since)
    except (TypeError, ValueError):
        raise ValueError(f"since {since!r} is no ISO 8601 time, such as 2026-11-27T18:30:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = int(moment.timestamp() * 1000)
    if ms <= 0:
        raise ValueError(f"since {since!r} is before 1970")
    return ms
