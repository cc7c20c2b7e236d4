"""The last PDUs of the bind, kept in memory for the gateway's support: raw octets, cut when asked for."""

from __future__ import annotations

import json
import struct
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from smsfleet.smpp.constants import COMMAND_NAMES, HEADER_OCTETS, MAX_PDU_OCTETS
from smsfleet.smpp.masking import masked

OCTETS_PER_PDU = 1024
"""Octets that are kept for each PDU of the setting: a submit_sm or its receipt has 60 to 300."""

CHUNKS_PER_PDU = 2
"""Reads and writes that are kept for each PDU of the setting: mostly one holds at least one PDU."""

_HEADER = struct.Struct(">II")


class _Chunk(NamedTuple):
    """One read or write; its octets are in the ring."""

    at: float
    tap: Tap
    sent: bool
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class CapturedPdu:
    """One PDU as it went over one connection."""

    at: float
    """seconds since the epoch; of its last octet"""
    connection: int
    """counts the connections of this process"""
    mode: str
    sent: bool
    """from us to the gateway"""
    octets: bytes


class Tap:
    """What one connection hears; its calls cost less than a microsecond for a read or write of any size."""

    __slots__ = ("_capture", "connection", "mode")

    def __init__(self, capture: Capture, connection: int, mode: str) -> None:
        self._capture = capture
        self.connection = connection
        self.mode = mode

    def sent(self, octets: bytes) -> None:
        """Octets that were handed to the kernel: whole PDUs."""
        self._capture.keep(self, octets, sent=True)

    def received(self, octets: bytes) -> None:
        """Octets that came, however they were split."""
        self._capture.keep(self, octets, sent=False)


class Capture:
    """Keeps the octets of about the last `most_pdus` PDUs, `OCTETS_PER_PDU` for each; 0 keeps none.

    Octets are kept as they are, the password of a bind too: `pdus` is for `as_json`, which masks. A peer that
    sends single octets shortens what is kept. They are copied into one ring: as objects of all sizes they
    would leave holes in the heap, which grows by them for as long as the process runs.
    """

    def __init__(self, most_pdus: int, *, clock: Callable[[], float] = time.time) -> None:
        self.most_pdus = most_pdus
        self._most_octets = most_pdus * OCTETS_PER_PDU
        self._most_chunks = most_pdus * CHUNKS_PER_PDU
        self._clock = clock
        self._chunks: deque[_Chunk] = deque()
        self._ring = bytearray(self._most_octets)
        self._octets = 0
        self._end = 0
        """where the next octet goes, counted from the beginning; modulo the ring"""
        self._connections = 0

    def tap(self, mode: str) -> Tap:
        """The tap of a new connection."""
        self._connections += 1
        return Tap(self, self._connections, mode)

    def keep(self, tap: Tap, octets: bytes, *, sent: bool) -> None:
        """Keep one read or write, and let go of what is too old."""
        chunks, length, size = self._chunks, len(octets), self._most_octets
        self._octets += length
        chunks.append(_Chunk(self._clock(), tap, sent, self._end, length))
        while len(chunks) > self._most_chunks or self._octets > size:
            self._octets -= chunks.popleft().length
        if not chunks:  # longer than the ring, or nothing is kept
            return
        start, self._end = self._end % size, self._end + length
        if start + length <= size:
            self._ring[start : start + length] = octets
        else:
            self._ring[start:] = octets[: size - start]
            self._ring[: start + length - size] = octets[size - start :]

    def copy(self) -> Capture:
        """What is kept now, for another thread to read."""
        other = copy(self)
        other._chunks, other._ring = self._chunks.copy(), self._ring.copy()  # noqa: SLF001 - our own
        return other

    @property
    def kept_octets(self) -> int:
        """How many octets are kept."""
        return self._octets

    def pdus(self, last: int) -> list[CapturedPdu]:
        """The last PDUs that are whole, at most `last`, oldest first."""
        streams: dict[tuple[Tap, bool], list[_Chunk]] = {}
        for chunk in self._chunks:
            streams.setdefault((chunk.tap, chunk.sent), []).append(chunk)
        found = [pdu for chunks in streams.values() for pdu in _cut(chunks, self._octets_of(chunks))]
        found.sort(key=lambda pdu: pdu.at)  # stable: of one connection and direction the order stays
        return found[-last:] if last > 0 else []

    def _octets_of(self, chunks: list[_Chunk]) -> bytes:
        twice = bytes(self._ring) * 2  # a chunk may go over the end of the ring
        starts = ((chunk.start % self._most_octets, chunk.length) for chunk in chunks)
        return b"".join(twice[start : start + length] for start, length in starts)

    def as_json(self, last: int, *, show_content: bool = False) -> str:
        """The last PDUs for a command: masked, a list of objects with `octets` in hex."""
        return json.dumps(
            [
                {
                    "at": round(pdu.at, 6),
                    "connection": pdu.connection,
                    "mode": pdu.mode,
                    "direction": "sent" if pdu.sent else "received",
                    "octets": masked(pdu.octets, show_content=show_content).hex(),
                }
                for pdu in self.pdus(last)
            ],
            separators=(",", ":"),
        )


def _cut(chunks: list[_Chunk], stream: bytes) -> list[CapturedPdu]:
    """The whole PDUs in the chunks of one connection and direction, whose octets are `stream`."""
    tap, sent = chunks[0].tap, chunks[0].sent
    ends = list(accumulate(chunk.length for chunk in chunks))
    found = []
    at = _first_pdu(stream)
    while len(stream) - at >= HEADER_OCTETS:
        length, _ = _HEADER.unpack_from(stream, at)
        if not HEADER_OCTETS <= length <= len(stream) - at:
            break
        came = chunks[bisect_left(ends, at + length)].at
        found.append(CapturedPdu(came, tap.connection, tap.mode, sent, stream[at : at + length]))
        at += length
    return found


def _first_pdu(stream: bytes) -> int:
    """Where the first PDU starts, which may be behind the rest of one whose beginning is let go."""
    furthest = min(MAX_PDU_OCTETS, len(stream) - HEADER_OCTETS)
    return next((at for at in range(furthest + 1) if _is_chain(stream, at)), len(stream))


def _is_chain(stream: bytes, at: int) -> bool:
    """Whether PDUs follow each other from here to the end; the last may be a part of one."""
    _, command_id = _HEADER.unpack_from(stream, at)
    if command_id not in COMMAND_NAMES:
        return False
    while len(stream) - at >= _HEADER.size:
        length, _ = _HEADER.unpack_from(stream, at)
        if not HEADER_OCTETS <= length <= MAX_PDU_OCTETS:
            return False
        at += length
    return True
