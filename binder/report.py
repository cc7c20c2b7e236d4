"""What the binder is doing, for operators: a small record, left in the store and gone stale by itself."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from smsfleet.binder.counts import Counts
from smsfleet.config.clock import epoch_ms
from smsfleet.config.logs import logger


class State(StrEnum):
    """What the binder, or one side of it, is doing."""

    STANDBY = "standby"
    CONNECTING = "connecting"
    BINDING = "binding"
    BOUND = "bound"
    WAITING = "waiting"
    REFUSED = "refused"
    PAUSED = "paused"
    DRAINING = "draining"
    STOPPED = "stopped"


_WORST_FIRST = (
    State.REFUSED,
    State.PAUSED,
    State.DRAINING,
    State.STANDBY,
    State.WAITING,
    State.CONNECTING,
    State.BINDING,
    State.BOUND,
)


@dataclass
class SideReport:
    """One bind: times in milliseconds since the epoch, counts since the process started."""

    mode: str
    state: State = State.STANDBY
    why: str = ""
    since_ms: int = field(default_factory=epoch_ms)
    last_disconnect: str = ""
    bound_since_ms: int | None = None
    unbound_since_ms: int | None = field(default_factory=epoch_ms)
    """through all attempts; None: it is bound"""
    binds: int = 0
    disconnects: int = 0
    enquire_link_ms: int | None = None
    """when this connection's last one was sent"""
    enquire_link_resp_ms: int | None = None
    """when its last one was answered"""

    def enter(self, state: State, why: str = "") -> None:
        """Note a state, and since when it is."""
        if state is not self.state:
            logger(__name__).info("bind state", mode=self.mode, state=state, why=why)
            self.since_ms = epoch_ms()
        self.state = state
        self.why = why

    def bound(self) -> None:
        """Note a bind."""
        self.binds += 1
        self.bound_since_ms, self.unbound_since_ms = epoch_ms(), None
        self.enquire_link_ms = self.enquire_link_resp_ms = None
        self.enter(State.BOUND)

    def disconnected(self, reason: str) -> None:
        """Note the end of a connection."""
        self.disconnects += 1
        self.bound_since_ms = None
        if self.unbound_since_ms is None:  # else the attempt failed, and so did those before it
            self.unbound_since_ms = epoch_ms()
        self.last_disconnect = reason


@dataclass
class Report:
    """The record. As long as the binder leads, its state is that of the side that is worst off."""

    gateway: str
    bind_mode: str
    window: int
    sides: Sequence[SideReport]
    apart: State | None = State.STANDBY
    """the state while it does not lead"""
    in_flight: int = 0
    unanswered_since_ms: int | None = None
    """when the oldest of them was sent"""
    submitted: int = 0
    answered: int = 0
    delivered: int = 0
    delivered_ms: int | None = None
    """when a deliver_sm was stored last"""
    accepted_since: int = 0
    """submit_sm that were accepted since the report that first told of it"""
    sent_back: int = 0
    queries_per_s: float = 0.0
    """query_sm a second at most; 0: it asks none"""
    queried: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    ambiguous: dict[str, int] = field(default_factory=dict)
    ambiguous_ms: int | None = None
    per_s: dict[str, float] = field(default_factory=dict)
    response_ms: dict[str, float] = field(default_factory=dict)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    _accepted_then: int = 0
    """submit_sm that were accepted when the last deliver_sm was first told of"""
    _measured: tuple[dict[str, int], float, list[int]] | None = None
    """totals, when, and the histogram of answers, at the last measurement"""

    def leave(self, state: State) -> None:
        """It does not lead (any more)."""
        if state is not self.apart:
            logger(__name__).info("binder state", state=state)
        self.apart = state

    def lead(self) -> None:
        """It leads: the sides tell how it is."""
        self.apart = None
        for side in self.sides:
            if side.unbound_since_ms is not None:  # as a standby it had nothing to bind
                side.unbound_since_ms = epoch_ms()

    def deliveries(self, count: int, last_ms: int | None, accepted: int) -> None:
        """Take over how many deliver_sm were stored, the last when, and how many submit_sm were accepted."""
        if count != self.delivered:
            self._accepted_then = accepted
        self.delivered, self.delivered_ms = count, last_ms
        self.accepted_since = max(0, accepted - self._accepted_then)

    def measure(self, now: float, counts: Counts) -> None:
        """Take over what was counted, and how much a second it was since the last time."""
        self.errors, self.ambiguous = dict(counts.errors), dict(counts.ambiguous)
        self.ambiguous_ms = counts.ambiguous_ms
        totals = {"submitted": self.submitted, "answered": self.answered, "delivered": self.delivered}
        answered = [*counts.response_s.counts]
        if self._measured is not None:
            before, at, waited = self._measured
            if now <= at:
                return
            self.per_s = {name: round((totals[name] - before[name]) / (now - at), 1) for name in totals}
            quantiles = {
                name: counts.response_s.quantile(share, waited)
                for name, share in (("p50", 0.5), ("p99", 0.99))
            }
            if quantiles["p50"] is not None:
                self.response_ms = {name: 1000 * (value or 0.0) for name, value in quantiles.items()}
        self._measured = (totals, now, answered)

    @property
    def state(self) -> State:
        """What the binder is doing."""
        return self.apart or self._worst().state

    def to_json(self) -> str:
        """The record as it is left in the store."""
        return json.dumps(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The record as plain values; what is said of all sides is said of the worst."""
        worst = self._worst()
        why = worst.why if self.apart is None else ""
        bound = [side.bound_since_ms for side in self.sides]
        unbound = [side.unbound_since_ms for side in self.sides if side.unbound_since_ms is not None]
        values = asdict(self)
        del values["apart"], values["_measured"], values["_accepted_then"]
        return {
            **values,
            "at_ms": epoch_ms(),
            "state": self.state,
            "why": f"{worst.mode}: {why}" if why and len(self.sides) > 1 else why,
            "since_ms": worst.since_ms,
            "last_disconnect": worst.last_disconnect,
            "bound_since_ms": None if None in bound else max(since or 0 for since in bound),
            "unbound_since_ms": min(unbound, default=None),
            "binds": sum(side.binds for side in self.sides),
            "disconnects": sum(side.disconnects for side in self.sides),
        }

    def _worst(self) -> SideReport:
        return min(self.sides, key=lambda side: _WORST_FIRST.index(side.state))
