"""A campaign as it is stored: the reading of its hash and its tally. Their writing is in the Lua scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smsfleet.config.statuses import message_status
from smsfleet.store.records import LANE_OF_LETTER

CLASSES = (
    "Q", "H", "F", "E", "C", "N",
    *(f"{letter}{status}" for letter in "AR" for status in ("", *range(1, 15))),
)  # fmt: skip
"""What a tally has fields for; see lib_tally.lua."""

OPEN_CLASSES = (
    "Q", "H", "A", *(f"A{number}" for number in range(1, 15) if not message_status(number).final),
)  # fmt: skip
"""Those of which something is still expected."""


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign as it is stored, with its tally."""

    campaign_id: str
    lane: str
    name: str
    idempotency_key: str
    created_ms: int
    due_ms: int | None
    """None: it was begun at once"""
    chunk_rows: int
    chunks: int
    """chunks taken"""
    given_out: int
    """chunks that are handled, or in play"""
    in_play: int
    rows: int
    """rows taken of what was submitted"""
    retried: int
    """rows taken for another try"""
    submitted: bool
    """all rows were taken"""
    jobs: int
    """rows that became jobs, retries among them"""
    refused: int
    refused_by: Mapping[str, int]
    """by the code of the reason"""
    rate: float | None
    last_ms: int | None
    """when the last chunk ended"""
    digest: str
    """of all chunks taken"""
    fingerprint: str
    tally: Mapping[str, int]
    """jobs by class"""
    stopped: str
    """p paused, c cancelled, empty"""
    stopped_ms: int | None


def record(campaign_id: str, replies: Sequence[Any]) -> CampaignRecord | None:
    """The campaign of the replies to `Campaigns.read`; None: there is no such (any more)."""
    pairs, tally, stopped = replies
    values = {name.decode(): value.decode() for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
    if "c" not in values:
        return None

    def number(name: str) -> int:
        return int(values.get(name, 0))

    letter, _, since = stopped.partition(",")
    return CampaignRecord(
        campaign_id=campaign_id,
        lane=LANE_OF_LETTER[values["l"]],
        name=values.get("name", ""),
        idempotency_key=values.get("key", ""),
        created_ms=number("c"),
        due_ms=number("a") or None,
        chunk_rows=number("z"),
        chunks=number("n"),
        given_out=number("g"),
        in_play=number("i"),
        rows=number("r"),
        retried=number("y"),
        submitted=values.get("d") == "1",
        jobs=number("m"),
        refused=number("q"),
        refused_by={name[2:]: int(value) for name, value in values.items() if name.startswith("x:")},
        rate=float(values["v"]) if "v" in values else None,
        last_ms=number("e") or None,
        digest=values.get("h", ""),
        fingerprint=values["f"],
        tally={name: int(value) for name, value in zip(CLASSES, tally, strict=True) if int(value or 0)},
        stopped=letter,
        stopped_ms=int(since) if since else None,
    )
