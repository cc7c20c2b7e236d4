"""The whole account in one look, as commands show it: what `ops` knows, credits and campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from smsfleet.config.errors import ConfigError

if TYPE_CHECKING:
    from smsfleet.ops.snapshot import Snapshot
    from smsfleet.workers.runtime import Runtime

NEWEST = 20
"""Campaigns of a look."""


def look(runtime: Runtime) -> Snapshot:
    """The account now. Raises StoreUnavailable."""
    from smsfleet.tasks.campaign import campaigns

    newest = tuple(campaign.as_dict() for campaign in campaigns(NEWEST))
    return replace(look_without_campaigns(runtime), campaigns=newest)


def look_without_campaigns(runtime: Runtime) -> Snapshot:
    """The account now, for the page and the exporters. Raises StoreUnavailable."""
    from smsfleet.ops.snapshot import take
    from smsfleet.workers.meter import read_month

    found = take(runtime.store, runtime.settings.account)
    try:
        return replace(found, credits=read_month(runtime).as_dict())
    except ConfigError:  # reloaded settings of another version, as the workers' logs say: the rest is told
        return found


def open_campaigns(found: Snapshot) -> Iterator[str]:
    """A line for each campaign of a look of which something is still expected."""
    for campaign in found.campaigns:
        if campaign["state"] not in {"finished", "cancelled"}:
            name = (
                f"{campaign['name']} ({campaign['campaign_id']})"
                if campaign["name"]
                else campaign["campaign_id"]
            )
            more = resume_of(campaign["campaign_id"]) if campaign["state"] == "paused" else ""
            rows = f"{campaign['done']:.0%} of {campaign['counts']['rows']:,} rows"
            yield f"{name} {campaign['state']}, {rows}{more}"


def resume_of(campaign_id: str) -> str:
    """What ends the pause of a campaign."""
    return f" (`smsfleet campaign resume {campaign_id}`)"
