"""The rules that commands of the documents are held to, whether or not they can be run here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator

import click
from tests.documents import ROOT
from tests.not_run import WHERE_FOUND

from smsfleet.cli.main import cli

PARTS = ("binder", "flower", "server", "simulator", "top", "web", "worker")
"""Commands that go on; with a word behind them they are others (`smsfleet simulator ctl`)."""

OPERATORS = ("|", "||", "&&", ";", ">", ">>", "<", "&")


def words_of(command: str) -> list[str]:
    """The words of a command without the variables that are set before it."""
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        words = words[1:]
    return words


def program_of(command: str) -> str:
    """The program that a command begins with."""
    return next(iter(words_of(command)), "")


def parts_of(command: str) -> Iterator[list[str]]:
    """The words of each program of a pipeline, or of a line with `&&`; what is redirected to comes as one too."""
    words = words_of(command)
    while words:
        end = next((at for at, word in enumerate(words) if word in OPERATORS), len(words))
        if words[:end]:
            yield words[:end]
        words = words[end + 1 :]


def is_found(command: str) -> bool:
    """Whether those of its programs are here that are not everywhere."""
    asked_for = {part[0] for part in parts_of(command)} & WHERE_FOUND
    return all(shutil.which(program) is not None for program in asked_for)


def goes_on(command: str) -> bool:
    """Whether it is a part of the fleet that goes on until it is told to end."""
    match words_of(command):
        case ["smsfleet" | "make", "demo", *rest]:
            return "--keep" in rest or "KEEP=1" in rest
        case ["smsfleet", part, *rest]:
            return part in PARTS and not (rest and rest[0][0] != "-") and "--once" not in rest
        case ["celery", *rest]:
            return "worker" in rest
    return False


def held_to_its_rule(command: str, where: str) -> None:
    """Fail when the shell cannot read the command, or one of its programs would not understand it."""
    read = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert 0 == read.returncode, f"{where}: {command}: {read.stderr}"
    for part in parts_of(command):
        if rule := RULES.get(part[0]):
            rule(part[1:], where)


def _smsfleet(words: list[str], where: str) -> None:
    """The command exists with its options, down to the command of a group."""
    context = click.Context(cli, **cli.context_settings)
    group: click.Command = cli
    name = "smsfleet"
    if words[:1] == ["--version"]:
        return
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        found, command, rest = group.resolve_command(context, words)
        assert command is not None, f"{where}: {name} has no {words[0]}"
        try:
            context = command.make_context(found, list(rest), parent=context)  # raises for an unknown option
        except click.BadParameter as error:
            if not re.search("No such file|does not exist", error.message):
                raise
            return
        group, name, words = command, f"{name} {found}", _rest(context)


def _rest(context: click.Context) -> list[str]:
    return [*context._protected_args, *context.args] if isinstance(context.command, click.Group) else []


def _make(words: list[str], where: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (word for word in words if "=" not in word and not word.startswith("-")):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"{where}: no target {target}"


def _sudo(words: list[str], where: str) -> None:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in ("-u", "-g") else words[1:]
    if words and (rule := RULES.get(words[0])):
        rule(words[1:], where)


def _docker(words: list[str], where: str) -> None:
    """Every service and profile is one of docker-compose.yml; what `exec` runs has its own rule."""
    if words[:1] != ["compose"]:
        return
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services = re.findall(
        r"^  ([\w-]+):$", compose.partition("\nservices:\n")[2].partition("\nnetworks:")[0], re.MULTILINE
    )
    for profile in _values(words, "--profile"):
        assert re.search(rf"profiles: \[.*\b{profile}\b.*\]", compose), f"{where}: no profile {profile}"
    for scaled in _values(words, "--scale"):
        assert scaled.partition("=")[0] in services, f"{where}: no service {scaled}"
    actions = [
        at for at, word in enumerate(words) if word in ("exec", "run", "logs", "restart", "stop", "kill")
    ]
    if actions:
        named = [word for word in words[actions[0] + 1 :] if not word.startswith("-")]
        assert not named or named[0] in services, f"{where}: no service {named[0]}"
        if words[actions[0]] in ("exec", "run") and len(named) > 1:
            inner = words[words.index(named[0], actions[0]) + 1 :]
            held_to_its_rule(shlex.join(inner), where)


def _values(words: list[str], option: str) -> list[str]:
    return [words[at + 1] for at, word in enumerate(words) if word == option]


def _systemctl(words: list[str], where: str) -> None:
    """Every unit of ours that is named is a file of systemd/."""
    for unit in (word for word in words if word.startswith("smsfleet")):
        file = re.sub(r"@[^.]*", "@", unit.removesuffix(".service")) + ".service"
        assert (ROOT / "systemd" / file).exists(), f"{where}: no unit {file}"


def _pip(words: list[str], where: str) -> None:
    """Every extra that is named is one of pyproject.toml."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(
        r"^(\w+) = \[",
        project.partition("[project.optional-dependencies]")[2].partition("\n[project.")[0],
        re.MULTILINE,
    )
    for named in re.findall(r"(?:smsfleet|whl|\.)\[([\w,]+)\]", " ".join(words)):
        assert set(named.split(",")) <= set(extras), f"{where}: no extra of {named}"


RULES: dict[str, Callable[[list[str], str], None]] = {
    "smsfleet": _smsfleet,
    "make": _make,
    "sudo": _sudo,
    "docker": _docker,
    "systemctl": _systemctl,
    "pip": _pip,
}
