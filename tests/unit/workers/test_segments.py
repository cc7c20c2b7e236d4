"""From text to segments. The decoders used here are this file's own, not the code's."""
# ruff: noqa: RUF001 - look-alikes are what these tests are about

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidArgument, InvalidText, TextTooLong
from smsfleet.workers.segments import Segmented, segment

# Rows of sixteen, typed from TS 23.038 §6.2.1.1 figure by figure (rows are b4-b1 of one column b7-b5).
TABLE = [
    *("@", "£", "$", "¥", "è", "é", "ù", "ì", "ò", "Ç", "\n", "Ø", "ø", "\r", "Å", "å"),
    *("Δ", "_", "Φ", "Γ", "Λ", "Ω", "Π", "Ψ", "Σ", "Θ", "Ξ", None, "Æ", "æ", "ß", "É"),
    *(" ", "!", '"', "#", "¤", "%", "&", "'", "(", ")", "*", "+", ",", "-", ".", "/"),
    *("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ":", ";", "<", "=", ">", "?"),
    *("¡", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O"),
    *("P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "Ä", "Ö", "Ñ", "Ü", "§"),
    *("¿", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"),
    *("p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "ä", "ö", "ñ", "ü", "à"),
]
PAIRS = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
BASIC = "".join(character for character in TABLE if character)
EXTENDED = "".join(PAIRS.values())


def read_gsm(octets: bytes) -> str:
    text, escaped = "", False
    for octet in octets:
        if escaped:
            text, escaped = text + PAIRS[octet], False
        elif octet == 0x1B:
            escaped = True
        else:
            character = TABLE[octet]
            assert character is not None
            text += character
    assert not escaped, "an escape pair was cut"
    return text


def read_ucs2(octets: bytes) -> str:
    units = struct.unpack(f">{len(octets) // 2}H", octets)
    text, high = "", 0
    for unit in units:
        if 0xD800 <= unit < 0xDC00:
            assert not high, "two high surrogates in a row"
            high = unit
        elif 0xDC00 <= unit < 0xE000:
            assert high, "a surrogate pair was cut"
            text, high = text + chr(0x10000 + ((high - 0xD800) << 10) + unit - 0xDC00), 0
        else:
            assert not high, "a surrogate pair was cut"
            text += chr(unit)
    assert not high, "a surrogate pair was cut"
    return text


def read(segmented: Segmented) -> list[str]:
    reader = {"gsm0338": read_gsm, "ucs2": read_ucs2}[segmented.encoding]
    return [reader(octets) for octets in segmented.user_data]


def units_of(character: str, encoding: str) -> int:
    if encoding == "gsm0338":
        return 2 if character in EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1


def size_of(segmented: Segmented, reference_octets: int) -> int:
    alone, together = {"gsm0338": (160, (153, 152)), "ucs2": (70, (67, 66))}[segmented.encoding]
    return alone if segmented.segments == 1 else together[reference_octets - 1]


gsm_texts = st.text(alphabet=st.one_of(st.sampled_from(EXTENDED), st.sampled_from(BASIC)), max_size=500)
bmp = st.characters(exclude_categories=("Cs", "Cc"), max_codepoint=0xFFFF)
astral = st.characters(min_codepoint=0x10000)
any_texts = st.text(
    alphabet=st.one_of(st.sampled_from(BASIC), st.sampled_from(EXTENDED), bmp, astral), max_size=300
)
# Long runs reach the edges of segments that random characters seldom do.
runs = st.lists(
    st.tuples(st.sampled_from("a@é€{Ж😀𝄞\n"), st.integers(1, 160)).map(lambda run: run[0] * run[1]),
    max_size=5,
).map("".join)
texts = st.one_of(gsm_texts, any_texts, runs)


@given(texts, st.sampled_from([1, 2]), st.sampled_from(["auto", "ucs2"]))
@settings(max_examples=400)
@example("a" * 159 + "€", 1, "auto")
@example("a" * 152 + "€" + "a" * 10, 1, "auto")
@example("Ж" * 66 + "😀" + "Ж" * 10, 1, "auto")
def test_segments_hold_the_text_whole_and_are_as_full_as_can_be(
    text: str, reference_octets: int, encoding: str
) -> None:
    segmented = segment(text, encoding=encoding, reference_octets=reference_octets)

    parts = read(segmented)
    size = size_of(segmented, reference_octets)
    units = [sum(units_of(character, segmented.encoding) for character in part) for part in parts]
    assert text == "".join(parts)
    assert all(used <= size for used in units)
    for used, following in zip(units, parts[1:], strict=False):
        assert used + units_of(following[0], segmented.encoding) > size, (
            "the next character would have fitted"
        )
    assert sum(units) == segmented.units
    assert size - units[-1] == segmented.units_left
    assert len(parts) == len(segmented.headers) == segmented.segments


@given(any_texts)
@settings(max_examples=100)
def test_auto_is_gsm_exactly_where_the_text_permits_it(text: str) -> None:
    segmented = segment(text)

    expected = ("gsm0338", 0) if set(text) <= set(BASIC + EXTENDED) else ("ucs2", 8)
    assert expected == (segmented.encoding, segmented.data_coding)


@given(texts, st.integers(0, 255))
@settings(max_examples=100)
def test_every_segment_with_its_header_fits_a_short_message(text: str, reference: int) -> None:
    segmented = segment(text, reference=reference)

    limit = {"gsm0338": 160 if segmented.segments == 1 else 159, "ucs2": 140}[segmented.encoding]
    for header, octets in zip(segmented.headers, segmented.user_data, strict=True):
        assert len(header) + len(octets) <= limit


@pytest.mark.parametrize(
    ("text", "reference_octets", "lengths"),
    [
        ("", 1, [0]),
        ("a" * 160, 1, [160]),
        ("a" * 161, 1, [153, 8]),
        ("a" * 306, 1, [153, 153]),
        ("a" * 307, 1, [153, 153, 1]),
        ("a" * 161, 2, [152, 9]),
        ("a" * 304, 2, [152, 152]),
        ("€" * 80, 1, [160]),
        ("€" * 81, 1, [152, 10]),
        ("€" * 81, 2, [152, 10]),
        ("a" + "€" * 80, 1, [153, 8]),
        ("a" + "€" * 80, 2, [151, 10]),
        ("a" * 159 + "€", 1, [153, 8]),
        ("Ж" * 70, 1, [140]),
        ("Ж" * 71, 1, [134, 8]),
        ("Ж" * 71, 2, [132, 10]),
        ("😀" * 35, 1, [140]),
        ("😀" * 36, 1, [132, 12]),
        ("😀" * 36, 2, [132, 12]),
        ("Ж" + "😀" * 35, 1, [134, 8]),
        ("Ж" + "😀" * 35, 2, [130, 12]),
        ("Ж" + "\U0010ffff" * 35, 2, [130, 12]),
    ],
)
def test_sizes_at_the_edges(text: str, reference_octets: int, lengths: list[int]) -> None:
    segmented = segment(text, reference_octets=reference_octets)

    assert lengths == [len(octets) for octets in segmented.user_data]


def test_octets_that_look_like_escapes_or_surrogates_but_are_none_are_not_spared() -> None:
    low_octets = "\u01d8" * 80  # 0x01 0xD8: the second octet of a unit, never the first

    segmented = segment(low_octets)

    assert [134, 26] == [len(octets) for octets in segmented.user_data]


def test_a_single_segment_has_no_header() -> None:
    segmented = segment("hello @", reference=7)

    assert Segmented("gsm0338", 0, [b"hello \x00"], [b""], 7, 153) == segmented
    assert 1 == segmented.segments


def test_an_empty_text_is_one_empty_segment() -> None:
    assert Segmented("gsm0338", 0, [b""], [b""], 0, 160) == segment("")
    assert Segmented("ucs2", 8, [b""], [b""], 0, 70) == segment("", encoding="ucs2")


def test_headers_with_an_8_bit_reference() -> None:
    segmented = segment("a" * 400, reference=0xA5)

    assert [
        b"\x05\x00\x03\xa5\x03\x01",
        b"\x05\x00\x03\xa5\x03\x02",
        b"\x05\x00\x03\xa5\x03\x03",
    ] == segmented.headers


def test_headers_with_a_16_bit_reference() -> None:
    segmented = segment("a" * 200, reference=0xA55A, reference_octets=2)

    assert [b"\x06\x08\x04\xa5\x5a\x02\x01", b"\x06\x08\x04\xa5\x5a\x02\x02"] == segmented.headers


@pytest.mark.parametrize(("reference", "reference_octets"), [(0, 1), (0xFE, 1), (0x12FE, 2)])
def test_the_reference_can_be_read_back(reference: int, reference_octets: int) -> None:
    segmented = segment("a" * 161, reference=reference, reference_octets=reference_octets)

    assert reference == segmented.reference
    assert segment("a", reference=reference, reference_octets=reference_octets).reference == 0


@pytest.mark.parametrize(("reference", "reference_octets"), [(0, 1), (0xFE, 1), (0x12FE, 2)])
@pytest.mark.parametrize("text", ["", "a" * 160, "a" * 161, "Ж" * 200])
def test_another_reference_is_as_if_it_had_been_given_at_once(
    text: str, reference: int, reference_octets: int
) -> None:
    segmented = segment(text, reference=7, reference_octets=reference_octets)

    changed = segmented.with_reference(reference)

    assert segment(text, reference=reference, reference_octets=reference_octets) == changed


def test_a_gsm_text_can_be_asked_to_be_ucs2() -> None:
    segmented = segment("hé", encoding="ucs2")

    assert Segmented("ucs2", 8, [b"\x00h\x00\xe9"], [b""], 2, 68) == segmented


def test_encoding_gsm_takes_a_gsm_text_as_auto_does() -> None:
    assert segment("{€}") == segment("{€}", encoding="gsm")


def test_encoding_gsm_refuses_and_names_what_is_foreign() -> None:
    with pytest.raises(InvalidText, match=r"U\+2019 '’' at 3, U\+2026 '…' at 6"):
        segment("don’t …", encoding="gsm")


@pytest.mark.parametrize("encoding", ["auto", "gsm", "ucs2"])
@pytest.mark.parametrize(
    "character", [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *map(chr, (0xD800, 0xDBFF, 0xDFFF))]
)
def test_controls_and_lone_surrogates_are_refused_and_line_breaks_are_not(
    character: str, encoding: str
) -> None:
    text = f"ab{character}"

    if character in "\n\r\f":
        assert text == "".join(read(segment(text, encoding=encoding)))
    else:
        with pytest.raises(InvalidText, match=rf"forbidden in a text: U\+{ord(character):04X} at 2;"):
            segment(text, encoding=encoding)


@pytest.mark.parametrize("text", [chr(0xD83D) + chr(0xDE00), chr(0xDE00) + chr(0xD83D)])
def test_surrogates_that_were_not_joined_by_the_caller_are_refused(text: str) -> None:
    with pytest.raises(InvalidText, match=r"U\+D[8E][0-9A-F]{2} at 0, U\+D[8E][0-9A-F]{2} at 1;"):
        segment(text)


@pytest.mark.parametrize("text", [b"bytes", None, 12])
def test_a_text_that_is_no_str_is_refused(text: object) -> None:
    with pytest.raises(InvalidText, match="it must be a str"):
        segment(text)  # type: ignore[arg-type]


def test_a_text_too_long_names_what_it_needs_and_what_is_allowed() -> None:
    with pytest.raises(TextTooLong, match=r"needs 3 segments \(307 units of gsm0338\), max_segments is 2"):
        segment("a" * 307, max_segments=2)


def test_as_many_segments_as_allowed_are_allowed() -> None:
    assert 2 == segment("a" * 306, max_segments=2).segments
    assert 255 == segment("a" * 153 * 255).segments
    assert 1 == segment("a" * 160, max_segments=1).segments


def test_more_than_255_segments_never_are() -> None:
    with pytest.raises(TextTooLong, match="needs 256 segments"):
        segment("a" * (153 * 255 + 1))


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"encoding": "latin1"}, "encoding is 'latin1'"),
        ({"encoding": "gsm0338"}, "encoding is 'gsm0338'"),
        ({"reference": -1}, "0 to 255"),
        ({"reference": 256}, "0 to 255"),
        ({"reference": 65536, "reference_octets": 2}, "0 to 65535"),
        ({"reference_octets": 0}, "must be 1 or 2"),
        ({"reference_octets": 3}, "must be 1 or 2"),
        ({"max_segments": 0}, "must be 1 to 255"),
        ({"max_segments": 256}, "must be 1 to 255"),
    ],
)
def test_arguments_out_of_range_are_refused_even_where_they_have_no_effect(
    arguments: dict, rule: str
) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        segment("short", **arguments)


def test_the_largest_references_are_accepted() -> None:
    assert b"\x05\x00\x03\xff\x02\x01" == segment("a" * 161, reference=255).headers[0]
    assert (
        b"\x06\x08\x04\xff\xff\x02\x01" == segment("a" * 161, reference=65535, reference_octets=2).headers[0]
    )
