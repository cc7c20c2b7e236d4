"""`read_recipients`: the rows of a CSV or JSON lines file of any size, one by one, each judged on its own.

The file is judged as a whole when it is opened (`source_file`), its columns are found, and only then rows are
read. A row that cannot be read is told of with its line; it stops nothing, and it takes nothing with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, TypeGuard

from smsfleet.config.errors import InvalidArgument, InvalidFile
from smsfleet.tasks.columns import SAMPLE, Columns, has_heading, listed, number_column, sniff_delimiter
from smsfleet.tasks.records import BadRecord, Record, csv_records, whole_lines
from smsfleet.tasks.source_file import open_source
from smsfleet.workers.templates import NUMBER, Template, packed

FORMS = ("auto", "csv", "jsonl")

EMPTY = "it is empty"

UNREADABLE = "unreadable-row"
"""The code of a row that cannot be read."""


class Row(NamedTuple):
    """One recipient as the file has it; whether the number is one is judged by whoever sends."""

    number: int
    """of the row, from 1: the heading is none"""
    line: int
    """of the file, from 1, where the row begins"""
    to: str
    fields: dict[str, str]
    """what a template may name"""


class BadRow(NamedTuple):
    """A row that cannot be read."""

    number: int
    line: int
    why: str


Recipient = str | int | Mapping[str, Any] | Row | BadRow
"""A number, a mapping with the number and the fields of the text, or a row of a file."""


class Recipients:
    """The rows of one file. Can be walked through as often as wanted, but by one at a time.

    `with` closes it; without, it is closed when nobody needs it any more.
    """

    def __init__(  # noqa: PLR0913 - what a file may need to be told
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        form: str = "auto",
        encoding: str = "auto",
        delimiter: str | None = None,
        heading: bool | None = None,
        to: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        if form not in FORMS:
            raise InvalidArgument(f"form {form!r} is refused: it must be one of {', '.join(FORMS)}")
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n \0'):
            raise InvalidArgument(f"delimiter {delimiter!r} is refused: it must be one character, no quote")
        self._file = open_source(source, encoding)
        self._close = weakref.finalize(self, self._file.close)
        self.name = self._file.name
        self.encoding = self._file.encoding
        self.octets = self._file.octets
        """of the whole file"""
        self.digest = self._file.digest
        """SHA-256 of the whole file, in hexadecimal digits"""
        self.form = self._form() if form == "auto" else form
        self.delimiter = delimiter or ""
        if self.form == "csv" and delimiter is None:
            with closing(self._file.text()) as text:
                self.delimiter = sniff_delimiter(self.name, text)
        self.columns = self._columns(to, dict(fields or {}), heading=heading)

    def __iter__(self) -> Iterator[Row | BadRow]:
        return self.rows()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The rows behind the first `after` ones, good and bad alike, in the order of the file."""
        read = self._csv_rows() if self.form == "csv" else self._json_rows()
        return islice(read, after, None)

    @property
    def octets_read(self) -> int:
        """How far the walk has come, for a progress: a little ahead of the row that was given last."""
        return self._file.binary.tell()

    def key_of(self, text: str) -> str:
        """An idempotency key for this text to these rows: the same for the same octets of file and text."""
        what = f"{self.digest} {text}".encode("utf-8", "surrogatepass")
        return "file:" + hashlib.blake2b(what, digest_size=16).hexdigest()

    def require(self, fields: Iterable[str]) -> None:
        """Raise InvalidFile when a text has a field that no row can have."""
        known = {name for name, _ in self.columns.places}
        for field in fields if self.form == "csv" else ():
            if field not in known:
                raise InvalidFile(
                    f"{self.name} has no column {field!r}, which the text names: it has"
                    f" {listed(sorted(known))} (--map {field}=COLUMN)"
                )

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _form(self) -> str:
        suffix = os.path.splitext(self.name)[1].lower()  # noqa: PTH122 - the name of a stream is no path
        if suffix in {".jsonl", ".ndjson"}:
            return "jsonl"
        if suffix in {".csv", ".tsv"}:
            return "csv"
        with closing(self._file.text()) as text:
            return "jsonl" if text.read(SAMPLE).lstrip().startswith("{") else "csv"

    def _columns(self, to: str | None, fields: dict[str, str], *, heading: bool | None) -> Columns:
        if self.form == "jsonl":
            return Columns(self._key() if to is None else to, 0, (), fields, heading=False)
        with closing(self._file.text()) as text:
            records = csv_records(text, self.delimiter)
            first = next((record[1] for record in records if _is_whole(record)), None)
        if first is None:
            raise InvalidFile(f"{self.name} has no row that can be read")
        if heading is None:
            heading = has_heading(first)
        return Columns.of(self.name, first, to, fields, heading=heading)

    def _key(self) -> str:
        """The key of the numbers in the objects; empty in a file of plain strings."""
        with closing(self._file.text()) as text:
            for record in whole_lines(text):
                try:
                    found = None if isinstance(record, BadRecord) else _loads(record[1][0])
                except ValueError:
                    continue
                if isinstance(found, dict) and found:
                    names: list[str] = list(found)
                    return names[number_column(self.name, names, None, "the first object")]
        return ""

    def _csv_rows(self) -> Iterator[Row | BadRow]:
        columns = self.columns
        width, place, places = len(columns.names), columns.place, columns.places
        skip = columns.heading
        number = 0
        with closing(self._file.text()) as text:
            for record in _but_the_last_empty_ones(csv_records(text, self.delimiter)):
                if skip and _is_whole(record):
                    skip = False
                    continue
                number += 1
                if isinstance(record, BadRecord):
                    yield BadRow(number, *record)
                elif len(record[1]) != width:
                    yield BadRow(number, record[0], f"it has {_columns_of(record[1])}, not {width}")
                else:
                    line, cells = record
                    yield Row(number, line, cells[place], {name: cells[at] for name, at in places})

    def _json_rows(self) -> Iterator[Row | BadRow]:
        key, mapped = self.columns.to, self.columns.fields
        with closing(self._file.text()) as text:
            records = _but_the_last_empty_ones(whole_lines(text))
            for number, record in enumerate(records, start=1):
                if isinstance(record, BadRecord):
                    yield BadRow(number, *record)
                    continue
                line, cells = record
                try:
                    to, fields = _of_json(cells[0], key)
                    fields |= {field: fields[name] for field, name in mapped.items() if name in fields}
                except ValueError as error:
                    yield BadRow(number, line, str(error))
                else:
                    yield Row(number, line, to, fields)


def read_recipients(  # noqa: PLR0913 - what a file may need to be told
    source: str | os.PathLike[str] | BinaryIO,
    *,
    form: str = "auto",
    encoding: str = "auto",
    delimiter: str | None = None,
    heading: bool | None = None,
    to: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Recipients:
    """Open a file of recipients: a path, or a binary stream such as `sys.stdin.buffer`.

    Nothing but the file's name needs to be said where it is plain:

    - `form`: `csv` or `jsonl`; by the name's end, else by the first character.
    - `encoding`: UTF-8, or what a mark at the beginning says; any other must be named (`cp1252`).
    - `delimiter`: one of `, ; |` and tab that parts all rows evenly.
    - `heading`: whether the first row of a CSV file names columns; it does when none of its cells could be a
      number.
    - `to`: the column (name, or place from 1) or key of the numbers; one that is called `to`, `number`,
      `msisdn`, `phone` or the like, or the only one; without a heading the first.
    - `fields`: further names for columns, `{"name": "First name"}`. All columns are fields by their own.

    Raises InvalidFile, which names the line where there is one: nothing of the file is used then. Rows that
    cannot be read are given as `BadRow`, never left out.
    """
    return Recipients(
        source, form=form, encoding=encoding, delimiter=delimiter, heading=heading, to=to, fields=fields
    )


def check_recipients(recipients: Any, fields: Iterable[str]) -> None:
    """Raise InvalidArgument for what is no list of recipients, or a file that has no column for a field."""
    if isinstance(recipients, str | bytes | Mapping):  # whose characters, or keys, would all be refused
        raise InvalidArgument(
            f"recipients is {type(recipients).__name__}: give a list of numbers or of mappings, or a file by"
            " read_recipients"
        )
    if isinstance(recipients, Recipients):
        recipients.require(fields)


def kept(row: Recipient, template: Template, number_field: str = NUMBER) -> Any:
    """A recipient as its chunk keeps it, see `packed`; that of a file with its line where it is refused."""
    if isinstance(row, BadRow):
        return {"e": UNREADABLE, "m": f"line {row.line}: {row.why}"}
    if not isinstance(row, Row):
        return packed(row, template, number_field)
    if not template.fields:
        return row.to
    try:
        return [row.to, *template.values(row.fields)]
    except InvalidArgument as error:
        return {"e": error.code, "m": f"line {row.line}: {error}"}


def _is_whole(record: Record | BadRecord) -> TypeGuard[Record]:
    """Whether it was read, and is not empty."""
    return not isinstance(record, BadRecord) and not _is_empty(record[1])


def _is_empty(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _but_the_last_empty_ones(records: Iterable[Record | BadRecord]) -> Iterator[Record | BadRecord]:
    """Empty lines are bad records, but not those at the end of the file, which mean nothing."""
    first = count = 0
    for record in records:
        if not isinstance(record, BadRecord) and _is_empty(record[1]):
            first, count = (first or record[0]), count + 1
            continue
        if count:
            yield from (BadRecord(first + at, EMPTY) for at in range(count))
            first = count = 0
        yield record


def _columns_of(cells: list[str]) -> str:
    return "1 column" if len(cells) == 1 else f"{len(cells)} columns"


def _of_json(line: str, key: str) -> tuple[str, dict[str, str]]:
    """The number and the fields of a line; a line may be a number alone. Raises ValueError."""
    value = _loads(line)
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        raise ValueError("it is neither a JSON object nor a number")  # noqa: TRY004 - one error for all
    fields = {}
    for name, given in value.items():
        if given is None:
            continue  # as if it were not there: a text that names it is not sent with nothing in its place
        if isinstance(given, dict | list):
            raise ValueError(f"{name!r:.60} is no text and no number")  # noqa: TRY004 - one error for all
        fields[name] = given if isinstance(given, str) else _WORDS[given]
    if key not in fields:
        raise ValueError(f"it has no {key or 'to'!r}")
    return fields[key], fields


_WORDS = {True: "true", False: "false"}


def _loads(line: str) -> Any:
    """A JSON value with its numbers as they are written. Raises ValueError."""
    try:
        return json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
