"""The gateway's own table of GSM 03.38, held against the workers'."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import ConfigError
from smsfleet.simulator import gsm
from smsfleet.workers import gsm0338

CHARACTERS = [*gsm0338.BASIC.replace("\x1b", ""), *gsm0338.EXTENSION]


def test_both_sides_have_the_same_table() -> None:
    assert 137 == len(CHARACTERS)
    assert [gsm0338.encode(character) for character in CHARACTERS] == list(map(gsm.encode, CHARACTERS))
    assert not [chr(code) for code in range(0x3000) if gsm.is_gsm(chr(code)) != gsm0338.is_gsm(chr(code))]


@given(st.text(st.sampled_from(CHARACTERS)))
def test_a_handset_shows_what_was_sent(text: str) -> None:
    assert text == gsm.decode(gsm0338.encode(text))


@pytest.mark.parametrize(
    ("octets", "shown"), [(b"\x1b\x41", "A"), (b"a\x1b", "a\ufffd"), (b"\x80", "\ufffd")]
)
def test_octets_that_are_no_text_are_shown_somehow(octets: bytes, shown: str) -> None:
    assert shown == gsm.decode(octets)


def test_a_foreign_character_is_named() -> None:
    with pytest.raises(ConfigError, match="'я' is not in the GSM alphabet"):
        gsm.encode("яb")
