"""Segments from the store to the wire, and what becomes of them when the link is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from smsfleet.binder.batcher import Batcher
from smsfleet.binder.brake import Brake
from smsfleet.binder.cancellation import end
from smsfleet.binder.counts import Counts
from smsfleet.binder.leadership import Leadership
from smsfleet.binder.places import Places
from smsfleet.binder.transport import Link, Token
from smsfleet.config.codes import ESME_ROPTPARNOTALLWD
from smsfleet.config.errors import EncodeError, PduError, SessionError, StoreUnavailable, WrongType
from smsfleet.config.logs import logger
from smsfleet.config.timing import Timing
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore
from smsfleet.store.wire import DAMAGED, PAUSED, Answer, Entry, Unanswered, Wire

BATCH = 200
"""Segments of one begin."""

PACE_S = 0.005
"""After a small batch, of more than one, that emptied the streams: how long the next one is collected."""

RECOVERY_BATCH = 100
WATCH_MS = 1000
RETRY_S = 0.2
RETRY_MOST_S = 2.0


def ahead_of(window: int) -> int:
    """Segments that are begun beyond the window's room.

    Too few, and an answer waits for Redis before the next submit_sm; each one more is one more that may be
    ambiguous after a kill.
    """
    return min(BATCH, max(1, window // 5))


class Outbound:
    """Feeds one link at a time, never more than its window takes, high lane first.

    Segments are begun a little ahead of the window, so that an answer is followed by the next submit_sm at
    once, without waiting for Redis. `answers` gives the answers that are not persisted yet. From time to
    time what Redis has in flight is compared with what we know of, and the account's standing is looked at.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - everything it depends on
        self,
        store: AsyncStore,
        wire: Wire,
        leadership: Leadership,
        answers: Callable[[], Batcher[Answer]],
        timing: Timing,
        counts: Counts,
    ) -> None:
        self._store = store
        self._answers = answers
        self._wire = wire
        self._leadership = leadership
        self._timing = timing
        self._counts = counts
        self._link: Link | None = None
        self._places = Places()
        self._brake = Brake(lambda: asyncio.get_running_loop().time())
        self._taken: list[Entry] = []
        self._last: Entry | None = None
        """what was taken last: the segments of its job that follow go before the high lane"""
        self._ready: deque[tuple[Entry, int]] = deque()
        self._ahead = 1
        self._doubtful: set[bytes] = set()
        self._strangers: dict[bytes, bytes] = {}
        self._compare_due = False
        self._is_blind = False
        """whether it was said that the account's standing cannot be read"""
        self.room = asyncio.Event()
        """set at every event of the link and when answers are persisted: there may be room, or no link"""
        self.submitting = asyncio.Lock()
        """held during `begin`: whoever stops the feed takes it first, so that what was begun is known"""
        self.submitted = 0
        self._log = logger(__name__)

    async def feed(self, link: Link) -> None:
        """Feed `link` until it is gone or this task is cancelled; raises Fenced."""
        await self._look_at_standing()
        self._places.rewind()
        self._taken, self._strangers, self._last = [], {}, None
        self._ahead = ahead_of(link.session.options.window)
        self._link = link
        comparing = asyncio.create_task(self._ask_for_comparisons())
        looking = asyncio.create_task(self._keep_looking_at_standing())
        delay = RETRY_S
        try:
            while not link.closed.is_set():
                try:
                    await self._turn(link)
                    delay = RETRY_S
                except StoreUnavailable as error:
                    self._log.warning("cannot read outbound segments, trying again", error=error)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, RETRY_MOST_S)
                    self._taken = []  # what was taken and not begun is found again
                    self._places.rewind()
                    self._compare_due = True
        finally:
            self._link = None
            await end(comparing, looking)  # in one: who ends this task may do so twice

    def advance(self) -> None:
        """Submit what was begun as far as there is room; to be called when there may be some."""
        self.room.set()
        link, ready = self._link, self._ready
        if link is None or not ready or not self._leadership.permitted:
            return
        for _ in range(min(len(ready), self._room(link))):
            entry, attempt = ready[0]
            try:
                link.submit((entry.ref, attempt), entry.body)
            except SessionError:  # the link is going: `take_doubts` gives back what is left
                return
            except (EncodeError, PduError) as error:  # TLVs in SMPP 3.3: no gateway would take it
                self._log.error("a submit_sm that this bind cannot send is rejected", error=error)
                self._answers().add(Answer(entry.ref, attempt, ESME_ROPTPARNOTALLWD, b""))
                ready.popleft()
                continue
            ready.popleft()
            self.submitted += 1

    @property
    def is_full(self) -> bool:
        """Whether segments wait for room in the window, and so for answers to be persisted."""
        return bool(self._ready)

    async def _turn(self, link: Link) -> None:
        await self._resolve_doubts(link)
        if not self._leadership.permitted:
            await asyncio.sleep(RETRY_S)
            return
        self.advance()
        if self._compare_due:
            await self._compare(link)
        if self._brake.take_release():
            self._taken = []
            self._places.rewind()
        wanted = self._wanted(link)
        if wanted <= 0:
            await self._wait_for_room(link)
            return
        allowed = self._brake.allowed()
        if not allowed:
            await asyncio.sleep(self._brake.wait_s)
            return
        wanted = min(wanted, allowed)
        # No more is taken than may be begun: a segment of the high lane would wait behind it.
        most = min(BATCH, link.session.options.window, allowed)
        if not self._taken:
            wait_ms = WATCH_MS if self._places.caught_up else None
            self._taken = self._keep(await self._store.run(self._take(most, wait_ms)), most, link)
        if not self._taken:
            return
        batch, self._taken = self._taken[:wanted], self._taken[wanted:]
        then_take = min(most, allowed - len(batch)) - len(self._taken)
        await self._begin(link, batch, max(0, then_take) if self._places.more else 0)
        if not self._taken and 1 < len(batch) < BATCH // 4:
            await asyncio.sleep(PACE_S)  # let a few come together: small batches cost many times as much

    def _take(self, count: int, wait_ms: int | None = None) -> Call[list[Entry]]:
        return self._wire.take(count, self._places.after, wait_ms, behind=self._last)

    def _keep(self, entries: list[Entry], asked: int, link: Link) -> list[Entry]:
        """The entries that may be begun; the others are on their way already."""
        if entries:
            self._last = entries[-1]
        if self._places.caught_up:
            self._places.move(entries, asked)
            return entries
        return self._places.sift(entries, asked, self._known(link))

    async def _begin(self, link: Link, entries: list[Entry], then_take: int) -> None:
        """Begin segments, and take up to `then_take` further ones in the same round trip."""
        token = self._leadership.token
        calls: list[Call[Any]] = [self._wire.begin(token, entries)]
        if then_take:
            calls.append(self._take(then_take))
        async with self.submitting:
            refs = {entry.ref for entry in entries}
            self._doubtful |= refs
            attempts, *further = await self._store.run_all(calls)
            for entry, attempt in zip(entries, attempts, strict=True):
                if attempt > 0:
                    self._ready.append((entry, attempt))
                elif attempt == PAUSED:
                    self._brake.hold_back(entry.lane)
                elif attempt == DAMAGED:
                    job_id = entry.ref.rpartition(b"#")[0].decode("utf-8", "replace")
                    self._log.error("a damaged job is not sent: `smsfleet job` says why", job_id=job_id)
            self._brake.spend(sum(attempt > 0 for attempt in attempts))
            self._doubtful -= refs
        self._counts.begun(entries[0].lane, entries[0].entry_id)
        self.advance()
        if further:
            self._taken += self._keep(further[0], then_take, link)

    async def _resolve_doubts(self, link: Link) -> None:
        """After a reply to `begin` was lost: what was begun then was never written."""
        if not self._doubtful:
            return
        doubts = [Unanswered(ref, None, written=False) for ref in self._doubtful - self._on_the_way(link)]
        if doubts:
            await self._store.run(self._wire.lost(self._leadership.token, doubts))
        self._doubtful.clear()

    def take_doubts(self) -> list[Unanswered]:
        """What was begun, or may have been, and never written when the link ended: to be given up with it."""
        doubts = [Unanswered(ref, None, written=False) for ref in self._doubtful]
        doubts += [Unanswered(entry.ref, attempt, written=False) for entry, attempt in self._ready]
        self._doubtful.clear()
        self._ready.clear()
        return doubts

    # --- room ----------------------------------------------------------------------------------

    def _room(self, link: Link) -> int:
        """Segments that may be written. Answers that are not persisted count too, but for the first few.

        So a kill leaves no more than a window and `ahead_of` it that the gateway may have; and an answer is
        followed by the next submit_sm without waiting for Redis.
        """
        return link.session.window_free - max(0, self._answers().unfinished - self._ahead)

    def _wanted(self, link: Link) -> int:
        """Segments to begin now; none while so few would be that another begin is better spared."""
        if not link.session.is_bound:
            return 0
        # A kill may make no more ambiguous than a window and what is ahead of it, whatever is written of it.
        wanted = link.session.window_free - self._answers().unfinished + self._ahead - len(self._ready)
        return min(BATCH, wanted) if wanted > self._ahead // 2 else 0

    async def _wait_for_room(self, link: Link) -> None:
        self.room.clear()
        if self._wanted(link) > 0 or self._compare_due:
            return
        await self.room.wait()

    # --- the account's rate and pauses -----------------------------------------------------------

    async def _keep_looking_at_standing(self) -> None:
        while True:
            await asyncio.sleep(self._timing.standing_s)
            await self._look_at_standing()

    async def _look_at_standing(self) -> None:
        try:
            self._brake.heed(await self._store.run(self._wire.standing()))
        except WrongType as error:
            if not self._is_blind:
                self._log.error("the rate and the pauses cannot be read: they stay as they were", error=error)
            self._is_blind = True
        except StoreUnavailable:  # `begin` looks itself; the rate stays as it was
            return
        else:
            self._is_blind = False

    # --- Redis' picture and ours ---------------------------------------------------------------

    def _on_the_way(self, link: Link) -> set[bytes]:
        return {ref for ref, _ in link.session.in_flight_tokens()} | {entry.ref for entry, _ in self._ready}

    def _known(self, link: Link) -> set[bytes]:
        return self._on_the_way(link) | self._doubtful | {answer.ref for answer in self._answers()}

    async def _ask_for_comparisons(self) -> None:
        while True:
            await asyncio.sleep(self._timing.compare_s)
            self._compare_due = True
            self.room.set()

    async def _compare(self, link: Link) -> None:
        """Give up what Redis has in flight under our token and we know nothing of, at the second look.

        Redis may have lost its last second, or a former binder's write may have come late. Raises Fenced.
        """
        self._compare_due = False
        in_flight = await self._store.run(self._wire.in_flight())
        known = self._known(link)
        strangers = {ref: intent for ref, intent in in_flight.items() if ref not in known}
        lost = [
            Unanswered(ref, int(intent.partition(b",")[0]), written=True)
            for ref, intent in strangers.items()
            if self._strangers.get(ref) == intent
        ]
        self._strangers = strangers
        if lost and not link.closed.is_set():
            self._log.error("segments in flight that nobody waits for: treated as lost", segments=len(lost))
            await self.give_up(lost)
            self._places.rewind()
        else:
            self._places.look_again()

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
                    written = (state for state, lost in zip(states, part, strict=True) if lost.written)
                    self._counts.unknown(written)
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
            self._counts.unknown(states)
            self._log.warning("recovered segments of a former binder", **_counts(states))


def unanswered(tokens: list[Token], link: Link) -> list[Unanswered]:
    """The segments of a lost link, as the store wants them."""
    return [Unanswered(ref, attempt, link.was_written((ref, attempt))) for ref, attempt in tokens]


def _counts(states: list[str]) -> dict[str, int]:
    words = {"Q": "queued", "H": "held", "F": "failed_unknown", "-": "settled"}
    return {word: states.count(letter) for letter, word in words.items() if letter in states}
