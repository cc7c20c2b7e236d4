"""The small server of metrics: its pages, its bounds."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from smsfleet.config.errors import ConfigError
from smsfleet.ops.http import MOST_AT_A_TIME, MetricsServer, Pages

PAGES = Pages(lambda: b"smsfleet_bound 1.0\n", lambda: (True, "alive"), lambda: (False, "waiting: 30 s"))


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    started = MetricsServer("127.0.0.1:0", PAGES)
    yield started
    started.close()


def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://{server.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/metrics", (200, "smsfleet_bound 1.0\n")),
        ("/healthz", (200, "alive\n")),
        ("/readyz", (503, "waiting: 30 s\n")),
        ("/", (404, "/metrics /healthz /readyz\n")),
        ("/metrics/../../etc/passwd", (404, "/metrics /healthz /readyz\n")),
    ],
)
def test_each_page_is_served(server: MetricsServer, path: str, answer: tuple[int, str]) -> None:
    assert answer == get(server, path)


def test_it_only_reads(server: MetricsServer) -> None:
    assert 405 == get(server, "/metrics", "POST")[0]
    assert (200, "") == get(server, "/healthz", "HEAD")


def test_clients_that_say_nothing_take_a_bounded_number_of_places(server: MetricsServer) -> None:
    host, _, port = server.address.rpartition(":")
    silent = [socket.create_connection((host, int(port)), 5) for _ in range(MOST_AT_A_TIME)]
    turned_away = socket.create_connection((host, int(port)), 5)
    try:
        turned_away.settimeout(5)
        assert b"" == turned_away.recv(1)  # closed at once, not waited for
    finally:
        for client in (*silent, turned_away):
            client.close()


def test_a_port_that_is_taken_is_refused_with_what_to_do(server: MetricsServer) -> None:
    with pytest.raises(ConfigError, match=r"SMSFLEET_METRICS='127.0.0.1:\d+': .*need a port each"):
        MetricsServer(server.address, PAGES)


def test_a_process_that_starts_again_has_the_port_of_the_one_that_was_just_scraped() -> None:
    """The kernel keeps connections for a minute that the server has closed."""
    first = MetricsServer("127.0.0.1:0", PAGES)
    address = first.address
    get(first, "/metrics")
    first.close()

    again = MetricsServer(address, PAGES)

    assert 200 == get(again, "/healthz")[0]
    again.close()
