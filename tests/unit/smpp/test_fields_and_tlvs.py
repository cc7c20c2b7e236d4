"""C-octet strings, octets and TLVs: what fits passes unchanged, what does not fit is an error, never a cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import EncodeError, PduError
from smsfleet.smpp.fields import (
    check_octet,
    decode_c_octets,
    encode_c_octets,
    encode_time,
    leading_c_octets,
)
from smsfleet.smpp.tlv import decode_tlvs, encode_tlvs, find_tlv


def test_a_string_may_be_given_as_text_or_as_octets() -> None:
    from_text, from_octets = encode_c_octets("field", "abc", 5), encode_c_octets("field", b"abc", 5)

    assert b"abc\0" == from_text == from_octets


def test_a_string_that_fills_its_field_to_the_nul_fits() -> None:
    assert b"12345678\0" == encode_c_octets("password", "12345678", 9)


@pytest.mark.parametrize(
    "value", ["1234", "a\0b", "é", b"a\0b", b"\xe9"], ids=["long", "nul", "é", "nul-octet", "octet"]
)
def test_a_string_that_does_not_fit_is_an_error_that_names_field_and_value(value: str | bytes) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_c_octets("service_type", value, 4)

    assert "service_type" in str(caught.value)
    assert repr(value) in str(caught.value)


def test_an_error_about_a_long_string_names_the_limit() -> None:
    with pytest.raises(EncodeError, match="21 octets; at most 20"):
        encode_c_octets("destination_addr", "1" * 21, 21)


@pytest.mark.parametrize("value", ["hunter2hunter2", "a\0b", "geheim-é"])
def test_an_error_about_a_password_never_shows_it(value: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode_c_octets("password", value, 9)

    assert "password" in str(caught.value)
    assert value not in str(caught.value)
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize("value", ["2412312359590", "241231235959000+0"])
def test_a_time_is_empty_or_16_characters(value: str) -> None:
    assert b"\0" == encode_time("validity_period", "", 17)
    assert b"000001000000000R\0" == encode_time("validity_period", "000001000000000R", 17)

    with pytest.raises(EncodeError, match="validity_period"):
        encode_time("validity_period", value, 17)


@pytest.mark.parametrize("value", [-1, 256])
def test_an_integer_that_does_not_fit_its_octet_is_an_error(value: int) -> None:
    assert [0, 255] == [check_octet("data_coding", 0), check_octet("data_coding", 255)]

    with pytest.raises(EncodeError, match=f"data_coding {value}"):
        check_octet("data_coding", value)


def test_a_decoded_string_comes_with_the_offset_behind_its_nul() -> None:
    assert (b"bc", 4) == decode_c_octets("field", b"abc\0d", 1, 3)


def test_a_decoded_string_longer_than_its_field_is_0x01() -> None:
    with pytest.raises(PduError) as caught:
        decode_c_octets("field", b"abcd\0", 0, 4)

    assert 0x01 == caught.value.command_status


@pytest.mark.parametrize("octets", [b"", b"abc"])
def test_a_string_that_the_pdu_cuts_off_is_0xc2(octets: bytes) -> None:
    with pytest.raises(PduError) as caught:
        decode_c_octets("field", octets, 0, 4)

    assert 0xC2 == caught.value.command_status


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (b"", b""),
        (b"\0", b""),
        (b"a1\0", b"a1"),
        (b"a1", b"a1"),
        (b" A1 \0\x01", b" A1 "),
        (b"\xff\0", b"\xff"),
    ],
)
def test_the_string_of_a_response_is_taken_as_it_is(body: bytes, message_id: bytes) -> None:
    assert message_id == leading_c_octets(body)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=30)), max_size=6))
def test_tlvs_survive_the_wire_unknown_repeated_and_in_any_order(pairs: list[tuple[int, bytes]]) -> None:
    octets = b"??" + encode_tlvs(pairs)

    decoded = decode_tlvs(octets, 2, len(octets))

    assert tuple(pairs) == decoded


def test_a_tlv_is_tag_length_value_in_network_order() -> None:
    assert b"\x04\x24\x00\x02hi\x14\x01\x00\x00" == encode_tlvs([(0x0424, b"hi"), (0x1401, b"")])


def test_the_longest_value_passes_and_one_octet_more_is_an_error() -> None:
    assert 4 + 65_535 == len(encode_tlvs([(0x0424, bytes(65_535))]))

    with pytest.raises(EncodeError, match="0x0424 has a value of 65536 octets; at most 65535"):
        encode_tlvs([(0x0424, bytes(65_536))])


@pytest.mark.parametrize("tag", [-1, 0x10000])
def test_a_tag_outside_two_octets_is_an_error(tag: int) -> None:
    with pytest.raises(EncodeError, match="tag"):
        encode_tlvs([(tag, b"")])


@pytest.mark.parametrize("octets", [b"\x04", b"\x04\x24\x00", b"\x04\x24\x00\x03hi", b"\x04\x24\xff\xff"])
def test_a_tlv_that_runs_past_the_pdu_is_0xc2(octets: bytes) -> None:
    with pytest.raises(PduError) as caught:
        decode_tlvs(octets, 0, len(octets))

    assert 0xC2 == caught.value.command_status


def test_the_first_tlv_of_a_tag_is_found() -> None:
    pairs = ((1, b"a"), (2, b""), (1, b"b"))

    assert [b"a", b"", None] == [find_tlv(pairs, tag) for tag in (1, 2, 3)]
