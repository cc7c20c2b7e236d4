"""The binder's journal in the store: what happened to the bind, for the compliance report and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smsfleet.config.errors import RecordError
from smsfleet.store.calls import Call
from smsfleet.store.keys import Keys

JOURNAL_ENTRIES = 40_000
"""Entries that are kept, oldest trimmed first.

48 hours of a pair make 2 x 3,142 enquire_link (one every 55 s at most often) with as many answers, and
5,760 of the gateway's own if it asked every 60 s: 18,300. The rest is margin for disconnects, and makes a
week of a transceiver. An entry takes up to 125 octets of Redis' memory, all of them 5 MB
(tests/integration/store/test_journal.py).
"""

Value = str | int | float


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that happened to one binder process."""

    at_ms: int
    """milliseconds since the epoch, by the clock of the binder's host"""
    run: str
    """names one run of one process"""
    number: int
    """counts the entries of a run, from 1: a gap shows entries that were lost"""
    kind: str
    fields: Mapping[str, Value] = field(default_factory=dict)


class JournalLog:
    """The calls about the journal of one account."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.journal

    def append(self, entry: JournalEntry) -> Call[bytes]:
        """Add one entry; repeating it does no harm, because run and number name it."""
        # The same field names in every entry are stored once for many of them (Redis' streams).
        values = json.dumps(entry.fields, separators=(",", ":"))
        command = (
            b"XADD", self._key, b"MAXLEN", b"~", JOURNAL_ENTRIES, b"*",
            b"t", entry.at_ms, b"r", entry.run, b"n", entry.number, b"k", entry.kind, b"f", values,
        )  # fmt: skip
        return Call(command, bytes)

    def read(self, after: str, count: int) -> Call[tuple[list[JournalEntry], str]]:
        """At most `count` entries stored behind the id `after`, oldest first, and the id to go on from.

        `f"{ms}-0"` is the id of a time. Raises RecordError for an entry of another version.
        """
        command = (b"XRANGE", self._key, f"({after}", b"+", b"COUNT", count)

        def parse(reply: Any) -> tuple[list[JournalEntry], str]:
            entries = [_entry(values) for _, values in reply]
            return entries, reply[-1][0].decode() if reply else after

        return Call(command, parse)

    def newest(self, before: str, count: int) -> Call[tuple[list[JournalEntry], str]]:
        """At most `count` entries stored before the id `before` (`+`: all), newest first, and the next id.

        Raises RecordError for an entry of another version.
        """
        last = before if before == "+" else f"({before}"
        command = (b"XREVRANGE", self._key, last, b"-", b"COUNT", count)

        def parse(reply: Any) -> tuple[list[JournalEntry], str]:
            entries = [_entry(values) for _, values in reply]
            return entries, reply[-1][0].decode() if reply else before

        return Call(command, parse)


def _entry(values: list[bytes]) -> JournalEntry:
    try:
        stored = dict(zip(values[::2], values[1::2], strict=True))
        fields = json.loads(stored[b"f"])
        run, kind = stored[b"r"].decode(), stored[b"k"].decode()
        return JournalEntry(int(stored[b"t"]), run, int(stored[b"n"]), kind, fields)
    except (KeyError, ValueError) as error:
        raise RecordError(
            f"an entry of the journal is not of the form of this version: {values!r}"
        ) from error
