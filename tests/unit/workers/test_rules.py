"""Who may be written to, and under which names."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import DestinationDenied, SenderDenied
from smsfleet.config.settings import load
from smsfleet.workers.rules import NO_RULES, Rules


@pytest.mark.parametrize(
    ("allow", "deny", "destination"),
    [
        ("", "", "27821234567"),
        ("27,44", "", "447700900000"),
        ("", "2799", "27821234567"),
        ("27", "2799", "27821"),
    ],
)
def test_a_destination_that_the_prefixes_permit(allow: str, deny: str, destination: str) -> None:
    assert None is Rules("", allow, deny).check(destination, "")


@pytest.mark.parametrize(
    ("allow", "deny", "destination", "named"),
    [
        ("", "8821,2799", "27991234567", "'27991234567'.*'2799' is one of SMSFLEET_DENY_PREFIXES"),
        ("27", "", "447700900000", "'447700900000'.*none of SMSFLEET_ALLOW_PREFIXES"),
        ("27", "2799", "27991234567", "DENY"),
        ("2799", "27", "27991234567", "DENY"),
    ],
)
def test_a_destination_that_they_keep_out(allow: str, deny: str, destination: str, named: str) -> None:
    with pytest.raises(DestinationDenied, match=named):
        Rules("", allow, deny).check(destination, "")


@pytest.mark.parametrize("sender", ["Acme", "ACME", "27821234567", ""])
def test_a_registered_sender_passes_in_any_case_and_the_default_always(sender: str) -> None:
    assert None is Rules("Acme,+27 82 123-4567").check("27821234567", sender)


@pytest.mark.parametrize("sender", ["Acm", "Acme2", "2782123456"])
def test_an_unregistered_sender_does_not(sender: str) -> None:
    with pytest.raises(SenderDenied, match=f"'{sender}' is not in the list of registered sender IDs"):
        Rules("Acme,+27 82 123-4567").check("27821234567", sender)


def test_the_rules_are_those_of_the_settings() -> None:
    rules = Rules.of(load({"SMSFLEET_SENDERS": "Acme", "SMSFLEET_DENY_PREFIXES": "882"}))

    with pytest.raises(SenderDenied):
        rules.check("27821234567", "Bank")
    with pytest.raises(DestinationDenied):
        rules.check("8821234567", "")
    assert Rules.of(load({})) is NO_RULES
