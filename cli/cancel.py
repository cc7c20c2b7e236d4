"""`smsfleet cancel`: nothing more of a job is sent."""

from __future__ import annotations

import json
import sys

import click

NOT_AS_WISHED = 1

SAID = {
    "cancelled": "cancelled: will never be sent",
    "gone": "with the gateway, or on its way there: cannot be called back",
    "unknown": "given up: may have been delivered",
    "ended": "had ended before",
}
"""The fields of Cancellation that name segments."""


@click.command(
    epilog="""\b
Exit codes: 0 nothing of it was or will be sent, 1 some of it had gone, or no such job.
Examples:
  smsfleet cancel 3f0c2d...
  smsfleet cancel order:17 --json       by its idempotency key
"""
)
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cancel(job_id: str, *, as_json: bool) -> None:
    """Cancel a job: what waits for its time, its turn or its next try is never sent.

    What the gateway has cannot be called back; if it refuses it, it is not sent again.
    """
    from smsfleet.tasks import cancel as cancel_job
    from smsfleet.tasks import job_status

    found = cancel_job(job_id)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    else:
        click.echo(f"job       {found.job_id}")
        click.echo(f"state     {job_status(found.job_id).state}")
        for name, words in SAID.items():
            for number in getattr(found, name):
                click.echo(f"segment {number} {words}")
    if not found.complete:
        sys.exit(NOT_AS_WISHED)
