"""Somebody who reads a page from its beginning and does what it says, in a folder and a shell of their own."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.acceptance import states
from tests.acceptance.examples import SLOW
from tests.acceptance.fleet import Fleet, wait_until
from tests.acceptance.shell import Served, Shell
from tests.command_rules import goes_on, held_to_its_rule, is_found, program_of, words_of
from tests.documents import MARKERS, Block, plain
from tests.not_run import NOT_RUN

from smsfleet.cli.embedded import free_port

FILES = {
    "numbers.csv": "number,sender\n27999100911\n27999100912,Billing\n",
    "routes.txt": "*  *  stream\n",
}
"""What pages speak of as if it were there."""

OURS = ("smsfleet", "celery")
"""Programs that end with 0 when they are asked to end."""

READY = {"worker": " ready.", "simulator": "listening on"}
"""What the parts of smsfleet say when they are; others say anything."""


class Reader:
    """See the module."""

    def __init__(self, fleet: Fleet, binaries: Path, folder: Path) -> None:
        self.done = 0
        self._plain: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._fleet = fleet
        self._folder = folder
        self._serving: list[tuple[Block, Served]] = []
        self._shell = Shell(fleet, binaries, folder)

    def __enter__(self) -> Self:
        states.as_new(self._fleet)
        for name, text in FILES.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for block, served in reversed(self._serving):
            try:
                if error is None:
                    shown = [_pattern(line) for line in _shown(block)]
                    _wait_for(served.log, shown, f"{block.name} shows its output")
            finally:
                _end(served)

    def read(self, block: Block) -> None:
        """Do what the block says; fails with its name."""
        assert set(block.markers) <= set(MARKERS), f"{block.name}: unknown markers in {block.info!r}"
        self.done += 1
        state = block.markers.get("given", "")
        self._given = states.GIVEN[state](self._fleet) if state else self._delivered()
        if port := block.markers.get("port"):
            self._shell.words[port] = str(free_port())
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
        return self._shell.here(text, self._given)

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
        assert block.commands, f"{block.name}: no line begins with `$ `"
        commands = [
            self._here(command) for command in block.commands if self._runs_here(block, plain(command))
        ]
        if commands:
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
        code = int(block.markers.get("exit", "0"))
        parts = commands if code else ["\n".join(commands)]  # the shell ends at the first that fails
        output = "".join(self._run(block, part, code=code) for part in parts if part)
        self._expect(block, _shown(block), output)

    def _runs_here(self, block: Block, command: str) -> bool:
        """Whether it is run now: SLOW is by test_reference.py, NOT_RUN has its reasons."""
        held_to_its_rule(command, block.name)
        return is_found(command) and command not in NOT_RUN and command not in SLOW

    def _run(self, block: Block, script: str, *, code: int = 0) -> str:
        return "".join(self._shell.run(block.name, script, code=code))

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
        served = self._shell.serve(command)
        port = block.markers.get("port")
        ready: Callable[[], bool] = (
            (lambda: _listens(int(self._shell.words[port])))
            if port
            else (lambda: bool(served.said) and ready_words in served.said)
        )
        wait_until(lambda: ready() or served.ended, f"{block.name}: {command} serves")
        assert not served.ended, f"{block.name}: {command} ended\n{served.said}"
        if port:
            self._serving.append((block, served))
        else:
            _end(served)


def _end(served: Served) -> None:
    code = served.end(signal.SIGTERM)
    assert code == 0 or program_of(served.command) not in OURS, f"{served.command}: {code}\n{served.said}"


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
