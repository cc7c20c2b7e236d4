"""The link to the gateway without a socket: when octets leave, and what they go before."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from tests.unit.smpp.support import BODY, frame, options, sent

from smsfleet.binder.transport import Link, Token
from smsfleet.smpp.constants import RESP, SUBMIT_SM
from smsfleet.smpp.events import Event, LinkLost, SubmitAnswered
from smsfleet.smpp.pdu import encode_bind_resp

FIRST, SECOND = (b"job-1#1", 1), (b"job-2#1", 1)


class Wire(asyncio.Transport):
    """Keeps what is written, in the order of everything else that is noted."""

    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self.diary = diary

    def write(self, data: Any) -> None:
        self.diary += [f"0x{command_id:08x}" for command_id, *_ in sent(bytes(data))]

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def test_what_an_answer_makes_room_for_is_written_before_the_answer_is_persisted() -> None:
    diary: list[str] = []
    loop = asyncio.get_running_loop()

    def on_events(events: list[Event[Token]]) -> None:
        for event in events:
            if isinstance(event, SubmitAnswered):
                loop.call_soon(diary.append, "persisted")  # as the batcher of answers would
                link.submit(SECOND, BODY)

    link = Link(options(bind_mode="transceiver", window=1), on_events=on_events, permitted=lambda: True)
    link.connection_made(Wire(diary))
    link.data_received(frame(0x80000009, 1, encode_bind_resp("gateway")))
    link.submit(FIRST, BODY)
    await asyncio.sleep(0)
    diary.clear()

    link.data_received(frame(SUBMIT_SM | RESP, 2, b"id\0"))
    await asyncio.sleep(0)

    assert diary == [f"0x{SUBMIT_SM:08x}", "persisted"]


async def test_what_is_written_to_a_connection_that_was_reset_is_known_to_be_unsent() -> None:
    lost: list[Event[Token]] = []
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _, link = await loop.create_connection(
            lambda: Link(options(bind_mode="transceiver"), on_events=lost.extend, permitted=lambda: True),
            *listener.getsockname(),
        )
        peer, _ = listener.accept()
    link.data_received(frame(0x80000009, 1, encode_bind_resp("gateway")))
    lost.clear()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    peer.close()
    link.submit(FIRST, BODY)  # before the loop has had a turn to see the reset

    await asyncio.wait_for(link.closed.wait(), 5)
    assert lost == [LinkLost(FIRST)]
    assert not link.was_written(FIRST)
