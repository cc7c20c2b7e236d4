"""deliver_sm: what is handed over, what is refused, and when it is answered."""

from __future__ import annotations

import pytest
from tests.unit.smpp.support import RECEIPT_TEXT, bound_session, open_session

from smsfleet.config.errors import NotBound
from smsfleet.smpp.events import Delivered, DeliverRefused
from smsfleet.smpp.message import DeliverSm
from smsfleet.smpp.pdu import frame

RECEIPT = DeliverSm(source_addr="27999100001", esm_class=0x04, short_message=RECEIPT_TEXT).encode_body()


@pytest.mark.parametrize("mode", ["transceiver", "receiver"])
def test_a_delivery_is_handed_over_raw_and_answered_only_when_the_caller_says(mode: str) -> None:
    session = bound_session(bind_mode=mode)

    events = session.receive(frame(0x05, 42, RECEIPT), now=1.0)

    assert [Delivered(42, RECEIPT)] == events
    assert b"" == session.data_to_send()
    session.deliver_resp(42)
    assert frame(0x80000005, 42, b"\0") == session.data_to_send()


def test_a_delivery_that_could_not_be_persisted_is_answered_with_an_error() -> None:
    session = bound_session()
    session.receive(frame(0x05, 42, RECEIPT), now=1.0)

    session.deliver_resp(42, 0x64)

    assert frame(0x80000005, 42, b"\0", 0x64) == session.data_to_send()


def test_a_repeated_number_is_a_delivery_like_any_other() -> None:
    session = bound_session()

    events = session.receive(frame(0x05, 42, RECEIPT) * 2, now=1.0)

    assert [Delivered(42, RECEIPT)] * 2 == events


def test_the_text_of_a_receipt_is_nobodys_business_here() -> None:
    session = bound_session()
    nonsense = DeliverSm(esm_class=0x04, short_message=b"id: sub dlvrd: \xff\0").encode_body()

    assert [Delivered(1, nonsense)] == session.receive(frame(0x05, 1, nonsense), now=1.0)


@pytest.mark.parametrize(
    ("body", "command_status"),
    [
        (RECEIPT[:-1], 0x01),
        (b"", 0xC2),
        (RECEIPT + b"\x04\x24\xff\xff", 0xC2),
        (b"1234567\0" + RECEIPT, 0x01),
    ],
    ids=["sm_length", "empty", "TLV", "service_type"],
)
def test_a_bad_delivery_is_refused_by_its_own_response_and_the_session_lives(
    body: bytes, command_status: int
) -> None:
    session = bound_session()

    refused, delivered = session.receive(frame(0x05, 7, body) + frame(0x05, 8, RECEIPT), now=1.0)

    assert isinstance(refused, DeliverRefused)
    assert (7, command_status, body) == (refused.sequence_number, refused.command_status, refused.body)
    assert refused.reason
    assert Delivered(8, RECEIPT) == delivered
    assert frame(0x80000005, 7, b"\0", command_status) == session.data_to_send()
    assert session.is_bound


@pytest.mark.parametrize("state", ["open", "binding", "refused", "transmitter"])
def test_a_delivery_on_a_connection_that_does_not_receive_is_refused_with_0x04(state: str) -> None:
    session = bound_session(bind_mode="transmitter") if state == "transmitter" else open_session()
    if state in ("binding", "refused"):
        session.bind(now=0.0)
    if state == "refused":
        session.receive(frame(0x80000009, 1, b"", 0x0D), now=0.0)
    session.data_to_send()

    [event] = session.receive(frame(0x05, 7, RECEIPT), now=1.0)

    assert isinstance(event, DeliverRefused)
    assert 0x04 == event.command_status
    assert frame(0x80000005, 7, b"\0", 0x04) == session.data_to_send()


@pytest.mark.parametrize("end", ["our unbind", "their unbind"])
def test_a_delivery_that_crosses_an_unbind_is_handed_over_and_can_be_answered(end: str) -> None:
    session = bound_session()
    if end == "our unbind":
        session.unbind(now=1.0)
    else:
        session.receive(frame(0x06, 1), now=1.0)
    session.data_to_send()

    events = session.receive(frame(0x05, 7, RECEIPT), now=1.1)
    session.deliver_resp(7)

    assert [Delivered(7, RECEIPT)] == events
    assert frame(0x80000005, 7, b"\0") == session.data_to_send()


def test_a_delivery_cannot_be_answered_on_a_connection_that_is_gone() -> None:
    session = bound_session()
    session.receive(frame(0x05, 7, RECEIPT), now=1.0)
    session.connection_lost(now=1.1)

    with pytest.raises(NotBound, match="deliver the message again"):
        session.deliver_resp(7)

    assert b"" == session.data_to_send()
