"""How far a campaign is: for people in lines or as a bar with the time that is left, for scripts as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.job import progress_bar
from smsfleet.cli.look import resume_of
from smsfleet.cli.times import INTERRUPTED

if TYPE_CHECKING:
    from smsfleet.tasks.campaign import Campaign, Counts, Progress

POLL_S = 0.5
LINE_S = 10.0
"""How often a line is printed where no bar can be drawn."""

_OF_COUNTS = (
    "pending", "queued", "held", "accepted", "delivered", "unconfirmed", "undelivered", "rejected", "expired",
    "failed_unknown", "cancelled", "retried",
)  # fmt: skip


def follow(campaign: Campaign, *, as_json: bool, timeout: float) -> Progress:
    """Show the campaign until nothing more is expected of it, or the time is over. What it is then.

    Ends the command at Ctrl-C, and says that the campaign goes on.
    """
    try:
        return _follow(campaign, as_json=as_json, timeout=timeout)
    except KeyboardInterrupt:
        click.echo(f"\nit goes on: smsfleet campaign show {campaign.id} --follow", err=True)
        sys.exit(INTERRUPTED)


def _follow(campaign: Campaign, *, as_json: bool, timeout: float) -> Progress:
    until, spoken_at, spoken = time.monotonic() + timeout, 0.0, ""
    found = campaign.progress()
    with progress_bar(found.state, _total(found.counts)) as bar:
        while True:
            bar.length, bar.label = max(1, _total(found.counts)), found.state
            bar.update(_total(found.counts) - found.counts.open - bar.pos)
            is_over = not found.counts.open and found.state in {"finished", "cancelled"}
            line = json.dumps({"event": "progress", **found.as_dict()}) if as_json else short(found)
            pause_s = POLL_S if as_json else LINE_S
            if (
                (as_json or bar.hidden)
                and line != spoken
                and (is_over or time.monotonic() > spoken_at + pause_s)
            ):
                click.echo(line)
                spoken_at, spoken = time.monotonic(), line
            if is_over or time.monotonic() > until:
                return found
            time.sleep(POLL_S)
            found = campaign.progress()


def _total(counts: Counts) -> int:
    return counts.rows + counts.retried


def short(found: Progress) -> str:
    """A campaign in one line."""
    counts = found.counts
    name = f"  {found.name}" if found.name else ""
    return (
        f"{found.campaign_id}  {found.state:<10}  {100 * found.done:3.0f} % of {_total(counts):,},"
        f" {counts.delivered:,} delivered, {counts.refused:,} refused{name}"
    )


def lines_of(found: Progress) -> Iterator[str]:
    """A campaign in lines."""
    counts = found.counts
    yield f"campaign        {found.campaign_id}" + (f"  {found.name}" if found.name else "")
    whole = "" if found.submitted or found.state == "cancelled" else ", not all rows are taken yet"
    more = resume_of(found.campaign_id) if found.state == "paused" else ""
    yield f"state           {found.state}, {100 * found.done:.0f} % done{whole}{more}"
    if found.idempotency_key:
        yield f"key             {found.idempotency_key}"
    yield f"created         {_time(found.created)}"
    if found.at:
        yield f"at              {_time(found.at)}"
    rate = "the account's" if found.rate is None else f"{found.rate:g} segments a second"
    yield f"lane            {found.lane}, rate: {rate}"
    yield f"rows            {counts.rows:,}"
    for code, count in counts.refused_by.items():
        yield f"refused         {count:,} {code}"
    for name in _OF_COUNTS:
        if count := getattr(counts, name):
            yield f"{name.replace('_', ' '):<15} {count:,}"


def show(found: Progress, *, as_json: bool) -> None:
    """Print a campaign."""
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    for line in lines_of(found):
        click.echo(line)


def _time(moment: Any) -> str:
    return str(moment.astimezone().isoformat(timespec="seconds"))
