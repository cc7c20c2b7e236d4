"""`make release-check`: wheel and sdist, each installed into a clean environment, without extras and with each of them.

It needs the package index: dependencies are taken from there, as for somebody who installs the release. An extra may fail for
itself; all are tried, and named.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SMOKE = """
import importlib.metadata, subprocess, sys
from pathlib import Path
command = str(Path(sys.executable).parent / "smsfleet")
def said(*words):
    return subprocess.run([command, *words], capture_output=True, text=True, check=True, timeout=60).stdout
assert importlib.metadata.version("smsfleet") in said("--version")
from smsfleet.cli.main import cli
for name in cli.parts:
    said(name, "--help")
from smsfleet.tasks import estimate
assert 1 == estimate("Hello").segments
"""


def extras() -> list[str]:
    """Every extra but the developers'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [name for name in project["optional-dependencies"] if name != "dev"]


def check(file: Path, extra: str) -> str:
    """Install it, use it; what went wrong, or nothing."""
    wanted = f"{file}[{extra}]" if extra else str(file)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = f"{folder}/bin/python"
        for command in (
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted],
            [python, "-c", SMOKE],
            *(
                [[f"{folder}/bin/smsfleet", "demo", "--folder", f"{folder}/demo"]]
                if extra == "server"
                else []
            ),
        ):
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode:
                return f"{' '.join(command[:4])}: {(done.stdout + done.stderr)[-2000:]}"
    return ""


def main() -> None:
    """Try everything that `make dist` has built."""
    folder = Path(sys.argv[1]).resolve()
    files = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    assert len(files) == 2, (
        f"{folder} holds {[file.name for file in files]}: a wheel and an sdist are expected"
    )
    tries = [(file, extra) for file in files for extra in ("", *(extras() if file.suffix == ".whl" else []))]
    wrong = []
    for file, extra in tries:
        failure = check(file, extra)
        print(f"{'FAIL' if failure else 'ok  '}  {file.name}{f' [{extra}]' if extra else ''}", flush=True)
        wrong += [failure] if failure else []
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
