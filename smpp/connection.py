"""What both sides of a connection share: octets in, frames to handlers, octets out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from smsfleet.config.codes import ESME_RINVCMDID, ESME_RINVCMDLEN
from smsfleet.smpp.constants import GENERIC_NACK, RESP, command_name
from smsfleet.smpp.events import (
    CloseCause,
    CloseConnection,
    CommonEvent,
    ProtocolViolation,
    UnexpectedResponse,
)
from smsfleet.smpp.framing import Frame, Framer
from smsfleet.smpp.pdu import frame as make_pdu
from smsfleet.smpp.states import SessionState, Signal, next_state

E = TypeVar("E")

_Handler: TypeAlias = Callable[[Frame, float, list[E | CommonEvent]], None]


class Connection(Generic[E]):
    """One connection from TCP connect to close. A side adds its handlers by command_id, and its events E.

    A response without a handler is reported and never answered, because that could go on for ever; another
    PDU without a handler is answered by generic_nack 0x03. A stream that cannot be followed is answered by
    generic_nack 0x02 and ends the connection.
    """

    def __init__(self) -> None:
        self._state = SessionState.OPEN
        self._outgoing: list[bytes] = []
        self._framer = Framer()
        self._partial_since: float | None = None
        self._handlers: dict[int, _Handler[E]] = {}

    @property
    def state(self) -> SessionState:
        """Where the connection is (see `states`)."""
        return self._state

    @property
    def is_bound(self) -> bool:
        """Whether the bind stands and neither side has ended it."""
        return self._state is SessionState.BOUND

    @property
    def unsent(self) -> int:
        """How many PDUs wait for `data_to_send`: they grow when the peer sends and does not read."""
        return len(self._outgoing)

    def data_to_send(self) -> bytes:
        """Everything to be sent since the last call, in order; empty when there is nothing."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def receive(self, data: bytes, *, now: float) -> list[E | CommonEvent]:
        """Take octets that arrived; the events are in the order of the PDUs. No octets make it raise."""
        events: list[E | CommonEvent] = []
        framer = self._framer
        if framer.error is not None or self._state is SessionState.CLOSED:
            return events
        frames = framer.feed(data)
        handlers, unknown = self._handlers, self._on_unknown
        for frame in frames:
            handlers.get(frame[0], unknown)(frame, now, events)
        if framer.error is not None:
            self._send(GENERIC_NACK, 0, command_status=ESME_RINVCMDLEN)
            self._close(CloseCause.FRAMING_ERROR, str(framer.error), events)
        if not framer.partial_octets:
            self._partial_since = None
        elif frames or self._partial_since is None:
            self._partial_since = now
        return events

    def _send(
        self, command_id: int, sequence_number: int, body: bytes = b"", command_status: int = 0
    ) -> None:
        if self._state is not SessionState.CLOSED:
            self._outgoing.append(make_pdu(command_id, sequence_number, body, command_status))

    def _on_unknown(self, frame: Frame, _now: float, events: list[E | CommonEvent]) -> None:
        if frame.command_id & RESP:
            events.append(unexpected(frame))
            return
        self._send(GENERIC_NACK, frame.sequence_number, command_status=ESME_RINVCMDID)
        reason = f"the peer sent {command_name(frame.command_id)}, which this side does not take"
        events.append(ProtocolViolation(reason))

    def _move(self, signal: Signal) -> None:
        """Follow the table in `states`. Raises SessionError for an impossible way."""
        self._state = next_state(self._state, signal)

    def _close(self, cause: CloseCause, reason: str, events: list[E | CommonEvent]) -> None:
        if self._state is not SessionState.CLOSING:
            self._move(Signal.MUST_CLOSE)
            events.append(CloseConnection(reason, cause))


def unexpected(frame: Frame) -> UnexpectedResponse:
    """The event for a response that belongs to nothing."""
    return UnexpectedResponse(frame.command_id, frame.sequence_number, frame.command_status)
