"""A whole fleet as processes of this machine: for the demo, and for the tests of applications."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.cli.tied import Tied
from smsfleet.config.errors import ServerError
from smsfleet.config.files import make_folder

BOUND_S = 30.0
STOP_S = 20.0
POLL_S = 0.1

PASSWORD = "secret"  # noqa: S105 - the simulator's, on loopback, for as long as the fleet runs

TRIED_OUT = {
    "SMSFLEET_WEBHOOK_SECRET": "secret-of-this-small-fleet",
    "SMSFLEET_WEBHOOK_HTTP": "1",
    "SMSFLEET_WEBHOOK_ALLOW": "127.0.0.1",
    "SMSFLEET_CREDIT_MINIMUM": "0",
}
"""Webhooks may reach a receiver on this machine; nobody is billed, so no minimum of credits is short."""


@dataclass
class SmallFleet:
    """An embedded server, a simulated gateway, a binder and a worker. Each logs into a file of `folder`."""

    folder: Path
    smpp_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    """where `smsfleet simulator ctl` reaches the gateway, if it is our own"""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    server: EmbeddedServer | None = None
    own_gateway: bool = True
    """False: somebody else runs the simulator on `smpp_port`"""

    @property
    def settings(self) -> dict[str, str]:
        """What an application needs in its environment to use this fleet."""
        assert self.server is not None
        return {
            "SMSFLEET_REDIS_URL": self.server.url,
            "SMSFLEET_SMPP_HOST": "127.0.0.1",
            "SMSFLEET_SMPP_PORT": str(self.smpp_port),
            "SMSFLEET_SMPP_SYSTEM_ID": "demo",
            "SMSFLEET_SMPP_PASSWORD_FILE": str(self.folder / "password"),
            "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
            "SMSFLEET_RUN_DIR": str(self.folder),
            **({"SMSFLEET_SIMULATOR_CONTROL": str(self.control_port)} if self.own_gateway else {}),
            **TRIED_OUT,
        }

    def start(self) -> None:
        """Start everything, in the order in which it depends on each other.

        Raises ConfigError, ServerError.
        """
        make_folder(self.folder, is_new=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD + "\n", encoding="utf-8")
        self.server = EmbeddedServer(self.folder / "server").start()
        if self.own_gateway:
            options = {
                "--port": str(self.smpp_port),
                "--control": str(self.control_port),
                "--journal": str(self.folder / "simulator.jsonl"),
            }
            self._start("simulator", *(word for option in options.items() for word in option))
        self._start("binder")
        self._start("worker")

    def _start(self, name: str, *arguments: str) -> None:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("SMSFLEET_")
        } | self.settings
        if name == "simulator":
            environment["SMSFLEET_SIMULATOR_PASSWORD"] = PASSWORD
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = Tied(
                [sys.executable, "-m", "smsfleet.cli", name, *arguments],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def check(self) -> None:
        """Raise ServerError when a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = self.folder / f"{name}.log"
                end = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                raise ServerError(f"the {name} ended with code {process.returncode}; see {log}:\n{end}")

    def stop(self) -> None:
        """Stop everything cleanly, the binder before the simulator, the server last."""
        for name in ("worker", "binder", "simulator"):
            process = self.processes.get(name)
            if process is None:
                continue
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.server is not None:
            self.server.stop()


def wait_until_bound(fleet: SmallFleet) -> None:
    """Wait, and use the fleet in this process from now on. Raises ServerError."""
    from smsfleet.config.settings import load
    from smsfleet.ops.snapshot import take
    from smsfleet.tasks.app import use_runtime
    from smsfleet.workers.runtime import Runtime

    runtime = Runtime(load(fleet.settings))
    use_runtime(runtime)
    deadline = time.monotonic() + BOUND_S
    while not take(runtime.store, runtime.settings.account).binder.is_bound:
        fleet.check()
        if time.monotonic() > deadline:
            raise ServerError(f"the binder is not bound after {BOUND_S:.0f} s; see {fleet.folder}/binder.log")
        time.sleep(POLL_S)
