"""A primary, a replica and a Sentinel as child processes: for the tests of a real failover."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import redis
from tests.acceptance.fleet import wait_until

from smsfleet.cli.embedded import EmbeddedServer, find_server, free_port

NAME = "fleet"
DOWN_AFTER_MS = 2000
"""How long the Sentinel hears nothing before it holds a server for dead; its own default is 30 s."""


class Guarded(EmbeddedServer):
    """The primary of the fleet; `url` names the Sentinel, which names whoever is the primary now."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.replica = EmbeddedServer(folder / "replica")
        self.sentinel_port = free_port()
        self._sentinel: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For SMSFLEET_REDIS_URL."""
        return f"sentinel://127.0.0.1:{self.sentinel_port}/0?master_name={NAME}"

    def start(self) -> Self:
        """Start all three; they know each other."""
        super().start()
        self.replica.start()
        with client(self.replica.port) as replica:
            replica.replicaof("127.0.0.1", self.port)
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up", "it replicates")
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.sentinel_port}\nbind 127.0.0.1\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {NAME} 1000\n"
        )
        with (self.folder / "sentinel.log").open("ab") as log:
            self._sentinel = subprocess.Popen(
                [find_server(), str(settings), "--sentinel"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(self._knows_the_replica, "the Sentinel knows both")
        return self

    def primary_port(self) -> int:
        """The port that the Sentinel names."""
        with client(self.sentinel_port) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(NAME)[1])

    def _knows_the_replica(self) -> bool:
        try:
            with client(self.sentinel_port) as sentinel:
                return bool(sentinel.sentinel_master(NAME)["num-slaves"])
        except redis.RedisError:
            return False

    def stop(self, *arguments: Any) -> None:
        """Stop all three; with a signal, the first primary only."""
        super().stop(*arguments)
        if arguments:
            return
        self.replica.stop()
        if self._sentinel is not None:
            self._sentinel.terminate()
            self._sentinel.wait()


@contextlib.contextmanager
def client(port: int) -> Iterator[Any]:
    """A client that speaks to this very server."""
    opened = redis.Redis(port=port, protocol=2, decode_responses=True)
    try:
        yield opened
    finally:
        opened.close()
