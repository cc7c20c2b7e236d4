"""Unreadable deliver_sm in the stream `dead`: what operators see of them, and putting them back."""

from __future__ import annotations

from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

KEPT_DEAD = 10_000
"""Entries of the stream; the oldest go first."""


class Buried(NamedTuple):
    """A deliver_sm that no relay could read, or that the binder refused as malformed."""

    entry_id: str
    body: bytes
    received_ms: int
    why: str


class Dead:
    """The calls of one account."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def bury(self, body: bytes, received_ms: int, why: str) -> Call[bytes]:
        """Keep one that never was among the deliveries."""
        fields = ("p", body, "t", received_ms, "why", why)
        return Call(("XADD", self._keys.dead, "MAXLEN", "~", KEPT_DEAD, "*", *fields), bytes)

    def list(self, count: int) -> Call[list[Buried]]:
        """The oldest `count` of them."""
        return Call(("XRANGE", self._keys.dead, "-", "+", "COUNT", count), _buried)

    def count(self) -> Call[int]:
        """How many there are."""
        return Call(("XLEN", self._keys.dead), int)

    def exhume(self, entry_id: str) -> Call[int]:
        """Put one back among the deliveries: 1 done, 0 not there (any more)."""
        return eval_call(script("exhume"), [self._keys.dead, self._keys.deliveries], (entry_id,), int)

    def forget(self, entry_id: str) -> Call[int]:
        """Delete one: 1 done, 0 not there (any more)."""
        return Call(("XDEL", self._keys.dead, entry_id), int)


def _buried(reply: Any) -> list[Buried]:
    found = []
    for entry_id, fields in reply:
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        why = values.get(b"why", b"").decode("utf-8", "replace")
        found.append(Buried(entry_id.decode(), values[b"p"], int(values[b"t"]), why))
    return found
