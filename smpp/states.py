"""The states of our side of a connection, and the only ways between them.

The rules (SMPP 3.4 §2.2, guide §5 and §12):

- A fresh connection is OPEN. Only a bind may be sent.
- BINDING until the bind is answered. A refused or unanswered bind ends the connection: the guide's lock-out
  counts logins, so a second one on the same connection would gain nothing and cost the same.
- BOUND until either side unbinds. Only here are requests submitted and enquire_links sent.
- UNBINDING: our unbind is out. Responses and deliveries that cross it still count; nothing new is submitted.
- CLOSING: CloseConnection was reported. What still arrives is still reported, because a response that
  arrives now is worth as much as before; what still has to be answered can be answered until the end.
- CLOSED: the connection is gone, and with it every answer that was not there yet.

In any state but CLOSED an enquire_link is answered at once, a peer's unbind is answered and leads to
CLOSING, an unreadable stream or a PDU that does not complete leads to CLOSING, and a lost connection to
CLOSED.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from smsfleet.config.errors import SessionError


class SessionState(Enum):
    """Where a session is; see the rules above."""

    OPEN = "open"
    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"
    CLOSING = "closing"
    CLOSED = "closed"


class Signal(Enum):
    """What moves a session."""

    BIND_SENT = auto()
    BIND_ACCEPTED = auto()
    UNBIND_SENT = auto()
    MUST_CLOSE = auto()
    CONNECTION_LOST = auto()


TRANSITIONS: Final[dict[SessionState, dict[Signal, SessionState]]] = {
    SessionState.OPEN: {
        Signal.BIND_SENT: SessionState.BINDING,
        Signal.MUST_CLOSE: SessionState.CLOSING,
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
    SessionState.BINDING: {
        Signal.BIND_ACCEPTED: SessionState.BOUND,
        Signal.MUST_CLOSE: SessionState.CLOSING,
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
    SessionState.BOUND: {
        Signal.UNBIND_SENT: SessionState.UNBINDING,
        Signal.MUST_CLOSE: SessionState.CLOSING,
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
    SessionState.UNBINDING: {
        Signal.MUST_CLOSE: SessionState.CLOSING,
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
    SessionState.CLOSING: {
        Signal.MUST_CLOSE: SessionState.CLOSING,
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
    SessionState.CLOSED: {
        Signal.CONNECTION_LOST: SessionState.CLOSED,
    },
}


def next_state(state: SessionState, signal: Signal) -> SessionState:
    """The state after `signal`. Raises SessionError when the rules know no such way."""
    try:
        return TRANSITIONS[state][signal]
    except KeyError:
        action = signal.name.lower().replace("_", " ")
        raise SessionError(f"{action!r} is impossible in state {state.value!r}") from None
