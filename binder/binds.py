"""The journal read back: every bind from its attempt to its end, and what happened around it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from smsfleet.binder.transport import PEER_CLOSED
from smsfleet.smpp.events import CloseCause
from smsfleet.store.journal import JournalEntry

SILENCE_MS = 75_000
"""A run that stands bound and has noted nothing for so long is dead: an enquire_link is due every 57 s at
most, answered within 10 s, and persisted within seconds."""

CRASHED = "crashed"
"""The cause of an end that nobody noted: the process was killed, or lost its power."""

UNKNOWN = "unknown"
"""The cause of an end that falls into entries that were lost."""

THEIRS = frozenset(
    {
        PEER_CLOSED,
        CloseCause.PEER_UNBOUND,
        CloseCause.DEAD_LINK,
        CloseCause.RESPONSE_TIMEOUT,
        CloseCause.INCOMPLETE_PDU,
        CloseCause.FRAMING_ERROR,
        "bind-status",
    }
)
"""Causes of an end that the gateway gave: it closed, unbound, fell silent, sent what cannot be read, or took
the bind for none (0x04)."""

NEVER_BOUND = frozenset({CloseCause.BIND_REFUSED, CloseCause.BIND_TIMEOUT})

TRAFFIC = ("submit_sm", "accepted", "deliver_sm", "taken", "sent_back", "refused")
"""The counts that an enquire_link and a disconnect carry (Session.traffic)."""


@dataclass(slots=True)
class Bind:
    """One bind, or one attempt to bind; times in milliseconds since the epoch."""

    run: str
    mode: str
    begun_ms: int
    """when the bind was written; for one that is older than the entries its first sign"""
    is_older: bool = False
    """it stood before the entries begin (or before some that were lost)"""
    bound_ms: int | None = None
    enquire_links: list[int] = field(default_factory=list)
    traffic: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    asks_receipts: bool | None = None
    """whether its submit_sm may ask for receipts; None: not told"""
    status: int | None = None
    """the command_status that refused it"""
    ended_ms: int | None = None
    cause: str = ""
    reason: str = ""
    last_ms: int = 0
    """the last sign of it"""

    @property
    def was_bound(self) -> bool:
        """Whether the gateway accepted it."""
        return self.bound_ms is not None

    @property
    def ended_by_gateway(self) -> bool:
        """Whether it stood, and the gateway ended it."""
        return self.was_bound and self.cause in THEIRS

    @property
    def ended_by_us(self) -> bool:
        """Whether it stood, and nobody but us ended it."""
        return self.was_bound and self.ended_ms is not None and self.cause not in {*THEIRS, UNKNOWN}

    def passed(self, name: str) -> int:
        """How much of one count came in the time that the entries cover."""
        if not self.traffic:
            return 0
        before = self.traffic[0][1].get(name, 0) if self.is_older else 0
        return self.traffic[-1][1].get(name, 0) - before


class Step(StrEnum):
    """What matters for the time of the next attempt."""

    ATTEMPT = "attempt"
    ENDED = "ended"
    """a bind ended by the gateway, or TCP that did not connect: 30 to 60 s are to be kept"""
    REFUSED = "refused"
    """a refused login: the lock-out asks for more than 30 s (guide §9)"""
    LEFT = "left"
    """we ended it: nothing has to follow"""
    WAIT = "wait"
    """the ledger lets the attempt wait (guide §9)"""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of one mode."""

    at_ms: int
    run: str
    step: Step


@dataclass(slots=True)
class History:
    """Everything that the judge looks at."""

    binds: list[Bind] = field(default_factory=list)
    moves: dict[str, list[Move]] = field(default_factory=dict)
    """by bind mode"""
    rejected: list[JournalEntry] = field(default_factory=list)
    started: dict[str, int] = field(default_factory=dict)
    """by run"""
    stopped: dict[str, int] = field(default_factory=dict)
    """by run: when it was asked to stop"""
    last: dict[str, int] = field(default_factory=dict)
    """by run: its newest entry"""
    lost: int = 0
    """entries that are missing"""

    @property
    def bound(self) -> list[Bind]:
        """The binds that stood."""
        return [bind for bind in self.binds if bind.was_bound]

    @property
    def modes(self) -> list[str]:
        """The modes that were bound, in the order of their first bind."""
        return list(dict.fromkeys(bind.mode for bind in self.bound))


def read(entries: Iterable[JournalEntry], *, now_ms: int) -> History:
    """The history in entries of one account, given in any order; repeated entries count once."""
    reader = _Reader()
    for entry in sorted(entries, key=lambda entry: (entry.at_ms, entry.run, entry.number)):
        reader.add(entry)
    reader.find_crashes(now_ms)
    return reader.history


class _Reader:
    def __init__(self) -> None:
        self.history = History()
        self._standing: defaultdict[tuple[str, str], list[Bind]] = defaultdict(list)
        """by run and mode; a second one while the first stands is noted, and mostly refused"""
        self._number: dict[str, int] = {}
        self._handlers: dict[str, Callable[[JournalEntry, str], object]] = {
            "start": lambda entry, _: self.history.started.update({entry.run: entry.at_ms}),
            "stop": lambda entry, _: self.history.stopped.update({entry.run: entry.at_ms}),
            "rejected_pdu": lambda entry, _: self.history.rejected.append(entry),
            "connecting": lambda entry, mode: self._move(entry, mode, Step.ATTEMPT),
            "no_connection": lambda entry, mode: self._move(entry, mode, Step.ENDED),
            "bind_asked": self._on_bind_asked,
            "bind": self._on_bind,
            "bound": self._on_bound,
            "bind_refused": self._on_bind_refused,
            "enquire_link": self._on_enquire_link,
            "enquire_link_resp": self._standing_of,
            "enquire_link_received": self._standing_of,
            "disconnected": self._on_disconnected,
        }

    def add(self, entry: JournalEntry) -> None:
        history, run = self.history, entry.run
        number = self._number.get(run)
        if number is not None and entry.number <= number:
            return  # persisted twice
        if number is not None and entry.number > number + 1:
            history.lost += entry.number - number - 1
            self._forget(run)
        self._number[run] = entry.number
        history.last[run] = entry.at_ms
        handler = self._handlers.get(entry.kind)
        if handler is not None:
            handler(entry, self._mode(entry))

    def find_crashes(self, now_ms: int) -> None:
        """End what nobody ended: the run is silent, or another run has bound after its last word."""
        history = self.history
        others = [(bind.begun_ms, bind.run) for bind in history.binds]
        for (run, _), binds in self._standing.items():
            silent_since = history.last[run]
            followed = any(begun > silent_since for begun, other in others if other != run)
            if followed or now_ms - silent_since > SILENCE_MS:
                for bind in binds:
                    bind.ended_ms, bind.cause = silent_since, CRASHED

    def _mode(self, entry: JournalEntry) -> str:
        if "mode" in entry.fields:
            return str(entry.fields["mode"])
        modes = [mode for (run, mode), binds in self._standing.items() if run == entry.run and binds]
        return modes[0] if len(modes) == 1 else ""

    def _begin(self, entry: JournalEntry, mode: str, *, is_older: bool = False) -> Bind:
        bind = Bind(entry.run, mode, entry.at_ms, is_older, last_ms=entry.at_ms)
        self.history.binds.append(bind)
        self._standing[entry.run, mode].append(bind)
        return bind

    def _of(self, entry: JournalEntry, mode: str) -> Bind:
        standing = self._standing[entry.run, mode]
        bind = standing[-1] if standing else self._begin(entry, mode, is_older=True)
        bind.last_ms = entry.at_ms
        return bind

    def _standing_of(self, entry: JournalEntry, mode: str) -> Bind:
        """The bind that an enquire_link proves."""
        bind = self._of(entry, mode)
        if bind.bound_ms is None and bind.is_older:
            bind.bound_ms = entry.at_ms
        return bind

    def _on_bind_asked(self, entry: JournalEntry, mode: str) -> None:
        if entry.fields.get("what") == "wait":
            self._move(entry, mode, Step.WAIT)

    def _on_bind(self, entry: JournalEntry, mode: str) -> None:
        bind = self._begin(entry, mode)
        if "receipts" in entry.fields:
            bind.asks_receipts = bool(entry.fields["receipts"])

    def _on_bound(self, entry: JournalEntry, mode: str) -> None:
        bind = self._of(entry, mode)
        bind.bound_ms, bind.is_older = entry.at_ms, False

    def _on_bind_refused(self, entry: JournalEntry, mode: str) -> None:
        self._of(entry, mode).status = int(entry.fields.get("status", 0))

    def _on_enquire_link(self, entry: JournalEntry, mode: str) -> None:
        bind = self._standing_of(entry, mode)
        bind.enquire_links.append(entry.at_ms)
        self._count(bind, entry)

    def _count(self, bind: Bind, entry: JournalEntry) -> None:
        counts = {name: int(entry.fields[name]) for name in TRAFFIC if name in entry.fields}
        if counts:
            bind.traffic.append((entry.at_ms, counts))

    def _on_disconnected(self, entry: JournalEntry, mode: str) -> None:
        bind = self._of(entry, mode)
        self._standing[entry.run, mode].pop()
        cause = str(entry.fields.get("cause") or PEER_CLOSED)
        if bind.bound_ms is None and bind.is_older and cause not in NEVER_BOUND:
            bind.bound_ms = entry.at_ms
        bind.ended_ms, bind.cause = entry.at_ms, cause
        bind.reason = str(entry.fields.get("reason", ""))
        self._count(bind, entry)
        if cause in NEVER_BOUND or bind.status is not None:
            self._move(entry, mode, Step.REFUSED)
        else:
            self._move(entry, mode, Step.ENDED if cause in THEIRS else Step.LEFT)

    def _move(self, entry: JournalEntry, mode: str, step: Step) -> None:
        self.history.moves.setdefault(mode, []).append(Move(entry.at_ms, entry.run, step))

    def _forget(self, run: str) -> None:
        """Entries of this run are missing: what stood may have ended meanwhile, or a bind been made."""
        for bind in [bind for key, binds in self._standing.items() if key[0] == run for bind in binds]:
            bind.ended_ms, bind.cause = bind.last_ms, UNKNOWN
        for key in [key for key in self._standing if key[0] == run]:
            del self._standing[key]
        for moves in self.history.moves.values():
            if moves and moves[-1].run == run and moves[-1].step is not Step.ATTEMPT:
                moves.append(Move(moves[-1].at_ms, run, Step.LEFT))
