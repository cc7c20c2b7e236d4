"""A binder as the command puts it together: with its journal, its capture and its desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.binder.support import SHORT, Account

from smsfleet.binder.cancellation import quell
from smsfleet.binder.capture import Capture
from smsfleet.binder.desk import CaptureDesk
from smsfleet.binder.journal import Journal
from smsfleet.binder.service import Binder
from smsfleet.cli.binder import make_binder
from smsfleet.config.settings import load
from smsfleet.config.smpp_settings import load_smpp
from smsfleet.config.timing import Timing
from smsfleet.store.capture import CaptureBox
from smsfleet.store.client import AsyncStore
from smsfleet.store.journal import JournalEntry, JournalLog


@dataclass
class Recorded:
    """A running binder and what records it."""

    binder: Binder
    journal: Journal
    capture: Capture
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        self.binder.stop()
        await asyncio.wait_for(asyncio.shield(self.task), 15)


@asynccontextmanager
async def recorded(
    account: Account,
    port: int,
    folder: Path,
    *,
    timing: Timing = SHORT,
    password: str = "secret",
    run: str = "",
) -> AsyncIterator[Recorded]:
    """Run a binder of `account` for a gateway on `port`."""
    common = {"REDIS_URL": account.url, "ACCOUNT": account.name, "RUN_DIR": str(folder)}
    bind = {"HOST": "127.0.0.1", "PORT": str(port), "SYSTEM_ID": "demo", "SYSTEM_TYPE": "3000000"}
    settings = load({f"SMSFLEET_{name}": value for name, value in common.items()})
    smpp = load_smpp(
        {f"SMSFLEET_SMPP_{name}": value for name, value in {**bind, "PASSWORD": password}.items()}
    )
    store = AsyncStore.connect(account.url, "test-binder")
    journal, capture = Journal(store, JournalLog(account.keys), run=run), Capture(smpp.capture_pdus)
    binder = make_binder(settings, smpp, store, timing=timing, journal=journal, tap=capture.tap)
    desk = CaptureDesk(store, CaptureBox(account.keys), capture, leading=lambda: binder.leads)
    task = asyncio.create_task(binder.run())
    helpers = [asyncio.create_task(journal.run()), asyncio.create_task(desk.run())]
    try:
        yield Recorded(binder, journal, capture, task)
    finally:
        await quell(task, *helpers)
        await journal.close(1.0)
        await store.close()


def entries(account: Account) -> list[JournalEntry]:
    """The journal as it is stored; an entry that a cancelled write and `close` both stored counts once."""
    stored = account.store.run(JournalLog(account.keys).read("0-0", 10_000))[0]
    return list({(entry.run, entry.number): entry for entry in stored}.values())


def kinds(account: Account) -> list[str]:
    """What is noted, in order, without the signs of life."""
    return [entry.kind for entry in entries(account) if not entry.kind.startswith("enquire_link")]
