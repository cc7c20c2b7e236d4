"""The fixtures for other applications: the example of docs/simulator.md is run as it stands, by a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.server


def test_the_example_of_the_documents_passes(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "simulator.md").read_text(encoding="utf-8")
    conftest, example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_example.py").write_text(example, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMSFLEET_")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(tmp_path)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(repository / ".ns")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "4 passed" in done.stdout
