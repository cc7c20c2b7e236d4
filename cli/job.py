"""`smsfleet job` and `jobs`: one job with its time-line, and the search for jobs."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.limits import limit_option
from smsfleet.cli.times import SECONDS
from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidArgument, StoreError
from smsfleet.config.masking import mask_number, mask_string

if TYPE_CHECKING:
    from smsfleet.tasks.status import JobStatus, TimelineEntry

LOOK_AGAIN_S = 1.0
"""A line that changes no status (such as SENDING) is seen after so long at the latest."""

NOT_AS_WISHED = 1

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_NUMBER = click.option("--show-number", is_flag=True, help="Show the destination; else it is masked.")


@click.command(
    epilog="""\b
Exit codes: 0 shown (with --follow: final), 1 no such job, or with --timeout not final in time.
Examples:
  smsfleet job JOB_ID
  smsfleet job order:17 --follow --timeout 60
  smsfleet job JOB_ID --json | jq '.timeline[].event'
"""
)
@click.argument("job_id")
@click.option("--follow", is_flag=True, help="Go on until it is final: lines as they come.")
@click.option("--timeout", type=SECONDS, default=math.inf, help="Follow for so many seconds at most.")
@_NUMBER
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow one line for each entry.")
def job(job_id: str, *, follow: bool, timeout: float, show_number: bool, as_json: bool) -> None:
    """Show a job, by its id or its idempotency key, with its time-line: who said what, and when."""
    from smsfleet.tasks import job_status
    from smsfleet.tasks.waiting import changes

    if not follow:
        show(job_status(job_id), as_json=as_json, show_number=show_number)
        return
    shown: set[TimelineEntry] = set()
    found = None
    for found in changes(job_id, timeout, look_again_s=LOOK_AGAIN_S):
        if not shown and not as_json:
            show(found, as_json=False, show_number=show_number, timeline=False)
        for entry in found.timeline:
            if entry not in shown:
                shown.add(entry)
                click.echo(json.dumps(_entry(entry)) if as_json else _line(entry))
    if found is None or not found.final:
        sys.exit(NOT_AS_WISHED)
    if not as_json:
        click.echo(_summary(found))


@click.command(
    epilog="""\b
Times: 30m, 2h, 3d ago, or 2026-11-27T18:00 (UTC where no zone is given).
Examples:
  smsfleet jobs --state HELD --state FAILED_UNKNOWN
  smsfleet jobs --to +27999100001 --since 2d
  smsfleet jobs --status 7 --lane high --since 1h --json | jq -r '.jobs[].job_id'
"""
)
@click.option("--to", help="Destination.")
@click.option("--state", "states", multiple=True, help="State, such as HELD; several may be given.")
@click.option("--status", "statuses", multiple=True, type=click.IntRange(1, 999), help="Clickatell's number.")
@click.option("--lane", "lanes", multiple=True, type=click.Choice(["high", "normal", "bulk"]))
@click.option("--since", help="Taken in after this time.")
@click.option("--until", help="Taken in before this time.")
@limit_option(50, "Jobs")
@_NUMBER
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def jobs(  # noqa: PLR0913 - the options of the command
    *,
    to: str | None,
    states: tuple[str, ...],
    statuses: tuple[int, ...],
    lanes: tuple[str, ...],
    since: str | None,
    until: str | None,
    limit: int,
    show_number: bool,
    as_json: bool,
) -> None:
    """Find jobs, the newest first.

    No index is kept for it: every job is looked at, a few hundred at a time, so that nobody else waits. The
    progress is on standard error.
    """
    from smsfleet.store.search import Search
    from smsfleet.tasks.app import runtime
    from smsfleet.tasks.search import Criteria, find_jobs
    from smsfleet.workers.addresses import destination

    wanted = checked_states(states)
    now = runtime()
    country_code = now.settings.default_country_code or None
    criteria = Criteria(
        to=destination(to, default_country_code=country_code) if to else "",
        states=wanted,
        statuses=frozenset(statuses),
        lanes=frozenset(lanes),
        since_ms=_moment_ms("since", since) if since else 0,
        until_ms=_moment_ms("until", until) if until else None,
    )
    with progress_bar("looking", now.store.run(Search(now.keys).keys_held())) as bar:
        found, total = find_jobs(criteria, limit, lambda keys, _: bar.update(keys))
    if as_json:
        rows = [as_shown(one, show_number=show_number) for one in found]
        click.echo(json.dumps({"total": total, "jobs": rows}, indent=2))
        return
    for one in found:
        to_shown = one.to if show_number else mask_number(one.to)
        status = "---" if one.status is None else f"{one.status:03d}"
        click.echo(f"{one.job_id}  {_at(one.created)}  {one.lane:<6}  {to_shown}  {status} {one.state}")
    click.echo(
        f"{total} found" + (f", {total - len(found)} older ones not shown" if total > len(found) else "")
    )


def checked_states(states: Iterable[str]) -> frozenset[str]:
    """States that were given as words, in any case. Raises InvalidArgument."""
    from smsfleet.tasks.status import FINAL_STATES, OPEN_STATES

    known = (*OPEN_STATES, *FINAL_STATES)
    wanted = frozenset(state.upper() for state in states)
    if unknown := wanted - set(known):
        raise InvalidArgument(f"state {min(unknown)!r} is refused: it must be one of {', '.join(known)}")
    return wanted


def progress_bar(label: str, length: int) -> Any:
    """A bar on standard error, for people only: a script's error stream stays empty.

    None where nothing can be overwritten: click would write the codes for it all the same.
    """
    hidden = not sys.stderr.isatty() or os.environ.get("TERM") in ("dumb", "unknown")
    return click.progressbar(length=max(1, length), label=label, file=sys.stderr, hidden=hidden)


def show(found: JobStatus, *, as_json: bool, show_number: bool = False, timeline: bool = True) -> None:
    """Print a job."""
    if as_json:
        click.echo(json.dumps(as_shown(found, show_number=show_number), indent=2))
        return
    click.echo(f"job       {found.job_id}")
    click.echo(f"to        {found.to if show_number else mask_number(found.to)}")
    click.echo(_summary(found))
    if found.client:
        click.echo(f"client    {found.client}")
    if found.at:
        click.echo(f"at        {found.at.astimezone().isoformat(timespec='seconds')}")
    if found.error:
        click.echo(f"error     {mask_string(found.error)}")
    if found.ambiguous or found.duplicates:
        click.echo(f"ambiguous {found.ambiguous}, duplicates {found.duplicates}")
    if not found.receipts:
        click.echo("receipts  none: not asked for, or the account is bound as a transmitter only")
    if found.replaced:
        click.echo(f"replaced  {found.replaced} places by transliteration")
    segments = (f"segment {one.number} {one.state} {one.message_id}" for one in found.segments)
    for line in (*_why_it_waits(found), *segments):
        click.echo(line)
    for entry in found.timeline if timeline else ():
        click.echo(_line(entry))


def _why_it_waits(found: JobStatus) -> Iterator[str]:
    """What keeps the whole lane of a job that is not sent."""
    if found.state not in {"PENDING", "QUEUED"}:
        return
    from smsfleet.ops.causes import stop
    from smsfleet.ops.snapshot import take
    from smsfleet.tasks.app import runtime

    now = runtime()
    with suppress(StoreError):  # a user of the server who may ask for jobs may not see all of the account
        if cause := stop(take(now.store, now.settings.account), found.lane):
            yield f"waits     {cause.why}: {cause.do}"


def as_shown(found: JobStatus, *, show_number: bool) -> dict[str, Any]:
    """A job for JSON."""
    values = found.as_dict()
    if not show_number:
        values["to"] = mask_number(found.to)
        for entry in values["timeline"]:
            entry["event"] = mask_string(entry["event"])
    return values


def _summary(found: JobStatus) -> str:
    shown = "no status yet" if found.status is None else f"{found.status:03d} {found.status_name}"
    return f"state     {found.state}{'' if found.final else ' (open)'}\nstatus    {shown}"


def _line(entry: TimelineEntry) -> str:
    number = f" segment {entry.segment}" if entry.segment else ""
    return f"  {_at(entry.at)}  {entry.source:<11} {mask_string(entry.event)}{number}"


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(), "source": entry.source, "event": mask_string(entry.event),
        "segment": entry.segment,
    }  # fmt: skip


def _at(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _moment_ms(name: str, value: str) -> int:
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", value):
        return epoch_ms() - int(ago[1]) * _UNITS[ago[2]] * 1000
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidArgument(
            f"--{name} {value!r} is refused: it must be like 30m, 2h, 3d or 2026-11-27T18:00"
        ) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
