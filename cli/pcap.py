"""Octets that two parties exchanged, as a capture file that tshark and Wireshark read. Pure."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_RAW_IP = 101
"""The link type LINKTYPE_RAW: packets start with their IP header."""

_SEGMENT_OCTETS = 1400
_FIRST_CLIENT_PORT = 40_000
_CLIENT_PORTS = 20_000
_CLIENT, _SERVER = b"\x0a\0\0\x01", b"\x0a\0\0\x02"


class Exchange(NamedTuple):
    """Octets that went one way over one connection."""

    at: float
    """seconds since the epoch"""
    connection: int
    """any number that tells the connections apart"""
    from_client: bool
    octets: bytes


def pcap(exchanges: Iterable[Exchange], *, server_port: int) -> bytes:
    """A pcap file: each connection is one of TCP between 10.0.0.1 and 10.0.0.2:`server_port`.

    The addresses are made up, so that a file tells nothing of the network it comes from.
    """
    packets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, _RAW_IP)]
    sent: defaultdict[tuple[int, bool], int] = defaultdict(lambda: 1)
    for at, connection, from_client, octets in exchanges:
        client_port = _FIRST_CLIENT_PORT + connection % _CLIENT_PORTS
        ports = (client_port, server_port) if from_client else (server_port, client_port)
        micros = round(at * 1_000_000)
        for start in range(0, len(octets), _SEGMENT_OCTETS):
            segment = octets[start : start + _SEGMENT_OCTETS]
            ours, theirs = sent[connection, from_client], sent[connection, not from_client]
            packet = _packet(ports, segment, ours, theirs, from_client=from_client)
            sent[connection, from_client] = (ours + len(segment)) % 2**32
            record = struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(packet), len(packet))
            packets.append(record + packet)
    return b"".join(packets)


def _packet(
    ports: tuple[int, int], octets: bytes, sequence: int, acknowledged: int, *, from_client: bool
) -> bytes:
    hosts = (_CLIENT, _SERVER) if from_client else (_SERVER, _CLIENT)
    # Checksums stay 0: tshark does not look at them unless told to.
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, 0x18, 65_535, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(octets), 0, 0, 64, 6, 0, *hosts)
    return ip + tcp + octets
