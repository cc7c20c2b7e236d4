"""`smsfleet held list | resend | fail`: segments of which nobody knows whether the gateway accepted them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from smsfleet.cli.limits import limit_option
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.masking import mask_number
from smsfleet.store.doubts import Held
from smsfleet.store.keys import ref, split_ref
from smsfleet.store.records import JobRecord
from smsfleet.tasks.app import runtime

NOT_AS_WISHED = 1

WISHED = {"resend": "queued", "fail": "failed"}

BATCH = 100

SAID = {
    "queued": "queued: it is sent again",
    "failed": "failed: its job says that it may have been delivered",
    "gone": "not held any more: nothing done",
}
"""The words of release_held.lua."""


@click.group(
    epilog="""\b
Examples:
  smsfleet held list
  smsfleet held resend 3f0c2d...#1
  smsfleet held fail --all --yes
"""
)
def held() -> None:
    """Decide about segments whose outcome is unknown.

    Their octets may have left, and no answer came: the link broke, or the binder was killed. A late answer,
    or a receipt that can be no other's, still ends the hold by itself.
    """


@held.command(
    name="list",
    epilog="""\b
Examples:
  smsfleet held list --limit 20
  smsfleet held list --json | jq -r '.held[].ref'
""",
)
@limit_option(100, "Segments")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_held(*, limit: int, as_json: bool) -> None:
    """Show what is held, those first whose hold ends first. Numbers are masked."""
    now = runtime()
    total = now.store.run(now.doubts.held_count())
    rows = [_row(segment) for segment in _page(limit)]
    if as_json:
        click.echo(json.dumps({"total": total, "held": rows}, indent=2))
        return
    for row in rows:
        ends = f"until {row['until']}" if row["until"] else "until somebody decides"
        click.echo(f"{row['ref']}  {row['lane'] or '?':<6}  {row['to'] or 'job is gone'}  {ends}")
    click.echo(f"{total} held" + (f", {total - len(rows)} not shown" if total > len(rows) else ""))


_REFS = click.argument("refs", nargs=-1, metavar="[REF|JOB_ID]...")
_ALL = click.option("--all", "everything", is_flag=True, help="All that is held now.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; --all then needs --yes.")


@held.command(
    epilog="""\b
Exit codes: 0 all were queued again, 1 some were not (any more) held, or too late to send.
Examples:
  smsfleet held resend 3f0c2d...#1      one segment
  smsfleet held resend 3f0c2d...        all held segments of a job
"""
)
@_REFS
@_ALL
@_YES
@_JSON
def resend(*, refs: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Send held segments again: a recipient may get them twice.

    One whose validity is over ends as failed instead.
    """
    _decide("resend", refs, everything=everything, yes=yes, as_json=as_json)


@held.command(
    epilog="""\b
Exit codes: 0 all were given up, 1 some were not (any more) held.
Examples:
  smsfleet held fail 3f0c2d...#1
  smsfleet held fail --all --yes --json
"""
)
@_REFS
@_ALL
@_YES
@_JSON
def fail(*, refs: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Give held segments up: their jobs end as FAILED_UNKNOWN. A late receipt may still correct that."""
    _decide("fail", refs, everything=everything, yes=yes, as_json=as_json)


def _decide(decision: str, refs: Sequence[str], *, everything: bool, yes: bool, as_json: bool) -> None:
    if everything == bool(refs):
        raise InvalidArgument("name segments or jobs, or --all: `smsfleet held list` shows them")
    now = runtime()
    if everything:
        count = now.store.run(now.doubts.held_count())
        if as_json and not yes:
            raise InvalidArgument("--all with --json asks nothing: it needs --yes")
        if count and not yes:
            click.confirm(f"{decision} {count} held segments?", abort=True)
        wanted = [segment.ref for segment in _page(count)]
    else:
        wanted = [reference for name in refs for reference in _named(name)]
    decided: dict[str, str] = {}
    for batch in _batches(wanted):
        call = now.facts.release_held([reference.encode() for reference in batch], decision)
        words = now.store.run(call)
        decided |= zip(batch, words, strict=True)
    wished = WISHED[decision]
    if as_json:
        click.echo(json.dumps(decided, indent=2))
    else:
        for reference, word in decided.items():
            click.echo(f"{reference}  {SAID[word]}")
        click.echo(f"{sum(word == wished for word in decided.values())} of {len(decided)} {wished}")
    if any(word != wished for word in decided.values()):
        sys.exit(NOT_AS_WISHED)


def _named(name: str) -> list[str]:
    """The refs that a word of the command line means: itself, or the held segments of a job."""
    job_id, mark, number = name.partition("#")
    if not (job_id.isascii() and job_id and (number.isdecimal() if mark else True)):
        raise InvalidArgument(f"{name!r} is neither a job id nor a ref: must be JOB_ID or JOB_ID#SEGMENT")
    if mark:
        return [name]
    record = _record(job_id)
    held_ones = [s.number for s in record.segments if s.state == "H"] if record else []
    if record is None or not held_ones:
        raise InvalidArgument(f"job {name!r} has no held segment: `smsfleet held list` shows what is held")
    return [ref(record.job_id, number) for number in held_ones]


def _page(count: int) -> Iterator[Held]:
    now = runtime()
    for first in range(0, count, BATCH):
        found = now.store.run(now.doubts.held(first, min(BATCH, count - first)))
        if not found:
            return
        yield from found


def _batches(references: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(references), BATCH):
        yield references[first : first + BATCH]


def _row(segment: Held) -> dict[str, Any]:
    job_id, number = split_ref(segment.ref)
    record = _record(job_id)
    since = [event.at_ms for event in record.history if event.letter == "U"] if record else []
    return {
        "ref": segment.ref,
        "job_id": job_id,
        "segment": number,
        "lane": record.lane if record else None,
        "to": mask_number(record.destination) if record else None,
        "since": _time(since[-1]) if since else None,
        "until": None if segment.until_ms is None else _time(segment.until_ms),
    }


def _record(job_id: str) -> JobRecord | None:
    now = runtime()
    found = now.store.run(now.jobs.read(job_id))
    if isinstance(found, str):  # an alias; aliases never point to aliases
        found = now.store.run(now.jobs.read(found))
    return found if isinstance(found, JobRecord) else None


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
