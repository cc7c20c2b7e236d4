"""What stands between a fleet and its Redis when that has to be cut off or replaced."""

from __future__ import annotations

import asyncio
import threading
from typing import Any


class Switch(threading.Thread):
    """A TCP forwarder that can be cut (connections are dropped and new ones refused) and pointed elsewhere."""

    def __init__(self, target: int) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        ready = threading.Event()
        self._loop.call_soon(ready.set)
        self.start()
        ready.wait()
        self._do(self._open())

    def run(self) -> None:
        """Serve."""
        self._loop.run_forever()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def point_at(self, target: int) -> None:
        """Drop everything, and forward what connects from now on to another port."""
        self.cut()
        self._target = target
        self.mend()

    def cut(self) -> None:
        """Drop everything and refuse."""
        self._do(self._close())

    def mend(self) -> None:
        """Accept again."""
        self._do(self._open())

    def end(self) -> None:
        """Stop."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, other}
        await asyncio.gather(_pump(reader, other), _pump(other_reader, writer))
        self._writers -= {writer, other}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
