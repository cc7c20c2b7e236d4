"""The header, and the bodies that are not messages."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from smsfleet.config.errors import EncodeError, PduError
from smsfleet.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    COMMAND_NAMES,
    ENQUIRE_LINK,
    RESP,
    command_name,
)
from smsfleet.smpp.pdu import (
    Bind,
    BindResp,
    QuerySm,
    QuerySmResp,
    SubmitSmResp,
    decode_bind,
    decode_bind_resp,
    decode_query_sm,
    decode_query_sm_resp,
    decode_submit_sm_resp,
    encode_bind,
    encode_bind_resp,
    encode_deliver_sm_resp,
    encode_query_sm,
    encode_query_sm_resp,
    encode_submit_sm_resp,
    frame,
)


def test_a_header_is_four_integers_and_counts_itself() -> None:
    assert struct.pack(">IIII", 16, 0x15, 0, 7) == frame(ENQUIRE_LINK, 7)
    assert struct.pack(">IIII", 18, 0x80000004, 0x402, 0x7FFFFFFF) + b"ab" == frame(
        0x80000004, 0x7FFFFFFF, b"ab", 0x402
    )


def test_every_command_of_the_guide_has_a_name_and_its_response_too() -> None:
    requests = {command for command in COMMAND_NAMES if not command & RESP}

    assert {command | RESP for command in requests} | {0x80000000} == COMMAND_NAMES.keys() - requests
    assert all(f"{command_name(command)}_resp" == command_name(command | RESP) for command in requests)
    assert "command 0x00000103" == command_name(0x103)


def test_a_bind_is_smpps_to_the_octet() -> None:
    body = encode_bind(BIND_TRANSCEIVER, system_id="user", password="secret", system_type="3219000")

    assert b"user\0secret\x003219000\0\x34\x00\x00\0" == body


@pytest.mark.parametrize("command", [BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER])
def test_a_bind_that_fills_every_field_survives_the_wire(command: int) -> None:
    fields: dict[str, Any] = {
        "system_id": b"s" * 15,
        "password": b"p" * 8,
        "system_type": b"t" * 12,
        "interface_version": 0x34,
        "addr_ton": 1,
        "addr_npi": 2,
        "address_range": b"r" * 40,
    }

    assert Bind(**fields) == decode_bind(encode_bind(command, **fields))


@pytest.mark.parametrize(
    ("field", "most"), [("system_id", 15), ("password", 8), ("system_type", 12), ("address_range", 40)]
)
def test_a_bind_field_one_octet_too_long_is_refused(field: str, most: int) -> None:
    fields: dict[str, Any] = {"system_id": "u", "password": "p", field: "z" * (most + 1)}

    with pytest.raises(EncodeError, match=f"{field}.*at most {most}") as caught:
        encode_bind(BIND_TRANSCEIVER, **fields)

    assert (field == "password") == ("zzz" not in str(caught.value))


def test_a_decoded_bind_does_not_show_its_password() -> None:
    bind = decode_bind(encode_bind(BIND_RECEIVER, system_id="u", password="hunter2"))

    assert "hunter2" not in repr(bind)


def test_smpp_3_3_has_no_transceiver() -> None:
    body = encode_bind(BIND_TRANSMITTER, system_id="u", password="p", interface_version=0x33)

    assert 0x33 == decode_bind(body).interface_version
    with pytest.raises(EncodeError, match="no bind_transceiver"):
        encode_bind(BIND_TRANSCEIVER, system_id="u", password="p", interface_version=0x33)


def test_a_bind_cut_anywhere_or_with_a_tail_is_refused() -> None:
    body = encode_bind(BIND_TRANSCEIVER, system_id="user", password="secret")

    for bad in [body[:length] for length in range(len(body))] + [body + b"\0"]:
        with pytest.raises(PduError) as caught:
            decode_bind(bad)
        assert 0xC2 == caught.value.command_status


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (encode_bind_resp("gateway", [(0x0210, b"\x34")]), BindResp(b"gateway", 0x34)),
        (encode_bind_resp("gateway"), BindResp(b"gateway", None)),
        (encode_bind_resp("gateway", [(0x0210, b"")]), BindResp(b"gateway", None)),
        (b"", BindResp(b"", None)),
        (b"gateway", BindResp(b"gateway", None)),
    ],
)
def test_a_bind_response_tells_who_answered_and_its_version_if_it_can(body: bytes, decoded: BindResp) -> None:
    assert decoded == decode_bind_resp(body)


def test_a_message_id_is_opaque() -> None:
    assert SubmitSmResp(b"00aF ") == decode_submit_sm_resp(encode_submit_sm_resp("00aF "))
    assert SubmitSmResp(b"") == decode_submit_sm_resp(b"")


def test_a_message_id_has_at_most_64_octets() -> None:
    assert b"i" * 64 + b"\0" == encode_submit_sm_resp("i" * 64)

    with pytest.raises(EncodeError, match="message_id"):
        encode_submit_sm_resp("i" * 65)


def test_a_deliver_response_has_an_empty_message_id() -> None:
    assert b"\0" == encode_deliver_sm_resp()


def test_a_query_is_smpps_to_the_octet_and_survives_the_wire() -> None:
    body = encode_query_sm("a1", source_addr_ton=5, source_addr_npi=1, source_addr="Shop")

    assert b"a1\0\x05\x01Shop\0" == body
    assert QuerySm(b"a1", 5, 1, b"Shop") == decode_query_sm(body)
    for bad in [body[:length] for length in range(len(body))] + [body + b"\0"]:
        with pytest.raises(PduError):
            decode_query_sm(bad)


def test_a_query_response_is_smpps_to_the_octet_and_survives_the_wire() -> None:
    body = encode_query_sm_resp("a1", "141023215259000+", 2, 9)

    assert b"a1\x00141023215259000+\0\x02\x09" == body
    assert QuerySmResp(b"a1", b"141023215259000+", 2, 9) == decode_query_sm_resp(body)
    assert QuerySmResp(b"a1", b"", 1, 0) == decode_query_sm_resp(encode_query_sm_resp("a1", "", 1, 0))
    for length in range(len(body)):
        with pytest.raises(PduError):
            decode_query_sm_resp(body[:length])
