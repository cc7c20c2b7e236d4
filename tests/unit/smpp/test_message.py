"""The body of submit_sm and deliver_sm."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from tests.unit.smpp.support import BODY, RECEIPT_TEXT, message_fields

from smsfleet.config.errors import EncodeError, PduError
from smsfleet.smpp.message import DeliverSm, SubmitSm, has_tlvs, without_receipts


def test_the_body_is_smpps_to_the_octet() -> None:
    message = SubmitSm(
        service_type="CMT",
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Shop",
        destination_addr="27999100001",
        esm_class=0x40,
        protocol_id=1,
        priority_flag=2,
        schedule_delivery_time="",
        validity_period="000001000000000R",
        registered_delivery=1,
        replace_if_present_flag=3,
        data_coding=8,
        sm_default_msg_id=4,
        short_message=b"\x00h\x00i",
        tlvs=((0x0204, b"\x00\x01"),),
    )

    body = message.encode_body()

    assert (
        b"CMT\0\x05\x00Shop\0\x01\x0127999100001\0\x40\x01\x02\x00"
        b"000001000000000R\0"
        b"\x01\x03\x08\x04\x04\x00h\x00i\x02\x04\x00\x02\x00\x01"
    ) == body


def test_the_destination_is_international_and_the_source_detected_unless_told_otherwise() -> None:
    message = SubmitSm()

    assert (1, 1) == (message.dest_addr_ton, message.dest_addr_npi)  # guide §10.1
    assert (0, 0) == (message.source_addr_ton, message.source_addr_npi)  # guide §10.2


@given(message_fields)
def test_what_was_encoded_is_decoded_unchanged(fields: dict[str, Any]) -> None:
    if fields["short_message"] == b"":
        fields["tlvs"] += ((0x0424, b"payload"),)
    submit, deliver = SubmitSm(**fields), DeliverSm(**fields)

    body = submit.encode_body()

    assert body == deliver.encode_body()
    assert submit == SubmitSm.decode_body(body)
    assert deliver == DeliverSm.decode_body(body)


def test_fields_are_octets_however_they_were_given() -> None:
    text, octets = SubmitSm(source_addr="a", service_type="x"), SubmitSm(source_addr=b"a", service_type=b"x")

    assert octets == text
    assert b"a" == text.source_addr
    assert b"b" == dataclasses.replace(text, source_addr="b").source_addr
    with pytest.raises(dataclasses.FrozenInstanceError):
        text.esm_class = 1  # type: ignore[misc]


def test_a_submit_sm_is_no_deliver_sm() -> None:
    assert SubmitSm() != DeliverSm()


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("service_type", "123456", "at most 5"),
        ("source_addr", "1" * 21, "at most 20"),
        ("destination_addr", "2" * 21, "at most 20"),
        ("schedule_delivery_time", "3" * 17, "at most 16"),
        ("validity_period", "4" * 15, "16 characters"),
    ],
)
def test_a_string_too_long_is_refused_with_field_value_and_limit(field: str, value: str, limit: str) -> None:
    message = SubmitSm(**{field: value})  # type: ignore[arg-type]

    with pytest.raises(EncodeError) as caught:
        message.encode_body()

    assert all(part in str(caught.value) for part in (field, value, limit))


@pytest.mark.parametrize(
    "field",
    [field.name for field in dataclasses.fields(SubmitSm) if field.type == "int"],
)
def test_an_integer_beyond_its_octet_is_refused(field: str) -> None:
    with pytest.raises(EncodeError, match=field):
        SubmitSm(**{field: 256}).encode_body()  # type: ignore[arg-type]


def test_short_message_takes_254_octets_and_no_more() -> None:
    assert b"\xfe" + b"x" * 254 == SubmitSm(short_message=b"x" * 254).encode_body()[-255:]

    with pytest.raises(EncodeError, match=r"short_message has 255 octets; at most 254") as caught:
        SubmitSm(short_message=b"x" * 255).encode_body()

    assert "xxx" not in str(caught.value)


def test_the_longest_message_payload_passes_with_sm_length_0() -> None:
    body = SubmitSm(tlvs=((0x0424, b"x" * 65_535),)).encode_body()

    assert b"\x00\x04\x24\xff\xff" == body[-65_540:-65_535]
    assert b"x" * 65_535 == SubmitSm.decode_body(body).user_data


@pytest.mark.parametrize(
    "message",
    [
        SubmitSm(short_message=b"a", tlvs=((0x0424, b"b"),)),
        SubmitSm(tlvs=((0x0424, b"a"), (0x0424, b"b"))),
    ],
    ids=["short_message too", "twice"],
)
def test_message_payload_is_never_used_with_short_message_or_twice(message: SubmitSm) -> None:
    with pytest.raises(EncodeError, match="never both"):  # guide §11
        message.encode_body()


def test_a_pdu_larger_than_any_peer_takes_is_refused() -> None:
    message = SubmitSm(tlvs=((0x0424, bytes(65_535)), (0x1400, bytes(6_000))))

    with pytest.raises(EncodeError, match="at most 71000"):
        message.encode_body()


def test_smpp_3_3_has_no_tlvs() -> None:
    assert SubmitSm(short_message=b"a").encode_body(interface_version=0x33)

    with pytest.raises(EncodeError, match=r"SMPP 3\.3"):
        SubmitSm(tlvs=((0x0424, b"a"),)).encode_body(interface_version=0x33)


def test_user_data_is_where_the_message_is() -> None:
    assert b"short" == DeliverSm(short_message=b"short").user_data
    assert b"long" == DeliverSm(tlvs=((0x0424, b"long"),)).user_data
    assert b"" == DeliverSm(short_message=b"short", tlvs=((0x0424, b""),)).user_data


def test_a_real_receipt_is_kept_word_for_word() -> None:
    body = DeliverSm(
        source_addr="27999100001",
        esm_class=0x04,
        short_message=RECEIPT_TEXT,
        tlvs=((0x001E, b"a29f\0"), (0x1406, b"?")),
    ).encode_body()

    receipt = DeliverSm.decode_body(body)

    assert RECEIPT_TEXT == receipt.user_data
    assert b"a29f\0" == receipt.tlv(0x001E)
    assert b"?" == receipt.tlv(0x1406)
    assert receipt.tlv(0x0427) is None


def replaced(message: SubmitSm, **fields: Any) -> bytes:
    """A body that could not be encoded with the limits of the specification."""
    plain = message.encode_body()
    for field, (old, new) in fields.items():
        assert old in plain, field
        plain = plain.replace(old, new, 1)
    return plain


LONG_ORIGIN = replaced(SubmitSm(source_addr="ORIGIN"), source_addr=(b"ORIGIN", b"o" * 64))
LONGER_ORIGIN = replaced(SubmitSm(source_addr="ORIGIN"), source_addr=(b"ORIGIN", b"o" * 65))
ODD_TIME = replaced(SubmitSm(validity_period="2" * 16), validity_period=(b"2" * 16, b"2" * 10))
LATIN_ORIGIN = replaced(SubmitSm(source_addr="ORIGIN"), source_addr=(b"ORIGIN", b"caf\xe9"))
BOTH = SubmitSm(short_message=b"a").encode_body() + b"\x04\x24\x00\x01b"
SM_255 = SubmitSm().encode_body()[:-1] + b"\xff" + b"x" * 255


@pytest.mark.parametrize("body", [LONG_ORIGIN, ODD_TIME, LATIN_ORIGIN, BOTH, SM_255])
def test_a_deliver_sm_is_taken_liberally(body: bytes) -> None:
    DeliverSm.check_body(body)

    assert DeliverSm.decode_body(body)


@pytest.mark.parametrize(
    ("body", "command_status"),
    [(LONG_ORIGIN, 0x01), (ODD_TIME, 0xC2), (LATIN_ORIGIN, 0xC2), (BOTH, 0x01), (SM_255, 0x01)],
    ids=["long origin", "odd time", "latin origin", "both", "255 octets"],
)
def test_a_submit_sm_is_judged_strictly(body: bytes, command_status: int) -> None:
    with pytest.raises(PduError) as caught:
        SubmitSm.decode_body(body)

    assert command_status == caught.value.command_status


@pytest.mark.parametrize(
    ("body", "command_status"),
    [
        (b"", 0xC2),
        (LONGER_ORIGIN, 0x01),
        (b"1234567\0" + BODY, 0x01),
        (BODY[:-1], 0x01),
        (BODY + b"\x04", 0xC2),
        (BODY + b"\x00\x1e\x00\x09short", 0xC2),
    ],
    ids=["empty", "origin", "service_type", "sm_length", "half a TLV", "TLV past the end"],
)
def test_a_bad_deliver_sm_tells_the_status_to_answer(body: bytes, command_status: int) -> None:
    with pytest.raises(PduError) as caught:
        DeliverSm.check_body(body)

    assert command_status == caught.value.command_status


def test_a_body_cut_anywhere_is_an_error_of_the_protocol() -> None:
    body = SubmitSm(
        service_type="CMT",
        source_addr="Shop",
        destination_addr="27999100001",
        validity_period="000001000000000R",
        short_message=b"hello",
    ).encode_body()

    for length in range(len(body)):
        with pytest.raises(PduError) as liberal:
            DeliverSm.decode_body(body[:length])
        with pytest.raises(PduError) as strict:
            SubmitSm.decode_body(body[:length])

        whole_header = length >= len(body) - len(b"hello")
        assert (0x01 if whole_header else 0xC2) == liberal.value.command_status
        assert (0x01 if whole_header else 0x02) == strict.value.command_status


@given(message_fields)
def test_receipts_can_be_switched_off_in_any_body(fields: dict[str, Any]) -> None:
    message = SubmitSm(**fields)

    body = without_receipts(message.encode_body())

    assert dataclasses.replace(message, registered_delivery=0) == SubmitSm.decode_body(body)


@given(message_fields)
def test_tlvs_of_a_body_are_noticed_without_decoding_it(fields: dict[str, Any]) -> None:
    message = SubmitSm(**fields)

    assert bool(message.tlvs) == has_tlvs(message.encode_body())


@pytest.mark.parametrize("length", range(len(BODY) - len(b"hello")))
def test_a_body_that_is_none_is_not_patched(length: int) -> None:
    with pytest.raises(PduError):
        without_receipts(BODY[:length])
