"""A way to the server that ends after so many octets: as a process that is killed while it writes."""

from __future__ import annotations

import contextlib
import socket
import threading


class Fuse:
    """A TCP forwarder. Once `blow_after` was called it lets so many more octets pass, then it is cut for good."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._left: int | None = None
        self._sockets: list[socket.socket] = []
        self.addresses: set[str] = set()
        """as the server names its clients that came this way"""
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread(self._accept)

    def blow_after(self, octets: int) -> None:
        """Let so many more octets pass to the server."""
        with self._lock:
            self._left = octets

    def end(self) -> None:
        """Cut every connection; no other is made."""
        with self._lock:
            ended = [self._listener, *self._sockets]
        for one in ended:
            with contextlib.suppress(OSError):  # ended by the other side meanwhile
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the end
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._sockets += client, server
                    self.addresses.add("{}:{}".format(*server.getsockname()))
                self._thread(self._there, client, server)
                self._thread(self._back, server, client)

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut
            while octets := client.recv(65_536):
                with self._lock:
                    left = self._left
                    if left is not None:
                        self._left = max(0, left - len(octets))
                server.sendall(octets[:left])
                if left is not None and left <= len(octets):
                    self.end()

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut
            while octets := server.recv(65_536):
                client.sendall(octets)

    @staticmethod
    def _thread(work: object, *arguments: socket.socket) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]
