"""Octets that leave in small pieces, with a pause between them: a slow gateway, or a bad link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Trickle:
    """Writes what it is given, `octets` at a time; 0: at once."""

    def __init__(self, write: Callable[[bytes], None], octets: int, pause_s: float) -> None:
        self._write = write
        self._octets = octets
        self._pause_s = pause_s
        self._left = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Take octets; their order is kept."""
        if not self._octets and not self._left:
            self._write(data)
            return
        self._left += data
        if self._timer is None:
            self._next()

    def change(self, octets: int, pause_s: float) -> None:
        """Go on with pieces of another size."""
        self._octets, self._pause_s = octets, pause_s

    def cancel(self) -> None:
        """Write nothing more."""
        self._left.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def finish(self) -> None:
        """Write what is left at once."""
        data = bytes(self._left)
        self.cancel()
        if data:
            self._write(data)

    def _next(self) -> None:
        size = self._octets or len(self._left)
        piece = bytes(self._left[:size])
        del self._left[:size]
        self._write(piece)
        self._timer = None
        if self._left:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._next)
