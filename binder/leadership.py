"""Who may act: the lease, its renewal and local deadline, and the lock that proves a predecessor dead."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from smsfleet.binder.clock import Clock, boottime
from smsfleet.binder.notes import Notes, Silent
from smsfleet.config.errors import ConfigError, StoreError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.client import AsyncStore
from smsfleet.store.lease import Lease

SAFE_SHARE = 0.8
"""Share of the lease's time in which we trust it without asking: clocks may differ a little."""

RENEW_SHARE = 0.3
"""Share of the lease's time after which it is renewed: two renewals may fail."""


LOOK_S = 0.25
"""How often a standby asks for the lease, at most: it leads within a second of the lease's end."""


class HostLock:
    """An exclusive lock of this host and account: held by at most one live process.

    Whoever holds it knows that an earlier binder of this host is dead, and may take its lease at once.
    """

    def __init__(self, account: str, folder: str = "") -> None:
        self.path = Path(folder or tempfile.gettempdir()) / f"smsfleet-{account}.lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def owner(self) -> str:
        """The name under which the binders that share this very lock hold the lease.

        Device and inode tell two containers apart that have one host name and a lock folder each; the boot id
        tells that the lock of before a restart proves nothing.
        """
        with self._open() as file:
            found = os.fstat(file.fileno())
        facts = (
            _text_of("/etc/machine-id"),
            _text_of("/proc/sys/kernel/random/boot_id"),
            socket.gethostname(),
            str(self.path.resolve()),
            f"{found.st_dev}:{found.st_ino}",
        )
        proof = hashlib.sha256("/".join(facts).encode()).hexdigest()[:12]
        return f"{socket.gethostname()}-{proof}"

    @property
    def held(self) -> bool:
        """Whether the lock is ours."""
        return self._file is not None

    def _open(self) -> IO[str]:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"the lock {self.path} cannot be opened: {error.strerror}; is it a link, or another user's? "
                "give the binder a folder of its own in SMSFLEET_RUN_DIR"
            ) from error
        return os.fdopen(descriptor, "r+")

    def take(self) -> bool:
        """Try to get the lock, without waiting; True when it is ours."""
        if self._file is not None:
            return True
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Leadership:
    """The lease of one account as this process sees it.

    `permitted` is checked before every write of a submit_sm: it is False as soon as the lease may have ended,
    even if Redis cannot be asked. `deposed` is set when another binder has taken over.
    """

    def __init__(  # noqa: PLR0913 - everything it depends on, injected
        self,
        store: AsyncStore,
        lease: Lease,
        owner: str,
        ttl_s: float,
        *,
        clock: Clock = boottime,
        journal: Notes | None = None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._owner = owner
        self._ttl_s = ttl_s
        self._clock = clock
        self._journal = Silent() if journal is None else journal
        self._until = float("-inf")
        self._token: str | None = None
        self.deposed = asyncio.Event()
        self._log = logger(__name__)

    @property
    def token(self) -> str:
        """The fencing token; only while leading."""
        assert self._token is not None, "not leading"
        return self._token

    @property
    def leads(self) -> bool:
        """Whether we have the lease, as far as we know."""
        return self._token is not None and not self.deposed.is_set()

    @property
    def permitted(self) -> bool:
        """Whether the lease is certainly still ours."""
        return self._token is not None and self._clock() < self._until and not self.deposed.is_set()

    async def acquire(self, lock: HostLock) -> None:
        """Wait until we lead; a dead predecessor of this host is not waited for."""
        waiting = False
        while True:
            try:
                if lock.take() and await self._store.run(self._lease.reclaim(self._owner)):
                    self._log.info("took the lease of a dead binder of this host")
                asked = self._clock()
                token = await self._store.run(self._lease.acquire(self._owner, self._ttl_s))
            except StoreUnavailable as error:
                self._log.warning("cannot ask for the lease", error=error)
                token = None
            if token is not None:
                self._token = token
                self._until = asked + SAFE_SHARE * self._ttl_s
                self.deposed.clear()
                self._log.info("leading", lease=token)
                self._journal.note("lease", what="acquired")
                return
            if not waiting:
                self._log.info("standing by: another binder leads")
                waiting = True
            await asyncio.sleep(min(LOOK_S, self._ttl_s / 10))

    async def keep(self) -> None:
        """Renew the lease until deposed; runs beside everything else."""
        while not self.deposed.is_set():
            await asyncio.sleep(self._ttl_s * RENEW_SHARE)
            try:
                asked = self._clock()
                if await self._store.run(self._lease.renew(self.token, self._ttl_s)):
                    self._until = asked + SAFE_SHARE * self._ttl_s
                else:
                    self.depose("the lease has gone to another binder")
            except (
                StoreError
            ) as error:  # a refusal too: who gave up here would be bound for ever and submit nothing
                self._log.warning("cannot renew the lease", error=error, permitted=self.permitted)

    def depose(self, reason: str) -> None:
        """Stop acting: somebody else leads."""
        if not self.deposed.is_set():
            self._log.error("stepping down", reason=reason)
            self._journal.note("lease", what="deposed")
            self.deposed.set()

    async def release(self) -> None:
        """Give the lease back, if it is still ours."""
        if self._token is None:
            return
        with contextlib.suppress(StoreUnavailable):
            await self._store.run(self._lease.release(self._token))
        self._token = None
