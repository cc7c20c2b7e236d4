"""What is found and hidden in words that others have written: numbers in every form, and no ids."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidDestination
from smsfleet.config.masking import LONGEST_REASON, mask_number, mask_reason, mask_string
from smsfleet.workers.addresses import destination

NUMBER = "27999100001"
MASKED = "27*******01"


@pytest.mark.parametrize(
    ("number", "shown"), [(NUMBER, MASKED), ("12345", "12*45"), ("1234", "****"), ("1", "*"), ("", "")]
)
def test_a_number_shows_its_ends_only(number: str, shown: str) -> None:
    assert shown == mask_number(number)


@pytest.mark.parametrize(
    "text",
    [
        f"to {NUMBER} refused", f"to=+{NUMBER}, again", f"destination '{NUMBER}' has", f"({NUMBER})", NUMBER,
        f"{{'to': '{NUMBER}'}}", f"first\n{NUMBER}\nlast", f"tel:+{NUMBER}", f"tel:{NUMBER}", f"to:{NUMBER}",
        f"destination 'tel:{NUMBER}' holds", f"from 127.0.0.1 {NUMBER}", f"2026-11-22 10:55:55 {NUMBER} refused",
        repr(b"\x01\x01" + NUMBER.encode() + b"\x00"),
    ],
)  # fmt: skip
def test_a_number_inside_a_text_is_masked(text: str) -> None:
    found = mask_string(text)

    assert NUMBER not in found
    assert MASKED in found


@pytest.mark.parametrize(
    "written",
    [
        "+27 99 910 0001", "+27-99-910-0001", "+27 (99) 910.0001", "27 99 910 0001", "27-999-100-001",
        "27.999.100.001", "27/99/910/0001", "27\u00a099\u00a0910\u00a00001",
        "27\u201399\u2013910\u20130001", "27  999 - 100001", "+27.999100001",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["destination {} is refused", "destination '{}' is refused", "{}"])
def test_a_number_with_separators_is_masked(written: str, around: str) -> None:
    assert around.format(MASKED) == mask_string(around.format(written))


@pytest.mark.parametrize(
    "written",
    [
        NUMBER + "x", NUMBER + " ext 1", "(27) 99 910 0001", "o" + NUMBER, NUMBER * 2, NUMBER + "00000000", NUMBER + ";;",
        "\u0662\u0667\u0669\u0669\u0669\u0661\u0660\u0660\u0660\u0660\u0661", "27\u200b999100001", "27,999,100,001", "27_999_100_001",
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_one_is_masked_where_it_is_quoted(written: str) -> None:
    found = mask_string(f"destination {written!r} is refused")

    assert written not in found
    assert NUMBER[4:] not in re.sub(r"[^\d]", "", found)
    assert "*" in found


GAPS = st.sampled_from(["", "", " ", "-", ".", "/", " (", ") ", "\u00a0", "\u2009", "\u2011"])
NUMBERS = st.text("0123456789", min_size=7, max_size=15)


@given(NUMBERS, st.lists(GAPS, min_size=15, max_size=15), st.sampled_from(["", "+", "00", "+0", "("]))
@example("2799910", [" "] * 15, "")
@example("2026110", ["", "", "", "-", "", "-", *[""] * 9], "")
def test_a_refused_number_is_masked_however_it_is_written(number: str, gaps: list[str], before: str) -> None:
    written = before + "".join(digit + gap for digit, gap in zip(number, gaps, strict=False))

    try:
        destination(written)
    except InvalidDestination as error:
        found = mask_string(str(error)).partition(" is refused")[0]

        assert written not in found
        assert "*" in found


@pytest.mark.parametrize(
    "kept",
    [
        "3646b1eba9e5e90541903f9f29ffc9d6",  # a message id
        "8f2ffaf2-6d94-460e-a41b-665f0bf7306d",  # a Celery task id
        "12345678-1234-4123-8123-123456789012",  # one without a letter
        "E0iDsfl7lEUymQPu6vehTA#3",  # a ref
        "1:1795344955371:host-4e67c96ace2d",  # a lease token
        "1795344955371-0",  # the id of a stream entry
        "2026-11-22T10:55:55.356280Z",
        "2026-11-22 10:55",
        "until 2026-11-22, then 20 more",
        "submit date:141023215253 done date:141023215259 stat:DELIVRD err:000",
        "127.0.0.1:38773",
        "192.168.100.200 port 38773",
        "succeeded in 0.12345678s: None",
        "after 12.3456789 s",
        "0x00000058 ESME_RTHROTTLED",
        "1234567890123456",  # longer than any number
        "SMSFLEET_RATE=100000",
        "3 of 1000, 20 of 500",
    ],
)
@pytest.mark.parametrize("around", ["{}", "about '{}' it is said"])
def test_ids_and_times_are_not_taken_for_numbers(kept: str, around: str) -> None:
    # Sixteen digits that a message quotes are a number that somebody has written too long.
    expected = around.format("12************56" if "'" in around and kept.isdigit() else kept)

    assert expected == mask_string(around.format(kept))


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{}@redis.example:6379/0",
        "redis://:{}@redis.example/0",
        "amqp://user:{}@broker.example//",
    ],
)
@pytest.mark.parametrize("password", ["Zx9q7Kd", "p@ss/w:rd", NUMBER])
def test_the_password_in_a_url_is_hidden(url: str, password: str) -> None:
    found = mask_string(f"cannot connect to {url.format(password)}: refused")

    assert password not in found
    assert ":***@" in found
    assert found.startswith("cannot connect to ")
    assert found.endswith(": refused")


def test_a_url_without_a_password_stays() -> None:
    text = "redis://redis.example:6379/0 and https://example.org/a@b"

    assert text == mask_string(text)


def test_a_long_text_is_looked_at_once() -> None:
    text = "1" * 100_000  # once for each of its characters would be minutes

    assert text == mask_string(text)


@pytest.mark.parametrize(
    "value", ["2" * 5_000_000, "27 99 910 0001" * 1000, "text " * 1000, "+" + "2" * 1000]
)
def test_the_reason_of_a_refusal_is_short_and_masked_whatever_it_quotes(value: str) -> None:
    reason = mask_reason(f"destination {value!r} is refused")

    assert len(reason) <= LONGEST_REASON + 5
    assert not re.search(r"[0-9]{7}|99 910", reason)


def test_a_short_reason_stays_as_it_is() -> None:
    assert "lane 'vip' is refused" == mask_reason("lane 'vip' is refused")
