"""The GSM alphabet, against a table written here from TS 23.038 §6.2.1 by Unicode name."""
# ruff: noqa: RUF001 - look-alikes are what these tests are about

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidText
from smsfleet.workers import gsm0338

# TS 23.038 §6.2.1 in columns, as the standard prints it; letters, digits and ASCII punctuation are filled in below.
BY_NAME = {
    0x00: "COMMERCIAL AT",
    0x01: "POUND SIGN",
    0x02: "DOLLAR SIGN",
    0x03: "YEN SIGN",
    0x04: "LATIN SMALL LETTER E WITH GRAVE",
    0x05: "LATIN SMALL LETTER E WITH ACUTE",
    0x06: "LATIN SMALL LETTER U WITH GRAVE",
    0x07: "LATIN SMALL LETTER I WITH GRAVE",
    0x08: "LATIN SMALL LETTER O WITH GRAVE",
    0x09: "LATIN CAPITAL LETTER C WITH CEDILLA",
    0x0A: "LINE FEED",
    0x0B: "LATIN CAPITAL LETTER O WITH STROKE",
    0x0C: "LATIN SMALL LETTER O WITH STROKE",
    0x0D: "CARRIAGE RETURN",
    0x0E: "LATIN CAPITAL LETTER A WITH RING ABOVE",
    0x0F: "LATIN SMALL LETTER A WITH RING ABOVE",
    0x10: "GREEK CAPITAL LETTER DELTA",
    0x11: "LOW LINE",
    0x12: "GREEK CAPITAL LETTER PHI",
    0x13: "GREEK CAPITAL LETTER GAMMA",
    0x14: "GREEK CAPITAL LETTER LAMDA",
    0x15: "GREEK CAPITAL LETTER OMEGA",
    0x16: "GREEK CAPITAL LETTER PI",
    0x17: "GREEK CAPITAL LETTER PSI",
    0x18: "GREEK CAPITAL LETTER SIGMA",
    0x19: "GREEK CAPITAL LETTER THETA",
    0x1A: "GREEK CAPITAL LETTER XI",
    0x1C: "LATIN CAPITAL LETTER AE",
    0x1D: "LATIN SMALL LETTER AE",
    0x1E: "LATIN SMALL LETTER SHARP S",
    0x1F: "LATIN CAPITAL LETTER E WITH ACUTE",
    0x24: "CURRENCY SIGN",
    0x40: "INVERTED EXCLAMATION MARK",
    0x5B: "LATIN CAPITAL LETTER A WITH DIAERESIS",
    0x5C: "LATIN CAPITAL LETTER O WITH DIAERESIS",
    0x5D: "LATIN CAPITAL LETTER N WITH TILDE",
    0x5E: "LATIN CAPITAL LETTER U WITH DIAERESIS",
    0x5F: "SECTION SIGN",
    0x60: "INVERTED QUESTION MARK",
    0x7B: "LATIN SMALL LETTER A WITH DIAERESIS",
    0x7C: "LATIN SMALL LETTER O WITH DIAERESIS",
    0x7D: "LATIN SMALL LETTER N WITH TILDE",
    0x7E: "LATIN SMALL LETTER U WITH DIAERESIS",
    0x7F: "LATIN SMALL LETTER A WITH GRAVE",
}
SAME_AS_ASCII = [*range(0x20, 0x24), *range(0x25, 0x40), *range(0x41, 0x5B), *range(0x61, 0x7B)]
EXTENSION_BY_NAME = {
    0x0A: "FORM FEED",
    0x14: "CIRCUMFLEX ACCENT",
    0x28: "LEFT CURLY BRACKET",
    0x29: "RIGHT CURLY BRACKET",
    0x2F: "REVERSE SOLIDUS",
    0x3C: "LEFT SQUARE BRACKET",
    0x3D: "TILDE",
    0x3E: "RIGHT SQUARE BRACKET",
    0x40: "VERTICAL LINE",
    0x65: "EURO SIGN",
}
STANDARD = {bytes((code,)): unicodedata.lookup(name) for code, name in BY_NAME.items()}
STANDARD |= {bytes((code,)): chr(code) for code in SAME_AS_ASCII}
STANDARD |= {bytes((0x1B, code)): unicodedata.lookup(name) for code, name in EXTENSION_BY_NAME.items()}
ALPHABET = "".join(STANDARD.values())
LOOK_ALIKES = "ç`\xa0\x1b\tΑΒΕΖΗΙΚΜΝΟΡΤΥΧαω\u2126\u2206µ\u212b’“–…\u2028\ufeffЖ中😀ÀÈê\u0301"

gsm_texts = st.text(alphabet=st.sampled_from(ALPHABET), max_size=400)


def test_the_alphabet_has_127_characters_and_10_in_the_extension_table() -> None:
    lengths = [len(octets) for octets in STANDARD]

    assert (127, 10) == (lengths.count(1), lengths.count(2))
    assert 137 == len(set(ALPHABET))


@pytest.mark.parametrize(("octets", "character"), STANDARD.items())
def test_every_character_has_the_octets_of_the_standard_and_back(octets: bytes, character: str) -> None:
    assert octets == gsm0338.encode(character)
    assert character == gsm0338.decode(octets)


@pytest.mark.parametrize("neighbour", ["a", "é", "€", "@"])
@pytest.mark.parametrize(("octets", "character"), STANDARD.items())
def test_a_character_has_the_same_octets_in_any_company(
    octets: bytes, character: str, neighbour: str
) -> None:
    [beside] = [octets for octets, found in STANDARD.items() if found == neighbour]

    assert beside + octets + beside == gsm0338.encode(neighbour + character + neighbour)


def test_no_other_character_of_unicode_is_gsm() -> None:
    everything = map(chr, range(0x110000))

    accepted = {character for character in everything if gsm0338.is_gsm(character)}

    assert set(ALPHABET) == accepted


def test_no_other_character_of_unicode_has_octets() -> None:
    everything = map(chr, range(0x110000))

    encoded = {character for character in everything if gsm0338.encode_or_none(character) is not None}

    assert set(ALPHABET) == encoded


@given(gsm_texts)
@settings(max_examples=200)
def test_encoding_is_the_concatenation_of_the_standards_octets(text: str) -> None:
    codes = {character: octets for octets, character in STANDARD.items()}

    octets = gsm0338.encode(text)

    assert b"".join(codes[character] for character in text) == octets
    assert text == gsm0338.decode(octets)


@pytest.mark.parametrize("character", LOOK_ALIKES)
@pytest.mark.parametrize("around", ["plain", "é", "€"])
def test_one_foreign_character_makes_a_text_foreign(character: str, around: str) -> None:
    text = around + character + around

    assert not gsm0338.is_gsm(text)
    assert gsm0338.encode_or_none(text) is None
    assert [(len(around), character)] == gsm0338.foreign(text)


def test_foreign_characters_are_named_with_their_positions() -> None:
    text = "Жa\tb\ud800c’"

    with pytest.raises(InvalidText) as refused:
        gsm0338.encode(text)

    assert (
        "not in the GSM alphabet: U+0416 'Ж' at 0, U+0009 at 2, U+D800 at 4, U+2019 '’' at 6;"
        " replace them, or let the encoding be 'auto'"
    ) == str(refused.value)


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, " and 1 more"), (8, " and 3 more")])
def test_only_the_first_five_foreign_characters_are_named(count: int, more: str) -> None:
    with pytest.raises(InvalidText, match=rf"U\+0436 'ж' at 4{more};"):
        gsm0338.encode("ж" * count)


def test_the_empty_text_is_gsm_and_has_no_octets() -> None:
    assert gsm0338.is_gsm("")
    assert b"" == gsm0338.encode("")
    assert "" == gsm0338.decode(b"")
    assert [] == gsm0338.foreign("")


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b"\x1ba", "a"),  # a code that the extension table lacks is the basic character
        (b"\x1b\x00!", "@!"),
        (b"\x1b\x1be", " e"),  # reserved for another extension table
        (b"a\x1b", "a "),
        (b"\x1b\x1b\x1b", "  "),
        (b"\x1b\x0a", "\f"),
        (b"\x1b\x0d", "\r"),
        (b"a\x80\xffb", "a\ufffd\ufffdb"),
        (b"\x1b\xe5", "\ufffd"),
        (b"\x00\x00", "@@"),
    ],
)
def test_octets_that_our_encoder_never_writes_are_decoded_as_a_phone_shows_them(
    octets: bytes, shown: str
) -> None:
    assert shown == gsm0338.decode(octets)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_octets_can_be_decoded(octets: bytes) -> None:
    text = gsm0338.decode(octets)

    assert len(text) <= len(octets)
    assert "\x1b" not in text
