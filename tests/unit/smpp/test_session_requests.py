"""submit_sm and query_sm: the window, and every way a request can end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.smpp.support import BODY, bound_session, chunks, cut, open_session, sent

from smsfleet.config.errors import EncodeError, NotBound, PduError, WindowFull
from smsfleet.smpp.events import (
    CloseCause,
    CloseConnection,
    LateAnswer,
    LinkLost,
    Nacked,
    ProtocolViolation,
    QueryAnswered,
    SubmitAnswered,
    TimedOut,
    UnexpectedResponse,
)
from smsfleet.smpp.message import SubmitSm
from smsfleet.smpp.pdu import (
    encode_query_sm,
    encode_query_sm_resp,
    encode_submit_sm_resp,
    frame,
)
from smsfleet.smpp.session import SessionState

SUBMIT_SM_RESP = 0x80000004
QUERY_SM_RESP = 0x80000003
GENERIC_NACK = 0x80000000


def answer(number: int, message_id: str = "m", status: int = 0) -> bytes:
    return frame(SUBMIT_SM_RESP, number, encode_submit_sm_resp(message_id), status)


def test_a_body_is_framed_unchanged_with_the_next_number() -> None:
    session = bound_session()

    numbers = [session.submit(token, BODY, now=1.0) for token in "ab"]

    assert [2, 3] == numbers
    assert frame(0x04, 2, BODY) + frame(0x04, 3, BODY) == session.data_to_send()
    assert b"" == session.data_to_send()


def test_it_is_known_since_when_the_oldest_submit_sm_is_unanswered_whatever_was_asked_before() -> None:
    session = bound_session()
    session.query("asked", "m", now=0.5)
    nothing = session.oldest_since
    first, second = [session.submit(token, BODY, now=now) for token, now in (("a", 1.0), ("b", 2.0))]

    since = [session.oldest_since]
    for number in (first, second):
        session.receive(answer(number), now=3.0)
        since.append(session.oldest_since)

    assert nothing is None
    assert [1.0, 2.0, None] == since


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_a_response_is_matched_however_its_octets_arrive(chunk: int) -> None:
    session = bound_session(window=1)
    number = session.submit("token", BODY, now=0.0)

    events = [
        event for part in chunks(answer(number, "a1"), chunk) for event in session.receive(part, now=0.1)
    ]

    assert [SubmitAnswered("token", command_status=0, message_id=b"a1")] == events


def test_responses_may_come_in_any_order() -> None:
    session = bound_session()
    a, b, c = (session.submit(token, BODY, now=1.0) for token in "abc")

    events = session.receive(answer(c, "3") + answer(a, "1") + answer(b, "2"), now=1.1)

    assert [("c", 0, b"3"), ("a", 0, b"1"), ("b", 0, b"2")] == events


@pytest.mark.parametrize("status", [0x400, 0x405, 0x58, 0x0B, 0xDEADBEEF])
def test_any_status_passes_through_and_the_body_may_be_absent(status: int) -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)

    events = session.receive(frame(SUBMIT_SM_RESP, number, b"", status), now=1.1)

    assert [SubmitAnswered("a", status, b"")] == events


@pytest.mark.parametrize("message_id", [b" 00Af ", b"\xff\xfe", b"i" * 200])
def test_a_message_id_is_never_changed(message_id: bytes) -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)

    events = session.receive(frame(SUBMIT_SM_RESP, number, message_id + b"\0"), now=1.1)

    assert [SubmitAnswered("a", 0, message_id)] == events


def test_a_generic_nack_refuses_the_request_it_names() -> None:
    session = bound_session()
    session.submit("a", BODY, now=1.0)
    number = session.submit("b", BODY, now=1.0)

    events = session.receive(frame(GENERIC_NACK, number, b"", 0x03), now=1.1)

    assert [Nacked("b", 0x03)] == events
    assert ["a"] == session.in_flight_tokens()


def test_a_generic_nack_that_names_nothing_is_unexpected() -> None:
    session = bound_session()
    session.submit("a", BODY, now=1.0)

    events = session.receive(frame(GENERIC_NACK, 0, b"", 0x02), now=1.1)

    assert [UnexpectedResponse(GENERIC_NACK, 0, 0x02)] == events
    assert 1 == session.in_flight


def test_a_response_to_nothing_is_reported_and_never_answered() -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)
    session.receive(answer(number), now=1.1)
    session.data_to_send()

    events = session.receive(answer(number) + frame(0x80000103, 7, b"", 9), now=1.2)

    assert [UnexpectedResponse(SUBMIT_SM_RESP, number, 0), UnexpectedResponse(0x80000103, 7, 9)] == events
    assert b"" == session.data_to_send()


@pytest.mark.parametrize("command_id", [QUERY_SM_RESP, 0x80000005, 0x80000015, 0x80000009])
def test_a_response_of_another_kind_does_not_answer_a_submit(command_id: int) -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)

    events = session.receive(frame(command_id, number, b"x\0"), now=1.1)

    assert [UnexpectedResponse(command_id, number, 0)] == events
    assert ["a"] == session.in_flight_tokens()


# --- the window --------------------------------------------------------------------------------


def test_the_window_limits_unanswered_requests_and_every_answer_frees_a_place() -> None:
    session = bound_session(window=2)
    first = session.submit("a", BODY, now=1.0)
    session.submit("b", BODY, now=1.0)

    assert (0, 2, False) == (session.window_free, session.in_flight, session.can_submit)
    with pytest.raises(WindowFull, match="2 requests"):
        session.submit("c", BODY, now=1.0)
    session.receive(answer(first), now=1.1)

    assert (1, 1, True) == (session.window_free, session.in_flight, session.can_submit)
    session.submit("c", BODY, now=1.2)
    assert ["b", "c"] == session.in_flight_tokens()


def test_a_submit_that_found_the_window_full_sends_nothing_and_takes_no_number() -> None:
    session = bound_session(window=1)
    first = session.submit("a", BODY, now=1.0)
    session.data_to_send()

    with pytest.raises(WindowFull):
        session.submit("b", BODY, now=1.0)
    assert b"" == session.data_to_send()
    session.receive(answer(first), now=1.1)

    assert first + 1 == session.submit("b", BODY, now=1.2)


def test_an_enquire_link_takes_no_place_in_the_window() -> None:
    session = bound_session(window=1)
    session.tick(now=56.0)

    session.submit("a", BODY, now=56.0)

    assert [0x15, 0x04] == [command_id for command_id, *_ in sent(session.data_to_send())]


@pytest.mark.parametrize("state", ["open", "binding", "closing", "closed"])
def test_nothing_is_submitted_unless_bound(state: str) -> None:
    session = open_session()
    if state != "open":
        session.bind(now=0.0)
    if state == "closing":
        session.tick(now=1000.0)
    if state == "closed":
        session.connection_lost(now=1.0)

    assert SessionState(state) is session.state
    assert not session.can_submit
    with pytest.raises(NotBound, match=state):
        session.submit("a", BODY, now=1000.0)
    with pytest.raises(NotBound, match=state):
        session.query("a", "m1", now=1000.0)


def test_a_receiver_submits_nothing() -> None:
    session = bound_session(bind_mode="receiver")

    assert session.is_bound
    assert not session.can_submit
    with pytest.raises(NotBound, match="receiver"):
        session.submit("a", BODY, now=1.0)


# --- unknown outcomes --------------------------------------------------------------------------


def test_a_request_unanswered_for_the_response_timeout_is_timed_out_and_the_connection_ends() -> None:
    session = bound_session(response_timeout_s=20.0)
    session.submit("a", BODY, now=1.0)
    session.submit("b", BODY, now=2.0)
    session.submit("c", BODY, now=3.0)

    assert 21.0 == session.next_deadline()
    assert [] == session.tick(now=20.9)
    *outcomes, close = session.tick(now=22.0)

    assert [TimedOut("a"), TimedOut("b")] == outcomes
    assert isinstance(close, CloseConnection)
    assert CloseCause.RESPONSE_TIMEOUT is close.cause
    assert SessionState.CLOSING is session.state
    assert [LinkLost("c")] == session.connection_lost(now=22.1)


def test_a_late_response_settles_what_timed_out_once() -> None:
    session = bound_session(response_timeout_s=20.0)
    a, b = session.submit("a", BODY, now=1.0), session.submit("b", BODY, now=1.0)
    session.tick(now=21.0)

    events = session.receive(answer(b, "m2") + frame(GENERIC_NACK, a, b"", 8) + answer(b, "m2"), now=21.1)

    assert [
        LateAnswer("b", 0, b"m2"),
        LateAnswer("a", 8, b""),
        UnexpectedResponse(SUBMIT_SM_RESP, b, 0),
    ] == events
    assert [] == session.connection_lost(now=21.2)


def test_a_late_response_of_another_kind_settles_nothing() -> None:
    session = bound_session(response_timeout_s=20.0)
    number = session.submit("a", BODY, now=1.0)
    session.tick(now=21.0)

    events = session.receive(frame(QUERY_SM_RESP, number), now=21.1)

    assert [UnexpectedResponse(QUERY_SM_RESP, number, 0)] == events
    assert [LateAnswer("a", 0, b"m")] == session.receive(answer(number), now=21.2)


def test_a_response_in_time_for_another_request_counts_even_while_closing() -> None:
    session = bound_session(response_timeout_s=20.0)
    session.submit("a", BODY, now=1.0)
    number = session.submit("b", BODY, now=2.0)
    session.tick(now=21.0)

    events = session.receive(answer(number), now=21.1)

    assert [SubmitAnswered("b", 0, b"m")] == events
    assert [] == session.connection_lost(now=21.2)


def test_a_lost_connection_leaves_every_unanswered_request_unknown_oldest_first() -> None:
    session = bound_session()
    a, _, _ = (session.submit(token, BODY, now=1.0) for token in "abc")
    session.receive(answer(a), now=1.1)

    events = session.connection_lost(now=2.0)

    assert [LinkLost("b"), LinkLost("c")] == events
    assert SessionState.CLOSED is session.state
    assert (0, []) == (session.in_flight, session.in_flight_tokens())
    assert b"" == session.data_to_send()
    assert session.next_deadline() is None


def test_a_lost_connection_is_lost_once_and_hears_nothing_more() -> None:
    session = bound_session()
    number = session.submit("a", BODY, now=1.0)
    session.connection_lost(now=2.0)

    assert [] == session.connection_lost(now=2.1)
    assert [] == session.receive(answer(number), now=2.2)
    assert [] == session.tick(now=1000.0)


@given(
    st.lists(st.sampled_from(["submit", "answer", "nack", "refuse", "tick"]), max_size=40), st.integers(1, 5)
)
def test_every_request_has_exactly_one_outcome(steps: list[str], window: int) -> None:
    session = bound_session(window=window, response_timeout_s=20.0)
    now, waiting, submitted, outcomes = 0.0, [], 0, []

    for step in steps:
        now += 3.0
        events = []
        if step == "submit" and session.can_submit:
            waiting.append(session.submit(submitted, BODY, now=now))
            submitted += 1
        elif step == "tick":
            events = session.tick(now=now)
        elif waiting and step != "submit":
            number = waiting.pop(len(waiting) // 2)
            command_id = GENERIC_NACK if step == "nack" else SUBMIT_SM_RESP
            events = session.receive(frame(command_id, number, b"", int(step == "refuse")), now=now)
        outcomes += [event for event in events if hasattr(event, "token")]
    outcomes += session.connection_lost(now=now)

    final = [event.token for event in outcomes if not isinstance(event, LateAnswer)]
    timed_out = {event.token for event in outcomes if isinstance(event, TimedOut)}
    assert list(range(submitted)) == sorted(final)
    assert timed_out >= {event.token for event in outcomes if isinstance(event, LateAnswer)}


# --- sequence numbers --------------------------------------------------------------------------


def test_numbers_run_to_0x7fffffff_and_start_again_at_1() -> None:
    session = bound_session()
    session._requests.last_sequence_number = 0x7FFFFFFE

    numbers = [session.submit(token, BODY, now=1.0) for token in "abc"]

    assert [0x7FFFFFFF, 1, 2] == numbers


def test_a_number_in_use_is_skipped_after_the_wrap() -> None:
    session = bound_session()
    session.submit("a", BODY, now=1.0)  # takes 2
    session._requests.last_sequence_number = 0x7FFFFFFF

    numbers = [session.submit(token, BODY, now=2.0) for token in "bc"]

    assert [1, 3] == numbers
    assert [SubmitAnswered("a", 0, b"m")] == session.receive(answer(2), now=3.0)


# --- query_sm ----------------------------------------------------------------------------------


def test_a_query_is_answered_with_the_state_of_the_message() -> None:
    session = bound_session()

    number = session.query("q", "m1", source_addr_ton=5, source_addr="Shop", now=1.0)
    body = encode_query_sm_resp("m1", "141023215259000+", 2, 7)
    events = session.receive(frame(QUERY_SM_RESP, number, body), now=1.1)

    assert (
        frame(0x03, 2, encode_query_sm("m1", source_addr_ton=5, source_addr="Shop")) == session.data_to_send()
    )
    assert [QueryAnswered("q", 0, b"m1", b"141023215259000+", 2, 7)] == events


def test_a_query_without_a_source_asks_for_the_detected_one() -> None:
    session = bound_session()

    session.query("q", "m1", now=1.0)

    assert frame(0x03, 2, b"m1\0\x00\x00\0") == session.data_to_send()


def test_a_refused_query_may_have_no_body() -> None:
    session = bound_session()
    number = session.query("q", "m1", now=1.0)

    events = session.receive(frame(QUERY_SM_RESP, number, b"", 0x03), now=1.1)

    assert [QueryAnswered("q", 0x03, b"")] == events


def test_an_accepted_query_without_a_state_is_reported_as_such() -> None:
    session = bound_session()
    number = session.query("q", "m1", now=1.0)

    answered, violation = session.receive(frame(QUERY_SM_RESP, number, b"m1\0"), now=1.1)

    assert QueryAnswered("q", 0, b"m1", b"", None, None) == answered
    assert isinstance(violation, ProtocolViolation)


def test_a_query_can_be_nacked_or_time_out() -> None:
    session = bound_session(window=2)
    nacked = session.query("a", "m1", now=1.0)
    session.query("b", "m2", now=1.0)

    assert [Nacked("a", 0x03)] == session.receive(frame(GENERIC_NACK, nacked, b"", 0x03), now=1.1)
    assert TimedOut("b") in session.tick(now=61.0)


def test_a_query_takes_no_place_in_the_window_whether_it_is_answered_or_not() -> None:
    session = bound_session(window=1)
    session.query("q", "m1", now=1.0)

    assert (True, 0, 1) == (session.can_submit, session.in_flight, session.window_free)
    session.submit("a", BODY, now=2.0)
    assert (False, 1, 0) == (session.can_submit, session.in_flight, session.window_free)
    with pytest.raises(WindowFull):
        session.submit("b", BODY, now=2.0)
    with pytest.raises(WindowFull):
        session.query("r", "m2", now=2.0)
    assert [SubmitAnswered("a", 0, b"m")] == session.receive(answer(3), now=3.0)

    outcomes = session.tick(now=61.0)

    assert TimedOut("q") in outcomes
    assert not any(isinstance(event, CloseConnection) for event in outcomes)
    assert (True, 0, 1) == (session.can_submit, session.in_flight, session.window_free)
    session.query("r", "m2", now=62.0)


def test_an_answered_or_lost_query_gives_its_own_place_back() -> None:
    session = bound_session(window=1)
    for now in (1.0, 2.0):
        number = session.query("q", "m1", now=now)
        assert [Nacked("q", 0x03)] == session.receive(frame(GENERIC_NACK, number, b"", 0x03), now=now)
    session.query("q", "m1", now=3.0)
    session.submit("a", BODY, now=3.0)

    assert [LinkLost("q"), LinkLost("a")] == session.connection_lost(now=4.0)
    assert (0, 1) == (session.in_flight, session.window_free)


def test_a_submit_that_is_not_answered_ends_the_connection_whatever_queries_do() -> None:
    session = bound_session(window=2)
    session.query("q", "m1", now=1.0)
    session.submit("s", BODY, now=1.0)

    outcomes = session.tick(now=61.0)

    assert [TimedOut("q"), TimedOut("s")] == outcomes[:2]
    assert any(isinstance(event, CloseConnection) for event in outcomes)


def test_a_query_of_an_id_that_does_not_fit_sends_nothing() -> None:
    session = bound_session()

    with pytest.raises(EncodeError, match="message_id"):
        session.query("a", "m" * 65, now=1.0)

    assert (0, b"") == (session.in_flight, session.data_to_send())


# --- bodies that have to be looked at ----------------------------------------------------------


def test_a_transmitter_without_receiver_asks_for_no_receipts_whatever_the_job_asked() -> None:
    session = bound_session(bind_mode="transmitter", without_receipts=True)
    message = SubmitSm(destination_addr="27999100001", registered_delivery=0x11, short_message=b"hi")

    session.submit("a", message.encode_body(), now=1.0)

    [(_, _, _, body)] = sent(session.data_to_send())
    assert 0 == SubmitSm.decode_body(body).registered_delivery  # guide §5 step 4
    assert message.encode_body() == body.replace(b"\0\0\0\0\0\0\0\0\0\x02hi", b"\0\0\0\0\0\x11\0\0\0\x02hi")


def test_a_transmitter_with_a_receiver_beside_it_keeps_what_the_job_asked() -> None:
    session = bound_session(bind_mode="transmitter")

    session.submit("a", BODY, now=1.0)

    assert frame(0x04, 2, BODY) == session.data_to_send()


def test_smpp_3_3_sends_plain_messages_and_refuses_tlvs() -> None:
    session = bound_session(bind_mode="transmitter", interface_version=0x33)
    payload = SubmitSm(destination_addr="2", tlvs=((0x0424, b"long"),)).encode_body()

    session.submit("a", BODY, now=1.0)
    with pytest.raises(EncodeError, match=r"3\.3"):
        session.submit("b", payload, now=1.0)

    assert frame(0x04, 2, BODY) == session.data_to_send()
    assert ["a"] == session.in_flight_tokens()


def test_a_body_that_is_no_submit_sm_is_refused_where_it_has_to_be_changed() -> None:
    session = bound_session(bind_mode="transmitter", without_receipts=True)

    with pytest.raises(PduError):
        session.submit("a", b"nonsense", now=1.0)

    assert 0 == session.in_flight


@given(st.permutations(range(8)), st.lists(st.integers(0, 2000), max_size=8))
def test_any_order_and_any_cut_gives_the_same_events(order: list[int], places: list[int]) -> None:
    session = bound_session()
    numbers = [session.submit(token, BODY, now=1.0) for token in range(8)]
    stream = b"".join(answer(numbers[token], f"id{token}") for token in order)

    events = [event for part in cut(stream, places) for event in session.receive(part, now=1.1)]

    assert [SubmitAnswered(token, 0, b"id%d" % token) for token in order] == events


def test_how_long_an_answer_took_is_told_once() -> None:
    session = bound_session()
    session.submit("a", BODY, now=10.0)
    session.submit("b", BODY, now=10.5)

    session.receive(answer(2), now=11.0)
    session.receive(answer(3), now=11.0)

    assert [1.0, 0.5] == pytest.approx(session.take_answered_s())
    assert [] == session.take_answered_s()


def test_of_many_that_are_unanswered_one_in_sixteen_is_told() -> None:
    session = bound_session(window=64)
    numbers = [session.submit(str(n), BODY, now=10.0) for n in range(64)]

    for number in numbers[:48]:
        session.receive(answer(number), now=11.0)

    assert [1.0] * 3 == pytest.approx(session.take_answered_s())
