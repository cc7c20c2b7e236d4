"""How many jobs came to each status: counted from the stream `status`, beside the path of the messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

BATCH = 1000
"""Changes of one run: about a millisecond of the server's time."""

FINAL = "f"
CURSOR = b"cursor"


@dataclass(frozen=True, slots=True, order=True)
class Came:
    """Jobs that came to a status since the account's Redis is there."""

    status: int
    """Appendix B number; 0: no status yet, as while a refused segment is tried again"""
    final: bool
    count: int


class StatusCounts:
    """The calls of one account's counts."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def count(self, most: int = BATCH) -> Call[int]:
        """Count up to `most` changes that nobody has counted; reply: how many there were.

        Any worker may do it, and two at once do no harm. What the stream's cap has cut away is not counted.
        """
        return eval_call(script("count_status"), [self._keys.status, self._keys.status_counts], (most,), int)


def came(fields: Mapping[bytes, bytes]) -> tuple[Came, ...]:
    """The counts as they are stored, in the order of the statuses."""
    found = [
        Came(int(name.rstrip(FINAL) or 0), name.endswith(FINAL), int(count))
        for name, count in ((key.decode(), value) for key, value in fields.items() if key != CURSOR)
    ]
    return tuple(sorted(found))
