"""Cutting the stream into PDUs."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.smpp.support import chunks, cut

from smsfleet.config.errors import FramingError
from smsfleet.smpp.framing import Frame, Framer
from smsfleet.smpp.pdu import frame

frames = st.lists(
    st.builds(
        Frame,
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.binary(max_size=50),
    ),
    max_size=6,
)


def octets_of(pdus: list[Frame]) -> bytes:
    return b"".join(frame(pdu.command_id, pdu.sequence_number, pdu.body, pdu.command_status) for pdu in pdus)


@settings(max_examples=300)
@given(frames, st.lists(st.integers(0, 1000), max_size=12))
def test_any_values_arrive_unchanged_however_they_are_cut(pdus: list[Frame], places: list[int]) -> None:
    framer = Framer()

    found = [pdu for part in cut(octets_of(pdus), places) for pdu in framer.feed(part)]

    assert pdus == found
    assert 0 == framer.partial_octets
    assert framer.error is None


@given(frames)
def test_one_octet_at_a_time_gives_the_same_pdus(pdus: list[Frame]) -> None:
    framer = Framer()

    found = [pdu for part in chunks(octets_of(pdus), 1) for pdu in framer.feed(part)]

    assert pdus == found


def test_a_body_is_bytes_even_when_it_arrived_in_pieces() -> None:
    framer = Framer()

    [whole] = framer.feed(frame(5, 1, b"body"))
    [pieced] = [pdu for part in chunks(frame(5, 1, b"body"), 3) for pdu in framer.feed(part)]

    assert whole == pieced
    assert bytes is type(whole.body) is type(pieced.body)


def test_octets_of_an_unfinished_pdu_are_counted() -> None:
    framer = Framer()
    pdu = frame(5, 1, b"body")

    counts = []
    for part in (pdu + pdu[:3], pdu[3:18], pdu[18:]):
        framer.feed(part)
        counts.append(framer.partial_octets)

    assert [3, 18, 0] == counts


@pytest.mark.parametrize("length", [0, 1, 15, 71_001, 0x80000000, 0xFFFFFFFF])
def test_an_impossible_length_is_noticed_at_its_fourth_octet_and_nothing_is_kept(length: int) -> None:
    framer = Framer()

    before = framer.feed(frame(0x15, 1) + struct.pack(">I", length)[:3])
    assert framer.error is None
    after = framer.feed(struct.pack(">I", length)[3:] + b"x" * 1000)

    assert [Frame(0x15, 0, 1, b"")] == before
    assert [] == after
    assert str(length) in str(framer.error)
    assert 0 == framer.partial_octets


@pytest.mark.parametrize("length", [16, 71_000])
def test_the_smallest_and_the_largest_pdu_pass(length: int) -> None:
    framer = Framer()

    [pdu] = framer.feed(frame(5, 1, bytes(length - 16)))

    assert length - 16 == len(pdu.body)


def test_pdus_before_an_impossible_length_are_not_lost_and_the_stream_is_over_after_it() -> None:
    framer = Framer()

    found = framer.feed(frame(5, 1, b"a") + frame(5, 2, b"b") + struct.pack(">IIII", 7, 5, 0, 3))

    assert [1, 2] == [pdu.sequence_number for pdu in found]
    with pytest.raises(FramingError, match="command_length is 7"):
        framer.feed(frame(5, 4))


def test_the_limit_can_be_set() -> None:
    framer = Framer(max_pdu_octets=20)

    framer.feed(frame(5, 1, b"12345"))

    assert "between 16 and 20" in str(framer.error)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_octets_give_pdus_or_the_one_error(octets: bytes, places: list[int]) -> None:
    framer = Framer()

    for part in cut(octets, places):
        if framer.error is not None:
            break
        framer.feed(part)

    assert framer.partial_octets <= len(octets)
