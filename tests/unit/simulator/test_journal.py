"""The journal: JSON lines that are there before anything is answered, and counts in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smsfleet.simulator.journal import Journal, read


def submit(journal: Journal, **values: Any) -> None:
    fields = {"destination": "27999100001", "short_message": "68656c6c6f", "status": 0, **values}
    journal.write("submit_sm", at=1.5, connection=1, **fields)


def test_lines_are_in_the_file_after_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    submit(journal)

    journal.flush()

    assert read(path) == [
        {
            "at": 1.5,
            "event": "submit_sm",
            "connection": 1,
            "destination": "27999100001",
            "short_message": "68656c6c6f",
            "status": 0,
        }
    ]
    journal.close()


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event":"bind"}\n{"event":"sub')

    lines = read(path)

    assert lines == [{"event": "bind"}]


def test_acceptances_are_counted_by_message() -> None:
    journal = Journal(remember=True)
    submit(journal)
    submit(journal)
    submit(journal, destination="27999100002")
    submit(journal, destination="27999181024", status=0x400)

    counts = dict(journal.accepted)

    assert counts == {("27999100001", "68656c6c6f"): 2, ("27999100002", "68656c6c6f"): 1}
    assert journal.counts["submit_sm"] == 4


def test_without_a_file_and_memory_events_are_only_counted() -> None:
    journal = Journal()

    submit(journal)

    assert (journal.counts["submit_sm"], journal.lines, journal.is_on) == (1, [], False)
