"""Campaigns: how far they are, and what an operator may want of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from smsfleet.config.errors import InvalidArgument
from smsfleet.tasks.campaign import Campaign, Counts, Progress, campaigns, find_campaign
from smsfleet.web.visit import Visit

MOST_SHOWN = 30
MOST_REFUSED = 10

TOLD = {
    "pause": "is paused: nothing more of it begins.",
    "resume": "goes on.",
    "cancel": "is cancelled: what had gone goes on.",
}

BEFORE = {
    "finished": "is finished.",
    "paused": "was paused before.",
    "cancelled": "was cancelled before.",
}
"""By its state, why nothing was done."""


def listed(visit: Visit) -> Response:
    """The newest."""
    return visit.html("campaigns.html", **_list())


def list_part(visit: Visit) -> str:
    """What of them changes."""
    return visit.part("_campaigns.html", **_list())


def one(visit: Visit) -> Response:
    """A campaign."""
    return visit.html("campaign.html", **_one(visit))


def part(visit: Visit) -> str:
    """What of it changes."""
    return visit.part("_campaign.html", **_one(visit))


def decide(visit: Visit) -> Response:
    """Pause it, let it go on, or cancel it."""
    campaign, decision = _named(visit), visit.form.get("decision", "")
    if decision == "pause":
        new = campaign.pause()
    elif decision == "resume":
        new = campaign.resume()
    elif decision == "cancel":
        new = campaign.cancel()
    else:
        raise InvalidArgument(f"{decision!r} is refused: must be pause, resume or cancel")
    visit.note(f"campaign {decision}", campaign=campaign.id)
    now = campaign.progress()
    told = TOLD[decision] if new else BEFORE.get(now.state, "was not paused.")
    return visit.go(f"/campaigns/{quote(campaign.id, safe='')}", f"Campaign {now.name or campaign.id} {told}")


def classes(counts: Counts) -> Iterator[tuple[str, int, str]]:
    """What is shown of the counts: name, how many, and whether it is good, bad, or open."""
    yield "delivered", counts.delivered, "good"
    yield "accepted", counts.accepted, "open"
    yield "waiting", counts.pending + counts.queued, "open"
    yield "held", counts.held, "bad"
    yield "unconfirmed", counts.unconfirmed, "open"
    yield "undelivered", counts.undelivered, "bad"
    yield "rejected", counts.rejected, "bad"
    yield "expired", counts.expired, "bad"
    yield "unknown", counts.failed_unknown, "bad"
    yield "cancelled", counts.cancelled, "bad"
    yield "refused", counts.refused, "bad"


def _list() -> dict[str, Any]:
    return {"campaigns": campaigns(MOST_SHOWN), "most": MOST_SHOWN}


def _one(visit: Visit) -> dict[str, Any]:
    campaign = _named(visit)
    progress: Progress = campaign.progress()
    return {
        "campaign": progress,
        "classes": list(classes(progress.counts)),
        "refused": list(islice(campaign.refused(), MOST_REFUSED)) if progress.counts.refused else [],
    }


def _named(visit: Visit) -> Campaign:
    return find_campaign(visit.path["campaign_id"])
