"""An application of an SMS gateway that is called by HTTP: it calls, and is told of delivery reports by HTTP.

Callers are processes with some connections that are kept open, each with one request under way; the receiver is
one process that answers every request and counts. Both do as little as can be done.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Any

_FORK = multiprocessing.get_context("fork")
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Called = tuple[float, str]
"""When a call began, in seconds since the epoch, and its destination."""


class Reports:
    """What the receiver has heard: how many reports, and when the last one came (seconds since the epoch)."""

    def __init__(self, port: int, count: Synchronized[int], last_at: Synchronized[float]) -> None:
        self.port = port
        self._count = count
        self._last_at = last_at

    @property
    def count(self) -> int:
        return self._count.value

    def forget(self) -> None:
        """Count from nought."""
        self._count.value = 0

    @property
    def last_at(self) -> float:
        return self._last_at.value


@contextmanager
def receiver() -> Iterator[Reports]:
    """A process that takes delivery reports on a free port; it ends with the block."""
    count, last_at = _FORK.Value("q", 0), _FORK.Value("d", 0.0)
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        process = _FORK.Process(target=_receive, args=(listener, count, last_at), daemon=True)
        process.start()
        port: int = listener.getsockname()[1]
    try:
        yield Reports(port, count, last_at)
    finally:
        process.terminate()
        process.join()


def _receive(listener: socket.socket, count: Synchronized[int], last_at: Synchronized[float]) -> None:
    class Receiver(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport: Any = transport
            self._octets = b""

        def data_received(self, data: bytes) -> None:
            *requests, self._octets = (self._octets + data).split(b"\r\n\r\n")
            count.value += len(requests)
            last_at.value = time.time()
            self._transport.write(_ANSWER * len(requests))

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Receiver, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


def call(
    port: int,
    path_of: Callable[[str], str],
    shares: list[list[str]],
    *,
    connections: int = 1,
    rate: float = 0.0,
) -> list[Called]:
    """Request `path_of` each destination; each share by a process of its own, all at the same time.

    As fast as it goes for rate 0; else so many calls a second of each process. Raises SystemExit when a request
    is not accepted (202).
    """
    go, answers = _FORK.Event(), _FORK.SimpleQueue()
    processes = [
        _FORK.Process(
            target=_caller, args=(port, path_of, share, connections, rate, go, answers), daemon=True
        )
        for share in shares
    ]
    for process in processes:
        process.start()
    go.set()
    called: list[Called] = []
    failed = ""
    for _ in processes:
        found = answers.get()
        if isinstance(found, str):
            failed = found
        else:
            called += found
    for process in processes:
        process.join()
    if failed:
        raise SystemExit(f"the gateway did not accept a request: {failed}")
    return called


def _caller(  # noqa: PLR0917 - a process has its arguments by place
    port: int,
    path_of: Callable[[str], str],
    destinations: list[str],
    connections: int,
    rate: float,
    go: Event,
    answers: Any,
) -> None:
    called: list[Called] = []
    numbered = iter(enumerate(destinations))

    async def converse(start: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, destination in numbered:
            if rate:
                await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            called.append((time.time(), destination))
            writer.write(f"GET {path_of(destination)} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 202"):
                raise ConnectionError(f"{head!r} {body!r}")
        writer.close()

    async def run() -> None:
        start = time.perf_counter()
        await asyncio.gather(*(converse(start) for _ in range(connections)))

    go.wait()
    try:
        asyncio.run(run())
    except (OSError, EOFError, ValueError) as error:
        answers.put(f"{error.__class__.__name__}: {error}")
    else:
        answers.put(called)
