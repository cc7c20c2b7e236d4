"""`smsfleet campaign export | refused`: what became of each row, while it runs or later."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from smsfleet.cli.job import checked_states, progress_bar

_ID = click.argument("campaign_id", metavar="ID")
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True
)

BAR_ROWS = 500

RESULT_COLUMNS = ("row", "job_id", "to", "state", "status", "final", "error")
REFUSAL_COLUMNS = ("row", "code", "reason")


@click.command(
    epilog="""\b
Examples:
  smsfleet campaign export C1a2b3c4d5e > results.csv
  smsfleet campaign export autumn-2026 --format jsonl --state UNDELIVERED --state EXPIRED
  smsfleet campaign export C1a2b3c4d5e --format jsonl | jq -r 'select(.final | not) | .job_id'
"""
)
@_ID
@_FORMAT
@click.option("--state", "states", multiple=True, help="Only rows in this state; several may be given.")
def export(campaign_id: str, *, form: str, states: tuple[str, ...]) -> None:
    """Print what became of each row that is taken, in the order of the rows; it may run meanwhile."""
    from smsfleet.tasks import find_campaign

    wanted = checked_states(states)
    campaign = find_campaign(campaign_id)
    counts = campaign.counts()

    def rows() -> Iterator[dict[str, Any]]:
        bar = progress_bar("exporting", counts.rows)
        bar.hidden = bar.hidden or sys.stdout.isatty()  # the rows themselves are seen
        with bar:
            for one in campaign.results():
                if one.row % BAR_ROWS == 0:
                    bar.update(BAR_ROWS)
                if not wanted or one.state in wanted:
                    yield one.as_dict()

    _print(rows(), RESULT_COLUMNS, form)


@click.command(
    epilog="""\b
Examples:
  smsfleet campaign refused C1a2b3c4d5e
  smsfleet campaign refused C1a2b3c4d5e --format jsonl | jq -r .row
"""
)
@_ID
@_FORMAT
def refused(campaign_id: str, *, form: str) -> None:
    """Print the rows that could never be sent, with their reasons; the first 100,000 are kept.

    Row 1 is the first behind the heading. Rows whose file could not be read so far say their line.
    """
    from smsfleet.tasks import find_campaign

    _print(map(asdict, find_campaign(campaign_id).refused()), REFUSAL_COLUMNS, form)


def _print(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], form: str) -> None:
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    if form == "csv":
        writer.writeheader()
    for row in rows:
        if form == "csv":
            writer.writerow(row)
        else:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
