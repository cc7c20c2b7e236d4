"""enquire_link both ways, PDUs that do not complete, streams that cannot be followed."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.smpp.support import BODY, bound_session, open_session, sent

from smsfleet.smpp.events import (
    CloseCause,
    CloseConnection,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    EnquireLinkSent,
    LinkLost,
    ProtocolViolation,
    SubmitAnswered,
    UnexpectedResponse,
)
from smsfleet.smpp.pdu import encode_submit_sm_resp, frame
from smsfleet.smpp.session import Session, SessionState


def closing(events: list[Any]) -> list[CloseCause]:
    return [event.cause for event in events if isinstance(event, CloseConnection)]


def answer_enquire_link(session: Session[Any], now: float) -> list[Any]:
    [(command_id, _, number, body)] = sent(session.data_to_send())
    assert (0x15, b"") == (command_id, body)
    return session.receive(frame(0x80000015, number), now=now)


def test_an_enquire_link_is_sent_every_56_seconds_from_the_bind() -> None:
    session = bound_session(at=1000.0)

    times = []
    for _ in range(4):
        due = session.next_deadline()
        assert due is not None
        assert [] == session.tick(now=due - 0.001)
        assert [EnquireLinkSent(due)] == session.tick(now=due)
        assert [EnquireLinkAnswered(0.25)] == answer_enquire_link(session, now=due + 0.25)
        times.append(due)

    assert [1056.0, 1112.0, 1168.0, 1224.0] == times


def test_traffic_does_not_move_the_schedule() -> None:
    session = bound_session(at=0.0)

    for second in range(1, 56):
        number = session.submit("a", BODY, now=float(second))
        session.receive(frame(0x80000004, number, b"m\0"), now=second + 0.5)
        session.receive(frame(0x15, second), now=second + 0.6)
        assert [] == session.tick(now=second + 0.7)

    assert 56.0 == session.next_deadline()


def test_a_tick_a_little_late_does_not_shift_the_schedule() -> None:
    session = bound_session(at=0.0)

    session.tick(now=56.9)
    answer_enquire_link(session, now=57.0)

    assert 112.0 == session.next_deadline()


def test_after_a_pause_one_enquire_link_is_sent_and_the_schedule_starts_anew() -> None:
    session = bound_session(at=0.0)

    assert [EnquireLinkSent(223.0)] == session.tick(now=223.0)
    answer_enquire_link(session, now=223.1)

    assert [] == session.tick(now=224.0)
    assert 279.0 == session.next_deadline()


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50))
def test_however_late_the_ticks_the_interval_stays_within_the_guides_57_seconds(delays: list[float]) -> None:
    session = bound_session(at=0.0)

    times = [0.0]
    for delay in delays:
        due = session.next_deadline()
        assert due is not None
        [event] = session.tick(now=due + delay)
        assert isinstance(event, EnquireLinkSent)
        times.append(event.at)
        answer_enquire_link(session, now=due + delay)

    assert all(55 <= b - a <= 57 for a, b in pairwise(times))


def test_an_enquire_link_unanswered_for_10_seconds_is_a_dead_link() -> None:
    session = bound_session(at=0.0)
    session.submit("a", BODY, now=50.0)
    session.tick(now=56.0)

    assert 66.0 == session.next_deadline()
    assert [] == session.tick(now=65.9)
    events = session.tick(now=66.0)

    assert [CloseCause.DEAD_LINK] == closing(events)
    assert "dead link" in events[0].reason
    assert [LinkLost("a")] == session.connection_lost(now=66.1)


def test_traffic_does_not_replace_the_answer_to_an_enquire_link() -> None:
    session = bound_session(at=0.0)
    session.tick(now=56.0)
    session.receive(frame(0x15, 1), now=60.0)

    assert [CloseCause.DEAD_LINK] == closing(session.tick(now=66.0))


def test_an_answered_enquire_link_is_forgotten() -> None:
    session = bound_session(at=0.0)
    session.tick(now=56.0)
    answer_enquire_link(session, now=65.9)

    assert [] == session.tick(now=66.0)
    assert 112.0 == session.next_deadline()


def test_a_generic_nack_to_an_enquire_link_shows_that_the_link_lives() -> None:
    session = bound_session(at=0.0)
    session.tick(now=56.0)

    events = session.receive(frame(0x80000000, 2, b"", 0x03), now=56.5)

    assert [EnquireLinkAnswered(0.5)] == events
    assert [] == session.tick(now=66.0)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_answer_to_another_enquire_link_does_not_count(number: int) -> None:
    session = bound_session(at=0.0)
    session.tick(now=56.0)

    events = session.receive(frame(0x80000015, number), now=57.0)

    assert [UnexpectedResponse(0x80000015, number, 0)] == events
    assert [CloseCause.DEAD_LINK] == closing(session.tick(now=66.0))


def test_an_answer_to_no_enquire_link_is_unexpected() -> None:
    session = bound_session(at=0.0)

    assert [UnexpectedResponse(0x80000015, 0, 0)] == session.receive(frame(0x80000015, 0), now=1.0)


def test_no_enquire_link_is_sent_before_the_bind_or_after_the_unbind() -> None:
    fresh, unbinding = open_session(), bound_session(at=0.0, unbind_timeout_s=1000.0)
    unbinding.unbind(now=55.0)
    unbinding.data_to_send()

    fresh.tick(now=1000.0)
    unbinding.tick(now=60.0)

    assert [b"", b""] == [fresh.data_to_send(), unbinding.data_to_send()]
    assert fresh.next_deadline() is None


def test_an_answer_that_crosses_our_unbind_is_still_known_and_its_absence_no_dead_link() -> None:
    session = bound_session(at=0.0, unbind_timeout_s=100.0)
    session.tick(now=56.0)
    session.unbind(now=57.0)

    assert [] == session.tick(now=70.0)
    assert [EnquireLinkAnswered(15.0)] == session.receive(frame(0x80000015, 2), now=71.0)


@pytest.mark.parametrize("state", list(SessionState)[:-1])
def test_the_peers_enquire_link_is_answered_at_once_in_any_state(state: SessionState) -> None:
    session = open_session() if state in (SessionState.OPEN, SessionState.BINDING) else bound_session()
    if state is SessionState.BINDING:
        session.bind(now=0.0)
    if state is SessionState.UNBINDING:
        session.unbind(now=0.0)
    if state is SessionState.CLOSING:
        session.receive(frame(0x06, 1), now=0.0)
    session.data_to_send()

    events = session.receive(frame(0x15, 0xFFFFFFFF), now=1.0)

    assert state is session.state
    assert [EnquireLinkReceived()] == events
    assert frame(0x80000015, 0xFFFFFFFF) == session.data_to_send()


def test_answers_and_requests_are_sent_in_the_order_they_arose() -> None:
    session = bound_session()

    session.submit("a", BODY, now=1.0)
    session.receive(frame(0x15, 9), now=1.1)
    session.submit("b", BODY, now=1.2)
    session.receive(frame(0x05, 8, b"") + frame(0x99, 7), now=1.3)

    assert [(0x04, 2), (0x80000015, 9), (0x04, 3), (0x80000005, 8), (0x80000000, 7)] == [
        (command_id, number) for command_id, _, number, _ in sent(session.data_to_send())
    ]


# --- PDUs that do not complete -----------------------------------------------------------------


@pytest.mark.parametrize("octets", [1, 15, 16, 30])
def test_a_pdu_that_does_not_complete_within_10_seconds_ends_the_connection(octets: int) -> None:
    session = bound_session()
    session.receive(frame(0x05, 1, BODY)[:octets], now=5.0)

    assert 15.0 == session.next_deadline()
    assert [] == session.tick(now=14.9)
    assert [CloseCause.INCOMPLETE_PDU] == closing(session.tick(now=15.0))


def test_it_holds_before_the_bind_too() -> None:
    session = open_session()
    session.receive(b"\0", now=0.0)

    assert [CloseCause.INCOMPLETE_PDU] == closing(session.tick(now=10.0))


def test_the_time_counts_from_the_first_octet_of_that_pdu() -> None:
    session = bound_session()
    pdu = frame(0x15, 1)

    session.receive(pdu[:4], now=1.0)
    session.receive(pdu[4:8], now=5.0)
    assert 11.0 == session.next_deadline()
    session.receive(pdu[8:] + pdu[:4], now=10.0)
    assert 20.0 == session.next_deadline()
    session.receive(pdu[4:], now=19.9)

    assert 56.0 == session.next_deadline()
    assert [] == session.tick(now=30.0)


# --- streams that cannot be followed -----------------------------------------------------------


@pytest.mark.parametrize("length", [0, 15, 71_001, 0xFFFFFFFF])
def test_an_impossible_length_is_nacked_and_ends_the_connection(length: int) -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)
    session.data_to_send()
    good = frame(0x80000004, number, encode_submit_sm_resp("m1"))

    answered, *rest = session.receive(good + struct.pack(">IIII", length, 4, 0, 1), now=1.1)

    assert SubmitAnswered("a", 0, b"m1") == answered
    assert [CloseCause.FRAMING_ERROR] == closing(rest)
    assert frame(0x80000000, 0, b"", 0x02) == session.data_to_send()
    assert [] == session.receive(b"more", now=1.2)
    assert b"" == session.data_to_send()


def test_an_unknown_command_is_nacked_and_the_session_lives() -> None:
    session = bound_session()

    events = session.receive(frame(0x00000103, 77, b"body") + frame(0x15, 78), now=1.0)

    assert isinstance(events[0], ProtocolViolation)
    assert EnquireLinkReceived() == events[1]
    assert frame(0x80000000, 77, b"", 0x03) + frame(0x80000015, 78) == session.data_to_send()
    assert session.is_bound


@pytest.mark.parametrize("command_id", [0x01, 0x02, 0x09, 0x03, 0x04, 0x0B, 0x102])
def test_a_command_that_is_not_for_an_esme_is_unknown_too(command_id: int) -> None:
    session = bound_session()

    [event] = session.receive(frame(command_id, 5, BODY), now=1.0)

    assert isinstance(event, ProtocolViolation)
    assert frame(0x80000000, 5, b"", 0x03) == session.data_to_send()
