"""The PDUs that are kept: cut out of the octets only when they are asked for."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.binder.capture import CHUNKS_PER_PDU, OCTETS_PER_PDU, Capture
from smsfleet.smpp.constants import BIND_TRANSCEIVER, ENQUIRE_LINK, SUBMIT_SM, SUBMIT_SM_RESP
from smsfleet.smpp.pdu import SubmitSm, encode_bind, frame

RESPONSES = [frame(SUBMIT_SM_RESP, number, b"%032x\0" % number) for number in range(1, 60)]


def capture(most_pdus: int = 1000) -> Capture:
    ticks = itertools.count(1)
    return Capture(most_pdus, clock=lambda: float(next(ticks)))


def test_both_directions_of_all_connections_come_in_their_order() -> None:
    kept = capture()
    first, second = kept.tap("transmitter"), kept.tap("receiver")

    first.sent(frame(ENQUIRE_LINK, 1))
    second.received(frame(ENQUIRE_LINK, 2) + frame(ENQUIRE_LINK, 3))
    first.received(frame(ENQUIRE_LINK, 4))

    assert [
        (1.0, 1, "transmitter", True, 1), (2.0, 2, "receiver", False, 2), (2.0, 2, "receiver", False, 3),
        (3.0, 1, "transmitter", False, 4),
    ] == [(pdu.at, pdu.connection, pdu.mode, pdu.sent, pdu.octets[15]) for pdu in kept.pdus(10)]  # fmt: skip


@given(st.lists(st.integers(1, 400), max_size=30))
def test_pdus_are_whole_however_their_octets_came(lengths: list[int]) -> None:
    kept = capture()
    tap = kept.tap("transceiver")
    stream = b"".join(RESPONSES)
    for length in lengths:
        tap.received(stream[:length])
        stream = stream[length:]
    passed = sum(map(len, RESPONSES)) - len(stream)

    found = [pdu.octets for pdu in kept.pdus(1000)]

    assert RESPONSES[: len(found)] == found
    assert passed - len(b"".join(found)) < len(RESPONSES[0])


@pytest.mark.parametrize("length", [7, 49, 50, 64, 333])
def test_what_is_let_go_leaves_whole_pdus(length: int) -> None:
    kept = capture(most_pdus=2)
    tap = kept.tap("transceiver")
    stream = b"".join(RESPONSES)
    for at in range(0, len(stream), length):
        tap.received(stream[at : at + length])

    found = [pdu.octets for pdu in kept.pdus(1000)]

    assert kept.kept_octets <= 2 * OCTETS_PER_PDU
    assert RESPONSES[len(RESPONSES) - len(found) :] == found
    assert kept.kept_octets - len(b"".join(found)) < len(RESPONSES[0]) * 2


@pytest.mark.parametrize("length", [513, 700, 1000, 2000])  # a few chunks fill the ring
def test_the_ring_goes_round_many_times(length: int) -> None:
    kept = capture(most_pdus=2)
    tap = kept.tap("transceiver")
    stream = b"".join(RESPONSES) * 20
    for at in range(0, len(stream), length):
        tap.received(stream[at : at + length])

    found = b"".join(pdu.octets for pdu in kept.pdus(1000))

    assert OCTETS_PER_PDU - 2 * len(RESPONSES[0]) < len(found)
    assert stream.endswith(found)


def test_a_copy_stays_as_it_was() -> None:
    kept = capture(most_pdus=2)
    tap = kept.tap("transceiver")
    tap.sent(RESPONSES[0])
    copied = kept.copy()
    for response in RESPONSES:
        tap.sent(response)

    assert RESPONSES[:1] == [pdu.octets for pdu in copied.pdus(10)]


def test_a_read_longer_than_all_that_is_kept_keeps_nothing() -> None:
    kept = capture(most_pdus=1)
    tap = kept.tap("transceiver")
    tap.received(bytes(OCTETS_PER_PDU + 1))

    assert (0, []) == (kept.kept_octets, kept.pdus(10))

    tap.received(RESPONSES[0])
    assert RESPONSES[:1] == [pdu.octets for pdu in kept.pdus(10)]


def test_the_last_are_those_that_are_asked_for() -> None:
    kept = capture()
    tap = kept.tap("transceiver")
    for response in RESPONSES:
        tap.received(response)

    assert RESPONSES[-3:] == [pdu.octets for pdu in kept.pdus(3)]
    assert [] == kept.pdus(0)


def test_octets_and_chunks_are_bounded() -> None:
    kept = capture(most_pdus=10)
    tap = kept.tap("transceiver")
    tap.received(bytes(OCTETS_PER_PDU * 9))
    tap.received(bytes(OCTETS_PER_PDU * 9))
    assert OCTETS_PER_PDU * 9 == kept.kept_octets

    for _ in range(100):
        tap.sent(frame(ENQUIRE_LINK, 1))

    assert 16 * 10 * CHUNKS_PER_PDU == kept.kept_octets


def test_a_capture_of_none_keeps_none() -> None:
    kept = capture(most_pdus=0)
    kept.tap("transceiver").sent(frame(ENQUIRE_LINK, 1))

    assert (0, [], "[]") == (kept.kept_octets, kept.pdus(10), kept.as_json(10))


@pytest.mark.parametrize(
    "octets", [b"", b"x", bytes(15), b"GET / HTTP/1.1\r\n\r\n" * 9, b"\xff" * 5000, bytes(5000)]
)
def test_what_is_no_smpp_gives_no_pdus(octets: bytes) -> None:
    kept = capture()
    kept.tap("transceiver").received(octets)

    assert [] == kept.pdus(10)


def test_what_leaves_the_process_is_masked() -> None:
    kept = capture()
    tap = kept.tap("transceiver")
    tap.sent(frame(BIND_TRANSCEIVER, 1, encode_bind(BIND_TRANSCEIVER, system_id="demo", password="geheim")))
    message = SubmitSm(destination_addr="27831234567", short_message=b"Hello")
    tap.sent(frame(SUBMIT_SM, 2, message.encode_body()))

    for show_content in (False, True):
        bind, submit = json.loads(kept.as_json(10, show_content=show_content))
        assert (1.0, 1, "transceiver", "sent") == (
            bind["at"], bind["connection"], bind["mode"], bind["direction"],
        )  # fmt: skip
        assert b"geheim" not in bytes.fromhex(bind["octets"])
        assert show_content == (b"Hello" in bytes.fromhex(submit["octets"]))
        assert show_content == (b"27831234567" in bytes.fromhex(submit["octets"]))
