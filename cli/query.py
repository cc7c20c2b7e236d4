"""`smsfleet query`: ask the gateway now what became of a job whose receipt does not come."""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.times import SECONDS
from smsfleet.config.errors import BinderSilent, InvalidArgument, NotAsked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smsfleet.tasks import JobStatus
    from smsfleet.tasks.status import SegmentStatus

POLL_S = 0.2

OPEN = "ACCEPTED"


@click.command(
    epilog="""\b
Exit codes: 0 the gateway has told of all (--wait 0: is going to be asked), or nothing is to be asked;
1 it has not in time, or query_sm is switched off; 69 no binder is running.
Examples:
  smsfleet query 3f0c2d...
  smsfleet query 3f0c2d... --wait 0
  smsfleet query 3f0c2d... --json | jq .job.status
  smsfleet query --resume
"""
)
@click.argument("job_id", required=False)
@click.option(
    "--wait", type=SECONDS, default=30.0, show_default=True,
    help="Seconds to wait for the gateway's answers.",
)  # fmt: skip
@click.option("--show-number", is_flag=True, help="Show the destination; else it is masked.")
@click.option("--resume", is_flag=True, help="Ask again after the gateway has refused query_sm.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def query(*, job_id: str | None, wait: float, resume: bool, show_number: bool, as_json: bool) -> None:
    """Ask the gateway (query_sm) for all segments of a job that are accepted and have no final status.

    What it tells is joined like a receipt. Workers do the same by themselves at the ages of
    SMSFLEET_QUERY_AFTER_S.
    """
    if resume == bool(job_id):
        raise InvalidArgument("name a job, or --resume")
    if job_id is None:
        _resume(as_json=as_json)
        return
    from smsfleet.tasks import job_status

    found = job_status(job_id)
    # An acceptance without a message id cannot be asked for.
    asked_for = [segment for segment in found.segments if segment.state == OPEN and segment.message_id]
    wanted = [segment.number for segment in asked_for]
    told: dict[int, str] = {}
    if wanted:
        name = _ask(found.job_id, asked_for)
        told = _wait_for(name, len(wanted), wait)
        found = job_status(job_id)
    _show(found, wanted, told, as_json=as_json, show_number=show_number)
    if wait and len(told) < len(wanted):
        sys.exit(1)


def _ask(job_id: str, segments: Sequence[SegmentStatus]) -> str:
    """Put the questions before all others; the name of their reply."""
    from smsfleet.store.keys import ref
    from smsfleet.store.walks import Known
    from smsfleet.tasks.app import runtime
    from smsfleet.workers.reconciliation import questions

    now = runtime()
    _require_asking()
    name = secrets.token_hex(8)
    known = [
        Known(segment.message_id.encode("latin-1"), ref(job_id, segment.number).encode())
        for segment in segments
    ]
    asked = list(questions(now, known, name))
    if now.store.run(now.queries.ask(asked, first=True)) < 0:
        _require_asking()
    return name


def _require_asking() -> None:
    """Raise NotAsked or BinderSilent when nobody would ask."""
    from smsfleet.store.lease import Lease
    from smsfleet.tasks.app import runtime

    now = runtime()
    if reason := now.store.run(now.queries.off()):
        raise NotAsked(f"query_sm is switched off: {reason}; `smsfleet query --resume` tries it again")
    report = now.store.run(Lease(now.keys).reported())
    if report is None:  # the first comes 2 s after a binder leads
        if now.store.run(Lease(now.keys).holder()) is None:
            raise BinderSilent(
                "no binder leads that could ask: `smsfleet status` tells whether one is running"
            )
    elif not json.loads(report).get("queries_per_s"):
        raise NotAsked("the binder asks nothing: SMSFLEET_SMPP_QUERY_RATE is 0, or not set with archive-2016")


def _wait_for(name: str, count: int, wait: float) -> dict[int, str]:
    from smsfleet.tasks.app import runtime

    now = runtime()
    deadline = time.monotonic() + wait
    while True:
        replies = now.store.run(now.queries.replies(name))
        told = dict(replies)
        if len(told) >= count or time.monotonic() >= deadline:
            return told
        time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))


def _show(
    found: JobStatus, wanted: list[int], told: dict[int, str], *, as_json: bool, show_number: bool
) -> None:
    if as_json:
        from smsfleet.cli.job import as_shown

        shown: dict[str, Any] = {
            "asked": wanted,
            "told": {str(number): said for number, said in sorted(told.items())},
            "job": as_shown(found, show_number=show_number),
        }
        click.echo(json.dumps(shown, indent=2))
        return
    for number in wanted:
        click.echo(f"segment {number}  {told.get(number, 'no answer yet')}")
    if not wanted:
        click.echo("nothing to ask for: no segment is accepted and without a final status")
    status = "no status yet" if found.status is None else f"{found.status:03d} {found.status_name}"
    click.echo(f"{found.job_id}  {found.state}  {status}")


def _resume(*, as_json: bool) -> None:
    from smsfleet.tasks.app import runtime

    now = runtime()
    was_off = now.store.run(now.queries.resume())
    if as_json:
        click.echo(json.dumps({"was_off": was_off}))
    else:
        click.echo("query_sm is asked again" if was_off else "query_sm was not switched off")
