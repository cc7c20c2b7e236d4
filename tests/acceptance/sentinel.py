"""A primary, a replica and a Sentinel as child processes: for the tests of a real failover."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Self

import redis
from tests.acceptance.fleet import wait_until
from tests.acceptance.servers import TlsServer, certificates, tls_settings

from smsfleet.cli.embedded import EmbeddedServer, free_port

NAME = "fleet"
DOWN_AFTER_MS = 2000
"""How long the Sentinel hears nothing before it holds a server for dead; its own default is 30 s."""


class Guarded(EmbeddedServer):
    """The primary of the fleet; `url` names the Sentinel, which names whoever is the primary now."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.replica = self.other(folder / "replica")
        self.sentinel_port = free_port()
        self._sentinel: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For SMSFLEET_REDIS_URL."""
        return f"sentinel://127.0.0.1:{self.sentinel_port}/0?master_name={NAME}"

    def other(self, folder: Path) -> EmbeddedServer:
        """A server of the same kind."""
        return EmbeddedServer(folder)

    def listens(self) -> list[str]:
        """Where and how the Sentinel listens."""
        return [f"port {self.sentinel_port}"]

    def client(self, port: int) -> AbstractContextManager[Any]:
        """A client that speaks to this very server, or Sentinel."""
        return closing(redis.Redis(port=port, protocol=2, decode_responses=True))

    def start(self) -> Self:
        """Start all three; they know each other."""
        super().start()
        self.replica.start()
        with self.client(self.replica.port) as replica:
            replica.replicaof("127.0.0.1", self.port)
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up", "it replicates")
        settings = self.folder / "sentinel.conf"
        watching = [
            "bind 127.0.0.1",
            f"sentinel monitor {NAME} 127.0.0.1 {self.port} 1",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} 1000",
        ]
        settings.write_text("\n".join([*self.listens(), *watching, ""]))
        with (self.folder / "sentinel.log").open("ab") as log:
            self._sentinel = subprocess.Popen(
                [self.binary, str(settings), "--sentinel"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        wait_until(self._knows_the_replica, "the Sentinel knows both")
        return self

    def primary_port(self) -> int:
        """The port that the Sentinel names."""
        with self.client(self.sentinel_port) as sentinel:
            return int(sentinel.sentinel_get_master_addr_by_name(NAME)[1])

    def _knows_the_replica(self) -> bool:
        try:
            with self.client(self.sentinel_port) as sentinel:
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


class GuardedByTls(Guarded, TlsServer):
    """The same, with servers and a Sentinel that speak TLS only, and one authority for all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        certificates(folder)
        super().__init__(folder)
        self.binary = self.replica.binary

    @property
    def url(self) -> str:
        """For SMSFLEET_REDIS_URL."""
        query = f"master_name={NAME}&ssl_ca_certs={self.folder}/ca.pem"
        return f"rediss+sentinel://127.0.0.1:{self.sentinel_port}/0?{query}"

    def other(self, folder: Path) -> EmbeddedServer:
        """A server of the same kind, with the same certificate."""
        shutil.copytree(self.folder, folder)
        return TlsServer(folder)

    def listens(self) -> list[str]:
        """Where and how the Sentinel listens."""
        return tls_settings(self.folder, self.sentinel_port)

    def client(self, port: int) -> AbstractContextManager[Any]:
        """A client that speaks to this very server, or Sentinel."""
        authority = str(self.folder / "ca.pem")
        return closing(
            redis.Redis(
                port=port,
                ssl=True,
                ssl_ca_certs=authority,
                host="127.0.0.1",
                protocol=2,
                decode_responses=True,
            )
        )

    def _answers(self) -> bool:
        try:
            with self.client(self.port) as primary:
                return bool(primary.ping())
        except redis.RedisError:
            return False
