"""Texts with fields: what is put in, and what is refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from smsfleet.config.errors import InvalidField, InvalidText
from smsfleet.workers.templates import MOST_CHARACTERS, Template, plain


def rendered(text: str, **row: Any) -> str:
    template = Template(text)
    return template.render(template.values(row))


def test_fields_are_put_in() -> None:
    assert rendered("{a}, {b} and {a}!", a="x", b="y") == "x, y and x!"


def test_a_text_without_fields_is_itself() -> None:
    assert (Template("Hello").fields, rendered("Hello")) == ((), "Hello")


def test_two_braces_are_one() -> None:
    assert rendered("{{{a}}} {{}}", a="x") == "{x} {}"


def test_a_field_in_a_value_is_no_field() -> None:
    assert rendered("{a}", a="{b}", b="secret") == "{b}"


@pytest.mark.parametrize("text", ["", "Hello", "{", "}", "{{", "{a}", "{0.x}!", "a}b{c"])
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert rendered(plain(text)) == text


def test_fields_are_named_in_the_order_in_which_they_come() -> None:
    assert Template("{b} {a} {b} {first name}").fields == ("b", "a", "first name")


@pytest.mark.parametrize(
    "text",
    [
        "{a.b}", "{a[0]}", "{a[b]}", "{a.__class__}", "{a!r}", "{a:>1000000000}", "{a:{b}}", "{}", "{0}",
        "{", "}", "{a", "a}", "{a{b}}", "{" + "a" * 65 + "}", "{a\nb}",
    ],
)  # fmt: skip
def test_anything_but_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        Template(text)


def test_the_refusal_shows_how_to_write_a_brace() -> None:
    with pytest.raises(InvalidText, match=r"write \{\{ or \}\} for a brace"):
        Template("Hello {")


@pytest.mark.parametrize("text", [None, 5, b"Hello"])
def test_a_text_is_a_str(text: Any) -> None:
    with pytest.raises(InvalidText, match="must be a str"):
        Template(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5, "5"), (1.5, "1.5"), (Decimal("1.10"), "1.10"), (date(2026, 11, 27), "2026-11-27")],
)
def test_numbers_and_dates_are_written_as_they_are(value: Any, shown: str) -> None:
    assert rendered("{a}", a=value) == shown


@pytest.mark.parametrize("row", [{}, {"A": "x"}, {"a": None}])
def test_a_row_without_the_field_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InvalidField, match="has no field 'a'"):
        Template("{a}").values(row)


@pytest.mark.parametrize("value", [[], {}, b"x", object()])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidField, match="the field 'a' is"):
        Template("{a}").values({"a": value})


def test_fields_of_any_length_are_not_taken() -> None:
    with pytest.raises(InvalidField, match="at most 40000"):
        Template("{a}{b}").values({"a": "x" * MOST_CHARACTERS, "b": "x"})
