"""A free port: not one that somebody has, and not one that the system gives to outgoing connections."""

from __future__ import annotations

import socket

import pytest

from smsfleet.cli.embedded import PORTS, free_port
from smsfleet.config.errors import ServerError


def test_a_port_that_somebody_has_is_passed_over() -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        places = iter([port - PORTS.start, 7])

        found = free_port(lambda _: next(places, 8))

    assert found in {PORTS[7], PORTS[8]}


def test_when_none_is_free_it_is_said() -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))

        with pytest.raises(ServerError, match="no free port between 15000 and 32767"):
            free_port(lambda _: port - PORTS.start)
