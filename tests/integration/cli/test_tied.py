"""What we have started does not outlive us: the embedded server of a command that was killed, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.integration.waiting import wait_until

from smsfleet.cli.tied import Tied

WAITS = (sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()")


def is_over(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for has ended too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_id_is_the_commands_own_and_so_is_the_exit_code() -> None:
    tied = Tied(
        [sys.executable, "-c", "import os, sys; print(os.getpid()); sys.exit(7)"], stdout=subprocess.PIPE
    )
    assert tied.stdout is not None
    said = tied.stdout.read()
    tied.stdout.close()

    assert (7, tied.pid) == (tied.wait(), int(said))


def test_nobody_watches_a_command_that_has_ended() -> None:
    tied = Tied(WAITS, stdout=subprocess.PIPE)
    assert tied.stdout is not None
    assert b"up\n" == tied.stdout.readline()
    tied.stdout.close()
    (watcher,) = psutil.Process(tied.pid).children()

    tied.kill()

    assert -signal.SIGKILL == tied.wait()
    wait_until(lambda: is_over(watcher.pid), "the watcher has ended")


def test_a_command_is_not_there_any_more_when_its_parent_was_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import signal, sys\n"
        "from smsfleet.cli.tied import Tied\n"
        f"print(Tied({WAITS!r}).pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, env=here()) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert b"up\n" == parent.stdout.readline()

        parent.kill()

        wait_until(lambda: is_over(pid), "the command has ended")


@pytest.mark.server
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize(
    ("command", "fewest"),
    [(("compliance", "--simulate"), 2), (("demo", "--keep"), 8)],
    ids=["rehearsal", "demo"],
)
def test_a_killed_command_leaves_no_process_behind(
    command: tuple[str, ...],
    fewest: int,
    how: signal.Signals,
    tmp_path: Path,
    children: Callable[[int], list[int]],
) -> None:
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "smsfleet.cli", *command],
            cwd=tmp_path,
            env={**here(), "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    wait_until(lambda: len(children(running.pid)) >= fewest, "it has started others")
    started = children(running.pid)

    running.send_signal(how)
    running.wait(60)

    wait_until(lambda: all(map(is_over, started)), "what it has started has ended")


@pytest.fixture
def children() -> Callable[[int], list[int]]:
    """The processes that one has started, and those that they have."""

    def found(pid: int) -> list[int]:
        try:
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    return found


def here() -> dict[str, str]:
    """This environment without settings of a fleet."""
    root = Path(__file__).resolve().parents[3]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSFLEET_")}
    return {**kept, "PYTHONPATH": str(root / ".ns")}
