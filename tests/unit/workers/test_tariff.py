"""What a segment costs: the test ranges a third, else the longest prefix of the table, exact."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import ConfigError
from smsfleet.config.settings import load
from smsfleet.config.tariff import read_tariff
from smsfleet.workers.tariff import Price, Tariff, message_credits, segment_credits, tariff_of

TABLE = "44=2, 4477=7/3, 27=5/3, *=4/3"


@pytest.mark.parametrize(
    ("to", "price"),
    [
        ("447700900123", Price(7, "4477")), ("441632960001", Price(6, "44")), ("27831234567", Price(5, "27")),
        ("4915112345678", Price(4, "")), ("27999112345", Price(1, "279991")), ("19995550123", Price(1, "1999")),
        ("279991123456", Price(5, "27")),  # a digit too many: no test number
        (None, Price(4, "")),
    ],
)  # fmt: skip
def test_the_longest_prefix_counts_and_the_test_ranges_go_before_it(to: str | None, price: Price) -> None:
    assert price == tariff_of(TABLE).price(to)


def test_without_a_table_everything_else_costs_a_credit_by_no_row() -> None:
    assert Price(3, "") == tariff_of("").price("447700900123")
    assert "" == tariff_of("").price("447700900123").packed


@given(
    table=st.dictionaries(
        st.from_regex(r"[1-9][0-9]{0,3}", fullmatch=True), st.integers(0, 3000), max_size=8
    ),
    to=st.from_regex(r"[2-8][0-9]{6,14}", fullmatch=True),
)
def test_the_price_is_that_of_the_longest_prefix_of_all(table: dict[str, int], to: str) -> None:
    rows = [prefix for prefix in table if to.startswith(prefix)]
    expected = table[max(rows, key=len)] if rows else 3

    price = Tariff(table).price(to)

    assert (1 if price.row == "279991" else expected) == price.thirds


@given(segments=st.integers(0, 10**6))
def test_a_message_costs_its_segments_to_the_third(segments: int) -> None:
    assert Fraction(segments, 3) == message_credits("27999112345", segments)
    assert segments * segment_credits("447700900123", TABLE) == message_credits(
        "447700900123", segments, TABLE
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("44=1.5", "44='1.5' must be whole credits or thirds"), ("44=1/2", "thirds"), ("44=-1", "thirds"),
        ("44=", "thirds"), ("44=1001", "at most 1000"), ("+44=1", "'\\+44' must be a prefix"), ("044=1", "prefix"),
        ("44=1,44=2", "44 must be named once"), ("44", "thirds"), ("44=1/0", "thirds"),
    ],
)  # fmt: skip
def test_a_row_that_breaks_its_rule_is_named(table: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_tariff(table)
    with pytest.raises(ConfigError, match="SMSFLEET_TARIFF="):
        load({"SMSFLEET_TARIFF": table})


def test_an_estimate_and_a_reload_follow_the_table() -> None:
    settings = load({}).with_live({"tariff": "44=2"})

    assert 2 == segment_credits("447700900123", settings.tariff)
