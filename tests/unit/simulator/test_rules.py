"""A destination decides what becomes of a message."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.simulator.rules import DELIVERED, Outcome, Rule, RuleBook, default_rules


@pytest.mark.parametrize(
    ("destination", "outcome"),
    [
        (b"27999100001", DELIVERED),
        (b"27999181024", Outcome(0x400, None)),
        (b"27999180088", Outcome(0x58, None)),
        (b"1999580011", Outcome(0x0B, None)),
        (b"27999170005", Outcome(0, 5, "001")),
        (b"27999170002", Outcome(0, 2, "000")),
        (b"27999170000", Outcome(0, None)),
        (b"27820080088", DELIVERED),  # not a test number
        (b"80088", DELIVERED),
        (b"", DELIVERED),
    ],
)
def test_the_default_table_is_for_test_numbers(destination: bytes, outcome: Outcome) -> None:
    rules = RuleBook(default_rules())

    found = rules.outcome(destination)

    assert outcome == found


def test_the_rule_with_the_most_digits_wins() -> None:
    rules = RuleBook(
        [Rule(Outcome(1), suffix="9"), Rule(Outcome(2), prefix="44", suffix="9"), Rule(Outcome(3))]
    )

    statuses = [rules.outcome(number).command_status for number in (b"4479", b"4579", b"4578")]

    assert statuses == [2, 1, 3]


def test_a_receipt_needs_a_word() -> None:
    with pytest.raises(ConfigError, match="message_state 9"):
        RuleBook([Rule(Outcome(message_state=9))])
