"""PDUs for other people's eyes: nothing private is left, and every octet stays in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.smpp.constants import (
    BIND_COMMANDS,
    BIND_TRANSCEIVER,
    COMMAND_NAMES,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ESM_RECEIPT,
    ESM_UDHI,
    QUERY_SM,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    TLV_MESSAGE_PAYLOAD,
    TLV_RECEIPTED_MESSAGE_ID,
)
from smsfleet.smpp.masking import masked
from smsfleet.smpp.pdu import (
    DeliverSm,
    SubmitSm,
    decode_bind,
    decode_query_sm,
    encode_bind,
    encode_query_sm,
    frame,
)

TEXT = b"Your code is 482913"
RECEIPT = b"id:a1 sub:001 dlvrd:001 submit date:2611041200 done date:2611041201 stat:DELIVRD err:000 text:"


def message(command_id: int = SUBMIT_SM, **fields: object) -> bytes:
    given = {"destination_addr": "27831234567", "source_addr": "Clickatell", "short_message": TEXT, **fields}
    kind = SubmitSm if command_id == SUBMIT_SM else DeliverSm
    return frame(command_id, 7, kind(**given).encode_body())  # type: ignore[arg-type]


@pytest.mark.parametrize("command_id", BIND_COMMANDS.values())
@pytest.mark.parametrize("show_content", [False, True])
def test_a_password_is_always_blanked(command_id: int, show_content: bool) -> None:
    body = encode_bind(command_id, system_id="demo", password="geheim", system_type="3000000")

    shown = masked(frame(command_id, 1, body), show_content=show_content)

    bind = decode_bind(shown[16:])
    assert (b"demo", b"******", b"3000000") == (bind.system_id, bind.password, bind.system_type)


@pytest.mark.parametrize(
    "body", [b"demo", b"demo\0geheim", b"x" * 40 + b"geheim\0", b"demo\0geheimgeheim\0\0"]
)
def test_a_bind_that_cannot_be_read_shows_nothing(body: bytes) -> None:
    pdu = frame(BIND_TRANSCEIVER, 1, body)

    assert pdu[:16] + bytes(len(body)) == masked(pdu, show_content=True)


@pytest.mark.parametrize("command_id", [SUBMIT_SM, DELIVER_SM])
def test_numbers_keep_their_ends_and_texts_only_their_length(command_id: int) -> None:
    shown = DeliverSm.decode_body(masked(message(command_id))[16:])

    assert (b"27*******67", b"Cl******ll", b"x" * len(TEXT)) == (
        shown.destination_addr, shown.source_addr, shown.short_message,
    )  # fmt: skip


def test_with_content_a_message_is_shown_as_it_is() -> None:
    assert message() == masked(message(), show_content=True)


def test_a_user_data_header_is_no_text() -> None:
    header = bytes.fromhex("0500032a0201")
    shown = masked(message(esm_class=ESM_UDHI, short_message=header + TEXT))

    assert header + b"x" * len(TEXT) == SubmitSm.decode_body(shown[16:]).short_message


def test_the_fields_of_a_receipt_stay_and_its_text_does_not() -> None:
    shown = masked(message(DELIVER_SM, esm_class=ESM_RECEIPT, short_message=RECEIPT + b"Your code"))

    assert RECEIPT + b"xxxxxxxxx" == DeliverSm.decode_body(shown[16:]).short_message


def test_what_only_begins_like_a_receipt_is_a_text() -> None:
    shown = masked(message(DELIVER_SM, short_message=b"id:1 text:secret"))

    assert b"x" * 16 == DeliverSm.decode_body(shown[16:]).short_message


def test_a_payload_is_a_text_and_unknown_tlvs_are_blanked() -> None:
    tlvs = ((TLV_MESSAGE_PAYLOAD, TEXT), (TLV_RECEIPTED_MESSAGE_ID, b"a1\0"), (0x0381, b"27831234567"))
    shown = SubmitSm.decode_body(masked(message(short_message=b"", tlvs=tlvs))[16:])

    assert (
        (TLV_MESSAGE_PAYLOAD, b"x" * len(TEXT)), (TLV_RECEIPTED_MESSAGE_ID, b"a1\0"), (0x0381, bytes(11)),
    ) == shown.tlvs  # fmt: skip


def test_a_query_shows_the_id_and_masks_the_source() -> None:
    pdu = frame(QUERY_SM, 1, encode_query_sm("a1", source_addr="27831234567"))

    asked = decode_query_sm(masked(pdu)[16:])

    assert (b"a1", b"27*******67") == (asked.message_id, asked.source_addr)


@pytest.mark.parametrize(
    "body", [b"", b"\0\1\1", message()[16:-9], message()[16:] + b"\x03\x81\0\xff27831234567", b"\xff" * 90]
)
def test_of_a_message_that_cannot_be_read_only_the_header_is_shown(body: bytes) -> None:
    pdu = frame(SUBMIT_SM, 1, body)

    assert pdu[:16] + bytes(len(body)) == masked(pdu)


@pytest.mark.parametrize("command_id", [0x21, 0x103, 0x8000_0103, 0x102, 0x7FFF_FFFF])
def test_of_a_command_that_is_not_known_only_the_header_is_shown(command_id: int) -> None:
    pdu = frame(command_id, 1, b"27831234567\0")

    assert pdu[:16] + bytes(12) == masked(pdu)
    assert pdu == masked(pdu, show_content=True)


@pytest.mark.parametrize("command_id", [SUBMIT_SM_RESP, DELIVER_SM_RESP])
def test_an_answer_is_shown_as_it_is(command_id: int) -> None:
    assert frame(command_id, 1, b"a1b2\0", 0x400) == masked(frame(command_id, 1, b"a1b2\0", 0x400))


@given(st.sampled_from([*COMMAND_NAMES, 0x21]), st.binary(max_size=200), st.booleans())
def test_whatever_comes_keeps_its_length_and_header(command_id: int, body: bytes, show_content: bool) -> None:
    pdu = frame(command_id, 1, body)

    shown = masked(pdu, show_content=show_content)

    assert (len(pdu), pdu[:16]) == (len(shown), shown[:16])
