"""Somebody who reads a page from its beginning and does what it says, in a folder and a shell of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from tests.acceptance import states
from tests.acceptance.fleet import CLEAN_EXIT_S, Fleet, wait_until
from tests.command_rules import ELSEWHERE, WHERE_FOUND, goes_on, held_to_its_rule, program_of, words_of
from tests.documents import MARKERS, Block

from smsfleet.cli.embedded import free_port

WITHIN_S = 60

FILES = {
    "numbers.csv": "number,sender\n27999100911\n27999100912,Billing\n",
    "routes.txt": "*  *  stream\n",
}
"""What pages speak of as if it were there."""

OURS = ("smsfleet", "celery")
"""Programs that end with 0 when they are asked to end."""

RELOADED = "settings reloaded"
"""What a worker logs when it follows a reload."""

READY = {"worker": " ready.", "simulator": "listening on"}
"""What the parts of smsfleet say when they are; others say anything."""

KEEP_EXPORTS = "trap 'export -p > .exports' EXIT\n[ ! -f .exports ] || . ./.exports\n"


class Reader:
    """See the module."""

    def __init__(self, fleet: Fleet, binaries: Path, folder: Path) -> None:
        self.done = 0
        self._plain: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._fleet = fleet
        self._folder = folder
        self._words: dict[str, str] = {"/srv/": f"{folder}/srv/"}
        self._serving: list[tuple[Block, str, subprocess.Popen[bytes], Path]] = []
        control = re.search(
            r"controlled on 127.0.0.1, port (\d+)", fleet.process("simulator").log.read_text()
        )
        assert control is not None
        self._environment = {
            **fleet.environment,
            "PATH": f"{binaries}:{fleet.environment['PATH']}",
            "HOME": str(folder),
            "SMSFLEET_RUN_DIR": str(folder / "run"),
            "SMSFLEET_SIMULATOR_CONTROL": control[1],
        }

    def __enter__(self) -> Self:
        states.as_new(self._fleet)
        (self._folder / "run").mkdir()
        for name, text in FILES.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for block, command, process, log in reversed(self._serving):
            try:
                if error is None:
                    shown = [_pattern(line) for line in _shown(block)]
                    _wait_for(log, shown, f"{block.name} shows its output")
            finally:
                self._end(command, process, log)

    def read(self, block: Block) -> None:
        """Do what the block says; fails with its name."""
        assert set(block.markers) <= set(MARKERS), f"{block.name}: unknown markers in {block.info!r}"
        self.done += 1
        state = block.markers.get("given", "")
        self._given = states.GIVEN[state](self._fleet) if state else self._delivered()
        if port := block.markers.get("port"):
            self._words[port] = str(free_port())
        if name := block.markers.get("file"):
            self._write(name, block)
        elif block.language == "python":
            self._python(block)
        else:
            self._console(block)

    def _write(self, name: str, block: Block) -> None:
        if name.endswith(".py"):
            compile(block.text, block.name, "exec")
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._here(block.text), encoding="utf-8")

    def _here(self, text: str) -> str:
        """The text, with this fleet's ports and ids in place of the page's."""
        for word, here in {**self._words, **self._given}.items():
            text = re.sub(rf"(?<![\w]){re.escape(word)}", here, text)
        return text.replace("redis://127.0.0.1:6379/0", self._fleet.redis.url)

    def _delivered(self) -> dict[str, str]:
        """What words mean without a state; one job for the whole page."""
        if not self._plain:
            self._plain = states.delivered(self._fleet)
        return self._plain

    # --- Python ---------------------------------------------------------------------------------

    def _python(self, block: Block) -> None:
        compile(block.text, block.name, "exec")
        if "fragment" in block.markers:
            return
        (self._folder / "block.py").write_text(self._here(block.text), encoding="utf-8")
        output = self._run(block, "python block.py")
        # A comment `# -> words` behind a print is what it prints.
        self._expect(block, re.findall(r"# -> (.+)$", block.text, re.MULTILINE), output)

    # --- console --------------------------------------------------------------------------------

    def _console(self, block: Block) -> None:
        commands = [self._here(command) for command in block.commands]
        assert commands, f"{block.name}: no line begins with `$ `"
        if "parsed" in block.markers:
            for command in block.commands:
                held_to_its_rule(command, block.name)
            return
        states.bound(self._fleet)
        while commands and "serves" not in block.markers:
            ends = next((at for at, command in enumerate(commands) if goes_on(command)), len(commands))
            self._commands(block, commands[:ends])
            commands, served = commands[ends + 1 :], commands[ends : ends + 1]
            for command in served:
                self._serve(block, command)
        for command in commands:
            self._serve(block, command)

    def _commands(self, block: Block, commands: list[str]) -> None:
        script = [command for command in commands if self._runs_here(block, command)]
        code = int(block.markers.get("exit", "0"))
        parts = script if code else ["\n".join(script)]  # the shell ends at the first that fails
        output = "".join(self._run(block, part, code=code) for part in parts if part)
        self._expect(block, _shown(block), output)

    def _runs_here(self, block: Block, command: str) -> bool:
        program = program_of(command)
        if program not in ELSEWHERE and (program not in WHERE_FOUND or shutil.which(program)):
            return True
        held_to_its_rule(command, block.name)
        return False

    def _run(self, block: Block, script: str, *, code: int = 0) -> str:
        worker = self._fleet.process("worker")
        reloads = worker.log.read_text().count(RELOADED)
        shell = subprocess.Popen(
            ["bash", "-c", f"{KEEP_EXPORTS}set -euo pipefail\n{script}"],
            cwd=self._folder,
            env={**self._environment, "BINDER_PID": str(self._fleet.process("binder").pid)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = shell.communicate(timeout=WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGTERM)  # the commands' small programs hand it on
            output, _ = shell.communicate(timeout=WITHIN_S)
            pytest.fail(f"{block.name}: not within {WITHIN_S} s: {script}\n{output}")
        assert code == shell.returncode, f"{block.name}: {script}\n{output}"
        if "smsfleet reload" in script:  # a reader takes a second for the next line
            wait_until(lambda: worker.log.read_text().count(RELOADED) > reloads, "the worker follows")
        return output

    def _expect(self, block: Block, shown: list[str], output: str) -> None:
        """Each line that the page shows, in its order; `...` is anything."""
        rest = output
        for line in shown:
            found = _pattern(line).search(rest)
            assert found is not None, f"{block.name}: shows {line!r}, and there came\n{output}"
            rest = rest[found.end() :]

    def _serve(self, block: Block, command: str) -> None:
        words = words_of(command)
        ready_words = READY.get("".join(words[1:2]), "") if words[0] == "smsfleet" else ""
        if words[:2] == ["smsfleet", "simulator"]:
            command = command.partition("  #")[0] + " --port 0"
        log = self._folder / f"serves-{len(self._serving)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"{KEEP_EXPORTS}exec {command}"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        port = block.markers.get("port")
        ready: Callable[[], bool] = (
            (lambda: _listens(int(self._words[port])))
            if port
            else (lambda: log.stat().st_size > 0 and ready_words in log.read_text())
        )
        wait_until(lambda: ready() or process.poll() is not None, f"{block.name}: {command} serves")
        assert process.poll() is None, f"{block.name}: {command} ended\n{log.read_text()}"
        if port:
            self._serving.append((block, command, process, log))
        else:
            self._end(command, process, log)

    def _end(self, command: str, process: subprocess.Popen[bytes], log: Path) -> None:
        process.send_signal(signal.SIGTERM)
        code = process.wait(CLEAN_EXIT_S)
        assert code == 0 or program_of(command) not in OURS, f"{command}: {code}\n{log.read_text()}"


def _wait_for(log: Path, shown: list[re.Pattern[str]], what: str) -> None:
    wait_until(lambda: all(line.search(log.read_text()) for line in shown), what)


def _pattern(line: str) -> re.Pattern[str]:
    """What a line of a page looks like in the output: any space, and anything for `...`."""
    words = (".*?".join(re.escape(part) for part in word.split("...")) for word in line.split())
    return re.compile(r"\s+".join(words))


def _shown(block: Block) -> list[str]:
    """The lines of output that a console block shows."""
    lines, goes_on = [], False
    for line in block.text.splitlines():
        if not line.startswith("$ ") and not goes_on and line.strip():
            lines.append(line)
        goes_on = line.endswith("\\")
    return lines


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
