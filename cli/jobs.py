"""`smsfleet send`: what applications do, from a terminal."""

from __future__ import annotations

import sys
from typing import Any

import click

from smsfleet.cli.estimate import text_options
from smsfleet.cli.job import show
from smsfleet.cli.times import INTERRUPTED, SECONDS, WHEN


@click.command(
    epilog="""\b
Examples:
  smsfleet send +27999100001 "Your code is 1234" --lane high --wait 30
  smsfleet send 27999100001 "Sale… 50 % off" --transliterate typographic
  smsfleet send 27999100001 "Good morning" --schedule 28800      in eight hours, by the gateway
  smsfleet send 27999100001 --data 0a0b0c --udh 0605040b8423f0 --data-coding 4
  smsfleet send 27999100001 "Hello" --json | jq -r .job_id
  smsfleet send 27999100001 "Good morning" --at 2027-01-31T08:00+02:00
"""
)
@click.argument("to")
@click.argument("text", default="")
@click.option("--sender", default="", help="Registered sender ID; empty for the account's own.")
@click.option("--lane", default="normal", type=click.Choice(["high", "normal", "bulk"]), show_default=True)
@click.option("--idempotency-key", help="The same key again returns the first job, sent once.")
@text_options
@click.option("--max-segments", type=int, help="Most segments of the text; the setting when not given.")
@click.option("--at", type=WHEN, help="Seconds from now, or an ISO 8601 time, at which it is sent.")
@click.option(
    "--validity", type=WHEN, help="Seconds, or an ISO 8601 time, after which it is not sent any more."
)
@click.option(
    "--on-ambiguous", help="resend, hold, hold_then_resend or fail; the lane's setting when not given."
)
@click.option(
    "--schedule",
    "schedule_delivery_time",
    type=WHEN,
    help="Seconds from now, or an ISO 8601 time, at which the gateway is to deliver it.",
)
@click.option(
    "--registered-delivery",
    type=click.Choice(["none", "final", "failure-only", "intermediate"]),
    help="Which receipts are asked for; final when not given.",
)
@click.option("--priority", "priority_flag", type=int, help="priority_flag, 0-3.")
@click.option("--service-type", help="At most 5 characters, such as CMT or WAP.")
@click.option("--protocol-id", type=int, help="0-255.")
@click.option("--replace-if-present", is_flag=True, default=None, help="Replace what the gateway still has.")
@click.option("--source-ton", type=int, help="0-6, in place of the gateway's detection.")
@click.option("--source-npi", type=int, help="In place of the gateway's detection.")
@click.option("--data", help="Octets in place of a text, as hexadecimal digits.")
@click.option("--udh", help="User data header of the data, length octet first, as hexadecimal digits.")
@click.option("--data-coding", type=int, help="0-255; of the data; 4 when not given.")
@click.option("--client", default="", help="Whose daily credits it takes (SMSFLEET_QUOTAS).")
@click.option("--callback", help="task:NAME@QUEUE or https://...: called about each status.")
@click.option("--wait", type=SECONDS, default=0.0, help="Wait up to so many seconds for a final status.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
def send(*, to: str, text: str, sender: str, wait: float, as_json: bool, **options: Any) -> None:
    """Send one SMS, as an application would.

    Exit code 0: taken in (with --wait: delivered); 1: with --wait, not delivered or not final in time; 130:
    Ctrl-C ended the wait, and the job goes on.
    """
    from smsfleet.config.errors import StillOpen, StoreUnavailable
    from smsfleet.tasks import job_status, send_sms, wait_for_status

    given = {name: value for name, value in options.items() if value is not None}
    job = send_sms.delay(to, text, sender, **given)
    goes_on = f"job {job.id} is taken in and goes on: smsfleet job {job.id} --follow"
    try:
        found = wait_for_status(job.id, wait) if wait else job_status(job.id)
    except StillOpen:
        found = job_status(job.id)
    except StoreUnavailable as error:  # whoever does not know that it is taken in sends it twice
        raise StoreUnavailable(f"{error}; {goes_on}") from None
    except KeyboardInterrupt:
        click.echo(f"\n{goes_on}", err=True)
        sys.exit(INTERRUPTED)
    show(found, as_json=as_json)
    if wait and found.state != "DELIVERED":
        sys.exit(1)
