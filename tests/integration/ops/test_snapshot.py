"""One account in one look, from a real server (the fake one has no INFO) with something of everything in it."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest
from tests.integration.store.steps import NOW_MS, TO, Fleet
from tests.integration.store.test_keys_and_lifetimes import a_busy_day

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.ops.snapshot import PLACES, Snapshot, calls, take, take_async
from smsfleet.store.client import AsyncStore, Store
from smsfleet.store.keys import LANES

pytestmark = pytest.mark.server


@pytest.fixture
def fleet(real_store: Store) -> Fleet:
    fleet = Fleet(real_store)
    fleet.create_groups()
    fleet.lead("binder-host")
    return fleet


def look(fleet: Fleet) -> Snapshot:
    return take(fleet.store, "main", now_ms=fleet.now_ms)


def test_an_account_without_anything_is_seen_too(real_store: Store) -> None:
    seen = take(real_store, "nobody")

    assert ("nobody", "absent", None) == (seen.account, seen.binder.state, seen.lease.holder)
    assert set(LANES) == set(seen.lanes)
    assert set(PLACES) == set(seen.waiting)


def test_the_whole_account_is_asked_for_in_one_round_trip_of_few_calls(fleet: Fleet) -> None:
    assert len(calls(fleet.keys)) <= 12


def test_the_binder_and_its_lease_are_seen(fleet: Fleet) -> None:
    fleet.run(fleet.wire.report(json.dumps({"state": "bound", "window": 50, "in_flight": 3}), 5.0))

    seen = look(fleet)

    assert ("bound", 50, 3, True) == (
        seen.binder.state, seen.binder.window, seen.binder.in_flight, seen.binder.is_bound,
    )  # fmt: skip
    assert ("binder-host", 1) == (seen.lease.holder, seen.lease.number)
    assert seen.lease.left_s is not None
    assert 0 < seen.lease.left_s <= 10


def test_ages_count_from_when_it_came_and_due_times_until_they_are(fleet: Fleet) -> None:
    fleet.take_in("waits", "high", now_ms=NOW_MS - 3000)
    fleet.take_in_later("later", due_ms=NOW_MS + 60_000)

    seen = look(fleet)

    assert (1, 3.0) == (seen.lanes["high"].queue.count, seen.lanes["high"].oldest_s)
    assert (1, None, 60.0) == (
        seen.waiting["scheduled"].count, seen.waiting["scheduled"].oldest_s, seen.waiting["scheduled"].due_s,
    )  # fmt: skip


def test_as_plain_values_it_holds_all_of_it_and_the_alerts(fleet: Fleet) -> None:
    a_busy_day(fleet)

    said = look(fleet).as_dict()

    assert said == json.loads(json.dumps(said))
    assert {field.name for field in fields(Snapshot)} | {"alerts"} == set(said)
    assert {"BindPaused", "NoBinder", "DeadLetters", "SetAside"} & {alert["name"] for alert in said["alerts"]}


def test_it_holds_no_number_no_text_and_no_job_id(fleet: Fleet) -> None:
    a_busy_day(fleet)
    fleet.take_in("secret-job", content='{"text": "secret text"}')

    said = json.dumps(look(fleet).as_dict())

    assert [] == re.findall(rf"{TO[:6]}|secret|later|aside-job|j[0-9]#|waits-", said)


async def test_it_is_taken_awaiting_too(server: EmbeddedServer, real_store: Store) -> None:
    store = AsyncStore.connect(server.url, "test")
    Fleet(real_store).take_in("j1")

    seen = await take_async(store, "main")

    assert 1 == seen.lanes["normal"].queue.count
    await store.close()


def test_failed_logins_are_those_that_still_count(fleet: Fleet) -> None:
    fleet.run(fleet.ledger.failed("old", "transceiver", "13"))
    fleet.now_ms += 185_000
    fleet.run(fleet.ledger.failed("new", "transceiver", "13"))

    assert 1 == look(fleet).logins.failed
