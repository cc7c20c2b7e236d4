"""The opt-out list: numbers that want no more messages, of one sender or of all.

An entry is a field of the hash of its number's bucket: `number`, or `number|sender` in small letters; its
value is `ms why`. Entries younger than a segment can be on its way are also in a sorted set that begin.lua
looks at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import OPT_OUT_BUCKETS, Keys
from smsfleet.store.scripts import script

BUCKETS_AT_ONCE = 256


class OptedOut(NamedTuple):
    """One entry of the list."""

    number: str
    """in digits, as a job's destination"""
    sender: str = ""
    """empty: of every sender; case makes no difference"""
    since_ms: int = 0
    """0: from now on"""
    why: str = "operator"
    """`reply`, `operator`, `import`, or what an import said"""

    @property
    def field(self) -> str:
        """How the entry is named in its hash."""
        return f"{self.number}|{self.sender.lower()}" if self.sender else self.number

    @property
    def marker(self) -> str:
        """By what its number is found among the recent ones."""
        return f"{self.number}|" if self.sender else self.number


class Granting(NamedTuple):
    """What whoever wrote a message wishes of the list; it is done by the script that keeps the message."""

    word: str
    """`out` or `in`"""
    entries: tuple[OptedOut, ...]
    """of one number: to be put into the list, or taken off"""
    target: str
    """where the message goes besides when that changes the list; empty: nowhere"""
    recent_ms: int
    """for how long a segment may be on its way"""

    def keys(self, keys: Keys) -> list[bytes]:
        """The keys that it needs."""
        return [keys.opted_out, keys.opted_out_recently, keys.opted_out_of(self.entries[0].number)]

    def to_json(self) -> str:
        """As lib_wish.lua reads it."""
        fields = [entry.field for entry in self.entries]
        markers = [entry.marker for entry in self.entries]
        return json.dumps({
            "word": self.word, "fields": fields, "markers": markers, "target": self.target,
            "recent_ms": self.recent_ms,
        })  # fmt: skip


class OptOuts:
    """The calls about the opt-out list of one account."""

    def __init__(self, keys: Keys, *, job_ttl_s: int, now_ms: int = 0) -> None:
        self._keys = keys
        self._recent_ms = job_ttl_s * 1000
        self._now_ms = now_ms

    def add(self, entries: Sequence[OptedOut], *, keep_older: bool = False) -> Call[list[bool]]:
        """Put entries into the list; reply: which of them are new."""
        keys = [self._keys.opted_out, self._keys.opted_out_recently]
        arguments: list[Any] = [self._now_ms, self._recent_ms]
        for entry in entries:
            keys.append(self._keys.opted_out_of(entry.number))
            arguments += (entry.field, f"{entry.since_ms} {entry.why}", entry.marker, int(keep_older))
        return eval_call(script("opt_out"), keys, arguments, _flags)

    def remove(self, entries: Sequence[OptedOut]) -> Call[list[bool]]:
        """Take entries off the list; reply: which of them were on it."""
        keys = [self._keys.opted_out, self._keys.opted_out_recently]
        keys += [self._keys.opted_out_of(entry.number) for entry in entries]
        return eval_call(script("opt_in"), keys, [entry.field for entry in entries], _flags)

    def count(self) -> Call[int]:
        """How many entries the list has; cheap, because it is asked with every batch of jobs."""
        return Call(("GET", self._keys.opted_out), lambda reply: int(reply or 0))

    def is_opted_out(self, number: str, sender: str) -> Call[bool]:
        """Whether a number wants no messages of this sender (or of any)."""
        fields = {OptedOut(number).field, OptedOut(number, sender).field}
        return Call(("HMGET", self._keys.opted_out_of(number), *fields), any)

    def of(self, number: str) -> Call[list[OptedOut]]:
        """All entries of a number."""

        def read(reply: Any) -> list[OptedOut]:
            return [entry for entry in _entries(reply) if entry.number == number]

        return Call(("HGETALL", self._keys.opted_out_of(number)), read)

    def pages(self) -> Iterable[list[Call[list[OptedOut]]]]:
        """The calls that read the whole list, some buckets at a time; each list is for one round trip."""
        for first in range(0, OPT_OUT_BUCKETS, BUCKETS_AT_ONCE):
            buckets = range(first, first + BUCKETS_AT_ONCE)
            yield [Call(("HGETALL", self._keys.opted_out_bucket(bucket)), _entries) for bucket in buckets]


def _flags(reply: Any) -> list[bool]:
    return [flag == 1 for flag in reply]


def _entries(reply: Any) -> list[OptedOut]:
    entries = []
    for field, value in zip(reply[::2], reply[1::2], strict=True):
        number, _, sender = field.decode().partition("|")
        since_ms, _, why = value.decode().partition(" ")
        entries.append(OptedOut(number, sender, int(since_ms), why))
    return entries
