"""A TCP relay in front of a real server: it records what passes, can lose a reply, and can fall silent."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Relay:
    """Listens on `port` and passes octets to and from `target`, a port of 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.recorded: list[tuple[bool, bytes]] = []
        """(True from the client, False from the server; octets), in the order in which they passed"""
        self.lost_replies = 0
        self._target = target
        self._marker: bytes | None = None
        self._server: asyncio.Server | None = None
        self._silent: set[asyncio.Event] = set()
        """one of each connection; set when it swallows everything"""
        self._served: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._served, return_exceptions=True)

    def lose_reply_to(self, marker: bytes) -> None:
        """Pass on the next request that holds `marker`, wait for its reply, drop it and the connection."""
        self._marker = marker

    def swallow(self) -> None:
        """Half-open from now on: what comes on today's connections, their end too, goes nowhere."""
        for silent in self._silent:
            silent.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = asyncio.current_task()
        assert served is not None
        self._served.add(served)
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(target_writer)
            doomed, silent = asyncio.Event(), asyncio.Event()
            self._silent.add(silent)
            await asyncio.gather(
                self._pass(reader, target_writer, doomed, silent, from_client=True),
                self._pass(target_reader, writer, doomed, silent, from_client=False),
            )
        writer.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        doomed: asyncio.Event,
        silent: asyncio.Event,
        *,
        from_client: bool,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if silent.is_set():
                    continue
                if from_client and self._marker is not None and self._marker in data:
                    self._marker = None
                    doomed.set()
                elif not from_client and doomed.is_set():
                    self.lost_replies += 1
                    break
                self.recorded.append((from_client, data))
                writer.write(data)
                await writer.drain()
        if not silent.is_set():
            writer.close()
