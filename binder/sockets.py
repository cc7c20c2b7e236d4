"""The socket of the bind: no delay, signs of life from the kernel, TLS with a check of the name."""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import sys
import termios
from typing import Any

from smsfleet.config.errors import ConfigError

KEEP_ALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 4}
"""Seconds of silence before the first probe, between probes, and how many; where the system has them."""


def _is_tcp(connection: Any) -> bool:
    return connection.family in (socket.AF_INET, socket.AF_INET6)


def tune(connection: Any, *, user_timeout_s: float) -> None:
    """Set a TCP socket up; another kind is left as it is."""
    if connection is None or not _is_tcp(connection):
        return
    # Nagle would hold back single submit_sm; keep-alive and the user timeout notice a dead path.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {**KEEP_ALIVE, "TCP_USER_TIMEOUT": round(user_timeout_s * 1000)}.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


_ACKNOWLEDGED = struct.Struct("@104x16xQ")
"""`tcpi_bytes_acked` of Linux' `struct tcp_info`."""


def octets_taken(connection: Any) -> int | None:
    """How many octets the kernel has taken from us since the connect, at most one too many; None: not known.

    It has acknowledged ones and ones that wait, on a connection that was reset too. The SYN counts as one.
    """
    if sys.platform != "linux" or connection is None or not _is_tcp(connection):
        return None
    try:
        # In this order: what is acknowledged in between counts twice, never not at all.
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
        (acknowledged,) = _ACKNOWLEDGED.unpack(
            connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
        )
    except (OSError, struct.error):  # closed already, or an older kernel's shorter answer
        return None
    return int(waiting + acknowledged)


def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer, with a certificate of a trusted authority for the very name of the gateway.

    `ca_file` replaces the system's authorities. Raises ConfigError when it cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(
            f"SMSFLEET_SMPP_TLS_CA_FILE={ca_file!r} cannot be used: must be a readable PEM file "
            f"({error.__class__.__name__})"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def why_not_connected(host: str, port: int, error: BaseException) -> str:
    """A failed connect for operators."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"TLS with {host}:{port} is refused by us: {error.verify_message} "
            "(see SMSFLEET_SMPP_TLS_CA_FILE, SMSFLEET_SMPP_TLS_SERVER_NAME)"
        )
    if isinstance(error, ssl.SSLError):
        said = error.reason or error.__class__.__name__
        return f"TLS with {host}:{port} failed: {said}: is it a TLS port?"
    return f"cannot connect to {host}:{port}: {str(error) or error.__class__.__name__}"
