"""`smsfleet campaign`: one text to many recipients."""

from __future__ import annotations

import click

from smsfleet.cli import campaign_control as control
from smsfleet.cli.campaign_plan import plan
from smsfleet.cli.campaign_results import export, refused
from smsfleet.cli.campaign_start import start


@click.group(
    epilog="""\b
Examples:
  smsfleet campaign plan people.csv --text "Hello {name}"
  smsfleet campaign start people.csv --text "Hello {name}" --follow
  smsfleet campaign pause C1a2b3c4d5e
"""
)
def campaign() -> None:
    """Send one text to the rows of a file, and look after what becomes of it.

    ID is that of a campaign, or its idempotency key.
    """


for command in (
    plan, start, control.list_campaigns, control.show, control.pause, control.resume, control.cancel,
    control.rate, control.retry, export, refused,
):  # fmt: skip
    campaign.add_command(command)
