"""Binding and unbinding."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.smpp.support import BODY, bound_session, open_session, options, sent

from smsfleet.config.errors import ConfigError, EncodeError, NotBound, SessionError
from smsfleet.smpp.events import (
    BindRefused,
    Bound,
    CloseCause,
    CloseConnection,
    LinkLost,
    PeerUnbound,
    ProtocolViolation,
    SubmitAnswered,
    Unbound,
    UnexpectedResponse,
)
from smsfleet.smpp.pdu import encode_bind, encode_bind_resp, encode_submit_sm_resp, frame
from smsfleet.smpp.session import Session, SessionState

MODES = [("receiver", 0x01), ("transmitter", 0x02), ("transceiver", 0x09)]


def causes(events: list[Any]) -> list[CloseCause]:
    return [event.cause for event in events if isinstance(event, CloseConnection)]


@pytest.mark.parametrize(("mode", "command_id"), MODES)
def test_a_bind_sends_the_account_and_is_bound_by_the_answer(mode: str, command_id: int) -> None:
    session = open_session(bind_mode=mode)

    session.bind(now=0.0)
    assert SessionState.BINDING is session.state
    events = session.receive(
        frame(command_id | 0x80000000, 1, encode_bind_resp("gateway", [(0x0210, b"\x34")])), now=0.1
    )

    body = encode_bind(command_id, system_id="user", password="secret", system_type="3219000")
    assert frame(command_id, 1, body) == session.data_to_send()
    assert [Bound(b"gateway", 0x34)] == events
    assert SessionState.BOUND is session.state
    assert session.is_bound


@pytest.mark.parametrize("status", [0x0E, 0x0F, 0x53, 0x05, 0x0D, 0x405, 0xFFFFFFFF])
def test_a_refused_bind_tells_the_status_and_ends_the_connection(status: int) -> None:
    session = open_session()
    session.bind(now=0.0)

    events = session.receive(frame(0x80000009, 1, b"", status), now=0.1)

    assert BindRefused(status) == events[0]
    assert [CloseCause.BIND_REFUSED] == causes(events)
    assert f"{status:08X}" in events[1].reason
    assert SessionState.CLOSING is session.state


def test_a_bind_answered_by_generic_nack_is_refused() -> None:
    session = open_session()
    session.bind(now=0.0)

    events = session.receive(frame(0x80000000, 1, b"", 0x03), now=0.1)

    assert BindRefused(0x03) == events[0]
    assert [CloseCause.BIND_REFUSED] == causes(events)


def test_a_bind_unanswered_ends_the_connection() -> None:
    session = open_session(bind_timeout_s=30.0)
    session.bind(now=100.0)

    assert 130.0 == session.next_deadline()
    assert [] == session.tick(now=129.9)
    assert [CloseCause.BIND_TIMEOUT] == causes(session.tick(now=130.0))
    assert session.next_deadline() is None
    assert [] == session.tick(now=131.0)


def test_an_acceptance_after_the_bind_timed_out_binds_nothing_but_a_refusal_still_counts() -> None:
    session = open_session(bind_timeout_s=30.0)
    session.bind(now=0.0)
    session.tick(now=30.0)

    accepted = session.receive(frame(0x80000009, 1, encode_bind_resp("gateway")), now=30.1)
    refused = session.receive(frame(0x80000009, 1, b"", 0x0E), now=30.2)

    assert [UnexpectedResponse(0x80000009, 1, 0)] == accepted
    assert [BindRefused(0x0E)] == refused
    assert SessionState.CLOSING is session.state


@pytest.mark.parametrize(
    ("command_id", "number"), [(0x80000009, 2), (0x80000001, 1), (0x80000002, 1)], ids=["number", "rx", "tx"]
)
def test_an_answer_to_another_bind_is_not_taken_for_ours(command_id: int, number: int) -> None:
    session = open_session()
    session.bind(now=0.0)

    events = session.receive(frame(command_id, number, encode_bind_resp("gateway")), now=0.1)

    assert [UnexpectedResponse(command_id, number, 0)] == events
    assert SessionState.BINDING is session.state


def test_a_second_answer_to_the_bind_changes_nothing() -> None:
    session = bound_session()

    events = session.receive(frame(0x80000009, 1, b"", 0x0D), now=1.0)

    assert [UnexpectedResponse(0x80000009, 1, 0x0D)] == events
    assert session.is_bound


def test_a_bind_stands_even_with_a_broken_tlv_behind_its_answer() -> None:
    session = open_session()
    session.bind(now=0.0)

    violation, bound = session.receive(frame(0x80000009, 1, b"gateway\0\x02\x10\x00\x09"), now=0.1)

    assert isinstance(violation, ProtocolViolation)
    assert Bound(b"gateway", None) == bound
    assert session.is_bound


def test_a_connection_is_bound_at_most_once() -> None:
    session = open_session()
    session.bind(now=0.0)

    with pytest.raises(SessionError, match="bind sent"):
        session.bind(now=0.1)

    assert 1 == len(sent(session.data_to_send()))


def test_smpp_3_3_binds_with_its_version_and_never_as_transceiver() -> None:
    session = open_session(bind_mode="transmitter", interface_version=0x33)

    session.bind(now=0.0)

    [(command_id, _, _, body)] = sent(session.data_to_send())
    assert 0x02 == command_id
    assert b"3219000\0\x33" in body
    with pytest.raises(EncodeError, match="transceiver"):
        open_session(bind_mode="transceiver", interface_version=0x33)


def test_a_password_that_does_not_fit_is_refused_before_anything_connects() -> None:
    with pytest.raises(EncodeError, match="password") as caught:
        Session(options(password="ninechars"))

    assert "ninechars" not in str(caught.value)
    assert "ninechars" not in repr(options(password="ninechars"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"bind_mode": "both"},
        {"interface_version": 0x50},
        {"window": 0},
        {"response_timeout_s": 0.0},
        {"header_timeout_s": -1.0},
        {"enquire_link_timeout_s": 56.0},
        {"without_receipts": True},
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        options(**wrong)


# --- unbind ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command_id", [0x80000006, 0x80000000], ids=["unbind_resp", "generic_nack"])
def test_an_answered_unbind_ends_the_connection(command_id: int) -> None:
    session = bound_session()

    session.unbind(now=5.0)
    events = session.receive(frame(command_id, 2, b"", 0x03 if command_id == 0x80000000 else 0), now=5.1)

    assert frame(0x06, 2) == session.data_to_send()
    assert Unbound() == events[0]
    assert [CloseCause.UNBOUND] == causes(events)
    assert SessionState.CLOSING is session.state


def test_an_unanswered_unbind_ends_the_connection_after_two_seconds() -> None:
    session = bound_session()

    session.unbind(now=5.0)

    assert 7.0 == session.next_deadline()
    assert [] == session.tick(now=6.9)
    assert [CloseCause.UNBIND_TIMEOUT] == causes(session.tick(now=7.0))


def test_responses_that_cross_our_unbind_still_count() -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)
    session.unbind(now=1.1)

    events = session.receive(frame(0x80000004, number, encode_submit_sm_resp("m1")), now=1.2)

    assert SessionState.UNBINDING is session.state
    assert [SubmitAnswered("a", 0, b"m1")] == events


def test_nothing_is_submitted_or_asked_after_our_unbind() -> None:
    session = bound_session()
    session.unbind(now=1.0)
    session.data_to_send()

    with pytest.raises(NotBound):
        session.submit("a", BODY, now=1.1)
    with pytest.raises(NotBound):
        session.unbind(now=1.1)
    session.tick(now=1.5)

    assert not session.can_submit
    assert b"" == session.data_to_send()


@pytest.mark.parametrize("state", ["open", "binding"])
def test_there_is_nothing_to_unbind_before_the_bind(state: str) -> None:
    session = open_session()
    if state == "binding":
        session.bind(now=0.0)

    with pytest.raises(NotBound, match=state):
        session.unbind(now=0.1)


def test_an_answer_to_no_unbind_is_unexpected() -> None:
    session = bound_session()

    events = session.receive(frame(0x80000006, 2), now=1.0)

    assert [UnexpectedResponse(0x80000006, 2, 0)] == events
    assert session.is_bound


def test_the_peers_unbind_is_answered_and_ends_the_connection() -> None:
    session = bound_session()
    session.submit("a", BODY, now=1.0)
    session.data_to_send()

    events = session.receive(frame(0x06, 0x7FFFFFFF), now=2.0)

    assert frame(0x80000006, 0x7FFFFFFF) == session.data_to_send()
    assert PeerUnbound() == events[0]
    assert [CloseCause.PEER_UNBOUND] == causes(events)
    assert not session.can_submit
    assert [LinkLost("a")] == session.connection_lost(now=2.1)


def test_unbinds_that_cross_are_both_answered_and_close_once() -> None:
    session = bound_session()
    session.unbind(now=1.0)
    session.data_to_send()

    events = session.receive(frame(0x06, 9) + frame(0x80000006, 2), now=1.1)

    assert frame(0x80000006, 9) == session.data_to_send()
    assert [PeerUnbound(), Unbound()] == [e for e in events if not isinstance(e, CloseConnection)]
    assert [CloseCause.PEER_UNBOUND] == causes(events)
