"""The codec against `smpp34`, an independent one, octet by octet."""

from __future__ import annotations

from typing import Any

import pytest
import smpp34
from hypothesis import given, settings
from tests.unit.smpp.support import message_fields

from smsfleet.smpp.constants import DELIVER_SM, SUBMIT_SM
from smsfleet.smpp.framing import Framer
from smsfleet.smpp.pdu import (
    DeliverSm,
    SubmitSm,
    encode_bind,
    encode_bind_resp,
    encode_query_sm,
    encode_query_sm_resp,
    encode_submit_sm_resp,
    frame,
)


def of_smpp34(kind: Any, fields: dict[str, Any]) -> Any:
    tlvs = [smpp34.Tlv(tag, value) for tag, value in fields["tlvs"]]
    return kind(**{**fields, "tlvs": tlvs}, sequence_number=77)


@settings(max_examples=300)
@given(message_fields)
def test_a_submit_sm_is_the_same_octets_as_smpp34s(fields: dict[str, Any]) -> None:
    theirs = of_smpp34(smpp34.SubmitSm, fields).encode()

    ours = frame(SUBMIT_SM, 77, SubmitSm(**fields).encode_body())

    assert theirs == ours


@given(message_fields)
def test_a_deliver_sm_of_smpp34_is_decoded_to_the_same_values(fields: dict[str, Any]) -> None:
    theirs = of_smpp34(smpp34.DeliverSm, fields).encode()

    [(command_id, status, number, body)] = Framer().feed(theirs)

    assert (DELIVER_SM, 0, 77) == (command_id, status, number)
    assert DeliverSm(**fields) == DeliverSm.decode_body(body)


@given(message_fields)
def test_smpp34_decodes_our_deliver_sm_to_the_same_values(fields: dict[str, Any]) -> None:
    theirs = smpp34.decode(frame(DELIVER_SM, 5, DeliverSm(**fields).encode_body()))

    assert isinstance(theirs, smpp34.DeliverSm)
    names = fields.keys() - {"tlvs"}
    assert {name: fields[name] for name in names} == {name: getattr(theirs, name) for name in names}
    assert fields["tlvs"] == tuple((tlv.tag, tlv.value) for tlv in theirs.tlvs)


def test_a_message_payload_of_64k_is_the_same_octets_as_smpp34s() -> None:
    payload = bytes(range(256)) * 255
    theirs = smpp34.SubmitSm("1", "2", b"", tlvs=[smpp34.Tlv(0x0424, payload)], sequence_number=1)

    ours = SubmitSm(
        source_addr="1",
        destination_addr="2",
        dest_addr_ton=theirs.dest_addr_ton,
        dest_addr_npi=theirs.dest_addr_npi,
        tlvs=((0x0424, payload),),
    )

    assert theirs.encode() == frame(SUBMIT_SM, 1, ours.encode_body())


@pytest.mark.parametrize(
    ("command_id", "body"),
    [
        (0x01, encode_bind(0x01, system_id="u", password="p")),
        (0x02, encode_bind(0x02, system_id="u", password="p")),
        (0x09, encode_bind(0x09, system_id="u", password="p", system_type="321", address_range="1")),
        (0x80000009, encode_bind_resp("gateway", [(0x0210, b"\x34")])),
        (0x80000004, encode_submit_sm_resp("a29f6845555647139e5c8f3b817f2c9a")),
        (0x03, encode_query_sm("a29f", source_addr="1")),
        (0x80000003, encode_query_sm_resp("a29f", "", 1, 0)),
        (0x15, b""),
        (0x06, b""),
        (0x80000000, b""),
    ],
)
def test_smpp34_reads_every_other_pdu_as_it_was_meant(command_id: int, body: bytes) -> None:
    pdu = frame(command_id, 9, body, 0 if not command_id & 0x80000000 else 0x14)

    theirs = smpp34.decode(pdu)

    assert (len(pdu), command_id, 9, body) == (
        theirs.command_length,
        theirs.command_id,
        theirs.sequence_number,
        theirs.body,
    )
    assert (0x14 if command_id & 0x80000000 else 0) == theirs.command_status
