"""What a simulator can be told, as words."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.simulator.options import SETTABLE, SimulatorOptions, of_profile, parse


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("throttle_per_s=2.5", 2.5), ("error_status=0x14", 0x14), ("error_status=20", 20), ("receipts=0", False),
        ("exclusive=true", True), ("credit=none", None), ("credit=5", 5), ("receipt_form=payload", "payload"),
    ],
)  # fmt: skip
def test_words_are_read_by_their_kind(word: str, value: object) -> None:
    name, _, text = word.partition("=")

    assert {name: value} == parse({name: text})


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ({"speed": "1"}, "'speed' is no option"),
        ({"throttle_per_s": "fast"}, "throttle_per_s='fast' must be a number"),
        ({"receipts": "maybe"}, "receipts='maybe' must be 0 or 1"),
        ({"rules": "x"}, "'rules' is no option"),
    ],
)
def test_a_word_that_cannot_be_read_is_refused(words: dict[str, str], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        parse(words)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("error_share", 1.5, "error_share 1.5 must be at most 1"),
        ("error_share", -0.1, "error_share -0.1 must be at least 0"),
        ("binds", 0, "binds 0 must be at least 1"),
        ("port", 70_000, "port 70000 must be at most 65535"),
        ("queries", "never", "queries 'never' must be one of"),
        ("receipt_form", "haiku", "receipt_form 'haiku' must be one of"),
        ("mo_order", "sorted", "mo_order 'sorted' must be one of"),
        ("queue_full_for_s", 1.0, "queue_full_for_s 1.0 must be at most queue_full_every_s 0.0"),
        ("lockout_s", -1.0, "lockout_s -1.0 must be at least 0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: object, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        SimulatorOptions(**{name: value})


def test_a_scheduled_message_that_cannot_be_sent_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="not in the GSM alphabet"):
        SimulatorOptions(mo_every_s=1.0, mo_text="я", mo_encoding="gsm")


def test_the_default_is_not_whimsical() -> None:
    assert not SimulatorOptions().whimsical
    assert SimulatorOptions(credit=0).whimsical


def test_every_option_is_explained_to_people(repository: Path) -> None:
    page = (repository / "docs" / "simulator.md").read_text(encoding="utf-8")

    assert {option.name for option in fields(SimulatorOptions)} - {"rules"} == {o.name for o in SETTABLE}
    for option in SETTABLE:
        meaning = option.metadata["meaning"].replace("|", "\\|")
        assert f"| `{option.name}` |" in page
        assert meaning in page, option.name


def test_the_archives_gateway_has_more_binds_and_no_query_sm() -> None:
    options = SimulatorOptions(**of_profile("archive-2016"))

    assert (8, False, 10, 60.0, "nacked") == (
        options.binds, options.exclusive, options.failed_logins, options.lockout_s, options.queries,
    )  # fmt: skip
    assert SimulatorOptions() == SimulatorOptions(**of_profile("guide-2.4.5"))


@pytest.mark.parametrize("password", ["", "ninechars", "p\u00e4ss", "a\0b"])
def test_a_password_that_no_bind_can_give_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ConfigError, match=f"password has {len(password)} characters: 1-8") as refused:
        SimulatorOptions(password=password)

    assert not password or password not in str(refused.value)


def test_the_longest_password_of_the_guide_is_taken() -> None:
    assert "8letters" == SimulatorOptions(password="8letters").password
