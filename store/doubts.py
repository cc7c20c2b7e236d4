"""Segments whose outcome is unknown: matching them with their receipts, and what operators see of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smsfleet.config.days import UTC_DAYS, AccountDays
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.credits import BOOK_TTL_S
from smsfleet.store.keys import DAY_MS, Keys
from smsfleet.store.packed import pack_id, unpack_id
from smsfleet.store.scripts import script

AGAIN_MS = 2_000
"""A receipt that cannot be matched yet is looked at again after so long."""

SUSPENDED = -1
"""In the place of how many destinations were looked at: there were too many, and nothing is matched."""

SCANNED = 1_000
"""Destinations that are looked at in one call."""

_TRACE = re.compile(rb"([A-Z])([0-9]+),[0-9]+:")

MOST_UNAPPLIED = 1_000
"""With more answers than this waiting to be applied, nothing is matched: whose they are is looked up."""


class Pair(NamedTuple):
    """A segment in doubt, and a message id that only its receipt can have."""

    destination: bytes
    ref: bytes
    message_id: bytes


class Lost(NamedTuple):
    """Attempts to a destination whose answer was lost, and which no receipt has explained."""

    destination: str
    attempts: int | None
    """None: too much came together there to tell them apart"""


class Held(NamedTuple):
    """A segment that is held."""

    ref: str
    until_ms: int | None
    """when the hold ends by itself; None: a late fact or an operator ends it"""


class Doubts:
    """The calls about unknown outcomes of one account."""

    def __init__(
        self,
        keys: Keys,
        *,
        text_ttl_s: int,
        index_ttl_s: int,
        days: AccountDays = UTC_DAYS,
        now_ms: int = 0,
    ) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._index_ttl_s = index_ttl_s
        self._days = days
        self._now_ms = now_ms

    def ripe(self, after_s: float, count: int, again_ms: int = AGAIN_MS) -> Call[tuple[int, list[Pair]]]:
        """What may be matched: a receipt that came `after_s` ago, the only segment in doubt of its number.

        Reply: how many destinations were looked at, of up to `count`, or SUSPENDED; and the pairs. A pair may
        be given to `match` when `in_flight` and `unapplied`, asked after this, hold no segment to its
        destination.
        """
        keys = [self._keys.doubts, self._keys.doubted]
        arguments = (self._now_ms, round(after_s * 1000), self._index_ttl_s * 1000, again_ms, count)
        return eval_call(script("ripe_doubts"), keys, arguments, _ripe)

    def in_flight(self) -> Call[list[bytes]]:
        """The refs of all segments in flight."""
        return Call(("HKEYS", self._keys.inflight), list)

    def unapplied(self) -> Call[list[bytes] | None]:
        """The refs of answers that no relay has applied; None when they are too many to look at."""
        command = ("XRANGE", self._keys.responses, "-", "+", "COUNT", MOST_UNAPPLIED + 1)
        return Call(command, _refs)

    def destinations(self, references: Iterable[bytes]) -> list[Call[bytes | None]]:
        """The destination of each segment's job; None when it is gone."""
        jobs = dict.fromkeys(reference.rpartition(b"#")[0] for reference in references)
        return [Call(("HGET", self._keys.job(job_id), "t"), _same) for job_id in jobs]

    def lost(self, cursor: int) -> Call[tuple[int, list[Lost]]]:
        """A part of what is in doubt, from cursor 0 on; reply: the next cursor, 0 at the end."""
        return Call(("HSCAN", self._keys.doubts, cursor, "COUNT", SCANNED), _lost)

    def match(self, pairs: Sequence[Pair], at_ms: int) -> Call[list[str]]:
        """Accept segments in doubt by their receipts, at `at_ms`; reply: a word for each, see match.lua."""
        keys, day = self._keys, at_ms // DAY_MS
        script_keys = [
            keys.doubts, keys.doubted, keys.status, keys.waiting, keys.delayed, keys.held, keys.orphans,
            keys.outbox, keys.credits_of(self._days.name(at_ms)), keys.credits,
            keys.campaigns_tally, keys.campaigns_parked,
        ]  # fmt: skip
        arguments: list[Any] = [self._now_ms, self._text_ttl_s, self._index_ttl_s, BOOK_TTL_S]
        for destination, reference, message_id in pairs:
            job_id, _, number = reference.rpartition(b"#")
            packed = pack_id(message_id)
            script_keys += (
                keys.job(job_id), keys.content(job_id), keys.index(packed, day), keys.orphan(message_id),
            )  # fmt: skip
            arguments += (destination, reference, number, packed)
        return eval_call(script("match"), script_keys, arguments, lambda reply: [w.decode() for w in reply])

    def held(self, first: int, count: int) -> Call[list[Held]]:
        """Segments that are held, those first whose hold ends first; `count` of them from place `first`."""
        command = ("ZRANGE", self._keys.held, first, first + count - 1, "WITHSCORES")
        return Call(command, _held)

    def held_count(self) -> Call[int]:
        """How many segments are held."""
        return Call(("ZCARD", self._keys.held), int)


def _ripe(reply: Any) -> tuple[int, list[Pair]]:
    looked, *found = reply
    return looked, [
        Pair(to, ref, unpack_id(stored))
        for to, ref, stored in zip(found[::3], found[1::3], found[2::3], strict=True)
    ]


def _lost(reply: Any) -> tuple[int, list[Lost]]:
    cursor, flat = reply
    pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
    found = [Lost(to.decode("latin-1"), _attempts(traces)) for to, traces in pairs]
    return int(cursor), [lost for lost in found if lost.attempts != 0]


def _attempts(traces: bytes) -> int | None:
    """How many L of lib_doubt.lua have no K."""
    kinds, at = b"", 0
    while trace := _TRACE.match(traces, at):
        kinds += trace[1]
        at = trace.end() + int(trace[2])
    return None if b"X" in kinds else max(0, kinds.count(b"L") - kinds.count(b"K"))


def _refs(reply: Any) -> list[bytes] | None:
    return None if len(reply) > MOST_UNAPPLIED else [fields[1] for _, fields in reply]


def _same(reply: Any) -> Any:
    return reply


def _held(reply: Any) -> list[Held]:
    scored = zip(reply[::2], reply[1::2], strict=True)
    return [Held(ref.decode(), None if score == b"inf" else int(float(score))) for ref, score in scored]
