"""What is noted, before any store has it."""

from __future__ import annotations

import asyncio

import fakeredis
import pytest
from tests.integration.waiting import eventually

from smsfleet.binder.cancellation import quell
from smsfleet.binder.journal import MOST_CHARACTERS, MOST_SORTS, REPEAT_MS, Journal
from smsfleet.store.client import AsyncStore
from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.store.keys import Keys

REFUSED = {"mode": "transceiver", "kind": "submit_sm", "status": 0x58, "direction": "sent"}


class Noted:
    """A journal with a clock of its own, and what became of it in a store."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000
        self._store = AsyncStore(fakeredis.FakeAsyncRedis(protocol=2))
        self._log = JournalLog(Keys("main"))
        self.journal = Journal(self._store, self._log, clock_ms=lambda: self.now_ms, run="a")

    async def entries(self) -> list[JournalEntry]:
        await self.journal.close(5.0)
        found, _ = await self._store.run(self._log.read("0-0", 10_000))
        return found


async def test_entries_have_their_time_run_and_number() -> None:
    noted = Noted()
    noted.journal.note("connecting", mode="transceiver")
    noted.now_ms += 1500
    noted.journal.note("no_connection", mode="transceiver", reason="refused")

    assert [
        JournalEntry(1_790_000_000_000, "a", 1, "connecting", {"mode": "transceiver"}),
        JournalEntry(
            1_790_000_001_500, "a", 2, "no_connection", {"mode": "transceiver", "reason": "refused"}
        ),
    ] == await noted.entries()


async def test_two_runs_are_told_apart() -> None:
    runs = set()
    for _ in range(2):
        store = AsyncStore(fakeredis.FakeAsyncRedis(protocol=2))
        journal = Journal(store, JournalLog(Keys("main")))
        journal.note("start")
        await journal.close(5.0)
        found, _ = await store.run(JournalLog(Keys("main")).read("0-0", 10))
        runs |= {entry.run for entry in found}

    assert 2 == len(runs)


async def test_a_refused_pdu_is_noted_again_after_an_hour_and_each_sort_for_itself() -> None:
    noted = Noted()
    for later_ms in (0, REPEAT_MS - 1, REPEAT_MS):
        noted.now_ms = 1_790_000_000_000 + later_ms
        noted.journal.note("rejected_pdu", **REFUSED)
    noted.journal.note("rejected_pdu", **REFUSED | {"status": 0x14})

    assert [0x58, 0x58, 0x14] == [entry.fields["status"] for entry in await noted.entries()]
    assert [1, 2, 3] == [entry.number for entry in await noted.entries()]


async def test_sorts_of_refused_pdus_are_bounded() -> None:
    noted = Noted()
    for status in range(MOST_SORTS + 10):
        noted.journal.note("rejected_pdu", **REFUSED | {"status": status})

    assert MOST_SORTS == noted.journal.waiting


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"password": "geheim"}, {"password": "***"}),
        ({"reason": "to 27831234567"}, {"reason": "to 27*******67"}),
        ({"reason": "redis://u:geheim@h/0"}, {"reason": "redis://u:***@h/0"}),
        ({"reason": "x" * 1000}, {"reason": "x" * MOST_CHARACTERS}),
        ({"seconds": 1.5, "status": 0x400}, {"seconds": 1.5, "status": 0x400}),
    ],
)
async def test_what_is_private_or_long_is_masked_or_cut(
    fields: dict[str, str], stored: dict[str, str]
) -> None:
    noted = Noted()
    noted.journal.note("disconnected", **fields)

    (entry,) = await noted.entries()
    assert stored == entry.fields


async def test_an_empty_journal_is_true() -> None:  # `journal or ...` must not lose it
    assert Noted().journal


async def test_it_is_persisted_by_itself() -> None:
    noted = Noted()
    running = asyncio.create_task(noted.journal.run())
    noted.journal.note("start")

    await eventually(lambda: not noted.journal.waiting)

    await quell(running)
    assert ["start"] == [entry.kind for entry in await noted.entries()]
