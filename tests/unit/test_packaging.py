"""What a wheel will hold, judged from the checkout: a forgotten package would be missing without a word."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOMS = ("binder", "cli", "config", "ops", "simulator", "smpp", "store", "tasks", "web", "workers")

NOT_SHIPPED = ("tests", "docs")

BARE_IMPORT = re.compile(rf"^\s*(?:import|from)\s+({'|'.join(ROOMS)})(?:\.|\s|$)", re.MULTILINE)


@pytest.fixture
def setuptools_table(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def packages_on_disk(repository: Path) -> list[str]:
    folders = [path.parent.relative_to(repository) for path in repository.glob("[!.]*/**/__init__.py")]
    return sorted(
        "smsfleet." + ".".join(folder.parts) for folder in folders if folder.parts[0] not in NOT_SHIPPED
    )


def test_every_package_on_disk_is_listed(repository: Path, setuptools_table: dict[str, Any]) -> None:
    on_disk = packages_on_disk(repository)

    listed = sorted(setuptools_table["packages"])

    assert on_disk == listed


def test_every_package_is_found_in_its_folder(repository: Path, setuptools_table: dict[str, Any]) -> None:
    folders = {
        name: name.removeprefix("smsfleet.").replace(".", "/") for name in setuptools_table["packages"]
    }

    mapped = setuptools_table["package-dir"]

    assert folders == mapped


def test_every_top_level_package_has_its_symlink_for_the_static_tools(repository: Path) -> None:
    rooms = {name.split(".")[1] for name in packages_on_disk(repository)}

    links = {path.name: path.resolve() for path in (repository / ".ns" / "smsfleet").iterdir()}

    assert {room: repository / room for room in rooms} == links


def test_every_file_that_is_not_python_is_package_data(
    repository: Path, setuptools_table: dict[str, Any]
) -> None:
    ignored = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    wanted = {
        path
        for name in packages_on_disk(repository)
        for path in (repository / name.removeprefix("smsfleet.").replace(".", "/")).rglob("*")
        if path.is_file() and path.suffix != ".py" and not ignored & set(path.parts)
    }

    data = setuptools_table["package-data"]
    found = {
        path
        for name in packages_on_disk(repository)
        for pattern in (*data["*"], *data.get(name, ()))
        for path in (repository / name.removeprefix("smsfleet.").replace(".", "/")).glob(pattern)
    }

    assert wanted == found


def test_every_package_says_that_it_is_typed(repository: Path) -> None:
    rooms = {name.split(".")[1] for name in packages_on_disk(repository)}

    typed = {path.parent.name for path in repository.glob("[!.]*/py.typed")}

    assert rooms == typed


def test_every_extra_brings_what_some_module_uses(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = {
        extra: {module for need in needs for module in modules_of(Requirement(need).name)}
        for extra, needs in project["optional-dependencies"].items()
        if extra != "dev"
    }
    text = "\n".join(
        path.read_text(encoding="utf-8") for room in ROOMS for path in repository.glob(f"{room}/**/*.py")
    )

    used = {*re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)}
    assert {} == {extra: modules for extra, modules in brought.items() if not modules & used}


def modules_of(distribution: str) -> list[str]:
    return [name for name, brought_by in packages_distributions().items() if distribution in brought_by]


def test_no_module_imports_a_room_by_its_bare_name(repository: Path) -> None:
    files = [path for path in repository.glob("[!.]*/**/*.py") if "__pycache__" not in path.parts]

    bare = [
        f"{path.relative_to(repository)}: {m[0].strip()}"
        for path in files
        for m in BARE_IMPORT.finditer(path.read_text())
    ]

    assert len(files) > 50
    assert [] == bare


@pytest.fixture
def version(repository: Path) -> str:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_version_is_a_semantic_one_and_the_same_everywhere(repository: Path, version: str) -> None:
    compose = (repository / "docker-compose.yml").read_text(encoding="utf-8")
    install = (repository / "docs" / "install.md").read_text(encoding="utf-8")

    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version)
    assert {version} == {*re.findall(r"image: smsfleet:(\S+)", compose)}
    assert {version} == {*re.findall(r"smsfleet-(\d\S*?)-py3", install), *re.findall(r"`v(\d\S+?)`", install)}


def test_the_changelog_keeps_its_form(repository: Path, version: str) -> None:
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", changelog, re.MULTILINE)
    kinds = re.findall(r"^### (.+)$", changelog, re.MULTILINE)

    assert "Unreleased" == versions[0]
    assert version in versions or f"To become {version}" in changelog
    assert set() == {*kinds} - {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_audit_fails_when_a_package_could_not_be_asked_about(repository: Path) -> None:
    """pip-audit alone ends with 0 then, and a mirror that answers nothing looks like "nothing found"."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    calls = [line for line in makefile.splitlines() if "bin/pip-audit " in line]

    assert [True] == ["--strict" in line for line in calls]
    assert "requirements.lock requirements-dev.lock" in makefile
