"""What is particular to the processes of a worker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHILD = """
import os
from smsfleet.tasks.app import end_if_orphaned
end_if_orphaned({worker_pid})
print("works")
"""


@pytest.mark.parametrize(
    ("worker_pid", "expected"),
    [("os.getppid()", (0, "works\n")), ("os.getpid()", (0, "works\n")), ("0", (os.EX_UNAVAILABLE, ""))],
    ids=["its child", "itself", "gone"],
)
def test_a_process_of_a_worker_that_is_gone_ends(worker_pid: str, expected: tuple[int, str]) -> None:
    script = CHILD.format(worker_pid=worker_pid)

    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert expected == (child.returncode, child.stdout)
