"""What the SMPP tests share: sessions in a given state, PDUs of the gateway, and ways to cut octets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from smsfleet.smpp.constants import BIND_COMMANDS, RESP
from smsfleet.smpp.pdu import SubmitSm, encode_bind_resp, frame
from smsfleet.smpp.session import Session, SessionOptions

BODY = SubmitSm(
    source_addr="27820000001", destination_addr="27999100001", short_message=b"hello", registered_delivery=1
).encode_body()

RECEIPT_TEXT = (
    b"id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253 "
    b"done date:141023215259 stat:DELIVRD err:000 text:"
)


def options(**changes: Any) -> SessionOptions:
    """Options of a Clickatell account, with changes."""
    return SessionOptions(**{"system_id": "user", "password": "secret", "system_type": "3219000", **changes})


def open_session(**changes: Any) -> Session[Any]:
    """A session on a fresh connection."""
    return Session(options(**changes))


def bound_session(*, at: float = 0.0, **changes: Any) -> Session[Any]:
    """A session that was bound at `at` and has nothing to send."""
    session = open_session(**changes)
    session.bind(now=at)
    command = BIND_COMMANDS[session.options.bind_mode]
    session.receive(frame(command | RESP, 1, encode_bind_resp("gateway")), now=at)
    session.data_to_send()
    return session


def sent(octets: bytes) -> list[tuple[int, int, int, bytes]]:
    """Independent of the code under test: (command_id, command_status, sequence_number, body) of each PDU."""
    found = []
    while octets:
        length, command_id, status, number = struct.unpack(">IIII", octets[:16])
        assert len(octets) >= length, "half a PDU was sent"
        found.append((command_id, status, number, octets[16:length]))
        octets = octets[length:]
    return found


def chunks(octets: bytes, size: int) -> Iterator[bytes]:
    """`octets` in pieces of `size`."""
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """`octets` cut at any places."""
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[a:b] for a, b in pairwise(edges)]


def ascii_text(most: int) -> st.SearchStrategy[str]:
    """C-octet strings that fit `most` octets without their NUL."""
    return st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=most)


octet = st.integers(0, 255)
times = st.sampled_from(["", "241231235959000+", "000001000000000R"])
tlvs = st.lists(
    st.tuples(st.integers(0, 0xFFFF).filter(lambda tag: tag != 0x0424), st.binary(max_size=40)), max_size=4
).map(tuple)

message_fields = st.fixed_dictionaries(
    {
        "service_type": ascii_text(5),
        "source_addr_ton": octet,
        "source_addr_npi": octet,
        "source_addr": ascii_text(20),
        "dest_addr_ton": octet,
        "dest_addr_npi": octet,
        "destination_addr": ascii_text(20),
        "esm_class": octet,
        "protocol_id": octet,
        "priority_flag": octet,
        "schedule_delivery_time": times,
        "validity_period": times,
        "registered_delivery": octet,
        "replace_if_present_flag": octet,
        "data_coding": octet,
        "sm_default_msg_id": octet,
        "short_message": st.binary(max_size=254),
        "tlvs": tlvs,
    }
)
"""Keyword arguments of any message that can be sent."""
