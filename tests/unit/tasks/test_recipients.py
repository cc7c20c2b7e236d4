"""Files of recipients: every row is given or told of with its line, and nothing is guessed."""

from __future__ import annotations

import codecs
import io
import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smsfleet.config.errors import InvalidArgument, InvalidFile
from smsfleet.tasks import source_file
from smsfleet.tasks.recipients import BadRow, Row, read_recipients
from smsfleet.tasks.records import LONGEST_RECORD

A, B, C = "27999100001", "27999100002", "27999100003"


def rows(text: str | bytes, **options: Any) -> list[Row | BadRow]:
    octets = text.encode() if isinstance(text, str) else text
    with read_recipients(io.BytesIO(octets), **options) as recipients:
        return list(recipients)


def bad(text: str, **options: Any) -> list[tuple[int, str]]:
    return [(row.line, row.why) for row in rows(text, **options) if isinstance(row, BadRow)]


def good(text: str | bytes, **options: Any) -> list[tuple[str, dict[str, str]]]:
    return [(row.to, row.fields) for row in rows(text, **options) if isinstance(row, Row)]


# --- columns ------------------------------------------------------------------------------------


def test_a_heading_names_the_columns() -> None:
    text = f"mobile,First name\n{A},Ann\n{B},Bob\n"

    assert [
        Row(1, 2, A, {"mobile": A, "First name": "Ann", "name": "Ann"}),
        Row(2, 3, B, {"mobile": B, "First name": "Bob", "name": "Bob"}),
    ] == rows(text, fields={"name": "first name"})


def test_a_file_of_numbers_alone_has_no_heading() -> None:
    assert [(A, {"1": A}), (B, {"1": B})] == good(f"{A}\n+{B}\n".replace("+", ""))


def test_without_a_heading_the_first_column_holds_the_numbers() -> None:
    assert [(A, {"1": A, "2": "Ann", "name": "Ann"})] == good(f"{A},Ann", fields={"name": "2"})
    assert ["Ann"] == [to for to, _ in good(f"{A},Ann", to="2")]


@pytest.mark.parametrize(("named", "number"), [("phone", A), ("Phone", B)])
def test_columns_that_differ_in_case_alone_are_named_exactly(named: str, number: str) -> None:
    assert [number] == [to for to, _ in good(f"phone,Phone\n{A},{B}\n", to=named)]


def test_the_column_of_the_numbers_may_be_named() -> None:
    assert [B] == [to for to, _ in good(f"phone,mobile\n{A},{B}\n", to="Mobile")]
    assert [A] == [to for to, _ in good(f"phone,mobile\n{A},{B}\n", to="1")]


def test_a_heading_may_be_said_to_be_none_and_the_other_way_round() -> None:
    assert ["none", A] == [to for to, _ in good(f"none\n{A}\n", heading=False)]
    assert [(B, {A: B})] == good(f"{A}\n{B}\n", heading=True)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (f"phone,mobile\n{A},{B}\n", {}, "which column holds the numbers? the heading has phone, mobile"),
        (f"who,where\n{A},{B}\n", {}, "which column holds the numbers?"),
        (f"number,name\n{A},Ann\n", {"to": "msisdn"}, "no column 'msisdn': it has number, name"),
        (f"number,name\n{A},Ann\n", {"to": "3"}, "no column '3'"),
        (f"number,name\n{A},Ann\n", {"fields": {"x": "Name2"}}, "no column 'Name2'"),
        (f"number,name,name\n{A},Ann,Lee\n", {}, "column 'name' is there twice"),
        ("\n\n", {}, "no row that can be read"),
        (f"who,\x1b[2Jwhere\n{A},{B}\n", {}, "the heading has who, ?[2Jwhere:"),
        ('{"a": 1, "b": 2}\n', {}, "the first object has a, b"),
    ],
)
def test_columns_that_are_not_plain_are_refused(text: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        rows(text, **options)

    assert said in str(refused.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = f"number{delimiter}name\n{A}{delimiter}O'Neil\n{B}{delimiter} Lee\n"

    with read_recipients(io.BytesIO(text.encode())) as recipients:
        found = list(recipients)

    assert delimiter == recipients.delimiter
    assert ["O'Neil", "Lee"] == [row.fields["name"] for row in found if isinstance(row, Row)]


def test_commas_in_a_text_do_not_part_columns_that_semicolons_do() -> None:
    assert ["a, b", "c"] == [fields["text"] for _, fields in good(f"number;text\n{A};a, b\n{B};c\n")]


def test_a_delimiter_that_could_be_two_must_be_said() -> None:
    text = f"{A},x;y\n{B},x;y\n"

    with pytest.raises(InvalidFile, match="which of ',' or ';' parts the columns"):
        rows(text)

    assert [A, B] == [to for to, _ in good(text, delimiter=",")]


def test_two_delimiters_that_part_rows_unevenly_are_not_told_apart_by_the_first_row() -> None:
    with pytest.raises(InvalidFile, match="which of ',' or ';' parts the columns"):
        rows(f"{A},x,y;z\n{B}\n")


def test_any_character_may_be_said_to_be_the_delimiter() -> None:
    assert [(A, {"1": A, "2": "Ann"})] == good(f"{A}^Ann\n", delimiter="^")
    for wrong in ("", ",,", '"', "\n", " "):
        with pytest.raises(InvalidArgument, match="delimiter"):
            rows(A, delimiter=wrong)


# --- rows that are broken -----------------------------------------------------------------------


def test_quoted_fields_hold_line_ends_quotes_and_delimiters() -> None:
    text = f'number,text\r\n{A},"a,\r\n""b"""\r\n{B},c\r\n'

    assert [Row(1, 2, A, {"number": A, "text": 'a,\n"b"'}), Row(2, 4, B, {"number": B, "text": "c"})] == rows(
        text
    )


def test_rows_of_another_width_are_told_of() -> None:
    text = f"number,name\n{A}\n{B},Bob\n{C},Cy,x\n"

    assert [(2, "it has 1 column, not 2"), (4, "it has 3 columns, not 2")] == bad(text)
    assert [B] == [to for to, _ in good(text)]


def test_empty_lines_in_several_places_are_told_of_by_their_own_lines() -> None:
    text = f"to\n{A}\n\n{B}\n\n\n{A}\n"

    assert [(3, "it is empty"), (5, "it is empty"), (6, "it is empty")] == bad(text)


def test_empty_lines_are_told_of_but_not_those_at_the_end() -> None:
    text = f"number,name\n{A},Ann\n\n  \n{B},Bob\n\n\n"

    assert [(3, "it is empty"), (4, "it is empty")] == bad(text)
    assert [1, 2, 3, 4] == [row.number for row in rows(text)]


def test_a_nul_costs_its_row_only() -> None:
    assert [(2, "it holds a NUL character")] == bad(f"number,name\n{A},A\0nn\n{B},Bob\n")
    assert [B] == [to for to, _ in good(f"number,name\n{A},A\0nn\n{B},Bob\n")]


def test_a_quote_that_is_not_closed_costs_its_row_only() -> None:
    text = f'number,name\n{A},"Ann\n{B},Bob\n{C},Cy\n'

    assert [(2, "a quote is not closed: the file ends in it")] == bad(text)
    assert [B, C] == [to for to, _ in good(text)]
    assert [3, 4] == [row.line for row in rows(text) if isinstance(row, Row)]


def test_a_quote_that_a_later_one_closes_in_the_wrong_place_costs_its_row_only() -> None:
    text = f'number,name\n{A},"Ann\n{B},"Bob"\n{C},Cy\n'

    assert [2] == [line for line, _ in bad(text)]
    assert [B, C] == [to for to, _ in good(text)]


def test_a_quote_that_is_not_closed_in_a_long_file_costs_its_row_only() -> None:
    many = "".join(f"{27_999_100_000 + at},a name\n" for at in range(10_000))

    found = rows(f'number,name\n{A},"Ann\n{many}')

    assert 10_001 == len(found)
    assert [(1, 2)] == [(row.number, row.line) for row in found if isinstance(row, BadRow)]
    assert 10_002 == found[-1].line


def test_an_overlong_row_is_told_of_and_not_kept() -> None:
    text = f"number,name\n{A},{'x' * (3 * LONGEST_RECORD)}\n{B},Bob\n"

    assert [(2, "it is longer than 100,000 characters")] == bad(text)
    assert [B] == [to for to, _ in good(text)]


def test_an_overlong_line_within_an_open_quote_is_told_of_too() -> None:
    text = f'number,name\n{A},"Ann\n{B},{"x" * (2 * LONGEST_RECORD)}\n{C},Cy\n'

    assert [2, 3] == [line for line, _ in bad(text)]
    assert [C] == [to for to, _ in good(text)]


# --- JSON lines ---------------------------------------------------------------------------------


def test_objects_keys_and_plain_numbers() -> None:
    text = f'{{"to": {A}, "name": "Ann", "due": 1.50, "vip": true, "note": null}}\n"{B}"\n{C}\n'

    assert [
        Row(1, 1, A, {"to": A, "name": "Ann", "due": "1.50", "vip": "true"}),
        Row(2, 2, B, {}),
        Row(3, 3, C, {}),
    ] == rows(text)


def test_lines_that_are_no_recipients_are_told_of() -> None:
    deep = "[" * 90_000
    text = (
        f'{{"to": "{A}"}}\n{{"to": \n{{"name": "Bob"}}\n{{"to": ["{B}"]}}\nnull\n\n{deep}\n{{"to":"{C}"}}\n'
    )

    assert [
        (2, "it is no JSON"),
        (3, "it has no 'to'"),
        (4, "'to' is no text and no number"),
        (5, "it is neither a JSON object nor a number"),
        (6, "it is empty"),
        (7, "it is no JSON"),
    ] == bad(text)
    assert [A, C] == [to for to, _ in good(text)]


def test_a_key_may_be_said_and_mapped() -> None:
    assert [(A, {"cell": A, "n": "Ann", "name": "Ann"})] == good(
        f'{{"cell": "{A}", "n": "Ann"}}\n', to="cell", fields={"name": "n"}
    )


def test_the_form_is_told_by_the_name_or_the_first_character(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text(f'"{A}"\n')

    with read_recipients(file) as recipients:
        assert ("jsonl", [Row(1, 1, A, {})]) == (recipients.form, list(recipients))
    assert [(A, {"to": A})] == good(f'\n{{"to": "{A}"}}')
    with pytest.raises(InvalidArgument, match="form 'xml'"):
        rows(A, form="xml")


# --- encodings ----------------------------------------------------------------------------------

NAMES = f"number,name\n{A},Zoë Ж\n"


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_unicode_and_ends_of_lines_are_found_out(mark: bytes, codec: str, end: str) -> None:
    octets = mark + NAMES.replace("\n", end).encode(codec)

    with read_recipients(io.BytesIO(octets)) as recipients:
        names = [row.fields["name"] for row in recipients if isinstance(row, Row)]

    assert (codec, ["Zoë Ж"]) == (recipients.encoding, names)


def test_utf_16_is_read_as_such_when_it_is_said() -> None:
    marked = codecs.BOM_UTF16_BE + NAMES.encode("utf-16-be")

    assert ["Zoë Ж"] == [fields["name"] for _, fields in good(marked, encoding="UTF-16")]
    assert [A] == [to for to, _ in good(NAMES.encode("utf-16-le"), encoding="utf-16-le")]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_encodings_are_read_when_they_are_said(encoding: str) -> None:
    octets = f"number,name\n{A},Zoë\n".encode(encoding)

    assert ["Zoë"] == [fields["name"] for _, fields in good(octets, encoding=encoding)]


@pytest.mark.parametrize("before", [0, 1, 100_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_octet_that_is_not_of_the_encoding_is_named_with_its_line(before: int, end: str) -> None:
    text = f"number{end}" + f"{A}{end}" * before

    with pytest.raises(InvalidFile) as refused:
        rows(text.encode() + f"Zoë{end}".encode("cp1252"))

    assert f"the file, line {before + 2}: this is not utf-8 (octet 0xEB)" in str(refused.value)
    assert "such as cp1252" in str(refused.value)


@pytest.mark.parametrize(
    ("octets", "options", "said"),
    [
        (b"", {}, "is empty"),
        (codecs.BOM_UTF8, {}, "is empty"),
        (NAMES.encode("utf-16-le"), {}, "looks like UTF-16 without a mark"),
        (NAMES.encode("utf-16-be"), {}, "looks like UTF-16 without a mark"),
        (NAMES.encode(), {"encoding": "utf-16"}, "has no mark of UTF-16"),
        (NAMES.encode("utf-32"), {}, "is UTF-32"),
        (NAMES.encode(), {"encoding": "klingon"}, "encoding 'klingon' is not known"),
        (NAMES.encode(), {"encoding": "base64"}, "encoding 'base64' is not known"),
        (codecs.BOM_UTF16_LE + NAMES.encode("utf-16-le")[:-1], {}, "it ends within a character"),
        (b"PK\x03\x04rest", {}, "a workbook or an archive: save it as CSV"),
        (b"\x1f\x8brest", {}, "is compressed"),
        ("Zoë".encode()[:-1], {}, "line 1: this is not utf-8"),
    ],
)
def test_what_is_no_text_is_refused(octets: bytes, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        rows(octets, **options)

    assert said in str(refused.value)


# --- files --------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for missing in (tmp_path / "nothing", tmp_path):
        with pytest.raises(InvalidFile, match="cannot be read"):
            read_recipients(missing)


def test_a_walk_goes_on_behind_any_row(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"number,name\n{A},Ann\n{B}\n{C},Cy\n")

    with read_recipients(file) as recipients:
        whole = list(recipients)
        parts = [list(recipients.rows(after=after)) for after in range(5)]

    assert [whole[after:] for after in range(5)] == parts


def test_the_digest_is_that_of_the_octets(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(f"{A}\n".encode())

    with read_recipients(file) as first, read_recipients(io.BytesIO(f"{A}\n".encode())) as second:
        assert (first.digest, 12) == (second.digest, second.octets)
    with read_recipients(io.BytesIO(f"{B}\n".encode())) as other:
        assert first.digest != other.digest


def test_a_pipe_is_read_once_and_walked_through_as_often_as_wanted() -> None:
    reading, writing = os.pipe()
    text = "number\n" + f"{A}\n" * 40_000

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(text.encode())

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as pipe, read_recipients(pipe) as recipients:
        walks = [sum(1 for _ in recipients), sum(1 for _ in recipients)]
    thread.join()

    assert ([40_000, 40_000], len(text)) == (walks, recipients.octets)


def test_the_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"{A}\n" * 50_000)

    with read_recipients(file) as recipients:
        walk = iter(recipients)
        next(walk)
        early = recipients.octets_read
        assert 49_999 == sum(1 for _ in walk)

        assert early < recipients.octets_read == recipients.octets


class Endless(io.RawIOBase):
    """A stream of rows that exist only while they are read; it can be read again, but is never held."""

    def __init__(self, count: int) -> None:
        self._size = count * 32
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        first, skip = divmod(self._at, 32)
        wanted = min(len(buffer), self._size - self._at)
        last = (self._at + wanted) // 32 + 1
        part = b"".join(b"%011d,a name of a length.\n" % (27_999_000_000 + at) for at in range(first, last))
        buffer[:wanted] = part[skip : skip + wanted]
        self._at += wanted
        return wanted


def walked(count: int) -> Iterator[int]:
    with read_recipients(io.BufferedReader(Endless(count))) as recipients:  # type: ignore[arg-type]
        yield sum(1 for row in recipients if isinstance(row, Row))


def test_the_memory_of_a_walk_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "CHUNK_OCTETS", 1 << 14)
    peaks = []
    for count in (5_000, 25_000):
        tracemalloc.start()
        assert [count] == list(walked(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.05 * peaks[0]
