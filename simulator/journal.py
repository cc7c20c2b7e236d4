"""What reached the simulator, as JSON lines and in memory.

One line is one event: `at` (seconds since the epoch), `event`, `connection` (counts TCP connections), and

- bind: mode, system_id, system_type, interface_version, status (of the answer; the password is never kept)
- submit_sm: destination, source, esm_class, data_coding, registered_delivery, short_message (hex; what
  message_payload holds when that is used), status, message_id (empty when refused), answered (false: there
  is never a submit_sm_resp), sar (reference, total, number; only where those TLVs are used)
- deliver_sm, deliver_sm_unanswered: delivery (its number), attempt, message_id and stat (of a receipt)
- deliver_sm_resp: the same, and status
- query_sm: message_id, source, status · refused: command, status, reason (a PDU that broke a rule)
- enquire_link, enquire_link_resp, unbind: nothing more · connect: peer
- disconnect: reason, lost (how many deliver_sm it leaves unanswered)
- ctl: do (the action), and what it was given; connection 0

The lines of one batch of PDUs are written with one system call, and before any answer to them: whatever the
ESME was told is in the journal, even when either side is killed right after.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

Line = dict[str, Any]

_json = json.JSONEncoder(separators=(",", ":")).encode


class Journal:
    """Counts events; writes them to `path`, if one is given; keeps them all with `remember`.

    Raises OSError when the file cannot be opened or written.
    """

    def __init__(self, path: Path | None = None, *, remember: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        """how many events of each kind came"""
        self.lines: list[Line] = []
        """every event, oldest first; only with `remember`"""
        self.accepted: Counter[tuple[str, str]] = Counter()
        """how often each destination and short_message (hex) was accepted; only with `remember`"""
        self._remember = remember
        self.on_line: Callable[[], None] = lambda: None
        """called after each line that is remembered"""
        self._unwritten: list[str] = []
        self._file: IO[str] | None = None if path is None else path.open("a", encoding="ascii")
        self.is_on = remember or path is not None
        """whether lines are kept anywhere; when not, `count` is all that is needed"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def count(self, event: str) -> None:
        """Count an event without a line."""
        self.counts[event] += 1

    def write(self, event: str, *, at: float, connection: int, **values: Any) -> None:
        """Count an event and keep its line; octets are shown as hex."""
        self.counts[event] += 1
        if not self.is_on:
            return
        line = {"at": round(at, 6), "event": event, "connection": connection, **values}
        if self._remember:
            self._keep(line)
        if self._file is not None:
            self._unwritten.append(_json(line))

    def write_line(self, event: str, line: str) -> None:
        """Count an event and keep a line of `lines`."""
        self.counts[event] += 1
        if self._remember:
            self._keep(json.loads(line))
        if self._file is not None:
            self._unwritten.append(line)

    def forget(self) -> None:
        """Remember nothing of what was; the file keeps it."""
        self.lines.clear()
        self.accepted.clear()
        self.counts.clear()

    def of(self, event: str) -> list[Line]:
        """The remembered lines of one kind of event."""
        return [line for line in self.lines if line["event"] == event]

    def _keep(self, line: Line) -> None:
        self.lines.append(line)
        self.on_line()
        if line["event"] == "submit_sm" and not line["status"]:
            self.accepted[line["destination"], line["short_message"]] += 1

    def flush(self) -> None:
        """Hand the lines to the operating system."""
        if self._unwritten and self._file is not None:
            self._unwritten.append("")
            self._file.write("\n".join(self._unwritten))
            self._file.flush()
            self._unwritten.clear()

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path) -> list[Line]:
    """The lines of a journal file, which may still be written: a last line without its end is left out."""
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
