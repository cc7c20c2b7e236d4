"""What `smsfleet campaign plan` and `start` have in common: the file, the text, and how far they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.estimate import text_options
from smsfleet.cli.job import progress_bar
from smsfleet.cli.times import WHEN
from smsfleet.config.errors import InvalidArgument

if TYPE_CHECKING:
    from smsfleet.tasks.recipients import Recipients

FILE_OPTIONS = ("form", "file_encoding", "delimiter", "heading", "to", "mapped")

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}

_DECORATORS = (
    click.argument("file", metavar="FILE"),
    click.option("--text", required=True, help="The text; {name} takes the field `name` of each row."),
    click.option("--no-template", is_flag=True, help="Braces are braces."),
    click.option(
        "--to", metavar="COLUMN", help="Column or key of the numbers, or its place from 1; found when plain."
    ),
    click.option(
        "--map", "mapped", multiple=True, metavar="FIELD=COLUMN", help="A field of the text and its column."
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["auto", "csv", "jsonl"]),
        default="auto",
        show_default=True,
        help="By the name of the file, else by its first character.",
    ),
    click.option(
        "--file-encoding",
        default="auto",
        show_default=True,
        help="auto: UTF-8, or UTF-16 with a mark; else a name such as cp1252.",
    ),
    click.option("--delimiter", help="What parts the columns: a character, or tab; found when plain."),
    click.option(
        "--heading/--no-heading",
        default=None,
        help="Whether the first row names the columns; it does when no cell of it could be a number.",
    ),
    click.option("--sender", default="", help="Registered sender ID; empty for the account's own."),
    click.option("--lane", default="bulk", type=click.Choice(["high", "normal", "bulk"]), show_default=True),
    click.option("--client", default="", help="Whose daily credits it takes (SMSFLEET_QUOTAS)."),
    click.option("--validity", type=WHEN, help="Seconds, or an ISO 8601 time, after which nothing is sent."),
    click.option("--rate", type=float, help="Segments a second, below the account's."),
    click.option("--max-segments", type=int, help="Most segments of a text; the setting when not given."),
    click.option(
        "--duplicates",
        type=click.Choice(["refuse", "send"]),
        default="refuse",
        show_default=True,
        help="What becomes of a number that came before.",
    ),
    click.option("--ignore-opt-out", is_flag=True, help="Send to numbers that opted out too."),
    text_options,
)


def campaign_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The file, how it is read, and what is sent to its rows."""
    for decorate in reversed(_DECORATORS):
        command = decorate(command)
    return command


@contextmanager
def opened(file: str, options: dict[str, Any]) -> Iterator[Recipients]:
    """The file of these options, which are taken out of `options`; `-` is standard input."""
    from smsfleet.tasks.recipients import read_recipients

    form, encoding, delimiter, heading, to, mapped = (options.pop(name) for name in FILE_OPTIONS)
    if delimiter is not None:
        delimiter = _DELIMITERS.get(delimiter, delimiter)
    source = sys.stdin.buffer if file == "-" else file
    with read_recipients(
        source,
        form=form,
        encoding=encoding,
        delimiter=delimiter,
        heading=heading,
        to=to,
        fields=dict(map(_mapping, mapped)),
    ) as recipients:
        yield recipients


@contextmanager
def walked_through(recipients: Recipients, label: str) -> Iterator[Callable[[int], None]]:
    """Shows how much of the file was walked through; the function is to be called now and then."""
    with progress_bar(label, recipients.octets) as bar:
        yield lambda _rows: bar.update(recipients.octets_read - bar.pos)


def described(recipients: Recipients) -> str:
    """How the file is read, in a line: whoever reads it sees what was guessed."""
    columns = recipients.columns
    if recipients.form == "jsonl":
        how = f"JSON lines, numbers in {columns.to!r}" if columns.to else "JSON lines, a number each"
    else:
        parted = {"\t": "tab"}.get(recipients.delimiter, recipients.delimiter)
        heading = "heading" if columns.heading else "no heading"
        how = f"CSV by {parted!r}, {heading}, numbers in column {columns.to!r}"
    return f"{recipients.name} ({recipients.encoding}, {how})"


def _mapping(word: str) -> tuple[str, str]:
    field, equals, column = word.partition("=")
    if not equals or not field or not column:
        raise InvalidArgument(f"--map {word!r} is refused: it must be FIELD=COLUMN")
    return field, column
