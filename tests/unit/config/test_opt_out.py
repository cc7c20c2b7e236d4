"""The words of the opt-out: by language, by number, and only where they are the whole message."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.config.opt_out import DEFAULT, IN, OUT, parse_words, wish_of
from smsfleet.config.settings import load

NUMBER = "27821234567"


def wish(text: str | None, rules: str = DEFAULT, match: str = "whole", number: str = NUMBER) -> str:
    return wish_of(parse_words(rules), number, text, match)


@pytest.mark.parametrize(
    "word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "ABMELDEN", "ARRÊT", "BAJA"]
)
def test_a_word_of_any_language_opts_out(word: str) -> None:
    assert "out" == wish(word) == wish(word.lower()) == wish(f"  «{word}»! ")


@pytest.mark.parametrize("word", ["START", "UNSTOP", "YES"])
def test_others_opt_in(word: str) -> None:
    assert "in" == wish(word)


@pytest.mark.parametrize("text", ["Stop all", "stop-all", "S.T.O.P", "opt out", "STOP\n"])
def test_blanks_and_signs_do_not_count(text: str) -> None:
    assert "out" == wish(text)


@pytest.mark.parametrize("text", ["please stop", "stop it", "the end", "stopp sign", "", None, "!?"])
def test_a_word_among_others_is_no_wish(text: str | None) -> None:
    assert "" == wish(text)


def test_the_first_word_may_be_enough() -> None:
    assert ("out", "") == (wish("Stop, please", match="first"), wish("please stop", match="first"))


def test_the_first_rule_of_a_number_counts() -> None:
    rules = f"{NUMBER} HALT,@fr GO; +27829999999 - -; * STOP START"

    assert ("out", "in", "out", "") == (
        wish("halt", rules), wish("go", rules), wish("arrêt", rules), wish("quit", rules),
    )  # fmt: skip
    assert "" == wish("STOP", rules, number="27829999999")
    assert "out" == wish("STOP", rules, number="1")


def test_no_word_means_both_in_any_language() -> None:
    assert set() == set.union(*map(set, OUT.values())) & set.union(*map(set, IN.values()))
    assert set(OUT) == set(IN)


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ("* STOP", "rule 1: '* STOP' has 2 words"),
        ("x STOP START", "'x' is no number"),
        ("* @xx -", "'@xx' is no language: it must be @all or one of @en"),
        ("* ST-OP -", "'ST-OP' is no word"),
        ("* A,B B", "rule 1: B would opt out and in"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_at_the_start(rules: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match="SMSFLEET_OPT_OUT_WORDS") as refused:
        load({"SMSFLEET_OPT_OUT_WORDS": rules})

    assert complaint in str(refused.value)


def test_they_may_be_in_a_file(tmp_path) -> None:
    file = tmp_path / "words"
    file.write_text("# ours\n* HALT GO\n", encoding="utf-8")

    rules = load({"SMSFLEET_OPT_OUT_WORDS": f"@{file}"}).opt_out_words

    assert ("out", "in", "") == (wish("halt", rules), wish("go", rules), wish("stop", rules))
