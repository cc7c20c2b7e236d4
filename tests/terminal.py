"""A program in a terminal of its own: keys go in, what it shows is read, its size changes."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

WITHIN_S = 40.0

ALTERNATE, USUAL = b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, VISIBLE = b"\x1b[?25l", b"\x1b[?25h"
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`with Terminal("top", columns=40, lines=15, **variables) as terminal: terminal.until(b"words")`.

    It is the controlling terminal of the command: Ctrl-C, Ctrl-Z and a new size reach it as they do in life.
    """

    def __init__(self, *arguments: str, columns: int = 80, lines: int = 40, **variables: str) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment: Mapping[str, str] = {**inherited, "TERM": "xterm", "LANG": "C.UTF-8"} | variables
        self._command = [sys.executable, "-m", "smsfleet.cli", *arguments]
        self._size = (lines, columns)
        self.seen = b""
        """all that was written to it"""

    def __enter__(self) -> Self:
        self._ours, self._theirs = os.openpty()
        self.resize(*self._size)
        self.before = self.modes()
        self.process = subprocess.Popen(
            self._command,
            env=self._environment,
            preexec_fn=lambda: os.login_tty(os.dup(self._theirs)),  # noqa: PLW1509 - no threads here
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def modes(self) -> list[Any]:
        """How the terminal treats keys: with an echo, by lines."""
        return termios.tcgetattr(self._theirs)

    def resize(self, lines: int, columns: int) -> None:
        """Be of another size, as a window that is dragged."""
        termios.tcsetwinsize(self._ours, (lines, columns))

    def type(self, octets: bytes) -> None:
        """Press keys."""
        os.write(self._ours, octets)

    def until(self, words: bytes, *, times: int = 1) -> bytes:
        """Everything from here on until these words have come so often."""
        here, deadline = len(self.seen), time.monotonic() + WITHIN_S
        while (new := self.seen[here:]).count(words) < times:
            assert time.monotonic() < deadline, f"{words!r} did not come {times} times: {new[-2000:]!r}"
            self._read(0.5)
        return new

    def frame(self) -> list[str]:
        """The lines of the newest whole picture on the screen of its own."""
        pictures = self.seen.split(b"\x1b[H")
        return [_CONTROL.sub(b"", line).decode().rstrip() for line in pictures[-1].split(b"\r\n")]

    def until_frame(self, *, lines: int) -> list[str]:
        """The newest picture, when it has so many lines."""
        deadline = time.monotonic() + WITHIN_S
        while len(found := self.frame()) != lines:
            assert time.monotonic() < deadline, f"no picture of {lines} lines: {found}"
            self._read(0.5)
        return found

    def until_stopped(self) -> None:
        """Wait until the command is stopped, as by Ctrl-Z."""
        deadline = time.monotonic() + WITHIN_S
        while not os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG):
            assert time.monotonic() < deadline, "it goes on"
            self._read(0.1)

    def go_on(self) -> None:
        """As `fg` does."""
        self.process.send_signal(signal.SIGCONT)

    def ends(self) -> int:
        """Its exit code, when it has ended; all that it wrote is in `seen`."""
        deadline = time.monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.seen[-2000:]!r}"
            self._read(0.05)
        while self._read(0.0):
            pass
        return self.process.wait()

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        self.seen += os.read(self._ours, 65536)
        return True
