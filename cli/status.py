"""`smsfleet status`: one job, or what the whole fleet is doing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.job import show

if TYPE_CHECKING:
    from smsfleet.ops.binder_view import BinderView
    from smsfleet.ops.snapshot import Snapshot
    from smsfleet.store.standing import Standing

LABELS = {
    "delayed": "delayed",
    "held": "held",
    "responses": "responses",
    "deliveries": "deliveries",
    "orphans": "orphans",
    "callbacks": "callbacks",
    "webhooks": "webhooks",
    "scheduled": "scheduled",
    "set_aside": "set aside",
}
"""The places that are shown, in their order; JSON has all of them."""


@click.command(
    epilog="""\b
Examples:
  smsfleet status                      the binder, the queues, what is wrong
  smsfleet status --json | jq -r '.alerts[] | [.severity, .name, .do] | @tsv'
  smsfleet status JOB_ID               one job with its time-line, as `smsfleet job`
  smsfleet status JOB_ID --json | jq .status
"""
)
@click.argument("job_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; its fields are in docs/metrics.md.")
def status(job_id: str | None, *, as_json: bool) -> None:
    """Show one job, or, without a job, what the fleet is doing. `smsfleet top` goes on showing it.

    Exit code 1: no such job; or, without a job, the binder is not bound.
    """
    if job_id is not None:
        from smsfleet.tasks import job_status

        show(job_status(job_id), as_json=as_json)
        return
    from smsfleet.cli.look import look
    from smsfleet.tasks.app import runtime

    now = look(runtime())
    if as_json:
        click.echo(json.dumps(now.as_dict(), indent=2))
    else:
        for line in _lines(now):
            click.echo(line)
    if not now.binder.is_bound:
        sys.exit(1)


def _lines(now: Snapshot) -> Iterator[str]:
    from smsfleet.cli.look import open_campaigns
    from smsfleet.cli.pause import lines_of
    from smsfleet.config.spans import span
    from smsfleet.ops.alerts import alerts

    yield from _of_binder(now.binder)
    standing = now.standing
    for line in lines_of(standing):
        yield f"paused    {line}"
    if standing.rate is not None and standing.set_rate is not None:
        lowered = f", lowered from {standing.set_rate:g}" if standing.rate < standing.set_rate else ""
        yield f"rate      {standing.rate:.4g}/s{lowered}; {standing.throttled} answers were throttled"
    if now.credits is not None:
        yield from _of_credits(now.credits, standing)
    for name, lane in now.lanes.items():
        oldest = f"; the oldest {span(lane.oldest_s)}" if lane.oldest_s else ""
        yield (
            f"lane      {name:<7} {lane.queue.count:>7} taken in, {lane.outbound.count:>6} outbound, "
            f"{lane.in_flight.count:>4} in flight{oldest}"
        )
    for campaign in open_campaigns(now):
        yield f"campaign  {campaign}"
    for place, label in LABELS.items():
        yield f"{label:<11} {now.waiting[place].count}"
    yield f"dead        {now.kept['dead']}"
    yield f"undelivered {now.kept['undelivered']}"
    yield f"workers     {now.workers}"
    if now.queries_off:
        yield f"query_sm    switched off: {now.queries_off}"
    for finding in now.redis.findings:
        yield f"redis     {finding}"
    for alert in alerts(now):
        yield f"{alert.severity:<9} {alert.name}: {alert.what}. {_sentence(alert.do)}"


def _of_binder(binder: BinderView) -> Iterator[str]:
    from smsfleet.config.spans import span

    yield f"binder    {binder.state}" + (f": {binder.why}" if binder.why else "")
    if len(binder.sides) > 1:
        yield "sides     " + ", ".join(f"{side.mode} {side.state}" for side in binder.sides)
    if binder.last_disconnect:
        yield f"last      {binder.last_disconnect}"
    if binder.gateway:
        yield f"gateway   {binder.gateway} as {binder.bind_mode}, window {binder.window}"
        last = "" if binder.delivered_s is None else f" (the last {span(binder.delivered_s)} ago)"
        yield (
            f"traffic   {binder.submitted} submitted, {binder.answered} answered, "
            f"{binder.delivered} deliver_sm stored{last}, {binder.in_flight} in flight"
        )


def _of_credits(month: Mapping[str, Any], standing: Standing) -> Iterator[str]:
    from smsfleet.cli.credits import in_a_line
    from smsfleet.workers.credits import advice

    yield f"credits   {in_a_line(month)}"
    if standing.gateway is not None:
        balance = None if month["balance"] is None else Fraction(month["balance"])
        yield f"credits   {advice(standing.gateway.command_status, balance)}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
