"""Looking through all jobs of an account in bounded steps: for operators. No index is kept for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from smsfleet.store.calls import Call
from smsfleet.store.keys import Keys
from smsfleet.store.records import LANE_OF_LETTER


class Outline(NamedTuple):
    """What of a job is enough to leave it out."""

    job_id: str
    created_ms: int
    destination: str
    lane: str
    status: int | None


class Search:
    """The calls of a search; each takes the server a moment, whatever it holds."""

    def __init__(self, keys: Keys) -> None:
        self._prefix = keys.job("")
        self._keys = keys

    def keys_held(self) -> Call[int]:
        """How many keys the server holds, other accounts' and the broker's among them: for a progress."""
        return Call(("DBSIZE",), int)

    def scan(self, cursor: int, count: int) -> Call[tuple[int, list[str]]]:
        """Ids of jobs and aliases behind `cursor` (0: the first), of about `count` keys looked at.

        Reply: the cursor to go on from, 0 when all were seen, and the ids; one may come twice.
        """
        command = ("SCAN", cursor, "MATCH", self._prefix + b"*", "COUNT", count)

        def parse(reply: Any) -> tuple[int, list[str]]:
            return int(reply[0]), [
                key.removeprefix(self._prefix).decode() for key in reply[1] if key.isascii()
            ]

        return Call(command, parse)

    def outline(self, job_id: str) -> Call[Outline | None]:
        """A job in short; None when it is gone, an alias, or not of this version's form."""

        def parse(reply: Any) -> Outline | None:
            created, destination, lane, status = (value and value.decode("latin-1") for value in reply)
            letter = (lane or "")[:1]  # the policy is behind it
            if not created or destination is None or letter not in LANE_OF_LETTER:
                return None
            shown = int(status) if status else None
            return Outline(job_id, int(created), destination, LANE_OF_LETTER[letter], shown)

        return Call(("HMGET", self._keys.job(job_id), "c", "t", "l", "s"), parse)
