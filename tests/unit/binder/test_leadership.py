"""The lock of a host: what somebody else has put in its place is not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.binder.leadership import HostLock
from smsfleet.config.errors import ConfigError


def test_a_lock_is_its_owners_only(tmp_path: Path) -> None:
    with HostLock("main", str(tmp_path)) as lock:
        assert lock.take()

        assert 0o600 == lock.path.stat().st_mode & 0o777
        assert not HostLock("main", str(tmp_path)).take()


@pytest.mark.parametrize("there", ["link", "missing folder"])
def test_a_link_in_place_of_the_lock_is_refused_with_what_to_do(tmp_path: Path, there: str) -> None:
    folder, target = tmp_path / "run", tmp_path / "target"
    if there == "link":
        folder.mkdir()
        target.write_text("not ours")
        (folder / "smsfleet-main.lock").symlink_to(target)

    with pytest.raises(ConfigError, match="SMSFLEET_RUN_DIR"):
        HostLock("main", str(folder)).take()

    assert not target.exists() or "not ours" == target.read_text()
