"""`smsfleet campaign plan`: what a campaign would be, before anything of it is sent."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.campaign_file import campaign_options, described, opened, walked_through
from smsfleet.cli.limits import limit_option
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.spans import span

if TYPE_CHECKING:
    from smsfleet.tasks.census import Refused
    from smsfleet.tasks.plan import Plan

NOT_AS_WISHED = 1

INVALID_COLUMNS = ("row", "line", "code", "why")


@click.command(
    epilog="""\b
Exit codes: 0 all rows would be sent and nothing speaks against it, 1 some would not or there is a warning,
2 the file or the text cannot be used at all.
Examples:
  smsfleet campaign plan people.csv --text "Hello {name}"
  smsfleet campaign plan people.csv --text "Hello {first}" --to Mobile --map first="First name"
  smsfleet campaign plan people.jsonl --text "Sale" --invalid refused.csv --json | jq .credits
  zcat people.csv.gz | smsfleet campaign plan - --text "Sale" --offline
"""
)
@campaign_options
@click.option("--invalid", metavar="FILE", help="Write all rows that would not be sent here, as CSV.")
@limit_option(20, "Rows that would not be sent", least=0)
@click.option(
    "--balance", type=click.IntRange(min=0), help="Credits at hand; else those of `smsfleet credits`."
)
@click.option("--offline", is_flag=True, help="Do not ask Redis: opt-outs, pauses and quotas stay unknown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(  # noqa: PLR0913 - the options of the command
    file: str,
    text: str,
    *,
    no_template: bool,
    invalid: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what a campaign would be: what would be sent and what would not, segments, credits, time.

    FILE is CSV or JSON lines, `-` for standard input. Nothing is sent, and nothing is written to Redis.
    """
    from smsfleet.tasks.plan import plan_campaign

    listed: list[Refused] = []
    if invalid is not None and _same(invalid, file):
        raise InvalidArgument(f"--invalid {invalid} is refused: it is the file with the recipients")
    with opened(file, options) as recipients, _written(invalid) as write:

        def refused(row: Refused) -> None:
            if len(listed) < limit:
                listed.append(row)
            write(row)

        with walked_through(recipients, "planning") as progress:
            found = plan_campaign(
                recipients, text, template=not no_template, refused=refused, progress=progress, **options
            )
    if as_json:
        rows = [dict(zip(INVALID_COLUMNS, row, strict=True)) for row in listed]
        click.echo(json.dumps(found.as_dict() | {"listed": rows}, indent=2, ensure_ascii=False))
    else:
        click.echo(f"file        {described(recipients)}")
        _show(found, listed, invalid)
    if found.refused or found.warnings:
        sys.exit(NOT_AS_WISHED)


def _same(one: str, other: str) -> bool:
    """Whether both are the same file; one that cannot be looked at is told when it is opened."""
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


@contextmanager
def _written(path: str | None) -> Iterator[Callable[[Refused], Any]]:
    """What writes a row into the file of the refused ones."""
    if path is None:
        yield lambda _: None
        return
    try:
        # what is no character of UTF-8, such as a lone surrogate, is written as its number
        out = Path(path).open("w", encoding="utf-8", newline="", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be written: {error.strerror or error}") from None
    with out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(INVALID_COLUMNS)
        yield writer.writerow


def _show(found: Plan, listed: list[Refused], invalid: str | None) -> None:
    from smsfleet.workers.credits import spelled

    not_sent = sum(found.refused.values())
    click.echo(f"rows        {found.rows:,}, of which {found.recipients:,} would be sent")
    for code, count in found.refused.items():
        click.echo(f"not sent    {count:,} {code}")
    for row in listed:
        place = f"row {row.row}" if row.line is None else f"line {row.line}"
        click.echo(f"            {place}: {row.why}")
    if not_sent > len(listed):
        where = f"all in {invalid}" if invalid else "--invalid FILE writes them all"
        click.echo(f"            and {not_sent - len(listed):,} more: {where}")
    for encoding, counts in found.messages.items():
        for segments, count in counts.items():
            of = "1 segment" if segments == 1 else f"{segments} segments"
            click.echo(f"messages    {count:,} {encoding} of {of}")
    click.echo(f"segments    {found.segments:,}")
    click.echo(f"credits     {spelled(found.credits)}" + _of_balance(found.balance, found.shortfall))
    behind = f", {found.waiting:,} that wait before them included" if found.waiting else ""
    click.echo(f"takes       {span(found.drain_s)} at {found.rate:g} segments a second{behind}")
    given = "the gateway's own" if found.validity_s is None else span(found.validity_s)
    click.echo(f"validity    {given}; at least {span(found.advised_validity_s)} advised")
    click.echo(f"redis       about {found.redis_octets / 1e6:,.1f} MB while the jobs are kept")
    for warning in found.warnings:
        click.echo(f"warning     {warning}")


def _of_balance(balance: Fraction | None, shortfall: Fraction | None) -> str:
    from smsfleet.workers.credits import spelled

    if balance is None:
        return ""
    return f" of {spelled(balance)}" + (f": {spelled(shortfall)} are missing" if shortfall else "")
