"""The doctor connects to the gateway's port, and writes nothing to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.unit.config.test_settings import BIND

from smsfleet.cli.check_gateway import check_gateway
from smsfleet.cli.checkup import Finding, Severity
from smsfleet.cli.embedded import free_port
from smsfleet.config.smpp_settings import SmppSettings, load_smpp

WITHIN_S = 5.0


class Listener(threading.Thread):
    """Takes connections, and keeps every octet that comes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self.octets = b""

    def run(self) -> None:
        """Read one connection to its end."""
        connection, _ = self._socket.accept()
        self.connections += 1
        with connection:
            connection.settimeout(WITHIN_S)
            while octets := connection.recv(4096):
                self.octets += octets

    def close(self) -> None:
        """No more connections."""
        self.join(WITHIN_S)
        self._socket.close()


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    listener.start()
    try:
        yield listener
    finally:
        listener.close()


def smpp(port: int, host: str = "127.0.0.1") -> SmppSettings:
    return load_smpp(BIND | {"SMSFLEET_SMPP_HOST": host, "SMSFLEET_SMPP_PORT": str(port)})


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_a_port_that_takes_connections_hears_not_one_octet() -> None:
    with listening() as listener:
        found = only(check_gateway(smpp(listener.port), WITHIN_S))
        listener.join(WITHIN_S)

        assert (Severity.OK, 1, b"") == (found.severity, listener.connections, listener.octets)
        assert not listener.is_alive()
    assert f"127.0.0.1:{listener.port} (127.0.0.1) takes connections" in found.found


def test_a_closed_port_is_an_error_that_names_the_firewall() -> None:
    found = only(check_gateway(smpp(free_port()), WITHIN_S))

    assert Severity.ERROR == found.severity
    assert "takes no connection: 127.0.0.1: Connection refused" in found.found
    assert "firewall" in found.todo


def test_a_host_that_nobody_knows_is_an_error_that_names_the_setting() -> None:
    for host in ("nobody.invalid", "a..b", "x" * 70):
        found = only(check_gateway(smpp(2775, host), WITHIN_S))

        assert Severity.ERROR == found.severity
        assert "SMSFLEET_SMPP_HOST" in found.found
