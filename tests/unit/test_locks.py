"""The locks are made on one Python and installed on every one: what any of them needs is in, with its hash."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-dev.lock")

PYTHONS = ("3.11.0", "3.11.2", "3.11.15", "3.12.0", "3.13.0", "3.14.0")
"""3.11.2 is Debian 12's: redis and valkey need async-timeout there, which a newer one leaves out."""

MACHINES = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))

PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==\S+(?: ;[^\\]*)? \\$", re.MULTILINE)


def pinned(file: Path) -> set[str]:
    return {canonicalize_name(name) for name in PINNED.findall(file.read_text(encoding="utf-8"))}


def extras(repository: Path) -> dict[str, set[str]]:
    """The extras that are asked for in pyproject.toml, by distribution."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked: dict[str, set[str]] = {}
    for text in (*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())):
        need = Requirement(text)
        asked.setdefault(canonicalize_name(need.name), set()).update(need.extras)
    return asked


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_its_packages_need_on_every_python(
    lock: str, python: str, repository: Path
) -> None:
    names = pinned(repository / lock)
    asked = extras(repository)
    held = {canonicalize_name(found.name): found for found in distributions()}

    missing = {
        f"{name} needs {text}"
        for name in names & held.keys()
        for text in held[name].requires or ()
        for sys_platform, platform_system, machine in MACHINES
        for extra in ("", *asked.get(name, ()))
        if applies(
            need := Requirement(text),
            python_version=python.rpartition(".")[0],
            python_full_version=python,
            implementation_version=python,
            sys_platform=sys_platform,
            platform_system=platform_system,
            platform_machine=machine,
            extra=extra,
        )
        and canonicalize_name(need.name) not in names
    }

    assert len(names & held.keys()) > 40
    assert set() == missing


def applies(need: Requirement, **environment: str) -> bool:
    return need.marker is None or need.marker.evaluate({**default_environment(), **environment})


def test_the_development_lock_pins_the_versions_of_the_other(repository: Path) -> None:
    versions = [
        dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (repository / lock).read_text("utf-8"), re.MULTILINE))
        for lock in LOCKS
    ]

    assert versions[0].items() <= versions[1].items()
