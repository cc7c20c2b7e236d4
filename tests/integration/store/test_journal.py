"""The journal in the store: what is read is what was written, and it stays small."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import RecordError
from smsfleet.store.client import Call, Store
from smsfleet.store.journal import JOURNAL_ENTRIES, JournalEntry, JournalLog
from smsfleet.store.keys import Keys

KEYS = Keys("main")
LOG = JournalLog(KEYS)

NODE = 128
"""Entries are trimmed by whole nodes of the stream (stream-node-max-entries is 100)."""


def entry(number: int, **fields: str | float) -> JournalEntry:
    return JournalEntry(1_790_000_000_000 + 56_000 * number, "0123abcd", number, "enquire_link", fields)


def test_what_is_read_is_what_was_written_in_its_order(store: Store) -> None:
    store.run(Call(("DEL", KEYS.journal), int))
    written = [entry(1, mode="transceiver", submit_sm=3), entry(2, reason="größer", seconds=1.5), entry(3)]
    store.run_all([LOG.append(each) for each in written])

    found, after = store.run(LOG.read("0-0", 100))

    assert written == found
    assert ([], after) == store.run(LOG.read(after, 100))


def test_it_is_read_in_parts(store: Store) -> None:
    store.run(Call(("DEL", KEYS.journal), int))
    store.run_all([LOG.append(entry(number)) for number in range(1, 8)])
    found, after = [], "0-0"

    while part := (reply := store.run(LOG.read(after, 3)))[0]:
        found += part
        after = reply[1]

    assert list(range(1, 8)) == [each.number for each in found]


def test_it_is_read_backwards_in_parts(store: Store) -> None:
    store.run(Call(("DEL", KEYS.journal), int))
    store.run_all([LOG.append(entry(number)) for number in range(1, 8)])
    found, before = [], "+"

    while part := (reply := store.run(LOG.newest(before, 3)))[0]:
        found += part
        before = reply[1]

    assert list(range(7, 0, -1)) == [each.number for each in found]
    assert ([], "+") == store.run(JournalLog(Keys("nobodys")).newest("+", 3))


@pytest.mark.parametrize(
    "fields", [("x", "y"), ("t", "no", "r", "a", "n", 1, "k", "start", "f", "{}"), ("f", "[")]
)
def test_an_entry_of_another_form_is_told(store: Store, fields: tuple[str | int, ...]) -> None:
    store.run(Call(("DEL", KEYS.journal), int))
    store.run(Call(("XADD", KEYS.journal, "*", *fields), bytes))

    with pytest.raises(RecordError, match="of the journal"):
        store.run(LOG.read("0-0", 10))


@pytest.mark.server
def test_it_keeps_the_newest_entries_and_stays_small(real_store: Store) -> None:
    counts = {"submit_sm": 123_456, "accepted": 123_456, "deliver_sm": 123_450, "taken": 123_450}
    kinds = [
        JournalEntry(each.at_ms, each.run, each.number, kind, {"mode": "transmitter", **fields})
        for number in range(0, JOURNAL_ENTRIES + 2000, 2)
        for each, kind, fields in (
            (entry(number), "enquire_link", counts | {"sent_back": 0, "refused": 0}),
            (entry(number + 1), "enquire_link_resp", {}),
        )
    ]
    for start in range(0, len(kinds), 500):
        real_store.run_all([LOG.append(each) for each in kinds[start : start + 500]])

    length = real_store.run(Call(("XLEN", KEYS.journal), int))
    octets = real_store.run(Call(("MEMORY", "USAGE", KEYS.journal, "SAMPLES", 0), int))
    last = real_store.run(
        Call(("XREVRANGE", KEYS.journal, "+", "-", "COUNT", 1), lambda reply: reply[0][1][5])
    )

    assert JOURNAL_ENTRIES <= length <= JOURNAL_ENTRIES + NODE
    assert str(JOURNAL_ENTRIES + 1999).encode() == last
    assert octets < 6_000_000
