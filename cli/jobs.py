"""`smsfleet send`, `status` and `estimate`: what applications do, from a terminal."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from smsfleet.tasks import JobStatus

POLL_S = 0.2


@click.command(
    epilog="""\b
Examples:
  smsfleet send +27999100001 "Your code is 1234" --lane high --wait 30
  smsfleet send 27999100001 "Hello" --json | jq -r .job_id
"""
)
@click.argument("to")
@click.argument("text")
@click.option("--sender", default="", help="Registered sender ID; empty for the account's own.")
@click.option("--lane", default="normal", type=click.Choice(["high", "normal", "bulk"]), show_default=True)
@click.option("--idempotency-key", help="The same key again returns the first job, sent once.")
@click.option("--encoding", default="auto", type=click.Choice(["auto", "gsm", "ucs2"]), show_default=True)
@click.option("--validity", type=float, help="Seconds after which it is not sent any more.")
@click.option("--wait", type=float, default=0.0, help="Wait up to so many seconds for a final status.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def send(  # noqa: PLR0913 - the options of the command
    *,
    to: str,
    text: str,
    sender: str,
    lane: str,
    idempotency_key: str | None,
    encoding: str,
    validity: float | None,
    wait: float,
    as_json: bool,
) -> None:
    """Send one SMS, as an application would.

    Exit code 0: taken in (with --wait: delivered); 1: with --wait, not delivered or not final in time.
    """
    from smsfleet.tasks import job_status, send_sms

    job = send_sms.delay(
        to, text, sender, lane=lane, idempotency_key=idempotency_key, encoding=encoding, validity=validity
    )
    found = job_status(job.id)
    deadline = time.monotonic() + wait
    while wait and not found.final and time.monotonic() < deadline:
        time.sleep(min(POLL_S, max(0.0, deadline - time.monotonic())))
        found = job_status(job.id)
    _show(found, as_json=as_json)
    if wait and found.state != "DELIVERED":
        sys.exit(1)


@click.command(
    epilog="""\b
Examples:
  smsfleet status                      the binder, the queues
  smsfleet status JOB_ID               one job with its time-line
  smsfleet status JOB_ID --json | jq .status
"""
)
@click.argument("job_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(job_id: str | None, *, as_json: bool) -> None:
    """Show one job, or, without a job, what the fleet is doing.

    Exit code 1: no such job; or, without a job, the binder is not bound.
    """
    if job_id is not None:
        from smsfleet.tasks import job_status

        _show(job_status(job_id), as_json=as_json)
        return
    from smsfleet.cli.overview import overview

    found = overview()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print_overview(found)
    if found["binder"]["state"] != "bound":
        sys.exit(1)


@click.command(
    epilog="""\b
Examples:
  smsfleet estimate "Grüße aus Köln"
  smsfleet estimate "Sale… 50 % off" --to 27999100001 --json
"""
)
@click.argument("text")
@click.option("--to", help="A destination: test numbers cost a third of a credit (guide §3).")
@click.option("--encoding", default="auto", type=click.Choice(["auto", "gsm", "ucs2"]), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate(text: str, *, to: str | None, encoding: str, as_json: bool) -> None:
    """Say how a text would be sent: encoding, segments, credits. Nothing is sent, no server is needed."""
    from smsfleet.workers.estimate import estimate as estimate_text

    found = estimate_text(text, encoding=encoding, to=to)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    units = "septets" if found.encoding == "gsm0338" else "UTF-16 units"
    click.echo(f"encoding  {found.encoding}")
    click.echo(f"segments  {found.segments} ({found.units} {units}, {found.units_left} left in the last)")
    click.echo(f"credits   {found.credits}")
    for foreign in found.not_gsm[:10]:
        character = f"{foreign.character} {foreign.code_point} {foreign.name}"
        click.echo(f"not GSM   {character} at position {foreign.position}")
    if len(found.not_gsm) > 10:
        click.echo(f"          and {len(found.not_gsm) - 10} more")


def _show(found: JobStatus, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
        return
    shown = "no status yet" if found.status is None else f"{found.status:03d} {found.status_name}"
    click.echo(f"job       {found.job_id}")
    click.echo(f"state     {found.state}{'' if found.final else ' (open)'}")
    click.echo(f"status    {shown}")
    if found.error:
        click.echo(f"error     {found.error}")
    if found.ambiguous or found.duplicates:
        click.echo(f"ambiguous {found.ambiguous}, duplicates {found.duplicates}")
    if not found.receipts:
        click.echo("receipts  none: the account is bound as a transmitter only")
    for segment in found.segments:
        click.echo(f"segment {segment.number} {segment.state} {segment.message_id}")
    for entry in found.timeline:
        number = f" segment {entry.segment}" if entry.segment else ""
        at = entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        click.echo(f"  {at}  {entry.source:<11} {entry.event}{number}")


def _print_overview(found: dict[str, Any]) -> None:
    binder = found["binder"]
    click.echo(f"binder    {binder['state']}" + (f": {binder['why']}" if binder.get("why") else ""))
    if len(sides := binder.get("sides", [])) > 1:
        click.echo("sides     " + ", ".join(f"{side['mode']} {side['state']}" for side in sides))
    if binder.get("last_disconnect"):
        click.echo(f"last      {binder['last_disconnect']}")
    if "gateway" in binder:
        click.echo(f"gateway   {binder['gateway']} as {binder['bind_mode']}, window {binder['window']}")
        click.echo(
            f"traffic   {binder['submitted']} submitted, {binder['answered']} answered, "
            f"{binder['delivered']} deliver_sm stored, {binder['in_flight']} in flight"
        )
    for lane, counts in found["lanes"].items():
        click.echo(f"lane      {lane:<7} {counts['intake']:>7} taken in, {counts['outbound']:>6} outbound")
    for name, count in found["waiting"].items():
        click.echo(f"{name:<9} {count}")
    for finding in found["redis"]["findings"]:
        click.echo(f"redis     {finding}")
