"""How values are written for people."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from smsfleet.web.shown import age, clock, credits_of, hidden, many, moment, of_url, share, ticked


def test_an_age_that_nobody_knows_is_a_dash() -> None:
    assert ("\N{EN DASH}", "2 h 5 min") == (age(None), age(7500))


def test_times_are_utc() -> None:
    at = datetime(2026, 11, 27, 21, 40, 2, 123456, UTC)

    assert ("2026-11-27 21:40:02", "2026-11-27 21:40:02", "") == (
        moment(at), moment(at.timestamp() * 1000), moment(None),
    )  # fmt: skip
    assert "21:40:02.123" == clock(at)


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.44, "0.4"), (12, "12"), (12_345, "12,345"), (123.4, "123")]
)
def test_counts_are_grouped(value: float, said: str) -> None:
    assert said == many(value)


@pytest.mark.parametrize(
    ("value", "said", "whole"),
    [("0", "0", "0"), ("1/3", "1/3", "0"), ("37/3", "12 1/3", "12"), ("5000", "5,000", "5,000"), ("-4/3", "-1 1/3", "-1")],
)  # fmt: skip
def test_credits_are_exact_in_thirds(value: str, said: str, whole: str) -> None:
    assert (said, whole) == (credits_of(value), credits_of(value, whole=True))
    assert float(Fraction(value)) == share(value)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("to +27999100001 and 27999100001", "to 27*******01 and 27*******01"),
        ("destination '079 910-0001x' holds 'x'", "destination '07******01' holds 'x'"),
        ("destination '079 91x' holds 'x'", "destination '07* 91x' holds 'x'"),
        ("destination '12' has 2 digits", "destination '12' has 2 digits"),
        ("0x00000400, status 1024, after 52.7 s", "0x00000400, status 1024, after 52.7 s"),
        ("status 'five' of 2026-11-27", "status 'five' of 2026-11-27"),
    ],
)
def test_words_for_viewers_have_no_number_in_any_form(said: str, shown: str) -> None:
    assert shown == hidden(said)


def test_a_job_id_is_one_part_of_an_address() -> None:
    assert "order%3A17%2F..%2F%3Fa" == of_url("order:17/../?a")


def test_backticks_are_code_and_everything_is_escaped() -> None:
    assert "<code>smsfleet &lt;x&gt;</code> &lt;b&gt;sends&lt;/b&gt;" == str(
        ticked("`smsfleet <x>` <b>sends</b>")
    )
