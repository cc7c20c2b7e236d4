"""The wheel as it is built: it holds everything, and works from another folder than the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

AN_APPLICATION = """
import json, pathlib
import smsfleet.tasks, smsfleet.binder.service, smsfleet.cli.main, smsfleet.simulator.server
from smsfleet.store import scripts
print(json.dumps({
    "installed at": str(pathlib.Path(smsfleet.tasks.__file__).parents[2]),
    "scripts": sorted(p.stem for p in scripts.FOLDER.glob("*.lua") if scripts.script(p.stem).source),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, without isolation and so without any download."""
    repository = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "tests", "__pycache__", "build", "*.egg-info")
    shutil.copytree(repository, folder / "source", ignore=ignored, symlinks=True)
    run(
        "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation",
        "--no-deps", "--wheel-dir", str(folder), str(folder / "source"),
    )  # fmt: skip
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_every_room(wheel: Path, repository: Path) -> None:
    packages = [path.parent for path in repository.glob("[!.]*/py.typed")]
    files = [
        path for room in packages for suffix in ("py", "lua", "typed") for path in room.rglob(f"*.{suffix}")
    ]

    names = zipfile.ZipFile(wheel).namelist()

    assert 8 == len(packages)
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
