"""The gateway's side that the simulator stands on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.smpp.support import BODY, sent

from smsfleet.config.errors import NotBound, SessionError
from smsfleet.smpp.events import (
    CloseCause,
    CloseConnection,
    LinkLost,
    Nacked,
    ProtocolViolation,
    UnexpectedResponse,
)
from smsfleet.smpp.message import SubmitSm
from smsfleet.smpp.pdu import (
    encode_bind,
    encode_bind_resp,
    encode_query_sm,
    encode_query_sm_resp,
    encode_submit_sm_resp,
    frame,
)
from smsfleet.smpp.server import SmscSession
from smsfleet.smpp.server_events import (
    BindRequested,
    DeliverAnswered,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    QueryReceived,
    RequestRefused,
    SubmitReceived,
    UnbindAnswered,
    UnbindReceived,
)
from smsfleet.smpp.session import SessionState

COMMANDS = {"receiver": 0x01, "transmitter": 0x02, "transceiver": 0x09}


def bind_of(mode: str, number: int = 1) -> bytes:
    command_id = COMMANDS[mode]
    return frame(
        command_id, number, encode_bind(command_id, system_id="user", password="secret", system_type="321")
    )


def bound(mode: str = "transceiver", **options: Any) -> SmscSession[Any]:
    session: SmscSession[Any] = SmscSession(system_id="gateway", **options)
    session.receive(bind_of(mode), now=0.0)
    session.bind_resp(1)
    session.data_to_send()
    return session


@pytest.mark.parametrize("mode", COMMANDS)
def test_a_bind_is_asked_for_and_stands_when_it_is_accepted(mode: Any) -> None:
    session: SmscSession[Any] = SmscSession(system_id="gateway")

    events = session.receive(bind_of(mode), now=0.0)
    assert (None, False) == (session.bind_mode, session.is_bound)
    session.bind_resp(1)

    assert [BindRequested(1, mode, b"user", b"secret", b"321", 0x34, b"")] == events
    assert "secret" not in repr(events)
    assert (mode, mode != "transmitter") == (session.bind_mode, session.can_deliver)
    body = encode_bind_resp("gateway", [(0x0210, b"\x34")])
    assert frame(COMMANDS[mode] | 0x80000000, 1, body) == session.data_to_send()


def test_a_refused_bind_has_no_body_and_may_be_tried_again() -> None:
    session: SmscSession[Any] = SmscSession()
    session.receive(bind_of("transceiver"), now=0.0)

    session.bind_resp(1, 0x0E)
    assert frame(0x80000009, 1, b"", 0x0E) == session.data_to_send()
    assert not session.is_bound
    [again] = session.receive(bind_of("transceiver", 2), now=1.0)

    assert isinstance(again, BindRequested)
    with pytest.raises(SessionError, match="1"):
        session.bind_resp(1)


@pytest.mark.parametrize("answered", [True, False])
def test_a_second_bind_on_a_connection_is_refused_with_0x05(answered: bool) -> None:
    session: SmscSession[Any] = SmscSession()
    session.receive(bind_of("transmitter"), now=0.0)
    if answered:
        session.bind_resp(1)
        session.data_to_send()

    [event] = session.receive(bind_of("receiver", 2), now=1.0)

    assert isinstance(event, RequestRefused)
    assert (0x01, 2, 0x05) == (event.command_id, event.sequence_number, event.command_status)
    assert frame(0x80000001, 2, b"", 0x05) == session.data_to_send()


def test_a_malformed_bind_is_refused() -> None:
    session: SmscSession[Any] = SmscSession()

    [event] = session.receive(frame(0x09, 1, b"user\0ninechars\0\0\x34\0\0\0"), now=0.0)

    assert isinstance(event, RequestRefused)
    assert frame(0x80000009, 1, b"", 0x01) == session.data_to_send()


@pytest.mark.parametrize("mode", ["transceiver", "transmitter"])
def test_a_submit_is_handed_over_raw_and_answered_as_the_caller_likes(mode: str) -> None:
    session = bound(mode)

    [event] = session.receive(frame(0x04, 7, BODY), now=1.0)
    session.submit_resp(7, message_id="m1")
    session.submit_resp(8, 0x58)
    session.submit_resp(9, 0x58, "m2")

    assert SubmitReceived(7, BODY) == event
    assert b"hello" == event.decode().user_data
    assert (
        b"".join(
            (
                frame(0x80000004, 7, encode_submit_sm_resp("m1")),
                frame(0x80000004, 8, b"", 0x58),
                frame(0x80000004, 9, encode_submit_sm_resp("m2"), 0x58),
            )
        )
        == session.data_to_send()
    )


@pytest.mark.parametrize(
    ("body", "command_status"),
    [
        (BODY[:20], 0x02),
        (BODY[:-1], 0x01),
        (BODY + b"\x04\x24\x00\x01x", 0x01),
        (BODY + b"\x04\x24\x00", 0xC2),
        (BODY.replace(b"27820000001", b"2" * 21), 0x01),
        (BODY.replace(b"27820000001", b"caf\xe9"), 0xC2),
    ],
    ids=["cut", "sm_length", "both", "TLV", "origin", "not ASCII"],
)
def test_a_submit_that_is_not_correct_to_the_letter_is_refused_and_reported(
    body: bytes, command_status: int
) -> None:
    session = bound()

    [event] = session.receive(frame(0x04, 7, body), now=1.0)

    assert isinstance(event, RequestRefused)
    assert (0x04, 7, command_status, body) == (
        event.command_id,
        event.sequence_number,
        event.command_status,
        event.body,
    )
    assert event.reason
    assert frame(0x80000004, 7, b"", command_status) == session.data_to_send()


@pytest.mark.parametrize("command_id", [0x04, 0x03])
@pytest.mark.parametrize("mode", [None, "receiver"])
def test_a_request_without_the_bind_for_it_is_refused_with_0x04(mode: str | None, command_id: int) -> None:
    session = bound(mode) if mode else SmscSession()

    [event] = session.receive(frame(command_id, 7, BODY), now=1.0)

    assert isinstance(event, RequestRefused)
    assert frame(command_id | 0x80000000, 7, b"", 0x04) == session.data_to_send()


def test_a_query_is_handed_over_and_answered() -> None:
    session = bound()

    query = frame(0x03, 7, encode_query_sm("m1", source_addr_ton=5, source_addr_npi=1, source_addr="Shop"))
    events = session.receive(query + frame(0x03, 8, b"m1"), now=1.0)
    session.query_resp(7, message_id="m1", final_date="141023215259000+", message_state=2, error_code=3)
    session.query_resp(7, 0x0C)

    assert QueryReceived(7, b"m1", 5, 1, b"Shop") == events[0]
    assert isinstance(events[1], RequestRefused)
    assert (
        b"".join(
            (
                frame(0x80000003, 8, b"", 0xC2),
                frame(0x80000003, 7, encode_query_sm_resp("m1", "141023215259000+", 2, 3)),
                frame(0x80000003, 7, b"", 0x0C),
            )
        )
        == session.data_to_send()
    )


def test_a_delivery_is_sent_and_its_answer_matched() -> None:
    session = bound("receiver")

    first, second = session.deliver("a", BODY), session.deliver("b", BODY)
    assert ["a", "b"] == session.undelivered
    events = session.receive(
        frame(0x80000005, second, b"\0", 0x64) + frame(0x80000000, first, b"", 3) + frame(0x80000005, first),
        now=1.0,
    )

    assert frame(0x05, first, BODY) + frame(0x05, second, BODY) == session.data_to_send()
    assert [DeliverAnswered("b", 0x64), Nacked("a", 3), UnexpectedResponse(0x80000005, first, 0)] == events
    assert [] == session.undelivered


@pytest.mark.parametrize("mode", [None, "transmitter"])
def test_nothing_is_delivered_to_an_esme_that_does_not_receive(mode: str | None) -> None:
    session = bound(mode) if mode else SmscSession()

    with pytest.raises(NotBound):
        session.deliver("a", BODY)


def test_unanswered_deliveries_are_lost_with_the_connection() -> None:
    session = bound()
    session.deliver("a", BODY)

    assert [LinkLost("a")] == session.connection_lost()
    assert b"" == session.data_to_send()
    session.submit_resp(7)
    session.unbind_resp(8)
    assert b"" == session.data_to_send()


def test_an_enquire_link_is_answered_unless_a_dead_link_is_played() -> None:
    lively, dead = bound(), bound(answer_enquire_links=False)

    events = [session.receive(frame(0x15, 5), now=1.0) for session in (lively, dead)]

    assert [[EnquireLinkReceived(5)]] * 2 == events
    assert [frame(0x80000015, 5), b""] == [lively.data_to_send(), dead.data_to_send()]
    dead.enquire_link_resp(5)
    assert frame(0x80000015, 5) == dead.data_to_send()


def test_our_enquire_link_is_answered_once() -> None:
    session = bound()

    number = session.enquire_link()
    events = session.receive(frame(0x80000015, number) * 2, now=1.0)

    assert frame(0x15, number) == session.data_to_send()
    assert [EnquireLinkAnswered(number), UnexpectedResponse(0x80000015, number, 0)] == events


def test_an_unbind_is_answered_or_left_unanswered() -> None:
    session = bound()

    events = session.receive(frame(0x06, 9), now=1.0)
    assert session.is_bound
    session.unbind_resp(9)

    assert [UnbindReceived(9)] == events
    assert SessionState.CLOSING is session.state
    assert frame(0x80000006, 9) == session.data_to_send()


def test_our_unbind_ends_the_connection_when_it_is_answered() -> None:
    session = bound()

    number = session.unbind()
    wrong, answered, close = session.receive(frame(0x80000006, 99) + frame(0x80000006, number), now=1.0)

    assert frame(0x06, number) == session.data_to_send()
    assert UnexpectedResponse(0x80000006, 99, 0) == wrong
    assert UnbindAnswered() == answered
    assert isinstance(close, CloseConnection)
    assert CloseCause.UNBOUND is close.cause


def test_a_submit_that_crosses_our_unbind_is_handed_over() -> None:
    session = bound()
    session.unbind()

    assert [SubmitReceived(7, BODY)] == session.receive(frame(0x04, 7, BODY), now=1.0)


def test_any_rule_can_be_broken_on_purpose() -> None:
    session: SmscSession[Any] = SmscSession()

    session.send(0x05, 1, b"before any bind", 0)
    session.generic_nack(5, 0x03)
    session.send_octets(b"\0\0")

    assert (
        frame(0x05, 1, b"before any bind") + frame(0x80000000, 5, b"", 3) + b"\0\0" == session.data_to_send()
    )


def test_an_unknown_command_is_nacked_and_a_lost_stream_ends_the_connection() -> None:
    session = bound()

    unknown, close = session.receive(frame(0x103, 5) + b"\0\0\0\x05", now=1.0)

    assert isinstance(unknown, ProtocolViolation)
    assert isinstance(close, CloseConnection)
    assert [(0x80000000, 3, 5, b""), (0x80000000, 2, 0, b"")] == sent(session.data_to_send())


def test_numbers_wrap_on_this_side_too() -> None:
    session = bound()
    session._sequence = 0x7FFFFFFF

    assert 1 == session.deliver("a", SubmitSm().encode_body())
