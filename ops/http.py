"""A small HTTP server in a thread: `/metrics`, `/healthz`, `/readyz`. The process' own loop is not asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_LATEST

from smsfleet.config.errors import ConfigError
from smsfleet.config.logs import logger

TIMEOUT_S = 5.0
"""How long a client may take over its request, or over reading the answer."""

MOST_AT_A_TIME = 8

Verdict = tuple[bool, str]
"""Whether all is well, and a line that says why or why not."""


class Pages:
    """What is served: the text of the metrics, whether the process lives, whether it can do its work."""

    def __init__(
        self, metrics: Callable[[], bytes], health: Callable[[], Verdict], ready: Callable[[], Verdict]
    ) -> None:
        self._metrics = metrics
        self._verdicts = {"/healthz": health, "/readyz": ready}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD")
        status, kind, body = "404 Not Found", "text/plain; charset=utf-8", b"/metrics /healthz /readyz\n"
        if method not in ("GET", "HEAD"):
            status, body = "405 Method Not Allowed", b"GET or HEAD\n"
        elif path == "/metrics":
            status, kind, body = "200 OK", CONTENT_TYPE_LATEST, self._metrics()
        elif verdict := self._verdicts.get(path):
            well, why = verdict()
            status, body = "200 OK" if well else "503 Service Unavailable", f"{why}\n".encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body if method != "HEAD" else b""]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, a few at a time: more are turned away, none is waited for."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._places = threading.BoundedSemaphore(MOST_AT_A_TIME)

    def server_bind(self) -> None:
        """Bind without asking the DNS for our own name, which may take seconds."""
        # The parent's does this: without it a process could not start again for a minute after a scrape.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle it in a thread, if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle it, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or a page that failed: neither ends the process."""
        del request, client_address
        logger(__name__).debug("a request for metrics ended early", exc_info=True)


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Nothing: a scrape every few seconds is no news."""


def require_free(address: str) -> None:
    """Raise ConfigError when nothing can listen on `address` now."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_server((host, int(port))):
            pass
    except OSError as error:
        raise ConfigError(
            f"SMSFLEET_METRICS={address!r}: nothing can listen there: {error.strerror or error}; "
            "processes of one machine need a port each"
        ) from error


class MetricsServer:
    """A server that runs until it is closed."""

    def __init__(self, address: str, pages: Pages) -> None:
        """Serve on `address`, `host:port`. Raises ConfigError when nothing can listen there."""
        require_free(address)
        host, _, port = address.rpartition(":")
        self._server = make_server(host, int(port), pages, server_class=_Server, handler_class=_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        logger(__name__).info("metrics are served", address=self.address)

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"{self._server.server_name}:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join(TIMEOUT_S)
        self._server.server_close()
