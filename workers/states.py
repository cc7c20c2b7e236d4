"""The states of segments and jobs: what the letters of the store mean to applications."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from smsfleet.config.statuses import message_status

OPEN_STATES = ("SCHEDULED", "SET_ASIDE", "PENDING", "QUEUED", "SENDING", "HELD", "ACCEPTED")
"""States in which something is still expected, from the least to the most advanced."""

FINAL_STATES = (
    "DELIVERED", "UNCONFIRMED", "UNDELIVERED", "REJECTED", "REFUSED", "EXPIRED", "CANCELLED",
    "FAILED_UNKNOWN",
)  # fmt: skip
"""States in which nothing more is expected; a late positive fact may still turn a failure into a success."""

_STATE = {
    "Q": "QUEUED", "W": "QUEUED", "S": "SENDING", "H": "HELD", "A": "ACCEPTED",
    "R": "REJECTED", "E": "EXPIRED", "C": "CANCELLED", "F": "FAILED_UNKNOWN",
    "N": "UNCONFIRMED",
}  # fmt: skip

_SHOWN = {"E": 10, "C": 6, "F": 1, "N": 3}
CANCELLED_STATUS = 6
"""The Appendix B number of a job that was cancelled: 006, by a user."""
EXPIRED_STATUS = 10
"""The Appendix B number of a job whose validity was over before it was sent."""

_WITHOUT_SEGMENTS = {CANCELLED_STATUS: "CANCELLED", EXPIRED_STATUS: "EXPIRED"}

_STATE_OF_REASON = {"cancelled": "CANCELLED", "expired": "EXPIRED", "aside": "SET_ASIDE"}

_LABEL = re.compile(r"([A-Z])(\d*)")
NO_SEGMENTS = "-"


class Part(NamedTuple):
    """A segment, or several that are alike: its state and the status that it is shown with."""

    state: str
    shown: int | None


def part(letter: str, status: int | None) -> Part:
    """The segment of this letter, see lib_job.lua, with this status."""
    shown = _SHOWN.get(letter, status)
    if letter == "A" and status is not None and message_status(status).final:
        return Part("DELIVERED" if status == 4 else "UNDELIVERED", shown)
    return Part(_STATE[letter], shown)


def together(parts: Sequence[Part], status: int | None) -> str:
    """The state of a job of these segments that is shown with `status`."""
    still_open = [state for state, _ in parts if state in OPEN_STATES]
    if still_open:
        return min(still_open, key=OPEN_STATES.index)
    # Closed: the segment that decided the job's status decides its state.
    return next((state for state, shown in parts if shown == status), parts[0].state)


def of_reason(reason: str) -> str:
    """The state of a job that never became segments, by its reason, `code: message`."""
    return _STATE_OF_REASON.get(reason.partition(":")[0], "REFUSED")


def of_labels(labels: str, status: int | None) -> str:
    """The state of a job whose segments have these labels: `A8`, or `A4:1 Q:2`; `-`: it has none."""
    if labels == NO_SEGMENTS:
        return _WITHOUT_SEGMENTS.get(status, "REFUSED") if status else "REFUSED"
    parts = [part(letter, int(code) if code else None) for letter, code in _LABEL.findall(labels)]
    return together(parts, status)
