"""A gateway that does what it is told, octet by octet, and nothing by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from typing import NamedTuple, Self

from tests.integration.binder.support import incoming

from smsfleet.smpp.constants import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    RESP,
    SUBMIT_SM,
)

HEADER = struct.Struct(">IIII")
WITHIN_S = 10.0


class Pdu(NamedTuple):
    """One PDU of the binder."""

    command_id: int
    command_status: int
    sequence_number: int
    body: bytes


def pdu(
    command_id: int, sequence_number: int, body: bytes = b"", *, status: int = 0, length: int = 0
) -> bytes:
    """One PDU; `length` lies about its length."""
    return HEADER.pack(length or 16 + len(body), command_id, status, sequence_number) + body


class Talk:
    """One connection of the binder, which is bound when a test gets it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, *octets: bytes) -> None:
        """Send octets as they are."""
        self._writer.write(b"".join(octets))

    async def flush(self) -> None:
        """Wait until the kernel has nearly everything."""
        await asyncio.wait_for(self._writer.drain(), WITHIN_S)

    async def read(self) -> Pdu | None:
        """The next PDU of the binder; None when it has closed."""
        try:
            async with asyncio.timeout(WITHIN_S):
                head = await self._reader.readexactly(16)
                length, *rest = HEADER.unpack(head)
                return Pdu(*rest, await self._reader.readexactly(length - 16))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def octets(self, count: int) -> bytes:
        """The next octets of the binder, as they come."""
        return await asyncio.wait_for(self._reader.readexactly(count), 3 * WITHIN_S)

    async def expect(self, command_id: int) -> Pdu:
        """The next PDU, which must be of this command."""
        found = await self.read()
        assert found is not None, "the binder has closed"
        assert command_id == found.command_id, found
        return found

    async def closed(self) -> list[Pdu]:
        """Wait until the binder closes; what it said before."""
        said = []
        while (found := await self.read()) is not None:
            said.append(found)
        return said

    async def answer_submits(self, count: int, ids: str = "m") -> list[bytes]:
        """Accept `count` submit_sm under the ids `m<sequence_number>`; their bodies."""
        bodies = []
        while len(bodies) < count:
            found = await self.read()
            assert found is not None, "the binder has closed"
            if found.command_id == ENQUIRE_LINK:
                self.write(pdu(ENQUIRE_LINK_RESP, found.sequence_number))
            elif found.command_id == SUBMIT_SM:
                self.write(
                    pdu(SUBMIT_SM | RESP, found.sequence_number, f"{ids}{found.sequence_number}\0".encode())
                )
                bodies.append(found.body)
        return bodies

    async def is_alive(self) -> bool:
        """Whether the session still works both ways: an enquire_link and a deliver_sm are answered."""
        self.write(pdu(ENQUIRE_LINK, 0x1E1E), pdu(DELIVER_SM, 0x1E1F, incoming(b"alive?")))
        wanted = {(ENQUIRE_LINK_RESP, 0x1E1E), (DELIVER_SM_RESP, 0x1E1F)}
        while wanted:
            found = await self.read()
            if found is None:
                return False
            wanted.discard((found.command_id, found.sequence_number))
        return True

    async def statuses(self, count: int) -> Counter[int]:
        """The command_status of the next `count` deliver_sm_resp; each sequence_number is answered once."""
        statuses: Counter[int] = Counter()
        numbers: set[int] = set()
        while statuses.total() < count:
            found = await self.read()
            assert found is not None, "the binder has closed"
            if found.command_id == DELIVER_SM_RESP:
                assert found.sequence_number not in numbers
                numbers.add(found.sequence_number)
                statuses[found.command_status] += 1
        return statuses

    def abort(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()


class HostilePeer:
    """Listens on `port`, and hands over each connection as soon as its bind is accepted."""

    def __init__(self, *, receive_buffer_octets: int = 0) -> None:
        self.port = 0
        self.binds = 0
        self._receive_buffer_octets = receive_buffer_octets
        self._listener: socket.socket
        self._server: asyncio.Server | None = None
        self._talks: asyncio.Queue[Talk] = asyncio.Queue()
        self._all: list[Talk] = []

    async def __aenter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        if self._receive_buffer_octets:
            self.widen(self._receive_buffer_octets)
        self.port = self._listener.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=self._listener)
        return self

    def widen(self, octets: int) -> None:
        """Connections from now on have this receive buffer."""
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._all:
            talk.abort()
        await asyncio.sleep(0)

    async def bound(self) -> Talk:
        """The next connection that is bound."""
        return await asyncio.wait_for(self._talks.get(), WITHIN_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(reader, writer)
        self._all.append(talk)
        with contextlib.suppress(AssertionError):  # a connection that the test's end cut off
            bind = await talk.expect(BIND_TRANSCEIVER)
            self.binds += 1
            talk.write(pdu(BIND_TRANSCEIVER | RESP, bind.sequence_number, b"hostile\0"))
            self._talks.put_nowait(talk)
