"""`smsfleet campaign`: one text to many recipients."""

from __future__ import annotations

import click

from smsfleet.cli.campaign_plan import plan


@click.group(
    epilog="""\b
Examples:
  smsfleet campaign plan people.csv --text "Hello {name}"
"""
)
def campaign() -> None:
    """Send one text to the rows of a file."""


campaign.add_command(plan)
