"""`smsfleet optout list | add | remove | import | export`: who wants no more messages."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TextIO

import click

from smsfleet.cli.job import progress_bar
from smsfleet.cli.limits import limit_option
from smsfleet.cli.optout_file import NAMES, BadLine, lines_of, read_entries
from smsfleet.config.errors import InvalidArgument
from smsfleet.store.opt_out import OptedOut
from smsfleet.tasks.app import runtime
from smsfleet.workers.addresses import destination, sender

NOT_AS_WISHED = 1

BATCH = 1000
BAD_LINES_SHOWN = 20


@click.group(
    epilog="""\b
Examples:
  smsfleet optout list
  smsfleet optout add +27999100001
  smsfleet optout import numbers.csv
"""
)
def optout() -> None:
    """Numbers that want no more messages: of all senders, or of one.

    People opt out by replying STOP (SMSFLEET_OPT_OUT_WORDS) and in again by START. A job to such a number is
    refused, and one that is on its way is cancelled, unless it was sent with ignore_opt_out.
    """


_NUMBERS = click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
_SENDER = click.option("--sender", "of_sender", default="", help="Of this sender only; else of all.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@optout.command(
    name="list",
    epilog="""\b
Exit codes: 0 shown, 1 the number that was asked for has not opted out.
Examples:
  smsfleet optout list --limit 20
  smsfleet optout list +27999100001 --json
""",
)
@click.argument("number", required=False)
@limit_option(100, "Entries")
@_JSON
def list_entries(*, number: str | None, limit: int, as_json: bool) -> None:
    """Show the list, or what it holds of one number."""
    now = runtime()
    if number:
        entries = now.store.run(now.opt_outs.of(destination(number)))
        total = len(entries)
    else:
        total = now.store.run(now.opt_outs.count())
        entries = list(islice(_everybody(), limit))
    if as_json:
        click.echo(json.dumps({"total": total, "opted_out": [_row(entry) for entry in entries]}, indent=2))
    else:
        for entry in entries:
            of = entry.sender or "all senders"
            click.echo(f"{entry.number:<15}  {of:<16}  {_time(entry)}  {entry.why}")
        more = total - len(entries)
        click.echo(f"{total} opted out" + (f", {more} not shown: smsfleet optout export" if more > 0 else ""))
    if number and not entries:
        sys.exit(NOT_AS_WISHED)


@optout.command(
    epilog="""\b
Examples:
  smsfleet optout add +27999100001 +27999100002
  smsfleet optout add 27999100001 --sender ACME --json
"""
)
@_NUMBERS
@_SENDER
@_JSON
def add(*, numbers: Sequence[str], of_sender: str, as_json: bool) -> None:
    """Put numbers on the list."""
    entries = [OptedOut(destination(number), sender(of_sender)) for number in numbers]
    opt_outs = runtime().opt_outs
    new = _in_batches(entries, lambda part: opt_outs.add(part, keep_older=True))
    _say({"new": sum(new), "known": len(new) - sum(new)}, as_json=as_json)


@optout.command(
    epilog="""\b
Exit codes: 0 all were on the list, 1 some were not.
Examples:
  smsfleet optout remove +27999100001
  smsfleet optout remove 27999100001 --sender ACME
"""
)
@_NUMBERS
@_SENDER
@_JSON
def remove(*, numbers: Sequence[str], of_sender: str, as_json: bool) -> None:
    """Take numbers off the list. Without --sender the entry of all senders is meant."""
    entries = [OptedOut(destination(number), sender(of_sender)) for number in numbers]
    opt_outs = runtime().opt_outs
    was = _in_batches(entries, opt_outs.remove)
    _say({"removed": sum(was), "not on the list": len(was) - sum(was)}, as_json=as_json)
    if not all(was):
        sys.exit(NOT_AS_WISHED)


@optout.command(
    name="import",
    epilog="""\b
CSV: number[,sender[,since[,why]]], a first line that begins with `number` is a heading. JSON lines: objects
with these names. `since` is ISO 8601.
Exit codes: 0 all lines were read, 1 some were skipped, 2 some cannot be read: nothing was imported.
Examples:
  smsfleet optout import numbers.csv
  smsfleet optout export --format jsonl | smsfleet optout import - --json
""",
)
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--skip-bad", is_flag=True, help="Import the other lines when some cannot be read.")
@_JSON
def import_entries(*, file: TextIO, skip_bad: bool, as_json: bool) -> None:
    """Put the numbers of a file (- for standard input) on the list, all or none of them.

    An entry that is on the list stays as it is. Segments that wait to be sent are stopped too.
    """
    entries: list[OptedOut] = []
    bad: list[BadLine] = []
    for line in read_entries(lines_of(file)):
        (bad if isinstance(line, BadLine) else entries).append(line)  # type: ignore[arg-type]
    for line in bad[:BAD_LINES_SHOWN]:
        click.echo(f"{file.name}, line {line.number}: {line.why}", err=True)
    if len(bad) > BAD_LINES_SHOWN:
        click.echo(f"and {len(bad) - BAD_LINES_SHOWN} more lines", err=True)
    if bad and not skip_bad:
        raise InvalidArgument(
            f"{len(bad)} of {len(bad) + len(entries)} lines cannot be read: nothing is imported;"
            " mend them, or --skip-bad"
        )
    opt_outs = runtime().opt_outs
    new = _in_batches(entries, lambda part: opt_outs.add(part, keep_older=True))
    _say({"new": sum(new), "known": len(new) - sum(new), "skipped": len(bad)}, as_json=as_json)
    if bad:
        sys.exit(NOT_AS_WISHED)


@optout.command(
    epilog="""\b
Examples:
  smsfleet optout export > optout.csv
  smsfleet optout export --format jsonl | wc -l
"""
)
@click.option("--format", "form", type=click.Choice(("csv", "jsonl")), default="csv", show_default=True)
def export(*, form: str) -> None:
    """Print the whole list in a form that import reads; in no order."""
    out = sys.stdout
    writer = csv.DictWriter(out, NAMES, lineterminator="\n")
    if form == "csv":
        writer.writeheader()
    for entry in _everybody():
        if form == "csv":
            writer.writerow(_row(entry))
        else:
            out.write(json.dumps(_row(entry), ensure_ascii=False) + "\n")


def _in_batches(entries: Sequence[OptedOut], call: Callable[[Sequence[OptedOut]], Any]) -> list[bool]:
    store = runtime().store
    done: list[bool] = []
    length = len(entries)
    bar = progress_bar("storing", length)
    bar.hidden = bar.hidden or length < 5 * BATCH
    with bar as shown:
        for first in range(0, length, BATCH):
            done += store.run(call(entries[first : first + BATCH]))
            shown.update(BATCH)
    return done


def _everybody() -> Iterator[OptedOut]:
    now = runtime()
    for page in now.opt_outs.pages():
        for entries in now.store.run_all(page):
            yield from entries


def _say(counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({name.replace(" ", "_"): count for name, count in counts.items()}))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))


def _row(entry: OptedOut) -> dict[str, Any]:
    return {"number": entry.number, "sender": entry.sender, "since": _time(entry), "why": entry.why}


def _time(entry: OptedOut) -> str:
    return datetime.fromtimestamp(entry.since_ms / 1000, UTC).isoformat(timespec="milliseconds")
