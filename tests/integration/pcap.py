"""Octets that two parties exchanged, as a capture file: no privileges, and the same file every time."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

_RAW_IP = 101
"""The link type LINKTYPE_RAW: packets start with their IP header."""

_SEGMENT_OCTETS = 1400
_CLIENT_PORT = 40_000


def write_pcap(path: Path, exchanged: Iterable[tuple[bool, bytes]], *, server_port: int) -> None:
    """Write (from the client?, octets) as one TCP connection between 10.0.0.1 and 10.0.0.2:`server_port`."""
    packets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, _RAW_IP)]
    sent = {True: 1, False: 1}
    for number, (from_client, segment) in enumerate(_segments(exchanged)):
        packet = _packet(from_client, segment, sent[from_client], sent[not from_client], server_port)
        sent[from_client] += len(segment)
        packets.append(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
    path.write_bytes(b"".join(packets))


def _segments(exchanged: Iterable[tuple[bool, bytes]]) -> Iterable[tuple[bool, bytes]]:
    for from_client, octets in exchanged:
        for start in range(0, len(octets), _SEGMENT_OCTETS):
            yield from_client, octets[start : start + _SEGMENT_OCTETS]


def _packet(from_client: bool, octets: bytes, sequence: int, acknowledged: int, server_port: int) -> bytes:
    ports = (_CLIENT_PORT, server_port) if from_client else (server_port, _CLIENT_PORT)
    hosts = (b"\x0a\0\0\x01", b"\x0a\0\0\x02") if from_client else (b"\x0a\0\0\x02", b"\x0a\0\0\x01")
    # Checksums stay 0: tshark does not look at them unless told to.
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, 0x18, 65_535, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(octets), 0, 0, 64, 6, 0, *hosts)
    return ip + tcp + octets
