"""`smsfleet dead list | replay | drop`: jobs that ended workers, and deliver_sm that could not be read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from smsfleet.cli.limits import limit_option
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.masking import mask_number
from smsfleet.store.dead import Dead
from smsfleet.store.keys import LANES
from smsfleet.store.records import JobRecord
from smsfleet.tasks.app import app, runtime
from smsfleet.tasks.publisher import CeleryPublisher
from smsfleet.workers.admissions import called_about
from smsfleet.workers.outgoing import REFUSED_STATUS
from smsfleet.workers.request import is_key

NOT_AS_WISHED = 1

DELIVER_SM = "deliver_sm/"
"""What an entry of the stream `dead` is named by; no job id has a slash."""

_ENTRY = re.compile(r"\d+-\d+")


@click.group(
    epilog="""\b
Examples:
  smsfleet dead list
  smsfleet dead replay 3f0c2d...
  smsfleet dead drop --all --yes --reason "bad encoder, fixed in 1.2"
"""
)
def dead() -> None:
    """Decide about what was set aside.

    A job that ended three workers waits here as SET_ASIDE: replay gives it to the workers again, drop ends it
    as REFUSED. A deliver_sm that no worker could read waits here too: replay reads it again, drop deletes it.
    """


@dead.command(
    name="list",
    epilog="""\b
Examples:
  smsfleet dead list --limit 20
  smsfleet dead list --json | jq -r '.dead[].id'
""",
)
@limit_option(100, "Lines")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_dead(*, limit: int, as_json: bool) -> None:
    """Show what was set aside, jobs first, the oldest first. Numbers are masked, contents not shown."""
    total = _count()
    rows = _rows(limit)
    if as_json:
        click.echo(json.dumps({"total": total, "dead": rows}, indent=2))
        return
    for row in rows:
        click.echo(f"{row['id']}  {row['since'] or '?'}  {row['why'] or 'the job is gone'}")
    click.echo(f"{total} set aside" + (f", {total - len(rows)} not shown" if total > len(rows) else ""))


_IDS = click.argument("ids", nargs=-1, metavar="[ID]...")
_ALL = click.option("--all", "everything", is_flag=True, help="All that is set aside now.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; --all then needs --yes.")


@dead.command(
    epilog="""\b
Exit codes: 0 all were replayed, 1 some were not set aside (any more).
Examples:
  smsfleet dead replay 3f0c2d... deliver_sm/1764264000000-0
  smsfleet dead replay --all --yes --json
"""
)
@_IDS
@_ALL
@_YES
@_JSON
def replay(*, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Give jobs to the workers again, with a fresh count, and read deliver_sm again."""
    _decide("replay", ids, _replay, everything=everything, yes=yes, as_json=as_json)


@dead.command(
    epilog="""\b
Exit codes: 0 all were dropped, 1 some were not set aside (any more).
Examples:
  smsfleet dead drop 3f0c2d... --reason "not wanted any more"
  smsfleet dead drop --all --yes
"""
)
@_IDS
@_ALL
@_YES
@_JSON
@click.option("--reason", default="by an operator", show_default=True, help="Kept with the jobs.")
def drop(*, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool, reason: str) -> None:
    """End jobs as REFUSED, and delete deliver_sm. A deleted one is lost: the gateway has its answer."""
    _decide("drop", ids, lambda name: _drop(name, reason), everything=everything, yes=yes, as_json=as_json)


def _decide(  # noqa: PLR0913 - the options of both commands
    verb: str,
    ids: Sequence[str],
    decide: Callable[[str], bool],
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    if everything == bool(ids):
        raise InvalidArgument("name what was set aside, or --all: `smsfleet dead list` shows it")
    wanted = [_checked(name) for name in ids]
    if everything:
        count = _count()
        if as_json and not yes:
            raise InvalidArgument("--all with --json asks nothing: it needs --yes")
        if count and not yes:
            click.confirm(f"{verb} all {count}?", abort=True)
        wanted = [row["id"] for row in _rows(count)]
    done = {name: decide(name) for name in wanted}
    if as_json:
        click.echo(json.dumps({name: "done" if went else "gone" for name, went in done.items()}, indent=2))
    else:
        for name, went in done.items():
            click.echo(f"{name}  {'done' if went else 'not set aside (any more): nothing done'}")
        click.echo(f"{verb}: {sum(done.values())} of {len(done)}")
    if not all(done.values()):
        sys.exit(NOT_AS_WISHED)


def _checked(name: str) -> str:
    entry = name.removeprefix(DELIVER_SM)
    if not (_ENTRY.fullmatch(entry) if entry != name else is_key(name)):
        raise InvalidArgument(f"{name!r} is neither a job id nor of the form {DELIVER_SM}1764264000000-0")
    return name


def _replay(name: str) -> bool:
    now = runtime()
    if name.startswith(DELIVER_SM):
        return bool(now.store.run(Dead(now.keys).exhume(name.removeprefix(DELIVER_SM))))
    kept = now.store.run(now.lifecycle.kept(name))
    if kept is None:  # forgotten meanwhile: so is that it was set aside
        now.store.run(now.lifecycle.replay(name, LANES[0], None))
        return False
    publisher = CeleryPublisher(app)
    message = publisher.envelope(kept.lane, name, "")
    went = now.store.run(now.lifecycle.replay(name, kept.lane, message)) == 1
    if went and message is None:
        publisher.publish_kept(kept.lane, name, "")
    return went


def _drop(name: str, reason: str) -> bool:
    now = runtime()
    if name.startswith(DELIVER_SM):
        return bool(now.store.run(Dead(now.keys).forget(name.removeprefix(DELIVER_SM))))
    (content,) = now.store.run(now.jobs.contents([name]))
    callback = called_about(content, now.settings)
    return now.store.run(now.lifecycle.drop(name, f"dropped: {reason}", REFUSED_STATUS, callback)) == 1


def _count() -> int:
    now = runtime()
    return now.store.run(now.lifecycle.kept_back()[1]) + now.store.run(Dead(now.keys).count())


def _rows(limit: int) -> list[dict[str, Any]]:
    now = runtime()
    rows = [_of_job(job_id) for job_id in now.store.run(now.lifecycle.aside(0, limit))] if limit else []
    if len(rows) >= limit:
        return rows
    return rows + [
        {
            "id": f"{DELIVER_SM}{buried.entry_id}",
            "kind": "deliver_sm",
            "since": _time(buried.received_ms),
            "why": buried.why,
            "octets": len(buried.body),
        }
        for buried in now.store.run(Dead(now.keys).list(limit - len(rows)))
    ]


def _of_job(job_id: str) -> dict[str, Any]:
    now = runtime()
    record = now.store.run(now.jobs.read(job_id))
    row: dict[str, Any] = {"id": job_id, "kind": "job", "since": None, "why": None, "lane": None, "to": None}
    if isinstance(record, JobRecord):
        since = [event.at_ms for event in record.history if event.letter == "B"]
        row |= {
            "since": _time(since[-1]) if since else None,
            "why": (record.refusal or "").removeprefix("aside: "),
            "lane": record.lane,
            "to": mask_number(record.destination),
        }
    return row


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
