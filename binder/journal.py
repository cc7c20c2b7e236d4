"""The journal of this binder: what happened to the bind, noted at once and persisted when the store takes it.

| kind | fields | when |
|---|---|---|
| `start`, `stop` | | the process begins, or is asked to end |
| `lease` | `what` (acquired, deposed) | who may act has changed |
| `bind_asked` | `mode`, `what` (allowed, wait, stopped), `wait_s` | the ledger was asked for a login |
| `connecting` | `mode` | an attempt begins |
| `no_connection` | `mode`, `reason` | TCP or TLS did not connect |
| `bind` | `mode`, `receipts` (0, 1) | a bind request is written; whether receipts may be asked for |
| `bound` | `mode`, `seconds` | it was accepted |
| `bind_refused` | `mode`, `status` | it was refused |
| `enquire_link` | `mode`, the counts of `Session.traffic` | ours was sent |
| `enquire_link_resp`, `enquire_link_received` | `mode` | ours was answered; the gateway's came |
| `rejected_pdu` | `mode`, `kind`, `status`, `direction` (sent, received) | the first of its sort in an hour |
| `unbind` | `mode`, `by` (us, gateway) | an unbind was sent or came |
| `disconnected` | `mode`, `reason`, `cause`, `seconds`, the counts | a connection ended |
| `reconnect` | `mode`, `delay_s` | the next attempt is planned |

Numbers, texts and secrets are masked as in the logs. binder/compliance.py judges these entries.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque

from smsfleet.binder.clock import ClockMs, steady_epoch_ms
from smsfleet.config.errors import SmsfleetError, StoreUnavailable
from smsfleet.config.logs import logger, mask_event
from smsfleet.store.client import AsyncStore
from smsfleet.store.journal import JournalEntry, JournalLog, Value

MOST_WAITING = 10_000
"""Entries that wait for the store: more than three days of a pair's enquire_link and their answers."""

BATCH = 200
"""Entries of one write."""

PACE_S = 0.25
"""How long entries are collected for one write; a kill may lose as much."""

RETRY_S = 0.5
RETRY_MOST_S = 5.0

REPEAT_MS = 3_600_000
"""A rejected PDU of the same sort is noted again after this time: the journal forgets after days."""

MOST_SORTS = 1000
"""Sorts of rejected PDUs that are told apart: a hostile peer could send 2^64."""

MOST_CHARACTERS = 300
"""Longer words are cut: a reason is for people."""


class Journal:
    """Notes entries of one run of one binder; `run` persists them until it is cancelled.

    `note` never waits and never fails. While the store is away entries wait in memory, at most `most`; the
    oldest are dropped then, counted in `dropped`, and missed by the reader through their numbers.
    """

    def __init__(
        self,
        store: AsyncStore,
        log: JournalLog,
        *,
        clock_ms: ClockMs | None = None,
        run: str = "",
        most: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._log_of_account = log
        self._clock_ms = clock_ms or steady_epoch_ms()  # intervals are what is judged
        self._run = run or secrets.token_hex(4)
        self._most = most
        self._number = 0
        self._waiting: deque[JournalEntry] = deque()
        self._wake = asyncio.Event()
        self._rejected: dict[tuple[object, ...], int] = {}
        self.dropped = 0
        """entries that the store never got"""
        self._log = logger(__name__)

    @property
    def waiting(self) -> int:
        """How many entries wait for the store."""
        return len(self._waiting)

    def note(self, kind: str, /, **fields: Value) -> None:
        """Note that something happened now."""
        now_ms = self._clock_ms()
        if kind == "rejected_pdu" and self._is_repeated(tuple(fields.values()), now_ms):
            return
        self._number += 1
        masked = {name: _short(value) for name, value in mask_event(None, kind, dict(fields)).items()}
        self._waiting.append(JournalEntry(now_ms, self._run, self._number, kind, masked))
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._wake.set()

    async def run(self) -> None:
        """Persist entries for ever."""
        delay = RETRY_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(PACE_S)
            try:
                await self._write()
                delay = RETRY_S
            except StoreUnavailable as error:
                self._log.warning(
                    "cannot persist the journal, trying again", waiting=self.waiting, error=error
                )
                self._wake.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST_S)

    async def close(self, patience_s: float) -> None:
        """Persist what waits, for `patience_s` at most; call it when `run` has ended."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._write()

    async def _write(self) -> None:
        while self._waiting:
            batch = [self._waiting[at] for at in range(min(BATCH, len(self._waiting)))]
            try:
                # After an error some may be stored: storing them again is recognised by their numbers.
                await self._store.run_all([self._log_of_account.append(entry) for entry in batch])
            except StoreUnavailable:
                raise
            except SmsfleetError as error:  # no reason to end the one bind
                self._log.error("the store refuses the journal", lost=len(batch), error=error)
                self.dropped += len(batch)
            newest = batch[-1].number
            while self._waiting and self._waiting[0].number <= newest:
                self._waiting.popleft()

    def _is_repeated(self, sort: tuple[object, ...], now_ms: int) -> bool:
        last = self._rejected.get(sort)
        if last is not None and now_ms - last < REPEAT_MS:
            return True
        if last is None and len(self._rejected) >= MOST_SORTS:
            return True
        self._rejected[sort] = now_ms
        return False


def _short(value: Value) -> Value:
    return value[:MOST_CHARACTERS] if isinstance(value, str) else value
