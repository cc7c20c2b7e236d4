"""What the binder is doing, for operators: a small record, left in the store and gone stale by itself."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from smsfleet.binder.clock import epoch_ms
from smsfleet.config.logs import logger


class State(StrEnum):
    """What the binder is doing."""

    STANDBY = "standby"
    CONNECTING = "connecting"
    BINDING = "binding"
    BOUND = "bound"
    WAITING = "waiting"
    REFUSED = "refused"
    DRAINING = "draining"
    STOPPED = "stopped"


@dataclass
class Report:
    """The record; times in milliseconds since the epoch, counts since the process started."""

    gateway: str
    bind_mode: str
    window: int
    state: State = State.STANDBY
    why: str = ""
    since_ms: int = field(default_factory=epoch_ms)
    last_disconnect: str = ""
    bound_since_ms: int | None = None
    binds: int = 0
    disconnects: int = 0
    in_flight: int = 0
    submitted: int = 0
    answered: int = 0
    delivered: int = 0
    sent_back: int = 0
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    def enter(self, state: State, why: str = "") -> None:
        """Note a state, and since when it is."""
        if state is not self.state:
            logger(__name__).info("binder state", state=state, why=why)
            self.since_ms = epoch_ms()
        self.state = state
        self.why = why

    def bound(self) -> None:
        """Note a bind."""
        self.binds += 1
        self.bound_since_ms = epoch_ms()
        self.enter(State.BOUND)

    def disconnected(self, reason: str) -> None:
        """Note the end of a connection."""
        self.disconnects += 1
        self.bound_since_ms = None
        self.last_disconnect = reason

    def to_json(self) -> str:
        """The record as it is left in the store."""
        return json.dumps(asdict(self))
