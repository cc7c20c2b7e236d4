"""The journal of a real binder on a real Redis: what happens to the bind is in it, and nothing secret."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.integration.binder.recorded import entries, kinds, recorded
from tests.integration.binder.support import SHORT, Account, incoming, times_accepted
from tests.integration.waiting import Lag, eventually

from smsfleet.binder.cancellation import quell
from smsfleet.binder.journal import BATCH, Journal
from smsfleet.binder.service import State
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.simulator.server import Simulator
from smsfleet.store.client import AsyncStore, Call
from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.store.keys import Keys

pytestmark = pytest.mark.server

BEATING = SHORT.model_copy(update={"enquire_link_s": 0.2, "enquire_link_timeout_s": 0.1})


def of(account: Account, kind: str) -> list[JournalEntry]:
    return [entry for entry in entries(account) if entry.kind == kind]


async def test_a_life_of_a_binder_is_told(account: Account, simulator: Simulator, tmp_path: Path) -> None:
    async with recorded(account, simulator.port, tmp_path, timing=BEATING) as binder:
        await eventually(lambda: binder.binder.state is State.BOUND)
        message = account.send()
        simulator.inject(incoming())
        simulator.enquire_link()
        await eventually(lambda: times_accepted(simulator, message) == 1)
        await eventually(lambda: simulator.journal.counts["enquire_link"] == 2)
        simulator.disconnect()
        await eventually(lambda: simulator.journal.counts["bind"] == 2)
        await eventually(lambda: binder.binder.state is State.BOUND)
        await binder.stop()

    assert [
        "start", "lease", "connecting", "bind", "bound", "disconnected", "reconnect",
        "connecting", "bind", "bound", "stop", "unbind", "disconnected",
    ] == [kind for kind in kinds(account) if kind != "bind_asked"]  # fmt: skip
    first, second = of(account, "disconnected")
    assert ("peer-closed", "transceiver", 1, 1, 1, 1) == tuple(
        first.fields[name] for name in ("cause", "mode", "submit_sm", "accepted", "deliver_sm", "taken")
    )
    assert "unbound" == second.fields["cause"]
    assert {"mode": "transceiver", "by": "us"} == of(account, "unbind")[0].fields
    assert len(of(account, "enquire_link")) >= 2
    assert len(of(account, "enquire_link_resp")) >= 2
    assert 1 == len(of(account, "enquire_link_received"))
    numbers = [entry.number for entry in entries(account)]
    assert list(range(1, len(numbers) + 1)) == numbers
    assert 1 == len({entry.run for entry in entries(account)})


async def test_an_interval_is_as_long_as_the_gateway_saw_it(
    account: Account, simulator: Simulator, tmp_path: Path
) -> None:
    lag = Lag()
    async with recorded(account, simulator.port, tmp_path, timing=BEATING):
        await eventually(lambda: len(of(account, "enquire_link")) >= 5)

    ours = [entry.at_ms / 1000 for entry in of(account, "enquire_link")]
    theirs = [line["at"] for line in simulator.journal.of("enquire_link")]
    differences = [own - other for own, other in zip(ours, theirs, strict=False)]
    assert max(differences) - min(differences) < 0.05 + lag.s


async def test_a_refused_bind_is_noted_with_its_status(
    account: Account, simulator: Simulator, tmp_path: Path
) -> None:
    async with recorded(account, simulator.port, tmp_path, password="wrong") as binder:
        await eventually(lambda: binder.binder.state is State.REFUSED)
        await eventually(lambda: of(account, "disconnected"))

    assert [0x0E] == [entry.fields["status"] for entry in of(account, "bind_refused")]
    assert "bind-refused" == of(account, "disconnected")[0].fields["cause"]


async def test_a_gateway_that_is_not_there_is_noted(account: Account, tmp_path: Path) -> None:
    async with recorded(account, 1, tmp_path) as binder:
        await eventually(lambda: len(of(account, "no_connection")) >= 2)
        await binder.stop()

    assert "cannot connect to 127.0.0.1:1" in str(of(account, "no_connection")[0].fields["reason"])


async def test_the_first_refused_pdu_of_a_sort_is_noted_and_no_more(
    account: Account, simulator: Simulator, tmp_path: Path
) -> None:
    async with recorded(account, simulator.port, tmp_path):
        messages = [
            account.send(destination=f"2799918{status}") for status in ("1024", "1024", "0001", "1024")
        ]
        simulator.inject(b"no deliver_sm")
        simulator.inject(b"no deliver_sm")
        await eventually(lambda: simulator.journal.counts["submit_sm"] == len(messages))
        await eventually(lambda: len(of(account, "rejected_pdu")) == 3)

    assert {("submit_sm", 0x400, "sent"), ("submit_sm", 0x01, "sent"), ("deliver_sm", 0x01, "received")} == {
        tuple(entry.fields[name] for name in ("kind", "status", "direction"))
        for entry in of(account, "rejected_pdu")
    }


async def test_no_secret_no_number_and_no_text_is_in_it(
    account: Account, simulator: Simulator, tmp_path: Path
) -> None:
    async with recorded(account, simulator.port, tmp_path) as binder:
        message = account.send(destination="27831234567")
        simulator.inject(incoming(b"hello"))
        await eventually(lambda: times_accepted(simulator, message) == 1)
        await eventually(lambda: simulator.journal.counts["deliver_sm_resp"] == 1)
        binder.journal.note("start", password="geheim", reason="redis://user:geheim@host to 27831234567")
        await binder.stop()

    stored = account.store.run(Call(("XRANGE", account.keys.journal, "-", "+"), repr))
    for private in ("secret", "geheim", "27831234567", message.job_id, "hello", "27820000009"):
        assert private not in stored


async def test_what_happens_while_redis_is_away_is_stored_when_it_is_back(
    own_account: Account, own_server: EmbeddedServer, simulator: Simulator, tmp_path: Path
) -> None:
    patient = BEATING.model_copy(update={"lease_ttl_s": 60.0})
    async with recorded(own_account, simulator.port, tmp_path, timing=patient) as binder:
        await eventually(lambda: len(of(own_account, "enquire_link")) >= 2)
        own_server.stop(signal.SIGKILL)
        before = simulator.journal.counts["enquire_link"]
        await eventually(lambda: simulator.journal.counts["enquire_link"] >= before + 5)
        assert binder.journal.waiting > 0
        own_server.start()
        own_account.reconnect()
        await eventually(lambda: not binder.journal.waiting, within_s=15)

    numbers = {entry.number for entry in entries(own_account)}
    assert set(range(1, max(numbers) + 1)) == numbers
    assert 0 == binder.journal.dropped


async def test_memory_is_bounded_while_redis_is_away(own_server: EmbeddedServer) -> None:
    store = AsyncStore.connect(own_server.url, "test")
    log = JournalLog(Keys("main"))
    own_server.process.send_signal(signal.SIGSTOP)
    journal = Journal(store, log, most=3 * BATCH)
    for number in range(1, 4 * BATCH + 1):
        journal.note("connecting", at=number)
    own_server.process.send_signal(signal.SIGCONT)

    running = asyncio.create_task(journal.run())
    await eventually(lambda: not journal.waiting)
    await quell(running)

    found, _ = await store.run(log.read("0-0", 10_000))
    await store.close()
    assert BATCH == journal.dropped
    assert list(range(BATCH + 1, 4 * BATCH + 1)) == [entry.number for entry in found]


async def test_what_stands_in_its_place_ends_nothing_and_loses_nothing(own_account: Account) -> None:
    own_account.store.run(Call(("SET", own_account.keys.journal, "no stream"), bool))
    store = AsyncStore.connect(own_account.url, "test")
    journal = Journal(store, JournalLog(own_account.keys))
    running = asyncio.create_task(journal.run())
    with capture_logs() as said:
        journal.note("start")
        await eventually(lambda: [line for line in said if ":journal is a" in str(line.get("error"))])
    own_account.store.run(Call(("DEL", own_account.keys.journal), int))
    journal.note("stop")

    await eventually(lambda: kinds(own_account) == ["start", "stop"])

    await quell(running)
    await store.close()


async def test_a_store_that_refuses_the_journal_ends_nothing(own_account: Account) -> None:
    forbidden = Call(("ACL SETUSER", "default", "-xadd"), bool)
    own_account.store.run(forbidden)
    store = AsyncStore.connect(own_account.url, "test")
    journal = Journal(store, JournalLog(own_account.keys))
    running = asyncio.create_task(journal.run())
    journal.note("start")
    await eventually(lambda: journal.dropped == 1)
    own_account.store.run(Call(("ACL SETUSER", "default", "+xadd"), bool))
    journal.note("stop")

    await eventually(lambda: kinds(own_account) == ["stop"])

    await quell(running)
    await store.close()
