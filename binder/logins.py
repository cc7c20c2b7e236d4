"""Failed logins as this host knows them: in memory, mirrored to a file that outlives the process and Redis.

The file has each moment twice. On the boot that wrote it the clock that runs since boot is believed, which
nobody can set. After a reboot the wall clock has to do: a moment that is in the future then counts as now, so
a clock that was set back makes us wait longer, never too short; one that was set forward over a reboot is the
only way to forget a login, and Redis remembers it all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smsfleet.binder.clock import Clock, boottime
from smsfleet.config.codes import ESME_RALYNBD
from smsfleet.config.logs import logger
from smsfleet.store.ledger import LoginLimits

VERSION = 1
MOST_OCTETS = 1_000_000


@dataclass(slots=True)
class FailedLogin:
    """A login that failed or may have; `at` is the latest moment it can count from, in the process' clock."""

    mode: str
    status: str
    """as in store/ledger.py"""
    at: float
    epoch: str = ""
    """of the ledger in Redis in which it was seen"""


@dataclass(slots=True)
class Known:
    """What is remembered."""

    logins: dict[str, FailedLogin] = field(default_factory=dict)
    """by attempt"""
    stop: str = ""
    """why no login is tried, JSON; see binder/ledger.py"""
    stop_retry: str = ""
    """the operator's last retry before the stop"""


class LoginFile:
    """The memory and its file, which is written whole: to a temporary file, fsync, rename.

    A file that is missing or cannot be read leaves what the memory knows; one that cannot be written is
    logged, and Redis is then the only one that knows after a crash. The folder must be a local one.
    """

    def __init__(
        self,
        account: str,
        folder: str = "",
        *,
        clock: Clock = boottime,
        wall: Callable[[], float] = time.time,
        boot_id: Callable[[], str] | None = None,
    ) -> None:
        self.path = Path(folder or tempfile.gettempdir()) / f"smsfleet-{account}.logins.json"
        self.known = Known()
        self._clock = clock
        self._wall = wall
        self._boot_id = (boot_id or _boot_id)()
        self._log = logger(__name__)

    # --- judging -------------------------------------------------------------------------------

    def wait_s(self, limits: LoginLimits) -> tuple[float, str]:
        """How long a login has to wait, and for what (`logins` or `already-bound`); 0 for not at all."""
        now = self._clock()
        known = self.known
        for attempt, login in list(known.logins.items()):
            login.at = min(login.at, now + limits.slack_s)
            if login.at + limits.window_s <= now:
                del known.logins[attempt]
        counted = sorted(known.logins.values(), key=lambda login: login.at)
        if len(counted) >= limits.logins:
            return counted[-limits.logins].at + limits.window_s - now, "logins"
        if counted and counted[-1].status == str(ESME_RALYNBD):
            return max(0.0, counted[-1].at + limits.already_bound_s - now), "already-bound"
        return 0.0, ""

    def age_s(self, login: FailedLogin) -> float:
        """Seconds since a login counted; negative for one that is reserved."""
        return self._clock() - login.at

    def note(self, attempt: str, mode: str, status: str, *, age_s: float, epoch: str = "") -> None:
        """Know of a login that counts since `age_s` seconds, or from so many on when negative."""
        self.known.logins[attempt] = FailedLogin(mode, status, self._clock() - age_s, epoch)

    # --- the file ------------------------------------------------------------------------------

    def load(self) -> None:
        """Add what the file knows and the memory does not."""
        record = self._read()
        if record is None:
            return
        known = self.known
        same_boot = bool(self._boot_id) and record["boot"] == self._boot_id
        for attempt, (mode, status, at_boot, at_wall, epoch) in record["logins"].items():
            age_s = self._clock() - at_boot if same_boot else max(0.0, self._wall() - at_wall)
            if attempt not in known.logins:
                self.note(attempt, mode, status, age_s=age_s, epoch=epoch)
        if record["stop"] and not known.stop:
            known.stop, known.stop_retry = record["stop"], record["stop_retry"]

    def save(self) -> bool:
        """Write everything; False when that failed."""
        try:
            self._write(json.dumps(self._record()))
        except OSError as error:
            self._log.error("cannot write the file of failed logins", path=str(self.path), error=error)
            return False
        return True

    def _record(self) -> dict[str, Any]:
        now, wall = self._clock(), self._wall()
        known = self.known
        return {
            "version": VERSION,
            "boot": self._boot_id,
            "logins": {
                attempt: [
                    login.mode,
                    login.status,
                    round(login.at, 3),
                    round(wall + login.at - now, 3),
                    login.epoch,
                ]
                for attempt, login in known.logins.items()
            },
            "stop": known.stop,
            "stop_retry": known.stop_retry,
        }

    def _write(self, text: str) -> None:
        descriptor, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> dict[str, Any] | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.error("cannot read the file of failed logins", path=str(self.path), error=error)
            return None
        try:
            with os.fdopen(descriptor, encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    raise ValueError("it belongs to another user")  # noqa: TRY301
                return _checked(json.loads(file.read(MOST_OCTETS)))
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._log.error("the file of failed logins is not as written", path=str(self.path), error=error)
            return None


def _checked(record: Any) -> dict[str, Any]:
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']!r}")
    logins = {
        str(attempt): (str(mode), str(status), float(at_boot), float(at_wall), str(epoch))
        for attempt, (mode, status, at_boot, at_wall, epoch) in dict(record["logins"]).items()
    }
    texts = {name: str(record[name]) for name in ("boot", "stop", "stop_retry")}
    return {"logins": logins, **texts}


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
