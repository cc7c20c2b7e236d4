"""A binder's metrics after real traffic, with those of the account."""

from __future__ import annotations

import asyncio

import pytest
from tests.integration.binder.support import Account, Binders
from tests.integration.waiting import eventually
from tests.unit.ops.scraped import names, strange_labels, value

from smsfleet.binder.metrics import binder_readings
from smsfleet.binder.service import State
from smsfleet.ops.catalog import ACCOUNT, BINDER, EXPORTER
from smsfleet.ops.exposition import exposition
from smsfleet.ops.snapshot import take
from smsfleet.ops.source import AccountSource
from smsfleet.simulator.server import Simulator
from smsfleet.store.status_counts import StatusCounts

pytestmark = pytest.mark.server


async def test_every_metric_of_the_catalog_is_served_and_no_label_holds_a_number_or_an_id(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    running = binders.start(account, simulator.port)
    messages = [account.send(lane=lane) for lane in ("high", "normal", "bulk")]
    refused = account.send(destination="27999181024")
    await eventually(lambda: account.apply_responses() or account.states(messages)["A"] == 3)
    await eventually(lambda: account.apply_responses() or account.segment(refused).state == "R")
    account.store.run(StatusCounts(account.keys).count())
    # The report is written every 2 s; the account's state is read from it.
    await eventually(lambda: take(account.store, account.name).binder.submitted == 4)
    source = AccountSource(lambda: take(account.store, account.name), lambda: running.binder.leads)

    text = (await asyncio.to_thread(exposition(lambda: binder_readings(running.binder), source))).decode()

    source.close()
    not_known_here = {"smsfleet_rate", "smsfleet_rate_set"} | {
        name for name in ACCOUNT if "_credits_" in name
    }
    assert set(BINDER) | set(EXPORTER) | set(ACCOUNT) - not_known_here == names(text) - not_known_here
    assert [] == strange_labels(text)
    assert (1.0, 1.0) == (value(text, "smsfleet_bound"), value(text, "smsfleet_binder_leading"))
    assert 4.0 == value(text, "smsfleet_binder_submitted_total")
    assert 4.0 == value(text, "smsfleet_binder_response_seconds_count")
    assert 1.0 == value(text, "smsfleet_binder_errors_total", command_status="0x00000400")
    assert 3.0 == value(text, "smsfleet_jobs_total", status="008", final="no")
    assert 1.0 == value(text, "smsfleet_jobs_total", status="005", final="yes")
    assert 1.0 == value(text, "smsfleet_binder_outbound_seconds_count", lane="high")


async def test_an_outcome_that_nobody_knows_is_counted_and_told(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=60.0)
    running = binders.start(account, simulator.port)
    account.send(on_ambiguous="fail")
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 1)

    await running.crash()
    again = binders.start(account, simulator.port)
    await eventually(lambda: again.state is State.BOUND)
    await eventually(lambda: take(account.store, account.name).binder.ambiguous_s is not None)

    seen = take(account.store, account.name)
    assert {"resent": 0, "held": 0, "failed": 1} == seen.binder.ambiguous
    assert "Ambiguous" in {alert["name"] for alert in seen.as_dict()["alerts"]}
