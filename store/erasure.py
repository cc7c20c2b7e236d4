"""Removing what is kept of one number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script


class Erasure:
    """The calls that find and remove a number; `masked` stands in its place where something must stand."""

    def __init__(self, keys: Keys, number: str, masked: str) -> None:
        self._keys = keys
        self._number = number
        self._masked = masked
        self._named = re.compile(rb"(?<!\d)" + number.encode() + rb"(?!\d)")
        self.streams = {
            "messages": keys.mo,
            "unreadable": keys.dead,
            "receipts": keys.receipts,
            "events": keys.outbox,
            "given up": keys.undelivered,
        }
        """where whole entries may name it"""

    def job(self, job_id: str) -> Call[str]:
        """Mask the number of a job and delete its text; reply: a word, see erase.lua."""
        keys = [self._keys.job(job_id), self._keys.content(job_id)]
        return eval_call(script("erase"), keys, (self._number, self._masked), lambda reply: reply.decode())

    def counters(self, days: Iterable[int] = ()) -> list[Call[int]]:
        """Forget what is counted and doubted of the number, and its last job of each day.

        Replies: whether there was something.
        """
        keys = self._keys
        return [
            Call(("DEL", keys.reference(self._number)), int),
            Call(("HDEL", keys.doubts, self._number), int),
            Call(("ZREM", keys.doubted, self._number), int),
            *(Call(("HDEL", keys.last(self._number, day), self._number), int) for day in days),
        ]

    def entries(self, stream: bytes, after: str, count: int) -> Call[tuple[str, list[str]]]:
        """Of `count` entries behind `after` (`-`: the first): the last one's id (empty: no more), and those
        that name the number.
        """
        start = after if after == "-" else f"({after}"

        def parse(reply: Any) -> tuple[str, list[str]]:
            named = [entry_id.decode() for entry_id, values in reply if any(map(self._named.search, values))]
            return (reply[-1][0].decode() if reply else ""), named

        return Call(("XRANGE", stream, start, "+", "COUNT", count), parse)

    def delete(self, stream: bytes, entry_ids: Sequence[str]) -> Call[int]:
        """Delete entries; reply: how many were there."""
        return Call(("XDEL", stream, *entry_ids), int)

    def hooked(self, cursor: int, count: int) -> Call[tuple[int, list[str]]]:
        """Of webhook events behind `cursor`: the cursor to go on from, and the ids of those that name it."""

        def parse(reply: Any) -> tuple[int, list[str]]:
            pairs = zip(reply[1][::2], reply[1][1::2], strict=True)
            return int(reply[0]), [event_id.decode() for event_id, body in pairs if self._named.search(body)]

        return Call(("HSCAN", self._keys.hooked, cursor, "COUNT", count), parse)

    def unhook(self, event_ids: Sequence[str]) -> Call[int]:
        """Forget webhook events; their places in the queues go when they are due."""
        return Call(("HDEL", self._keys.hooked, *event_ids), int)

    def collecting(self) -> Call[list[bytes]]:
        """Names of the messages whose parts wait for each other."""
        return Call(("ZRANGE", self._keys.collecting, 0, -1), list)

    def names_it(self, collecting: bytes) -> Call[bool]:
        """Whether the message under this name is from or to the number."""
        parts = self._keys.parts(collecting.decode())
        return Call(("HGET", parts, "m"), lambda reply: bool(self._named.search(reply or b"")))

    def drop_parts(self, collecting: bytes) -> list[Call[int]]:
        """Forget the parts under this name; what comes of it afterwards is collected anew."""
        keys = self._keys
        # In this order: a part that comes in between goes with the others, and none waits without an end.
        return [
            Call(("ZREM", keys.collecting, collecting), int),
            Call(("DEL", keys.parts(collecting.decode())), int),
        ]

    def is_in(self, job_id: str) -> bool:
        """Whether an id holds the number: ids are the applications' own."""
        return self._number in job_id
