"""The wire without IO: encode a submit_sm, submit it in a session, frame it, take its response.

Ceiling: the same octets by struct and slices alone, with a dict as the window.
"""

from __future__ import annotations

import struct
from itertools import count as counter
from typing import Any

from tests.benchmarks.harness import TEXT, Result, per_second, rounded, run, submit_body

from smsfleet.smpp.constants import BIND_TRANSCEIVER, RESP, SUBMIT_SM, SUBMIT_SM_RESP
from smsfleet.smpp.events import SubmitAnswered
from smsfleet.smpp.pdu import SubmitSm, encode_bind_resp, encode_submit_sm_resp, frame
from smsfleet.smpp.session import Session, SessionOptions

HEADER = struct.Struct(">IIII")
BURST = 50
"""PDUs of one read or write."""


def measure(count: int) -> Result:
    bursts = max(1, count // BURST)
    body = submit_body()
    session = _bound_session()
    encoded = per_second(_encode, count)
    whole = per_second(lambda: _session_burst(session, body), bursts) * BURST
    raw = per_second(_RawWire(body).burst, bursts) * BURST
    return {
        "rates": rounded(
            {"encode_body_per_s": encoded, "session_per_s": whole, "raw_per_s": raw},
        ),
        "us_each": rounded({"encode_body": 1e6 / encoded, "session": 1e6 / whole, "raw": 1e6 / raw}),
        "ratio_to_raw": round(whole / raw, 3),
        "targets": [],
    }


def _encode() -> bytes:
    return SubmitSm(
        source_addr="smsfleet",
        destination_addr="27999100001",
        registered_delivery=1,
        short_message=TEXT.encode(),
    ).encode_body()


def _bound_session() -> Session[tuple[bytes, int]]:
    options = SessionOptions(system_id="bench", password="secret", system_type="1", window=BURST)
    session: Session[tuple[bytes, int]] = Session(options)
    session.bind(now=0.0)
    session.data_to_send()
    session.receive(frame(BIND_TRANSCEIVER | RESP, 1, encode_bind_resp(b"smsc")), now=0.0)
    assert session.is_bound
    return session


def _session_burst(session: Session[Any], body: bytes) -> None:
    numbers = [session.submit((b"job#1", 1), body, now=0.0) for _ in range(BURST)]
    session.data_to_send()
    message_id = encode_submit_sm_resp(b"0123456789abcdef0123456789abcdef")
    answers = b"".join([frame(SUBMIT_SM_RESP, number, message_id) for number in numbers])
    events = session.receive(answers, now=0.0)
    assert len(events) == BURST
    assert type(events[0]) is SubmitAnswered


class _RawWire:
    """What no session could do without: a number, a header, a place in a dict, and a slice of the answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._window: dict[int, tuple[bytes, int]] = {}
        self._numbers = counter(1)

    def burst(self) -> None:
        body, window, pack, unpack = self._body, self._window, HEADER.pack, HEADER.unpack_from
        numbers, out = [], []
        for _ in range(BURST):
            number = next(self._numbers)
            window[number] = (b"job#1", 1)
            numbers.append(number)
            out.append(pack(16 + len(body), SUBMIT_SM, 0, number) + body)
        b"".join(out)
        answers = b"".join(
            [
                pack(49, SUBMIT_SM_RESP, 0, number) + b"0123456789abcdef0123456789abcdef\0"
                for number in numbers
            ]
        )
        at, events = 0, []
        while at < len(answers):
            length, _, status, number = unpack(answers, at)
            events.append((window.pop(number), status, answers[at + 16 : at + length - 1]))
            at += length


if __name__ == "__main__":
    run("codec", measure, 50_000)
