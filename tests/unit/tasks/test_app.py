"""What is particular to the processes of a worker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHILD = """
import sys
from smsfleet.tasks.app import end_if_orphaned
end_if_orphaned(int(sys.argv[1]))
print("works")
"""


@pytest.mark.parametrize(("worker_pid", "expected"), [(os.getpid(), "works\n"), (1, "")])
def test_a_child_whose_worker_is_gone_ends(worker_pid: int, expected: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(worker_pid)], capture_output=True, text=True, check=False
    )

    assert expected == child.stdout
    assert (child.returncode == 0) == (expected == "works\n")
