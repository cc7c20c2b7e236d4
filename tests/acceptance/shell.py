"""A folder, a shell and a fleet: where the commands of the documents are run, with real words in place of theirs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.acceptance.fleet import CLEAN_EXIT_S, Fleet, Process, wait_until
from tests.command_rules import words_of
from tests.documents import ROOT, plain

from smsfleet.cli.embedded import free_port

WITHIN_S = 60

TYPED = "a long password\n"
"""What is typed where a command asks for something, unless it is told otherwise."""

RELOADED = "settings reloaded"
"""What a worker logs when it follows a reload."""

KEEP_EXPORTS = "trap 'export -p > .exports' EXIT\n[ ! -f .exports ] || . ./.exports\n"

A_TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Served:
    """A process that goes on."""

    command: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def said(self) -> str:
        """What it has put out so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it goes on no more."""
        return self.process.poll() is not None

    def end(self, number: int) -> int:
        """Send a signal to it and its children, as a terminal does; its exit code, as a shell has it."""
        os.killpg(self.process.pid, number)
        code = self.process.wait(CLEAN_EXIT_S)
        return code if code >= 0 else 128 - code


class Shell:
    """Runs commands in a folder of its own; what they export stays."""

    def __init__(self, fleet: Fleet, binaries: Path, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.words: dict[str, str] = {
            "/srv/": f"{folder}/srv/",
            "/opt/smsfleet/bin/": "",
            "systemd/": f"{ROOT}/systemd/",
            "SMSFLEET_SMPP_HOST=smpp.example": "SMSFLEET_SMPP_HOST=127.0.0.1",
            "SMSFLEET_SMPP_SYSTEM_ID=user": "SMSFLEET_SMPP_SYSTEM_ID=demo",
        }
        """Words of the documents, and what stands for them here."""
        self._fleet = fleet
        self._served = 0
        self.environment = {
            **fleet.environment,
            "PATH": f"{binaries}:{fleet.environment['PATH']}",
            "HOME": str(folder),
            "SMSFLEET_RUN_DIR": str(folder / "run"),
            "SMSFLEET_SIMULATOR_CONTROL": str(control_port(fleet)),
            "SMSFLEET_FLOWER_PORT": str(free_port()),
            "SMSFLEET_WEB_PORT": str(free_port()),
            **environment,
        }
        (folder / "run").mkdir()

    def here(self, text: str, words: Mapping[str, str] | None = None) -> str:
        """The text with this fleet's ports and ids in place of the page's."""
        for word, here in {**self.words, **(words or {})}.items():
            text = re.sub(rf"(?<![\w]){re.escape(word)}", lambda _, here=here: here, text)
        return text.replace("redis://127.0.0.1:6379/0", self._fleet.redis.url)

    def run(self, where: str, script: str, *, code: int = 0, typed: str = TYPED) -> tuple[str, str]:
        """Run a script to its end, which has this exit code; what it says on its two outputs."""
        worker = self._fleet.process("worker")
        reloads = worker.log.read_text().count(RELOADED)
        shell = subprocess.Popen(
            ["bash", "-c", f"{KEEP_EXPORTS}set -euo pipefail\n{script}"],
            cwd=self.folder,
            env={**self.environment, "BINDER_PID": str(self._fleet.process("binder").pid)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            said, complained = shell.communicate(typed, timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGTERM)  # the commands' small programs hand it on
            said, complained = shell.communicate(timeout=WITHIN_S)
            pytest.fail(f"{where}: not within {WITHIN_S} s: {script}\n{said}{complained}")
        assert code == shell.returncode, f"{where}: {script}\n{said}{complained}"
        assert A_TRACEBACK not in complained, f"{where}: {script}\n{complained}"
        if "smsfleet reload" in script:  # a reader takes a second for the next line
            wait_until(lambda: worker.log.read_text().count(RELOADED) > reloads, "the worker follows")
        return said, complained

    def serve(self, command: str) -> Served:
        """Start a command and do not wait for its end."""
        command = plain(command)
        if words_of(command)[:2] == ["smsfleet", "simulator"]:
            command += " --port 0"
        self._served += 1
        log = self.folder / f"serves-{self._served}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"{KEEP_EXPORTS}{_exec(command)}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return Served(command, log, process)


def _exec(command: str) -> str:
    """In place of the shell; what is set before it is exported."""
    settings = re.match(r"(?:\w+=\S+[ ]+(?:\\\n[ ]*)?)*", command)
    assert settings is not None
    exports = settings[0].replace("\\\n", " ").strip()
    return (f"export {exports}\n" if exports else "") + f"exec {command[settings.end() :]}"


def control_port(fleet: Fleet) -> int:
    """Where the fleet's simulator is told what to do."""
    simulator = next(process for process in fleet.processes if process.role == "simulator")
    return port_of(simulator, "controlled on")


def port_of(simulator: Process, what: str) -> int:
    """The port that a simulator says it is `listening on`, or `controlled on`."""
    wait_until(lambda: simulator.says(what), f"a simulator is {what} a port")
    found = re.search(rf"{what} 127.0.0.1, port (\d+)", simulator.log.read_text())
    assert found is not None
    return int(found[1])
