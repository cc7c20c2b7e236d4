"""Child processes that end when we do, whatever ends us: a kill -9 too."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# The shell becomes the command, so that the process id is the command's. Its own child holds the reading end
# of a pipe whose other end is ours: a line lets go, the end of the file means that we are gone. It then looks
# whether the command is still its parent (where there is a /proc): another process may have got the id. The
# kernel's own signal (PR_SET_PDEATHSIG) comes when the thread that started the child ends: too early.
_WATCHED = """
exec 3<&0 </dev/null
{
  if ! read -r _ <&3; then
    parent=$$
    [ ! -r /proc/self/stat ] || read -r _ _ _ parent _ </proc/self/stat
    [ "$parent" != $$ ] || kill -TERM $$
  fi
} >/dev/null 2>&1 &
exec "$@" 3<&-
"""


class Tied(subprocess.Popen[bytes]):
    """A command that is sent SIGTERM when this process is gone. `wait` has to be called when it has ended."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        super().__init__(
            ["/bin/sh", "-c", _WATCHED, "sh", *command],
            stdin=subprocess.PIPE,
            start_new_session=True,
            **options,
        )

    def wait(self, timeout: float | None = None) -> int:
        """As every process'; who watches it ends too."""
        code = super().wait(timeout)
        assert self.stdin is not None
        if not self.stdin.closed:
            with suppress(BrokenPipeError):
                self.stdin.write(b"\n")
                self.stdin.flush()
            with suppress(BrokenPipeError):
                self.stdin.close()
        return code
