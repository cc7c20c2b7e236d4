"""The short forms of message ids and of what receipts say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.statuses import RECEIPT_STATUS
from smsfleet.store.packed import pack_id, pack_said, unpack_id, unpack_said

USUAL = b"a29f6845555647139e5c8f3b817f2c9a"
"""The message id of the one public receipt of this gateway."""

without_nul = st.binary(max_size=65).filter(lambda octets: b"\x00" not in octets)
hexadecimal = st.binary(min_size=14, max_size=18).map(lambda octets: octets.hex().encode())


def test_a_usual_message_id_takes_17_octets() -> None:
    assert b"\x00" + bytes.fromhex(USUAL.decode()) == pack_id(USUAL)


@pytest.mark.parametrize(
    "message_id",
    [b"", b"M1", USUAL[:-1], USUAL[:-2], USUAL + b"00", USUAL.upper(), b"A" + USUAL[1:], b" " + USUAL[1:],
     USUAL[:-1] + b"g", b"\xff" * 32, b"1234567890"],
)  # fmt: skip
def test_any_other_message_id_stays_as_it_is(message_id: bytes) -> None:
    assert message_id == pack_id(message_id)
    assert message_id == unpack_id(message_id)


@given(
    without_nul | hexadecimal | st.binary(min_size=16, max_size=16).map(lambda o: o.hex().upper().encode())
)
def test_every_message_id_is_read_as_it_was(message_id: bytes) -> None:
    assert message_id == unpack_id(pack_id(message_id))


@given(without_nul | hexadecimal, without_nul | hexadecimal)
def test_two_message_ids_are_never_stored_as_one(one: bytes, other: bytes) -> None:
    assert (one == other) == (pack_id(one) == pack_id(other))


@pytest.mark.parametrize(
    ("status", "said", "packed"),
    [
        (4, " DELIVRD 000", "*"),
        (7, " UNDELIV 001", "* 001"),
        (4, " DELIVRD 000 010000", "* 000 010000"),
        (4, " DELIVRD", " DELIVRD"),
        (4, " DELIVRD ", "* "),
        (4, " delivrd 000", " delivrd 000"),
        (7, " DELIVRD 000", " DELIVRD 000"),  # an operator's table, or message_state, said otherwise
        (4, " DELIVRDX 000", " DELIVRDX 000"),
        (None, " BUFFERED 000", " BUFFERED 000"),
        (5, " FAILED 000", " FAILED 000"),
        (4, " *", " *"),
        (4, "", ""),
    ],
)
def test_the_usual_word_of_a_status_is_a_star(status: int | None, said: str, packed: str) -> None:
    assert packed == pack_said(status, said)
    assert said == unpack_said(status, packed)


@pytest.mark.parametrize(
    ("status", "word"),
    [(1, "UNKNOWN"), (3, "ACCEPTD"), (4, "DELIVRD"), (6, "DELETED"), (7, "UNDELIV"), (8, "ENROUTE"),
     (9, "REJECTD"), (10, "EXPIRED"), (11, "SCHEDULED")],
)  # fmt: skip
def test_a_star_is_for_ever_the_same_word(status: int, word: str) -> None:
    """Jobs of thirty days are stored with it: another table would read them wrong."""
    assert (f" {word} 000", f" {word} 1") == (unpack_said(status, "*"), unpack_said(status, "* 1"))


words = st.sampled_from([*RECEIPT_STATUS, "FAILED", "delivrd", "*", ""]) | st.text(max_size=8)
errs = st.sampled_from(["", " ", " 000", " 001", " 000 010000", "000", "*"]) | st.text(max_size=8)


@given(st.none() | st.integers(0, 14), words, errs)
def test_every_saying_is_read_as_it_was(status: int | None, word: str, err: str) -> None:
    said = f" {word}{err}"

    assert said == unpack_said(status, pack_said(status, said))
