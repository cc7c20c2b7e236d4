"""A gateway as cheap as can be: it binds, and answers every submit_sm with an id of 32 hex digits.

It looks at headers only, one connection at a time, in a process of its own, so that what is measured is the
binder. `delay_s` keeps every answer back for so long.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import socket
import struct
import time
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

HEADER = struct.Struct(">IIII")
BIND_TRANSCEIVER, SUBMIT_SM, ENQUIRE_LINK, UNBIND, RESP = 0x09, 0x04, 0x15, 0x06, 0x80000000
READ_OCTETS = 1 << 18
MESSAGE_ID_RESP_OCTETS = 16 + 33


class RawSmsc:
    """The process, and what the benchmark says to it: `wait_for_bind`, then `let_in`."""

    def __init__(self, delay_s: float = 0.0) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process: BaseProcess = context.Process(
            target=_serve, args=(listener, theirs, delay_s), daemon=True
        )
        self.process.start()
        listener.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def wait_for_bind(self, timeout_s: float = 30.0) -> None:
        """Wait until somebody asks for the bind; it is not answered before `let_in`."""
        if not self._pipe.poll(timeout_s):
            raise SystemExit("nobody asked the raw SMSC for a bind")
        self._pipe.recv()

    def let_in(self) -> None:
        """Answer the bind."""
        self._pipe.send("go")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.join()


def _serve(listener: socket.socket, pipe: Connection, delay_s: float) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            _converse(connection, pipe, delay_s)


def _converse(connection: socket.socket, pipe: Connection, delay_s: float) -> None:
    seed = os.urandom(12).hex().encode()
    accepted = 0
    rest = b""
    late: deque[tuple[float, bytes]] = deque()
    while True:
        while late and late[0][0] <= time.monotonic():
            connection.sendall(late.popleft()[1])
        if late and not select.select([connection], [], [], max(0.0, late[0][0] - time.monotonic()))[0]:
            continue
        data = connection.recv(READ_OCTETS)
        if not data:
            return
        data = rest + data
        at, end, answers = 0, len(data), []
        while end - at >= 16:
            length, command, _, number = HEADER.unpack_from(data, at)
            if end - at < length:
                break
            at += length
            if command == SUBMIT_SM:
                accepted += 1
                answers.append(HEADER.pack(MESSAGE_ID_RESP_OCTETS, SUBMIT_SM | RESP, 0, number))
                answers.append(b"%s%08x\0" % (seed, accepted))
            elif command == BIND_TRANSCEIVER:
                pipe.send("bind")
                pipe.recv()
                answers.append(HEADER.pack(17, BIND_TRANSCEIVER | RESP, 0, number) + b"\0")
            elif command in (ENQUIRE_LINK, UNBIND):
                answers.append(HEADER.pack(16, command | RESP, 0, number))
        rest = data[at:]
        if answers and delay_s and command == SUBMIT_SM:
            late.append((time.monotonic() + delay_s, b"".join(answers)))
        elif answers:
            connection.sendall(b"".join(answers))


def raw_submit_rate(body: bytes, count: int, window: int, delay_s: float = 0.0) -> float:
    """submit_sm per second of the barest client with this window: the ceiling of socket and gateway."""
    smsc = RawSmsc(delay_s)
    pack = HEADER.pack
    try:
        with socket.create_connection(("127.0.0.1", smsc.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(pack(16, BIND_TRANSCEIVER, 0, 1))
            smsc.wait_for_bind()
            smsc.let_in()
            connection.recv(17, socket.MSG_WAITALL)
            start = time.perf_counter()
            sent, owed = 0, 0
            while sent < count or owed:
                free = min(window - owed // MESSAGE_ID_RESP_OCTETS, count - sent)
                if free > 0:
                    connection.sendall(
                        b"".join(
                            [pack(16 + len(body), SUBMIT_SM, 0, number + 1) + body for number in range(free)]
                        )
                    )
                    sent += free
                    owed += free * MESSAGE_ID_RESP_OCTETS
                owed -= len(connection.recv(READ_OCTETS))
            return count / (time.perf_counter() - start)
    finally:
        smsc.stop()
