"""The rules for messages from handsets: what operators write, and what they are told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.config.mo_routes import parse_routes, target_of
from smsfleet.config.settings import load

RULES = """
# polls
27821234567  VOTE,JA  task:polls.vote@polls
+27821234567 *        stream
*            *        task:inbox.receive@inbox   # the rest
"""


@pytest.mark.parametrize(
    ("number", "keyword", "target"),
    [
        ("27821234567", "VOTE", "task:polls.vote@polls"),
        ("27821234567", "JA", "task:polls.vote@polls"),
        ("27821234567", "HELLO", "stream"),
        ("27820000000", "VOTE", "task:inbox.receive@inbox"),
        ("27820000000", "", "task:inbox.receive@inbox"),
    ],
)
def test_the_first_rule_that_matches_counts(number: str, keyword: str, target: str) -> None:
    assert target == target_of(parse_routes(RULES), number, keyword)


def test_what_no_rule_matches_goes_to_the_stream() -> None:
    assert "stream" == target_of(parse_routes("1 a task:x@y"), "2", "A")
    assert "stream" == target_of(parse_routes(""), "2", "A")


def test_keywords_are_in_any_case() -> None:
    assert "task:x@y" == target_of(parse_routes("* Arrêt task:x@y"), "2", "ARRÊT")


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("* *", "rule 1: '* *' has 2 words"),
        ("* * stream; 27x * stream", "rule 2: '27x' is no number"),
        ("* A,,B stream", "'A,,B' is no keyword"),
        ("* A-B stream", "'A-B' is no keyword"),
        ("* * task:x", "'task:x' is no target: it must be stream, task:NAME@QUEUE"),
        ("* * task:x@sms.high", "the queue not one of sms."),
        ("* * webhook:example.com", "a URL with https://"),
        ("* * webhook:task:a@b", "is no webhook"),
        ("* * mail:x", "'mail:x' is no target"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_the_start(rules: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_MO_ROUTES") as refused:
        load({"SMSFLEET_MO_ROUTES": rules})

    assert complaint in str(refused.value)


def test_the_rules_may_be_in_a_file_and_its_text_is_what_a_reload_hands_on(tmp_path: Path) -> None:
    file = tmp_path / "routes"
    file.write_text(RULES, encoding="utf-8")

    settings = load({"SMSFLEET_MO_ROUTES": f"@{file}"})

    assert RULES == settings.live()["mo_routes"]
    assert RULES == load({}).with_live(settings.live()).mo_routes


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_MO_ROUTES='@no-such-file' is refused"):
        load({"SMSFLEET_MO_ROUTES": "@no-such-file"})
