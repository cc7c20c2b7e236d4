"""The first two commands on a machine that lacks something: they say what, and leave nothing half made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def make(repository: Path, tmp_path: Path):
    def run(target: str, *variables: str) -> tuple[int, str]:
        """`make` with an environment in tmp_path; the exit code and what is said."""
        venv = tmp_path / "venv"
        done = subprocess.run(
            ["make", "--no-print-directory", f"VENV={venv}", *variables, f"{venv}/{target}"],
            cwd=repository,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_python_that_is_too_old_is_named(make) -> None:
    code, said = make("bin/python", "PYTHON=false")

    assert 2 == code
    assert "smsfleet needs Python 3.11 or newer" in said


def test_without_the_module_venv_nothing_half_made_is_left(make, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || { mkdir -p "$3/bin"; touch "$3/bin/python"; exit 1; }\n')
    python.chmod(0o755)

    code, said = make("bin/python", f"PYTHON={python}")

    assert (2, False) == (code, (tmp_path / "venv").exists())
    assert "python3-venv" in said


@pytest.mark.parametrize("stamp", [".runtime", ".dev"])
def test_what_could_not_be_installed_is_no_version_that_is_missing(make, stamp: str, tmp_path: Path) -> None:
    """pip says "(from versions: none)" when there is no network."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    if stamp == ".dev":
        (tmp_path / "venv" / ".runtime").touch()

    code, said = make(stamp, "PIP=false")

    assert (2, False) == (code, (tmp_path / "venv" / stamp).exists())
    assert "It needs the package index" in said
