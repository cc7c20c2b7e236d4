"""A virtual environment that holds what a release needs and nothing else, made without any download.

The distributions that are needed are linked from the environment of the tests: those that pyproject.toml names, with the
extras that are asked for, and whatever those need in turn. What is not declared is not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """Every distribution that these need, by name."""
    found: dict[str, Distribution] = {}
    known: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, wanted_by = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        found[requirement.name] = held = distribution(requirement.name)
        for extra in ("", *sorted(requirement.extras)):
            if (held.name, extra) not in known:
                known.add((held.name, extra))
                waiting += [(Requirement(text), extra) for text in held.requires or ()]
    return found


class CleanEnvironment:
    """The environment, in `folder`, with a wheel or an sdist installed by pip."""

    def __init__(self, folder: Path, file: Path, requirements: Iterable[str]) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        (site,) = folder.glob("lib/python*/site-packages")
        for held in needed(requirements).values():
            for top in {path.parts[0] for path in held.files or ()} - {"..", "__pycache__"}:
                if not (site / top).exists():
                    (site / top).symlink_to(Path(str(held.locate_file(top))).resolve())
        self._run(
            sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet",
            "--disable-pip-version-check", "--no-index", "--no-deps", str(file),
        )  # fmt: skip

    def smsfleet(self, *words: str) -> str:
        """What the installed command prints."""
        return self._run(str(self.folder / "bin" / "smsfleet"), *words)

    def python(self, program: str) -> str:
        """What a program prints."""
        return self._run(str(self.folder / "bin" / "python"), "-c", program)

    def _run(self, *command: str) -> str:
        kept = {name: os.environ[name] for name in ("LANG", "HOME", "PIP_CONFIG_FILE") if name in os.environ}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "PATH": str(self.folder / "bin")},  # nor is there any server to be found
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
