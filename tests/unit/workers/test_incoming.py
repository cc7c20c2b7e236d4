"""What a person's deliver_sm carries, in every form in which gateways send it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.smpp.pdu import DeliverSm
from smsfleet.workers.incoming import Decoded, Part, decode, is_acknowledgement, keyword, piece_of

UDHI = 0x40
SAR = ((0x020C, b"\x01\x02"), (0x020E, b"\x03"), (0x020F, b"\x02"))


@pytest.mark.parametrize(
    ("octets", "data_coding", "encoding", "text"),
    [
        (b"\x00 and \x1b\x65", 0x00, "gsm", "@ and €"),
        (b"plain", 0x01, "ascii", "plain"),
        (b"caf\xe9", 0x03, "latin-1", "café"),
        ("Ж".encode("iso8859-5"), 0x06, "cyrillic", "Ж"),
        ("ש".encode("iso8859-8"), 0x07, "hebrew", "ש"),
        ("Grüße 😀".encode("utf-16-be"), 0x08, "ucs2", "Grüße 😀"),
        ("Hello".encode("utf-16"), 0x08, "ucs2", "Hello"),
        ("こ".encode("iso2022_jp"), 0x0A, "iso-2022-jp", "こ"),
        ("한".encode("euc_kr"), 0x0E, "ks-c-5601", "한"),
        (b"class 0", 0x10, "gsm", "class 0"),
        (b"\x04\x16", 0x18, "ucs2", "Ж"),
        (b"waiting", 0xC8, "gsm", "waiting"),
        (b"\x04\x16", 0xE0, "ucs2", "Ж"),
        (b"flash", 0xF0, "gsm", "flash"),
        (b"", 0x00, "gsm", ""),
    ],
)
def test_a_text_is_read_by_its_data_coding(octets: bytes, data_coding: int, encoding: str, text: str) -> None:
    assert Decoded(encoding, text, exact=True) == decode(octets, data_coding)


@pytest.mark.parametrize("data_coding", [0x02, 0x04, 0x0B, 0x14, 0x20, 0x3C, 0x80, 0xF4, 0xFF])
def test_data_has_no_text(data_coding: int) -> None:
    assert Decoded("binary", None, exact=False) == decode(b"\x01\x02", data_coding)


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        (b"\x04\x16\x04", 0x08, "Ж\ufffd"),
        (b"\xd8\x3d", 0x08, "\ufffd"),
        (b"a\x80", 0x00, "a\ufffd"),
        (b"a\x80", 0x01, "a\ufffd"),
    ],
)
def test_what_is_no_text_of_its_coding_is_shown_and_said(octets: bytes, data_coding: int, text: str) -> None:
    found = decode(octets, data_coding)

    assert (text, False) == (found.text, found.exact)


def test_an_account_may_have_another_default_alphabet() -> None:
    assert Decoded("latin-1", "a@b", exact=True) == decode(b"a@b", 0, "latin-1")
    assert Decoded("gsm", "a¡b", exact=True) == decode(b"a@b", 0, "gsm")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (b"\x05\x00\x03\x07\x03\x02", Part("udh8", 7, 3, 2)),
        (b"\x06\x08\x04\x01\x02\x03\x02", Part("udh16", 0x102, 3, 2)),
    ],
)
def test_a_user_data_header_tells_the_place_of_a_part(header: bytes, part: Part) -> None:
    piece = piece_of(DeliverSm(esm_class=UDHI, short_message=header + b"text"))

    assert (b"text", part, b"") == (piece.octets, piece.part, piece.header)


def test_the_sar_tlvs_tell_it_too() -> None:
    piece = piece_of(DeliverSm(short_message=b"text", tlvs=SAR))

    assert (b"text", Part("sar", 0x102, 3, 2)) == (piece.octets, piece.part)


@pytest.mark.parametrize("missing", range(3))
def test_two_of_the_three_tlvs_tell_nothing(missing: int) -> None:
    tlvs = tuple(tlv for at, tlv in enumerate(SAR) if at != missing)

    assert piece_of(DeliverSm(short_message=b"text", tlvs=tlvs)).part is None


def test_the_text_may_be_in_message_payload_with_its_header() -> None:
    payload = ((0x0424, b"\x05\x00\x03\x07\x02\x01text"),)

    piece = piece_of(DeliverSm(esm_class=UDHI, tlvs=payload))

    assert (b"text", Part("udh8", 7, 2, 1)) == (piece.octets, piece.part)


def test_ports_beside_the_place_are_kept() -> None:
    header = b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x01"

    piece = piece_of(DeliverSm(esm_class=UDHI, short_message=header + b"push"))

    assert (b"push", Part("udh8", 7, 2, 1), header) == (piece.octets, piece.part, piece.header)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x05\x00\x03\x07\x00\x01", b"\x05\x00\x03\x07\x02\x00", b"\x05\x00\x03\x07\x02\x03",
        b"\x05\x00\x03\x07\x01\x01",
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_is_none(octets: bytes) -> None:
    piece = piece_of(DeliverSm(esm_class=UDHI, short_message=octets + b"text"))

    assert (b"text", None) == (piece.octets, piece.part)


@pytest.mark.parametrize("octets", [b"\x05\x00\x09\x07", b"\xff", b"\x01\x00a", b"\x03\x00\x03\x07a"])
def test_a_header_that_cannot_be_read_is_left_where_it_is(octets: bytes) -> None:
    piece = piece_of(DeliverSm(esm_class=UDHI, short_message=octets))

    assert (octets, None, b"") == (piece.octets, piece.part, piece.header)


@given(st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_no_octets_raise_anything_and_none_are_lost(octets: bytes, data_coding: int, esm_class: int) -> None:
    piece = piece_of(DeliverSm(esm_class=esm_class, data_coding=data_coding, short_message=octets))
    found = decode(piece.octets, data_coding)

    assert octets.endswith(piece.octets)
    assert found.text is not None or not found.exact


@pytest.mark.parametrize(("esm_class", "expected"), [(0, False), (0x40, False), (0x08, True), (0x10, True)])
def test_an_acknowledgement_is_told_from_a_message(esm_class: int, expected: bool) -> None:
    assert expected == is_acknowledgement(DeliverSm(esm_class=esm_class))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Stop", "STOP"),
        ("  «stop». now", "STOP"),
        ("arrêt", "ARRÊT"),
        ("", ""),
        (None, ""),
        ("?!", ""),
        ("a1 b", "A1"),
    ],
)
def test_the_keyword_is_the_first_word(text: str | None, word: str) -> None:
    assert word == keyword(text)
