"""Failed logins in memory and in the file of this host, whatever the clocks and the file do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from smsfleet.binder.logins import LoginFile
from smsfleet.store.ledger import LoginLimits

LIMITS = LoginLimits(logins=2, window_s=185.0, slack_s=40.0, already_bound_s=60.0)


@dataclass
class Host:
    """A machine: its folder, its clocks, its boot."""

    folder: Path
    since_boot: float = 1000.0
    wall: float = 1_700_000_000.0
    boot: str = "boot-1"

    def process(self) -> LoginFile:
        """A process that has just started."""
        file = LoginFile(
            "main",
            str(self.folder),
            clock=lambda: self.since_boot,
            wall=lambda: self.wall,
            boot_id=lambda: self.boot,
        )
        file.load()
        return file

    def sleep(self, seconds: float) -> None:
        self.since_boot += seconds
        self.wall += seconds

    def reboot(self, *, takes_s: float, clock_is_set_by_s: float = 0.0) -> None:
        self.boot += "+"
        self.since_boot = 5.0
        self.wall += takes_s + clock_is_set_by_s


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def fail_twice(host: Host, gap_s: float = 45.0) -> LoginFile:
    file = host.process()
    for attempt in ("a1", "a2"):
        file.note(attempt, "transceiver", "13", age_s=0.0)
        file.save()
        host.sleep(gap_s)
    return file


def test_nothing_has_to_be_waited_for_at_first(host: Host) -> None:
    assert (0.0, "") == host.process().wait_s(LIMITS)


def test_two_failed_logins_are_as_many_as_the_window_takes(host: Host) -> None:
    file = fail_twice(host)

    assert (185.0 - 90.0, "logins") == file.wait_s(LIMITS)
    host.sleep(95.0)
    assert (0.0, "") == file.wait_s(LIMITS)
    assert ["a2"] == list(file.known.logins)


def test_another_process_of_the_host_knows_them_too(host: Host) -> None:
    fail_twice(host)

    assert (95.0, "logins") == host.process().wait_s(LIMITS)


def test_a_reservation_counts_from_the_latest_moment_that_is_possible(host: Host) -> None:
    file = host.process()
    file.note("a1", "transceiver", "", age_s=-40.0)
    file.note("a2", "transceiver", "", age_s=-40.0)

    assert (225.0, "logins") == file.wait_s(LIMITS)


def test_after_already_bound_the_ghost_is_waited_for(host: Host) -> None:
    file = host.process()
    file.note("a1", "transceiver", "5", age_s=10.0)

    assert (50.0, "already-bound") == file.wait_s(LIMITS)
    file.note("a2", "transceiver", "13", age_s=0.0)
    assert (185.0 - 10.0, "logins") == file.wait_s(LIMITS)


@pytest.mark.parametrize("set_by_s", [-86_400.0, 86_400.0])
def test_a_wall_clock_that_is_set_changes_nothing_on_the_same_boot(host: Host, set_by_s: float) -> None:
    fail_twice(host)
    host.wall += set_by_s

    assert (95.0, "logins") == host.process().wait_s(LIMITS)


def test_after_a_reboot_the_wall_clock_has_to_do(host: Host) -> None:
    fail_twice(host)
    host.reboot(takes_s=30.0)

    assert (65.0, "logins") == host.process().wait_s(LIMITS)


def test_after_a_reboot_with_the_clock_set_back_they_count_for_their_whole_time(host: Host) -> None:
    fail_twice(host)
    host.reboot(takes_s=30.0, clock_is_set_by_s=-86_400.0)

    assert (185.0, "logins") == host.process().wait_s(LIMITS)


def test_a_host_without_a_boot_id_goes_by_the_wall_clock(host: Host) -> None:
    host.boot = ""
    fail_twice(host)
    host.since_boot = 5.0

    assert (95.0, "logins") == host.process().wait_s(LIMITS)


def test_a_deleted_file_leaves_what_the_process_knows(host: Host) -> None:
    file = fail_twice(host)
    file.path.unlink()
    file.load()

    assert (95.0, "logins") == file.wait_s(LIMITS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 2}',
        b'{"version": 1, "boot": "", "logins": {"a": 1}}',
    ],
)
def test_a_file_that_cannot_be_read_leaves_what_the_process_knows(host: Host, content: bytes) -> None:
    file = fail_twice(host)
    file.path.write_bytes(content)
    file.load()

    assert (95.0, "logins") == file.wait_s(LIMITS)


def test_a_link_in_place_of_the_file_is_not_followed(host: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    file = host.process()
    elsewhere.write_text(json.dumps({
        "version": 1, "boot": "boot-1", "stop": "x", "stop_retry": "", "logins": {},
    }))  # fmt: skip
    file.path.symlink_to(elsewhere)
    file.load()
    assert "" == file.known.stop

    assert file.save()

    assert not file.path.is_symlink()
    assert "x" in elsewhere.read_text()


def test_a_folder_that_cannot_be_written_is_no_end(host: Host) -> None:
    file = host.process()
    host.folder.rmdir()
    file.note("a1", "transceiver", "13", age_s=0.0)

    assert not file.save()

    host.folder.mkdir()
    assert file.save()


def test_the_file_is_the_owners_and_written_whole(host: Host) -> None:
    file = fail_twice(host)

    assert 0o600 == file.path.stat().st_mode & 0o777
    assert [file.path] == list(host.folder.iterdir())


def test_the_stop_outlives_the_process(host: Host) -> None:
    file = host.process()
    file.known.stop, file.known.stop_retry = "why", "r1"
    file.save()

    known = host.process().known

    assert ("why", "r1") == (known.stop, known.stop_retry)
