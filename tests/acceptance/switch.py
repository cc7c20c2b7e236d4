"""What stands between a fleet and its Redis when that has to be cut off or replaced."""

from __future__ import annotations

import contextlib
import socket
import threading


class Switch:
    """A TCP forwarder that can be cut (connections are dropped and new ones refused) and pointed elsewhere."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._serving: list[threading.Thread] = []
        self.port = 0
        self.mend()

    def point_at(self, target: int) -> None:
        """Drop everything, and forward what connects from now on to another port."""
        self.cut()
        self._target = target
        self.mend()

    def cut(self) -> None:
        """Drop everything and refuse; when it returns, nothing is open and no thread runs."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        while self._serving:
            for one in list(self._open):
                _end(one)
            self._serving[0].join(0.05)
            self._serving = [thread for thread in self._serving if thread.is_alive()]

    def mend(self) -> None:
        """Accept again."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def end(self) -> None:
        """Stop."""
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            serving = threading.Thread(target=self._serve, args=(caller,), daemon=True)
            self._serving.append(serving)
            serving.start()

    def _serve(self, caller: socket.socket) -> None:
        # nobody may listen there: then the caller sees its connection end
        with (
            caller,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._target)) as other,
        ):
            self._open |= {caller, other}
            back = threading.Thread(target=_pump, args=(other, caller), daemon=True)
            back.start()
            _pump(caller, other)
            back.join()
            self._open -= {caller, other}


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    _end(source)
    _end(sink)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
