"""Slow walks through the index of message ids: they find what no queue holds, and cost the hot paths nothing.

A walk goes in passes: some days, each bucket after the other. Any worker takes the next turn, none must.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.packed import pack_id, unpack_id
from smsfleet.store.scripts import script

TURN_MS = 30_000
"""A turn that was not ended (its worker died) is over after so long."""

WALK_TTL_S = 8 * 86_400
"""A walk that nobody goes on with for longer than a message id is known begins anew."""

SCAN = 500
"""Message ids of one HSCAN, about."""


class Turn(NamedTuple):
    """Where a walk is; times in milliseconds since the epoch, by the server's clock."""

    now_ms: int
    previous_ms: int | None
    """when the pass before this one began"""
    began_ms: int | None
    """when this pass began; None: there was none yet"""
    days: tuple[int, ...]
    """the days that are left, the first of them under way; empty: the pass has ended"""
    bucket: int
    """the next one"""


class Known(NamedTuple):
    """One message id of the index."""

    message_id: bytes
    ref: bytes


class Open(NamedTuple):
    """A segment without a final status."""

    known: Known
    status: int | None
    accepted_ms: int


class Walks:
    """The calls of one account."""

    def __init__(self, keys: Keys, *, text_ttl_s: int, now_ms: int = 0) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._now_ms = now_ms

    def turn(self, walk: bytes) -> Call[Turn | None]:
        """The next turn of a walk (its key); None while another worker has it, or it is too early."""
        return eval_call(script("walk_turn"), [walk], (self._now_ms, TURN_MS, WALK_TTL_S), _turn)

    def end_turn(self, walk: bytes, turn: Turn, pause_ms: int) -> Call[int]:
        """Where the walk is now; the next turn may be after `pause_ms`."""
        values = {
            "t": turn.now_ms + pause_ms,
            "p": "" if turn.previous_ms is None else turn.previous_ms,
            "b": "" if turn.began_ms is None else turn.began_ms,
            "d": ",".join(map(str, turn.days)),
            "n": turn.bucket,
        }
        return Call(("HSET", walk, *(word for pair in values.items() for word in pair)), int)

    def sizes(self, day: int, first: int, count: int) -> Call[list[int]]:
        """How many message ids each of the buckets has."""
        keys = [self._keys.index_bucket(day, bucket) for bucket in range(first, first + count)]
        return eval_call(script("sizes"), keys, (), list)

    def scan(self, day: int, bucket: int, cursor: int) -> Call[tuple[int, list[Known]]]:
        """Some message ids of a bucket, and the cursor for more; 0: these were the last."""
        command = ("HSCAN", self._keys.index_bucket(day, bucket), cursor, "COUNT", SCAN)
        return Call(command, _scanned)

    def open_segments(self, known: Sequence[Known]) -> Call[list[Open]]:
        """Those that are accepted, asked for a receipt and have no final status."""
        keys: list[bytes] = []
        arguments: list[bytes] = []
        for message_id, ref in known:
            job_id, _, number = ref.rpartition(b"#")
            keys.append(self._keys.job(job_id))
            arguments += (number, pack_id(message_id))

        def read(reply: Any) -> list[Open]:
            rows = zip(known, (row.partition(b",") for row in reply), strict=True)
            return [
                Open(one, int(status) if status else None, int(accepted))
                for one, (status, comma, accepted) in rows
                if comma
            ]

        return eval_call(script("open_segments"), keys, arguments, read)

    def close_unconfirmed(self, known: Sequence[Known], after_s: float) -> Call[int]:
        """Close those that are at 003 for `after_s`; reply: how many."""
        keys = [self._keys.status, self._keys.outbox, self._keys.campaigns_tally]
        arguments: list[Any] = [self._now_ms, self._text_ttl_s, round(after_s * 1000)]
        for _, ref in known:
            job_id, _, number = ref.rpartition(b"#")
            keys += (self._keys.job(job_id), self._keys.content(job_id))
            arguments += (ref, number)
        return eval_call(script("close_unconfirmed"), keys, arguments, int)


def _turn(reply: Any) -> Turn | None:
    if not reply:
        return None
    now, previous, began, days, bucket = (word.decode() for word in reply)
    left = tuple(int(day) for day in days.split(",") if day)
    return Turn(
        int(now), int(previous) if previous else None, int(began) if began else None, left, int(bucket or 0)
    )


def _scanned(reply: Any) -> tuple[int, list[Known]]:
    cursor, pairs = reply
    return int(cursor), [Known(unpack_id(pairs[at]), pairs[at + 1]) for at in range(0, len(pairs), 2)]
