"""`smsfleet credits`, its balance, and how `smsfleet status` tells of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.integration.cli.conftest import Here

from smsfleet.config.settings import load
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.live import Live

pytestmark = pytest.mark.server

KEYS = Keys("main")


def put(store: Store, key: bytes, **fields: int | str) -> None:
    store.run(Call(("HSET", key, *(word for pair in fields.items() for word in pair)), int))


def charge(store: Store, day: str = "", **thirds: int) -> None:
    """What the scripts write for a day, today when not given: `billing_44=6` and the like."""
    key = KEYS.credits_of(day or datetime.now(UTC).strftime("%Y%m%d"))
    for name, used in thirds.items():
        client, _, prefix = name.partition("_")
        row = f"|{client.removeprefix('nobody')}|{prefix}"
        put(store, key, **{f"n{row}": 2, f"u{row}": used, f"r{row}": 1})
        store.run(Call(("HINCRBY", KEYS.credits, "t", used - 1), int))


def test_the_month_is_shown_by_client_and_prefix_with_minimum_forecast_and_warnings(
    here: Here, real_store: Store
) -> None:
    charge(real_store, billing_44=6, nobody_279991=2)

    shown = here("credits")

    assert (0, "") == (shown.exit_code, shown.stderr)
    lines = shown.stdout.splitlines()
    assert f"month     {datetime.now(UTC):%Y-%m} (UTC), " in lines[0]
    assert "used      2 credits for 4 segments, 2/3 given back" == lines[1]
    assert "minimum   5,000: 4,998 to go" == lines[2]
    assert "client    billing              1 2/3 credits for 2 segments, 1/3 given back" in lines
    assert "prefix    279991               1/3 credits for 2 segments, 1/3 given back" in lines
    assert any(
        line.startswith("warning   ") and "about 2 credits will be used" in line for line in lines
    )  # late in a month it says first how many days are left


def test_a_month_and_a_client_are_chosen_and_programs_read_json(here: Here, real_store: Store) -> None:
    charge(real_store, "20261015", billing_44=7, news_=4)

    shown = json.loads(here("credits", "--month", "2026-10", "--client", "billing", "--json").stdout)

    assert ("2026-10", "billing", 2, "2", "1/3", "3") == tuple(
        shown[name] for name in ("month", "client", "segments", "used", "refunded", "account_used")
    )
    assert {"44": {"segments": 2, "charged": "7/3", "refunded": "1/3", "used": "2"}} == shown["prefixes"]
    assert "4997" == shown["shortfall"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("credits", "--month", "2026-13"), "must be a month as 2026-11"),
        (("credits", "--month", "2999-01"), "has not begun"),
        (("credits", "balance", "1.5"), "must be whole credits or thirds"),
        (("credits", "balance", "9999999999"), "at most 1000000000"),
        (("credits", "topup", "1"), "no balance is known to add to"),
    ],
)
def test_what_cannot_be_is_wrong_usage(here: Here, arguments: tuple[str, ...], said: str) -> None:
    shown = here(*arguments)

    assert 2 == shown.exit_code
    assert said in shown.stderr


def test_a_balance_is_entered_counted_down_and_topped_up(here: Here, real_store: Store) -> None:
    entered = here("credits", "balance", "12,000")
    charge(real_store, news_=5)
    more = here("credits", "topup", "5000", "--json")
    less = here("credits", "topup", "-1/3")

    assert "balance   12,000\n" == entered.stdout
    assert "50996/3" == json.loads(more.stdout)["balance"]
    assert "balance   16,998 1/3\n" == less.stdout
    assert "balance   16,998 1/3, as entered and counted down" in here("credits").stdout


def test_the_status_of_the_fleet_tells_of_credits_and_what_to_do_when_they_are_out(
    here: Here, real_store: Store
) -> None:
    here("credits", "balance", "830")
    before = here("status", credit_minimum="0").stdout
    put(real_store, KEYS.pause, gateway="1700000000000,1025", probe="1700000000000", every=60_000, probes=0)

    shown = here("status", credit_alert="1000").stdout
    as_json = json.loads(here("status", "--json").stdout)

    assert f"credits   0 used in {datetime.now(UTC):%Y-%m}, forecast 0, balance 830\n" in before
    assert "minimum 5,000" in shown
    assert (
        "credits   buy credits, then `smsfleet credits topup` and `smsfleet resume` (by our count 830 were"
        in shown
    )
    assert "830" == as_json["credits"]["balance"]


def test_what_is_in_doubt_is_shown_for_this_month(here: Here, real_store: Store) -> None:
    put(real_store, KEYS.doubts, **{"27999100001": "L5,1:a#1,1L5,2:a#1,2"})

    shown = here("credits").stdout

    assert "in doubt  up to 2/3, for 2 attempts of the last days whose answer was lost" in shown


def test_settings_of_another_version_hide_the_credits_and_nothing_else(here: Here, real_store: Store) -> None:
    real_store.run(Live(KEYS).publish(load({}).live() | {"tariff": "a price by weight"}))

    shown = here("status", "--json")

    assert (1, "") == (shown.exit_code, shown.stderr)  # no binder is bound
    found = json.loads(shown.stdout)
    assert (None, "absent") == (found["credits"], found["binder"]["state"])
    assert 78 == here("credits").exit_code
