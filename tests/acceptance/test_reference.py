"""Every example of docs/cli.md is run against a fleet that has one of everything, in the order of the page.

What comes of each is in examples.py: exit code and words. What goes on is ended by Ctrl-C once it gives a sign of life.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.acceptance import reference_states
from tests.acceptance.examples import AS, EXAMPLES, SLOW, Example
from tests.acceptance.fleet import PASSWORD, Fleet, wait_until
from tests.acceptance.reader import FILES
from tests.acceptance.shell import Served, Shell, port_of
from tests.command_rules import goes_on, is_found
from tests.documents import DOCS, ROOT, Block, blocks_of, plain
from tests.integration.test_simulator_control import Esme
from tests.not_run import NOT_RUN

from smsfleet.cli.embedded import free_port

pytestmark = pytest.mark.server

PEOPLE = "Mobile;First name;name\n+27 99 910 0001;Ann;Ann Smith\n27999100002;Ben;Ben Jones\n"


def heading(block: Block) -> str:
    """The command that a block has the examples of."""
    above = block.page.read_text(encoding="utf-8").splitlines()[: block.line]
    return next(line.strip("# ") for line in reversed(above) if line.startswith("#"))


def run_here(block: Block) -> list[str]:
    """The commands of a block that are run one after the other."""
    commands = map(plain, block.commands)
    return [
        command
        for command in commands
        if is_found(command) and command not in NOT_RUN and AS.get(command, command) not in SLOW
    ]


BLOCKS = [block for block in blocks_of(DOCS / "cli.md") if block.language == "console" and run_here(block)]


class Examples:
    """Runs examples, each block in a folder of its own."""

    def __init__(self, fleet: Fleet, binaries: Path, folder: Path) -> None:
        self._fleet = fleet
        self._binaries = binaries
        self._folder = folder
        self._left = ""
        self._plain = reference_states.one_of_everything(fleet)
        self._secrets = folder / "secrets"
        self._secrets.mkdir()
        for name, secret in (("smpp", PASSWORD), ("flower_basic_auth", "operator:a long password")):
            (self._secrets / name).write_text(secret + "\n")
            (self._secrets / name).chmod(0o600)
        self.slow = {command: self._begin(command) for command in SLOW if is_found(command)}
        self._toy = fleet.launch(
            "simulator", "--port", "0", "--control", "0", SMSFLEET_SIMULATOR_PASSWORD="secret"
        )
        self.toy_port, self.toy_control = (
            port_of(self._toy, what) for what in ("listening on", "controlled on")
        )

    def _begin(self, command: str) -> Served:
        """Start one that takes long, where nothing is set, with the Makefile and what it installs."""
        folder = self._folder / re.sub(r"\W+", "-", command)
        folder.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        shell = Shell(self._fleet, self._binaries, folder)
        installed = f"VENV={sys.prefix} --old-file {sys.prefix}/.runtime"
        shell.words["make"] = f"{shutil.which('make')} {installed}"
        for name in [name for name in shell.environment if name.startswith("SMSFLEET_")]:
            del shell.environment[name]
        return shell.serve(shell.here(command))

    def shell(self, name: str) -> Shell:
        """A folder with what the examples speak of as if it were there."""
        folder = self._folder / re.sub(r"\W+", "-", name)
        for path in (folder / ".run" / "secrets", folder / "srv" / "smsfleet"):
            path.mkdir(parents=True)
        files = {
            **FILES,
            "people.csv": PEOPLE,
            "people.jsonl": '{"to": "27999100001"}\n{"to": "0123"}\n',
            "password": "a long password\n",
        }
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        (folder / "people.csv.gz").write_bytes(gzip.compress(PEOPLE.encode()))
        shell = Shell(
            self._fleet,
            self._binaries,
            folder,
            SMSFLEET_SMPP_PASSWORD_FILE=str(self._secrets / "smpp"),
            SMSFLEET_SIMULATOR_CONTROL=str(self.toy_control),
            SMSFLEET_FLOWER_BASIC_AUTH_FILE=str(self._secrets / "flower_basic_auth"),
        )
        del shell.environment["SMSFLEET_SMPP_PASSWORD"]
        soon = (datetime.now(UTC) + timedelta(days=20)).isoformat(timespec="minutes")
        shell.words |= {
            "redis://redis:6379/0": self._fleet.redis.url,
            "redis://redis:6379/1": self._fleet.redis.url.removesuffix("0") + "1",
            "/run/secrets/": f"{self._secrets}/",
            "--control 2776": f"--control {self.toy_control}",
            "--port 6379": f"--port {free_port()}",
            "--port 8555": f"--port {free_port()}",
            "2027-01-31T08:00+02:00": soon,
            "2026-10": f"{datetime.now(UTC):%Y-%m}",
        }
        return shell

    def run(self, shell: Shell, command: str, example: Example, where: str) -> None:
        """Run one in its state, and compare."""
        if self._left and (self._left, example.given) != ("to unbind", "unbound"):
            reference_states.bound_again(self._fleet, self._left)
        self._left = ""
        reference_states.as_new(self._fleet)
        state = reference_states.STATES[example.given](self._fleet) if example.given else {}
        here = shell.here(command, {**self._plain, **state})
        self._left = example.given if example.given in reference_states.UNBINDING else ""
        self._judge(shell, command, here, example, where)

    def _judge(self, shell: Shell, command: str, here: str, example: Example, where: str) -> None:
        if goes_on(command):
            own = here.replace(f"--control {self.toy_control}", "--control 0")  # another's port is taken
            self.interrupt(shell.serve(own), example, where)
            return
        said, complained = shell.run(where, here, code=example.code, typed=example.typed)
        told = said + complained
        if target := re.search(r">>? ?(\S+)$", command):
            told = (shell.folder / target[1]).read_text(encoding="utf-8")
        assert re.search(example.shows, told, re.MULTILINE), f"{where}: {here}\n{told}"
        if command.endswith("--json"):
            assert is_json(said), f"{where}: {here}\n{said}"

    def interrupt(self, served: Served, example: Example, where: str) -> None:
        """Wait for the first sign of life, and press Ctrl-C."""
        wait_until(
            lambda: served.ended or re.search(example.shows, served.said, re.MULTILINE),
            f"{where}: {served.command} shows {example.shows!r}",
        )
        assert not served.ended, f"{where}: {served.command} ended\n{served.said}"
        assert example.code == served.end(signal.SIGINT), f"{where}: {served.command}\n{served.said}"
        assert "Traceback" not in served.said, f"{where}: {served.command}\n{served.said}"


def is_json(text: str) -> bool:
    """One document, or one in each line."""
    try:
        json.loads(text)
    except ValueError:
        return bool(text) and all(isinstance(json.loads(line), dict) for line in text.splitlines())
    return True


@pytest.fixture(scope="module")
def examples(
    surroundings: tuple[Fleet, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """What runs them, on the fleet."""
    fleet, binaries = surroundings
    started = Examples(fleet, binaries, tmp_path_factory.mktemp("reference"))
    yield started
    for slow in started.slow.values():
        if not slow.ended:
            slow.end(signal.SIGINT)


@pytest.mark.parametrize("block", BLOCKS, ids=heading)
def test_every_example_does_what_its_help_says(block: Block, examples: Examples) -> None:
    shell = examples.shell(heading(block))

    with contextlib.ExitStack() as bound:
        if heading(block).startswith("smsfleet simulator ctl"):
            reference_states.reading(examples.toy_control)
            bound.callback(Esme(examples.toy_port).socket.close)
        for command in run_here(block):
            examples.run(shell, command, EXAMPLES[command], f"{block.name} ({heading(block)})")


@pytest.mark.parametrize(("command", "by"), AS.items())
def test_the_recipe_of_the_makefile_is_the_command(command: str, by: str) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    recipe = subprocess.run(
        [*by.split(), "--dry-run"], cwd=ROOT, env=ours, capture_output=True, text=True, check=True
    )

    assert recipe.stdout.rstrip().endswith(f"/{command}")


@pytest.mark.parametrize("command", [command for command in SLOW if is_found(command)])
def test_what_takes_long_does_what_it_says(command: str, examples: Examples) -> None:
    slow, example = examples.slow[command], SLOW[command]

    if goes_on(command):
        examples.interrupt(slow, example, command)
    else:
        wait_until(lambda: slow.ended, f"{command} ends", within_s=240)
        assert example.code == slow.process.returncode, slow.said

    assert re.search(example.shows, slow.said, re.MULTILINE), slow.said
