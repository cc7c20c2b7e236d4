"""Segments from the store to the wire, and what becomes of them when the link is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from smsfleet.binder.leadership import Leadership
from smsfleet.binder.transport import Link, Token
from smsfleet.config.errors import SessionError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore
from smsfleet.store.wire import DROPPED, IN_FLIGHT, Entry, Unanswered, Wire

BATCH = 200
"""Segments of one begin."""

PACE_S = 0.005
"""After a small batch, of more than one, that emptied the streams: how long the next one is collected."""

RECOVERY_BATCH = 100
WATCH_MS = 1000
RETRY_S = 0.2
RETRY_MOST_S = 2.0
START = b"0-0"


class Outbound:
    """Feeds one link at a time, never more than its window takes, high lane first."""

    def __init__(
        self, store: AsyncStore, wire: Wire, leadership: Leadership, unsettled: Callable[[], int]
    ) -> None:
        self._store = store
        self._unsettled = unsettled
        self._wire = wire
        self._leadership = leadership
        self._seen = [START] * 3
        self._doubtful: set[bytes] = set()
        self.room = asyncio.Event()
        """set at every event of the link and when answers are persisted: there may be room, or no link"""
        self.submitting = asyncio.Lock()
        """held from `begin` to the last submit: whoever stops the feed takes it first, so that no segment is
        left marked as sending which was never written"""
        self.submitted = 0
        self._log = logger(__name__)

    async def feed(self, link: Link) -> None:
        """Feed `link` until it is gone or this task is cancelled; raises Fenced."""
        backlog: list[bytes] | None = [START] * 3
        # Taken ahead of the window's room: one window's worth, so that an OTP waits one round trip at most.
        more = False
        ahead = min(BATCH, link.session.options.window)
        taken: list[Entry] = []
        delay = RETRY_S
        while not link.closed.is_set():
            try:
                await self._resolve_doubts(link)
                if not self._leadership.permitted:
                    await asyncio.sleep(RETRY_S)
                    continue
                free = min(BATCH, self._room(link))
                if free <= 0 or not link.session.is_bound:
                    await self._wait_for_room(link)
                    continue
                if backlog is not None:
                    backlog = await self._feed_backlog(link, backlog, free)
                    continue
                if not taken:
                    taken = await self._store.run(self._wire.take(self._leadership.token, ahead))
                    more = len(taken) == ahead
                if not taken:
                    self._seen = await self._store.run(self._wire.watch(self._seen, WATCH_MS))
                    continue
                batch, rest = taken[:free], taken[free:]
                wanted = ahead - len(rest) if more else 0
                further = await self._submit(link, batch, wanted)
                more = more and len(further) == wanted
                taken = rest + further
                delay = RETRY_S
                if not taken and 1 < len(batch) < BATCH // 4:
                    await asyncio.sleep(
                        PACE_S
                    )  # let a few come together: small batches cost many times as much
            except StoreUnavailable as error:
                self._log.warning("cannot read outbound segments, trying again", error=error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST_S)
                backlog, taken = [START] * 3, []  # what was taken and not begun is found there

    async def _feed_backlog(self, link: Link, after: list[bytes], free: int) -> list[bytes] | None:
        """One page of what was taken before and is not settled; None when the backlog is done."""
        entries = await self._store.run(self._wire.read_backlog(max(1, free // 3), after))
        if not entries:
            return None
        flying = {ref for ref, _ in link.session.in_flight_tokens()}
        alive = [entry for entry in entries if entry.ref and entry.ref not in flying]
        for entry in entries:
            after[entry.lane - 1] = entry.entry_id
            if not entry.ref:
                await self._store.run(self._wire.drop(entry))
        if alive:
            await self._submit(link, alive)
        return after

    async def _submit(self, link: Link, entries: list[Entry], then_take: int = 0) -> list[Entry]:
        """Begin and submit; returns up to `then_take` further segments."""
        async with self.submitting:
            return await self._begin_and_submit(link, entries, then_take)

    async def _begin_and_submit(self, link: Link, entries: list[Entry], then_take: int) -> list[Entry]:
        refs = {entry.ref for entry in entries}
        self._doubtful |= refs
        attempts, taken = await self._begin(entries, then_take)
        begun: list[Unanswered] = []
        for entry, attempt in zip(entries, attempts, strict=True):
            if attempt in (DROPPED, IN_FLIGHT):
                continue
            try:
                link.submit((entry.ref, attempt), entry.body)
                self.submitted += 1
            except SessionError:
                begun.append(Unanswered(entry.ref, attempt, written=False))
        self._doubtful -= refs
        if begun:  # the link went down between take and submit
            await self.give_up(begun)
        return taken

    async def _begin(self, entries: list[Entry], then_take: int) -> tuple[list[int], list[Entry]]:
        token = self._leadership.token
        begin = self._wire.begin(token, entries)
        if not then_take:
            return await self._store.run(begin), []
        calls: list[Call[Any]] = [begin, self._wire.take(token, then_take)]
        attempts, taken = await self._store.run_all(calls)
        return attempts, taken

    async def _resolve_doubts(self, link: Link) -> None:
        """After a reply to `begin` was lost: what was begun then was never written."""
        if not self._doubtful:
            return
        flying = {ref for ref, _ in link.session.in_flight_tokens()}
        doubts = [Unanswered(ref, None, written=False) for ref in self._doubtful - flying]
        if doubts:
            await self._store.run(self._wire.lost(self._leadership.token, doubts))
        self._doubtful.clear()

    def take_doubts(self) -> list[Unanswered]:
        """Segments whose `begin` was cut short when the link ended: never written, to be given up with it."""
        doubts = [Unanswered(ref, None, written=False) for ref in self._doubtful]
        self._doubtful.clear()
        return doubts

    def _room(self, link: Link) -> int:
        """Segments that may be begun: with those in flight and those not persisted a window at most.

        So a kill leaves no more than a window's worth ambiguous.
        """
        return link.session.window_free - self._unsettled()

    async def _wait_for_room(self, link: Link) -> None:
        self.room.clear()
        if self._room(link) > 0 and link.session.is_bound:
            return
        await self.room.wait()

    async def give_up(self, segments: list[Unanswered]) -> None:
        """Treat segments whose link is gone as their jobs' policy says, however long the store is away.

        Raises Fenced.
        """
        delay = RETRY_S
        for at in range(0, len(segments), RECOVERY_BATCH):
            part = segments[at : at + RECOVERY_BATCH]
            while True:
                try:
                    states = await self._store.run(self._wire.lost(self._leadership.token, part))
                except StoreUnavailable as error:
                    self._log.warning("cannot record lost segments, trying again", error=error)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RETRY_MOST_S)
                else:
                    self._log.info("segments lost with the link", **_counts(states))
                    break

    async def recover(self) -> None:
        """After taking the lease: what another binder left in flight is ambiguous. Raises Fenced."""
        token = self._leadership.token
        in_flight = await self._store.run(self._wire.in_flight())
        ours = b"," + token.encode()
        strangers = [ref for ref, intent in in_flight.items() if not intent.endswith(ours)]
        for at in range(0, len(strangers), RECOVERY_BATCH):
            part = strangers[at : at + RECOVERY_BATCH]
            states = await self._store.run(self._wire.recover(token, part))
            self._log.warning("recovered segments of a former binder", **_counts(states))


def unanswered(tokens: list[Token], link: Link) -> list[Unanswered]:
    """The segments of a lost link, as the store wants them."""
    return [Unanswered(ref, attempt, link.was_written((ref, attempt))) for ref, attempt in tokens]


def _counts(states: list[str]) -> dict[str, int]:
    words = {"Q": "queued", "H": "held", "F": "failed_unknown", "-": "settled"}
    return {word: states.count(letter) for letter, word in words.items() if letter in states}
