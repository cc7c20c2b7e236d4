"""A plan asks the store what it must know, and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.config.settings import load
from smsfleet.store.client import Store
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.standing import ACCOUNT, Standings
from smsfleet.tasks import plan_campaign, send_sms, start_campaign
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.runtime import Runtime

A, B, C = "27821000001", "27821000002", "27821000003"


@pytest.fixture
def runtime(store: Store) -> Iterator[Runtime]:
    """100 segments a second, and 4 credits a day for `shop`."""
    settings = {"SMSFLEET_RATE": "100", "SMSFLEET_QUOTAS": "shop=4", "SMSFLEET_BROKER_URL": "memory://"}
    runtime = Runtime(load(settings), store=store)
    use_runtime(runtime)
    yield runtime
    use_runtime(None)


def everything(fleet: Fleet) -> dict[bytes, bytes]:
    """Every key with what is in it."""
    names = fleet.redis("KEYS", "*")
    return {name: fleet.redis("DUMP", name) for name in names}


@pytest.mark.server
def test_nothing_is_written(runtime: Runtime, fleet: Fleet) -> None:
    runtime.store.run(runtime.opt_outs.add([OptedOut(A)]))
    before = everything(fleet)

    plan_campaign([A, B, "x", B], "Hello", client="shop", validity=60, sender="ACME")

    assert before == everything(fleet)


def test_nothing_is_written_to_an_empty_store(runtime: Runtime, store: Store) -> None:
    plan_campaign([A, B, "x", B], "Hello", client="shop", validity=60, sender="ACME")

    assert [] == Fleet(store).redis("KEYS", "*")


def test_numbers_that_opted_out_are_not_sent_to(runtime: Runtime, fleet: Fleet) -> None:
    runtime.store.run(runtime.opt_outs.add([OptedOut(A), OptedOut(B, "ACME")]))
    recipients = [A, B, C, A]

    assert {"opted-out": 2} == plan_campaign(recipients, "Hello").refused
    assert {"opted-out": 3} == plan_campaign(recipients, "Hello", sender="Acme").refused
    assert {"duplicate": 1} == plan_campaign(recipients, "Hello", ignore_opt_out=True).refused
    assert {"duplicate": 1} == plan_campaign(recipients, "Hello", offline=True).refused


def test_what_waits_in_the_lane_goes_first(runtime: Runtime, fleet: Fleet) -> None:
    for _ in range(100):
        send_sms.delay(A, "Hello", lane="bulk")

    plan = plan_campaign([A, B], "Hello")

    assert (100, 1.02) == (plan.waiting, plan.drain_s)
    assert 0 == plan_campaign([A, B], "Hello", lane="normal").waiting


def test_rows_of_other_campaigns_of_the_lane_go_first(runtime: Runtime, fleet: Fleet) -> None:
    start_campaign([A, B, C], "Hello")
    paused = start_campaign([A], "Hello")
    paused.pause()
    start_campaign([A], "Hello", at=3600)
    start_campaign([A], "Hello", lane="normal")

    assert 3 == plan_campaign([A, B], "Hello").waiting


def test_a_pause_is_warned_of(runtime: Runtime, fleet: Fleet) -> None:
    assert () == plan_campaign([A], "Hello").warnings

    runtime.store.run(Standings(runtime.keys).pause([ACCOUNT], "lunch"))

    assert "is paused" in plan_campaign([A], "Hello").warnings[0]


def test_a_quota_that_is_too_small_is_warned_of(runtime: Runtime, fleet: Fleet) -> None:
    enough = plan_campaign([A, B, C], "Hello", client="shop")
    too_small = plan_campaign([A, B, C], "a" * 200, client="shop")

    assert (Fraction(4), ()) == (enough.quota_left, enough.warnings)
    assert ("client 'shop' has 4 credits left today (SMSFLEET_QUOTAS)",) == too_small.warnings
    assert plan_campaign([A], "Hello").quota_left is None


def test_the_balance_is_that_of_the_meter_unless_one_is_given(runtime: Runtime, fleet: Fleet) -> None:
    assert plan_campaign([A, B, C], "Hello").balance is None

    runtime.store.run(runtime.credits.enter(7))
    plan = plan_campaign([A, B, C], "Hello")

    assert (Fraction(7, 3), Fraction(2, 3)) == (plan.balance, plan.shortfall)
    assert Fraction(0) == plan_campaign([A, B, C], "Hello", balance=3).shortfall
    assert plan_campaign([A, B, C], "Hello", offline=True).balance is None
