"""Whatever a peer sends, there are events or errors of the protocol, never a crash."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.smpp.support import BODY, bound_session, cut, message_fields, open_session, sent

from smsfleet.config.errors import PduError, SmsfleetError
from smsfleet.smpp import pdu
from smsfleet.smpp.constants import COMMAND_NAMES
from smsfleet.smpp.events import CloseConnection, LinkLost, SubmitAnswered, TimedOut
from smsfleet.smpp.message import has_tlvs, without_receipts
from smsfleet.smpp.pdu import frame
from smsfleet.smpp.server import SmscSession
from smsfleet.smpp.session import Session

DECODERS: list[Callable[[bytes], Any]] = [
    pdu.decode_bind,
    pdu.decode_bind_resp,
    pdu.decode_query_sm,
    pdu.decode_query_sm_resp,
    pdu.decode_submit_sm_resp,
    pdu.SubmitSm.decode_body,
    pdu.DeliverSm.decode_body,
    without_receipts,
    has_tlvs,
]

mutations = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "drop"]), st.integers(0, 400), st.integers(0, 255)),
    max_size=4,
)


def mutated(octets: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    found = bytearray(octets)
    for kind, place, value in changes:
        at = place % (len(found) + 1)
        if kind == "cut":
            del found[at:]
        elif kind == "insert":
            found.insert(at, value)
        elif kind == "drop":
            del found[at : at + 1]
        elif at < len(found):
            found[at] = value
    return bytes(found)


@pytest.mark.parametrize("decode", DECODERS, ids=lambda decode: decode.__qualname__)
@given(body=st.binary(max_size=80))
def test_any_octets_are_decoded_or_refused(decode: Callable[[bytes], Any], body: bytes) -> None:
    with contextlib.suppress(PduError):
        decode(body)


@pytest.mark.parametrize("decode", DECODERS, ids=lambda decode: decode.__qualname__)
@given(fields=message_fields, changes=mutations)
def test_a_mutated_message_is_decoded_or_refused(
    decode: Callable[[bytes], Any], fields: dict[str, Any], changes: list[tuple[str, int, int]]
) -> None:
    body = mutated(pdu.SubmitSm(**fields).encode_body(), changes)

    with contextlib.suppress(PduError):
        decode(body)


@given(message_fields, mutations)
def test_what_is_decoded_from_mutated_octets_is_lossless(
    fields: dict[str, Any], changes: list[tuple[str, int, int]]
) -> None:
    body = mutated(pdu.SubmitSm(**fields).encode_body(), changes)

    try:
        message = pdu.SubmitSm.decode_body(body)
    except PduError:
        return

    assert body == message.encode_body()


bodies = st.one_of(
    st.binary(max_size=40),
    st.builds(mutated, st.sampled_from([BODY, b"m1\0", b"gateway\0\x02\x10\x00\x01\x34"]), mutations),
)
pdus = st.builds(
    frame,
    st.one_of(st.sampled_from(sorted(COMMAND_NAMES)), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.integers(0, 6), st.integers(0, 0xFFFFFFFF)),
    bodies,
    st.one_of(st.just(0), st.integers(0, 0xFFFFFFFF)),
)
streams = st.lists(st.one_of(pdus, st.binary(max_size=3)), max_size=12).map(b"".join)
places = st.lists(st.integers(0, 500), max_size=6)
actions = st.lists(
    st.sampled_from(["bind", "submit", "query", "unbind", "tick", "deliver_resp", "receive"]), max_size=20
)


def act(session: Session[Any], action: str, now: float) -> list[Any]:
    """Ask for something; errors of the tree are answers too."""
    with contextlib.suppress(SmsfleetError):
        if action == "tick":
            return session.tick(now=now)
        if action == "bind":
            session.bind(now=now)
        elif action == "submit":
            session.submit(now, BODY, now=now)
        elif action == "query":
            session.query(now, "m1", now=now)
        elif action == "unbind":
            session.unbind(now=now)
        elif action == "deliver_resp":
            session.deliver_resp(1)
    return []


@settings(max_examples=300)
@given(streams, places, actions, st.booleans(), st.floats(0.1, 30.0))
def test_a_session_survives_any_peer_and_any_caller(
    stream: bytes, cuts: list[int], steps: list[str], bound: bool, pace: float
) -> None:
    session: Session[Any] = bound_session(window=3) if bound else open_session(window=3)
    parts, now, events, tokens = cut(stream, cuts), 0.0, [], 0

    for step in [*steps, *("receive" for _ in parts)]:
        now += pace
        before = len(session.in_flight_tokens())
        if step == "receive":
            if parts:
                events += session.receive(parts.pop(0), now=now)
            continue
        events += act(session, step, now)
        tokens += step in ("submit", "query") and len(session.in_flight_tokens()) > before
        deadline = session.next_deadline()
        assert step != "tick" or deadline is None or deadline > now
        sent(session.data_to_send())
    events += session.connection_lost(now=now)

    closes = [event for event in events if isinstance(event, CloseConnection)]
    outcomes = [event for event in events if type(event).__name__ in OUTCOMES]
    assert len(closes) <= 1
    assert tokens == len(outcomes)
    assert session.next_deadline() is None


OUTCOMES = {"QueryAnswered", "Nacked", *(kind.__name__ for kind in (SubmitAnswered, TimedOut, LinkLost))}


@settings(max_examples=200)
@given(streams, places, places)
def test_any_cut_of_any_stream_gives_the_same_events_and_answers(
    stream: bytes, one: list[int], other: list[int]
) -> None:
    def run(cuts: list[int]) -> tuple[list[Any], bytes]:
        session = bound_session()
        for token in range(3):
            session.submit(token, BODY, now=0.0)
        events = [event for part in cut(stream, cuts) for event in session.receive(part, now=1.0)]
        return events, session.data_to_send()

    assert run(one) == run(other)


@settings(max_examples=200)
@given(streams, places, st.booleans())
def test_a_gateway_survives_any_esme(stream: bytes, cuts: list[int], bound: bool) -> None:
    session: SmscSession[str] = SmscSession()
    if bound:
        body = pdu.encode_bind(0x09, system_id="u", password="p")
        session.receive(frame(0x09, 1, body), now=0.0)
        session.bind_resp(1)
        session.deliver("a", BODY)
        session.enquire_link()

    for part in cut(stream, cuts):
        session.receive(part, now=1.0)
        sent(session.data_to_send())

    session.connection_lost()


def test_the_longest_delivery_may_arrive_one_octet_at_a_time() -> None:
    session = bound_session()
    big = frame(0x05, 1, pdu.DeliverSm(tlvs=((0x0424, bytes(65_535)),)).encode_body())

    events = [event for at in range(len(big)) for event in session.receive(big[at : at + 1], now=1.0)]

    assert 1 == len(events)
