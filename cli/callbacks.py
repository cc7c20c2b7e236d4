"""`smsfleet callbacks list | replay | drop`: events that no webhook took."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from smsfleet.cli.limits import limit_option
from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.spans import span
from smsfleet.store.hooks import Hooks, Letter, Queue
from smsfleet.tasks.app import runtime

NOT_AS_WISHED = 1
BATCH = 100

HOSTS = 20
"""Hosts with waiting events that are shown, those first that are due first."""

LATE_MS = 30_000
"""Due for so long and not tried: a worker looks five times a second."""


@click.group(
    epilog="""\b
Examples:
  smsfleet callbacks list
  smsfleet callbacks replay --all --yes
  smsfleet callbacks drop 1764268000000-0
"""
)
def callbacks() -> None:
    """Look after webhook events that wait or were given up: tried too often, too old, refused for good."""


@callbacks.command(
    name="list",
    epilog="""\b
Examples:
  smsfleet callbacks list --limit 20
  smsfleet callbacks list --json | jq -r '.undelivered[] | [.id, .why] | @tsv'
""",
)
@limit_option(100, "Events")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_callbacks(*, limit: int, as_json: bool) -> None:
    """Show the undelivered events, the oldest first, and what waits for which host, with the reasons.

    What an event says is not shown.
    """
    now = runtime()
    hooks = Hooks(now.keys)
    waiting, total = now.store.run_all([hooks.waiting(), hooks.undelivered_count()])
    rows = [_row(letter) for letter in _letters(limit)]
    hosts = [_host(queue, epoch_ms()) for queue in _queues()]
    if as_json:
        shown = {"waiting": waiting, "hosts": hosts, "total": total, "undelivered": rows}
        click.echo(json.dumps(shown, indent=2))
        return
    for row in rows:
        click.echo(f"{row['id']}  {row['host']}  {row['tries']} tries  {row['why']}")
    for host in hosts:
        click.echo(f"{host['host']}  {host['waiting']} waiting  {_why(host)}")
    more = f", {total - len(rows)} not shown" if total > len(rows) else ""
    click.echo(f"{total} undelivered{more}; {waiting} wait for their webhook")


_IDS = click.argument("ids", nargs=-1, metavar="[ID]...")
_ALL = click.option("--all", "everything", is_flag=True, help="All that are undelivered now.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON; --all then needs --yes.")


@callbacks.command(
    epilog="""\b
Exit codes: 0 all are tried anew, 1 some were not there (any more).
Examples:
  smsfleet callbacks replay 1764268000000-0
  smsfleet callbacks replay --all --yes
"""
)
@_IDS
@_ALL
@_YES
@_JSON
def replay(*, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Try undelivered events anew, with as many tries as a new one. They keep their event id."""
    now = runtime()
    hooks = Hooks(now.keys)
    letters = _chosen("replay", ids, everything=everything, yes=yes, as_json=as_json)
    now_ms = epoch_ms()
    done = {
        entry_id: letter is not None and now.store.run(hooks.replay(letter, now_ms)) == 1
        for entry_id, letter in letters.items()
    }
    _report(done, "tried anew", as_json=as_json)


@callbacks.command(
    epilog="""\b
Exit codes: 0 all were dropped, 1 some were not there (any more).
Examples:
  smsfleet callbacks drop 1764268000000-0
  smsfleet callbacks drop --all --yes
"""
)
@_IDS
@_ALL
@_YES
@_JSON
def drop(*, ids: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Forget undelivered events. The statuses of the jobs stay."""
    now = runtime()
    hooks = Hooks(now.keys)
    letters = _chosen("drop", ids, everything=everything, yes=yes, as_json=as_json)
    done = {
        entry_id: letter is not None and now.store.run(hooks.drop([entry_id])) == 1
        for entry_id, letter in letters.items()
    }
    _report(done, "dropped", as_json=as_json)


def _chosen(
    what: str, ids: Sequence[str], *, everything: bool, yes: bool, as_json: bool
) -> dict[str, Letter | None]:
    if everything == bool(ids):
        raise InvalidArgument("name undelivered events, or --all: `smsfleet callbacks list` shows them")
    now = runtime()
    total = now.store.run(Hooks(now.keys).undelivered_count())
    if everything:
        if as_json and not yes:
            raise InvalidArgument("--all with --json asks nothing: it needs --yes")
        if total and not yes:
            click.confirm(f"{what} {total} undelivered events?", abort=True)
    letters = {letter.entry_id: letter for letter in _letters(total)}
    return dict(letters) if everything else {entry_id: letters.get(entry_id) for entry_id in ids}


def _letters(limit: int) -> Iterator[Letter]:
    now = runtime()
    hooks, after = Hooks(now.keys), "-"
    while limit > 0:
        found = now.store.run(hooks.undelivered(after, min(BATCH, limit)))
        yield from found
        if not found:
            return
        limit -= len(found)
        after = found[-1].entry_id


def _row(letter: Letter) -> dict[str, Any]:
    given_up_ms = int(letter.entry_id.partition("-")[0])
    parts = urlsplit(letter.posting.url)
    return {
        "id": letter.entry_id,
        "event_id": letter.posting.event_id,
        "host": letter.posting.host,
        "path": parts.path,  # not the query: it may hold a key
        "tries": letter.posting.attempts,
        "given_up": datetime.fromtimestamp(given_up_ms / 1000, UTC).isoformat(timespec="seconds"),
        "why": letter.why,
    }


def _queues() -> list[Queue]:
    now = runtime()
    hooks = Hooks(now.keys)
    found = now.store.run_all([hooks.queue(host) for host in now.store.run(hooks.hosts("+inf", 0, HOSTS))])
    return [queue for queue in found if queue is not None]


def _host(queue: Queue, now_ms: int) -> dict[str, Any]:
    tried = queue.tried
    return {
        "host": queue.host,
        "waiting": queue.count,
        "due_s": round((queue.first_ms - now_ms) / 1000, 1),
        "not_tried": queue.last_ms < now_ms - LATE_MS,
        "tries": tried.attempts if tried else 0,
        "why": tried.why if tried else "",
    }


def _why(host: dict[str, Any]) -> str:
    """Why the events of a host wait."""
    failed = f"failed tries: {host['tries']}, the last: {host['why']}" if host["why"] else ""
    if host["not_tried"]:
        nobody = f"no worker tries them for {span(-host['due_s'])}: has one SMSFLEET_WEBHOOK_SECRET?"
        return f"{nobody} {failed[0].upper()}{failed[1:]}" if failed else nobody
    when = f"the next try in {span(host['due_s'])}" if host["due_s"] > 0 else "being tried"
    return f"{failed}; {when}" if failed else when


def _report(done: dict[str, bool], word: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(done, indent=2))
    else:
        for entry_id, well in done.items():
            click.echo(f"{entry_id}  {word if well else 'not there (any more)'}")
        click.echo(f"{sum(done.values())} of {len(done)} {word}")
    if not all(done.values()):
        sys.exit(NOT_AS_WISHED)
