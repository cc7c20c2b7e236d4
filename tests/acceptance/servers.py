"""Servers that only some tests need, and that are not everywhere: RabbitMQ, and Redis by TLS."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import redis
from kombu import Connection
from tests.acceptance.fleet import wait_until

from smsfleet.cli import embedded
from smsfleet.cli.embedded import EmbeddedServer, find_server, free_port
from smsfleet.config.errors import ServerError


class RabbitMq:
    """A node of its own, with its own epmd, as child processes; everything it writes is in `folder`."""

    @staticmethod
    def skip_unless_installed() -> None:
        """Skip the test where there is no RabbitMQ."""
        for name in ("rabbitmq-server", "epmd"):
            if shutil.which(name) is None:
                pytest.skip(f"no {name} on PATH: install rabbitmq-server to run this test")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._epmd_port, self._distribution_port = free_port(), free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """For SMSFLEET_BROKER_URL."""
        return f"amqp://guest:guest@127.0.0.1:{self._port}//"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RABBITMQ_")}
        environment = {
            **inherited,
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "smsfleet@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "none"),
        }
        log = (self._folder / "server.log").open("wb")
        for command in (["epmd", "-port", str(self._epmd_port)], [_rabbitmq_server()]):
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        log.close()
        wait_until(self._answers, "RabbitMQ answers", within_s=120)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):  # the node first: its shell hands the signal on
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)

    def _answers(self) -> bool:
        log = (self._folder / "server.log").read_text(errors="replace")
        assert self._processes[-1].poll() is None, f"RabbitMQ ended:\n{log}"
        try:
            with Connection(self.url, connect_timeout=1) as connection:
                connection.connect()
        except OSError:
            return False
        return True


def _rabbitmq_server() -> str:
    """Debian's command on PATH changes the user: the script behind it does not."""
    plain = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(plain) if plain.exists() else "rabbitmq-server"


class TlsServer(EmbeddedServer):
    """A Redis that answers by TLS only, with a certificate of an authority made for it."""

    @staticmethod
    def skip_unless_possible() -> None:
        """Skip the test where the server's binary or openssl is missing what it needs."""
        if shutil.which("openssl") is None:
            pytest.skip("no openssl on PATH to make certificates with")
        if _tls_binary() is None:
            pytest.skip("neither the server binary nor a redis-server on PATH was built with TLS")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, binary=_tls_binary() or "")

    @property
    def url(self) -> str:
        """For SMSFLEET_REDIS_URL."""
        return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={self.folder}/ca.pem&ssl_cert_reqs=required"

    def start(self) -> EmbeddedServer:
        """Make the certificates, then start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "ca.pem").exists():
            certificates(self.folder)
        self.port = self.port or free_port()
        command = embedded.arguments(self.binary, self.folder, self.port)
        command[command.index("--port") : command.index("--bind")] = [
            f"--{word}" if n == 0 else word
            for line in tls_settings(self.folder, self.port)
            for n, word in enumerate(line.split(" ", 1))
        ]
        with (self.folder / "server.log").open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(self._answers, "Redis answers by TLS")
        return self

    def _answers(self) -> bool:
        client: Any = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def tls_settings(folder: Path, port: int) -> list[str]:
    """The lines by which a server, or a Sentinel, speaks TLS only, to its replicas too."""
    return [
        "port 0", f"tls-port {port}", "tls-auth-clients no", "tls-replication yes",
        f"tls-cert-file {folder / 'server.pem'}",
        f"tls-key-file {folder / 'server.key'}",
        f"tls-ca-cert-file {folder / 'ca.pem'}",
    ]  # fmt: skip


class ClusterNode(EmbeddedServer):
    """A cluster of one node that has all slots: it refuses whatever touches two of them at a time."""

    def start(self) -> EmbeddedServer:
        """Start, and take all slots."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        command = [
            *embedded.arguments(self.binary, self.folder, self.port),
            "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
        ]  # fmt: skip
        with (self.folder / "server.log").open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(self._answers, "the node answers")
        with contextlib.closing(redis.Redis(port=self.port, decode_responses=True)) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: "ok" in str(client.cluster("INFO")), "all slots are served")
        return self


def _tls_binary() -> str | None:
    """A server that was built with TLS, if there is any."""
    with_names = [shutil.which("redis-server"), shutil.which("valkey-server")]
    try:
        candidates = [find_server(), *filter(None, with_names)]
    except ServerError:
        return None
    return next((binary for binary in candidates if _knows_tls(binary)), None)


def _knows_tls(binary: str) -> bool:
    """A build without TLS says so and ends at once; one with it asks for a certificate, and ends too."""
    tried = subprocess.run(
        [binary, "--port", "0", "--tls-port", str(free_port()), "--save", ""],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return "tls-cert-file" in tried.stdout + tried.stderr


def certificates(folder: Path) -> None:
    """ca.pem, server.pem and server.key for 127.0.0.1."""
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for command in (
        ("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA"),
        ("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1"),
        ("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
         "-out", "server.pem", "-days", "2", "-extfile", "san"),
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
