"""`smsfleet campaign list | show | pause | resume | cancel | rate | retry`: what becomes of campaigns."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import click

from smsfleet.cli.campaign_progress import follow, short
from smsfleet.cli.campaign_progress import show as show_progress
from smsfleet.cli.limits import limit_option
from smsfleet.cli.times import SECONDS
from smsfleet.config.errors import InvalidArgument

if TYPE_CHECKING:
    from smsfleet.tasks.campaign import Campaign

NOT_AS_WISHED = 1

_ID = click.argument("campaign_id", metavar="ID")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

RETRIED = ("UNDELIVERED", "REJECTED", "EXPIRED", "FAILED_UNKNOWN", "UNCONFIRMED", "CANCELLED")


@click.command(
    name="list",
    epilog="""\b
Examples:
  smsfleet campaign list --limit 20
  smsfleet campaign list --json | jq -r '.campaigns[] | select(.state == "running") | .campaign_id'
""",
)
@limit_option(20, "Campaigns")
@_JSON
def list_campaigns(*, limit: int, as_json: bool) -> None:
    """Show the newest campaigns, the newest first."""
    from smsfleet.tasks import campaigns

    found = campaigns(limit)
    if as_json:
        click.echo(json.dumps({"campaigns": [one.as_dict() for one in found]}, indent=2))
        return
    for one in found:
        click.echo(f"{one.created.astimezone():%Y-%m-%d %H:%M}  {short(one)}")
    if not found:
        click.echo("no campaigns")


@click.command(
    epilog="""\b
Exit codes: 0 shown (with --follow: finished), 1 no such campaign, or with --follow: cancelled or not in time.
Examples:
  smsfleet campaign show C1a2b3c4d5e
  smsfleet campaign show autumn-2026 --follow         by its idempotency key
  smsfleet campaign show C1a2b3c4d5e --json | jq .counts
"""
)
@_ID
@click.option("--follow", "follows", is_flag=True, help="Go on until nothing more is expected of it.")
@click.option("--timeout", type=SECONDS, default=math.inf, help="Follow for so many seconds at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow a line each time.")
def show(campaign_id: str, *, follows: bool, timeout: float, as_json: bool) -> None:
    """Show how far a campaign is, by its id or its idempotency key."""
    campaign = _campaign(campaign_id)
    if not follows:
        show_progress(campaign.progress(), as_json=as_json)
        return
    found = follow(campaign, as_json=as_json, timeout=timeout)
    if not as_json:
        show_progress(found, as_json=False)
    if found.state != "finished":
        sys.exit(NOT_AS_WISHED)


@click.command(
    epilog="""\b
Exit codes: 0 paused, 1 it was paused or cancelled before, it is finished, or there is no such campaign.
Example:
  smsfleet campaign pause C1a2b3c4d5e
"""
)
@_ID
@_JSON
def pause(campaign_id: str, *, as_json: bool) -> None:
    """Let nothing more of a campaign through, up to the last moment before the wire; rows are still taken."""
    campaign = _campaign(campaign_id)
    _said(campaign, campaign.pause(), "paused", "", as_json=as_json)


@click.command(
    epilog="""\b
Exit codes: 0 resumed, 1 it was not paused, or there is no such campaign.
Example:
  smsfleet campaign resume C1a2b3c4d5e
"""
)
@_ID
@_JSON
def resume(campaign_id: str, *, as_json: bool) -> None:
    """Let a paused campaign go on."""
    campaign = _campaign(campaign_id)
    _said(campaign, campaign.resume(), "resumed", "it was not paused", as_json=as_json)


@click.command(
    epilog="""\b
Exit codes: 0 cancelled, 1 it was cancelled before, it is finished, or there is no such campaign.
Example:
  smsfleet campaign cancel C1a2b3c4d5e
"""
)
@_ID
@_JSON
def cancel(campaign_id: str, *, as_json: bool) -> None:
    """Send nothing more of a campaign, ever. What the gateway has cannot be called back.

    To stop it for a while: smsfleet campaign pause.
    """
    campaign = _campaign(campaign_id)
    _said(campaign, campaign.cancel(), "cancelled", "", as_json=as_json)


@click.command(
    epilog="""\b
Exit codes: 0 done, 1 no such campaign, 2 that is no rate.
Examples:
  smsfleet campaign rate C1a2b3c4d5e 50
  smsfleet campaign rate C1a2b3c4d5e none       as fast as the account's
"""
)
@_ID
@click.argument("rate", metavar="SEGMENTS_A_SECOND")
@_JSON
def rate(campaign_id: str, rate: str, *, as_json: bool) -> None:
    """Change the rate of a campaign while it runs; it never goes faster than the account."""
    try:
        wanted = None if rate == "none" else float(rate)
    except ValueError:
        raise InvalidArgument(f"rate {rate!r} is refused: give segments a second, or none") from None
    campaign = _campaign(campaign_id)
    campaign.set_rate(wanted)
    words = "as fast as the account's" if wanted is None else f"{wanted:g} segments a second"
    _said(campaign, True, words, "", as_json=as_json)


@click.command(
    epilog="""\b
Exit codes: 0 done, 1 nobody was to be tried again, or there is no such campaign, 2 it cannot be tried again.
Examples:
  smsfleet campaign retry C1a2b3c4d5e
  smsfleet campaign retry C1a2b3c4d5e --state UNDELIVERED
"""
)
@_ID
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(RETRIED, case_sensitive=False),
    help="Those whose last job ended so; several may be given. Else UNDELIVERED, REJECTED and EXPIRED.",
)
@_JSON
def retry(campaign_id: str, *, states: tuple[str, ...], as_json: bool) -> None:
    """Send again to those who did not get it, and to nobody else.

    FAILED_UNKNOWN may have been delivered: it is tried again only when it is named.
    """
    campaign = _campaign(campaign_id)
    count = campaign.retry_failed(states) if states else campaign.retry_failed()
    _said(campaign, count > 0, f"{count:,} are tried again", "nobody is to be tried again", as_json=as_json)


def _campaign(campaign_id: str) -> Campaign:
    from smsfleet.tasks import find_campaign

    return find_campaign(campaign_id)


def _already(campaign: Campaign) -> str:
    """Why it was neither paused nor cancelled."""
    state = campaign.progress().state
    return "it is finished: there is nothing to stop" if state == "finished" else f"it was {state} before"


def _said(campaign: Campaign, done: bool, yes: str, no: str, *, as_json: bool) -> None:  # noqa: FBT001 - its word
    if as_json:
        click.echo(json.dumps({"changed": done, **campaign.progress().as_dict()}))
    else:
        click.echo(f"{campaign.id}: {yes if done else no or _already(campaign)}")
    if not done:
        sys.exit(NOT_AS_WISHED)
