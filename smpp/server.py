"""The gateway's (SMSC) side of one SMPP connection, without IO, for the simulator.

It judges ESMEs: a submit_sm that is not correct to the letter is answered with an error and reported as
RequestRefused. What a simulator decides - whether a bind, a message or an unbind is accepted, and when - is
left to the caller, who may also break any rule with `send` and `send_octets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from smsfleet.config.codes import ESME_RALYNBD, ESME_RINVBNDSTS
from smsfleet.config.errors import NotBound, PduError, SessionError
from smsfleet.smpp import pdu
from smsfleet.smpp.connection import Connection, unexpected
from smsfleet.smpp.constants import (
    BIND_COMMANDS,
    BIND_MODES,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    GENERIC_NACK,
    MAX_SEQUENCE_NUMBER,
    QUERY_SM,
    QUERY_SM_RESP,
    RESP,
    SMPP_3_4,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    TLV_SC_INTERFACE_VERSION,
    UNBIND,
    UNBIND_RESP,
    BindMode,
)
from smsfleet.smpp.events import CloseCause, LinkLost, Nacked
from smsfleet.smpp.fields import Text
from smsfleet.smpp.framing import Frame
from smsfleet.smpp.server_events import (
    BindRequested,
    DeliverAnswered,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    QueryReceived,
    RequestRefused,
    ServerEvent,
    SmscEvent,
    SubmitReceived,
    UnbindAnswered,
    UnbindReceived,
)
from smsfleet.smpp.states import SessionState, Signal
from smsfleet.smpp.tlv import Tlv

__all__ = ["SmscSession"]

T = TypeVar("T")


class SmscSession(Connection[SmscEvent[T]], Generic[T]):
    """One connection of an ESME. T is the caller's token of a deliver_sm.

    `answer_enquire_links=False` leaves enquire_links to the caller, to play a dead link.
    """

    def __init__(self, *, system_id: Text = b"smsc", answer_enquire_links: bool = True) -> None:
        super().__init__()
        self._system_id = system_id
        self.answer_enquire_links = answer_enquire_links
        self._asked: BindRequested | None = None
        self._mode: BindMode | None = None
        self._transmits = False
        self._receives = False
        self._sequence = 0
        self._delivering: dict[int, T] = {}
        self._enquiring: set[int] = set()
        self._unbinding = 0
        self._handlers = {
            SUBMIT_SM: self._on_submit_sm,
            QUERY_SM: self._on_query_sm,
            DELIVER_SM_RESP: self._on_deliver_sm_resp,
            ENQUIRE_LINK: self._on_enquire_link,
            ENQUIRE_LINK_RESP: self._on_enquire_link_resp,
            UNBIND: self._on_unbind,
            UNBIND_RESP: self._on_unbind_resp,
            GENERIC_NACK: self._on_generic_nack,
            **dict.fromkeys(BIND_COMMANDS.values(), self._on_bind),
        }

    @property
    def bind_mode(self) -> BindMode | None:
        """How the ESME is bound; None when it is not."""
        return self._mode if self.is_bound else None

    @property
    def can_deliver(self) -> bool:
        """Whether the ESME is bound to receive."""
        return self._receives

    @property
    def undelivered(self) -> list[T]:
        """The tokens of the unanswered deliver_sm, oldest first."""
        return list(self._delivering.values())

    # --- answers -------------------------------------------------------------------------------

    def bind_resp(
        self,
        sequence_number: int,
        command_status: int = 0,
        *,
        tlvs: Iterable[Tlv] = ((TLV_SC_INTERFACE_VERSION, bytes((SMPP_3_4,))),),
    ) -> None:
        """Answer a BindRequested; status 0 binds. After a refusal the ESME may ask again.

        Raises SessionError when no bind of this number waits.
        """
        asked = self._asked
        if asked is None or asked.sequence_number != sequence_number:
            raise SessionError(f"no bind with sequence_number {sequence_number} waits for an answer")
        self._asked = None
        body = b""
        if not command_status:
            body = pdu.encode_bind_resp(self._system_id, tlvs)
            self._mode = asked.mode
            self._move(Signal.BIND_SENT)
            self._move(Signal.BIND_ACCEPTED)
        self.send(BIND_COMMANDS[asked.mode] | RESP, sequence_number, body, command_status)

    def submit_resp(self, sequence_number: int, command_status: int = 0, message_id: Text = b"") -> None:
        """Answer a SubmitReceived. A refusal without an id has no body (SMPP 3.4 §4.4.2)."""
        body = b"" if command_status and not message_id else pdu.encode_submit_sm_resp(message_id)
        self.send(SUBMIT_SM_RESP, sequence_number, body, command_status)

    def query_resp(  # noqa: PLR0913 - the fields of the PDU
        self,
        sequence_number: int,
        command_status: int = 0,
        *,
        message_id: Text = b"",
        final_date: Text = b"",
        message_state: int = 0,
        error_code: int = 0,
    ) -> None:
        """Answer a QueryReceived; a refusal has no body."""
        body = pdu.encode_query_sm_resp(message_id, final_date, message_state, error_code)
        self.send(QUERY_SM_RESP, sequence_number, b"" if command_status else body, command_status)

    def enquire_link_resp(self, sequence_number: int, command_status: int = 0) -> None:
        """Answer an EnquireLinkReceived, where that is not automatic."""
        self.send(ENQUIRE_LINK_RESP, sequence_number, command_status=command_status)

    def unbind_resp(self, sequence_number: int, command_status: int = 0) -> None:
        """Answer an UnbindReceived; status 0 ends the bind: flush and close."""
        self.send(UNBIND_RESP, sequence_number, command_status=command_status)
        if not command_status and self._state is not SessionState.CLOSED:
            self._move(Signal.MUST_CLOSE)

    # --- requests ------------------------------------------------------------------------------

    def deliver(self, token: T, body: bytes) -> int:
        """Send one deliver_sm and return its sequence_number; DeliverAnswered follows.

        Raises NotBound when the ESME is not bound to receive.
        """
        if not self._receives:
            raise NotBound(f"the ESME does not receive: bound as {self.bind_mode or 'nothing'}")
        number = self._request(DELIVER_SM, body)
        self._delivering[number] = token
        return number

    def enquire_link(self) -> int:
        """Ask for a sign of life; EnquireLinkAnswered follows."""
        number = self._request(ENQUIRE_LINK)
        self._enquiring.add(number)
        return number

    def unbind(self) -> int:
        """End the bind; UnbindAnswered follows. Raises SessionError when there is none."""
        self._move(Signal.UNBIND_SENT)
        self._unbinding = self._request(UNBIND)
        return self._unbinding

    def generic_nack(self, sequence_number: int, command_status: int) -> None:
        """Refuse any request."""
        self.send(GENERIC_NACK, sequence_number, command_status=command_status)

    def send(self, command_id: int, sequence_number: int, body: bytes = b"", command_status: int = 0) -> None:
        """Send any PDU, allowed or not; after `connection_lost` it is dropped."""
        self._send(command_id, sequence_number, body, command_status)

    def send_octets(self, octets: bytes) -> None:
        """Send octets that need not even be a PDU."""
        self._outgoing.append(octets)

    def connection_lost(self) -> list[ServerEvent[T]]:
        """The connection is gone: LinkLost for every unanswered deliver_sm, oldest first."""
        self._move(Signal.CONNECTION_LOST)
        lost: list[ServerEvent[T]] = [LinkLost(token) for token in self._delivering.values()]
        self._delivering.clear()
        self._outgoing.clear()
        return lost

    def _request(self, command_id: int, body: bytes = b"") -> int:
        self._sequence = self._sequence % MAX_SEQUENCE_NUMBER + 1
        self._send(command_id, self._sequence, body)
        return self._sequence

    # --- PDUs of the ESME ----------------------------------------------------------------------

    def _refuse(self, frame: Frame, status: int, reason: str, events: list[ServerEvent[T]]) -> None:
        self._send(frame.command_id | RESP, frame.sequence_number, command_status=status)
        events.append(RequestRefused(frame.command_id, frame.sequence_number, status, reason, frame.body))

    def _refuse_unbound(self, frame: Frame, events: list[ServerEvent[T]]) -> None:
        self._refuse(frame, ESME_RINVBNDSTS, "not bound as transmitter or transceiver", events)

    def _on_bind(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if self._state is not SessionState.OPEN or self._asked is not None:
            self._refuse(frame, ESME_RALYNBD, "a second bind on one connection", events)
            return
        try:
            bind = pdu.decode_bind(frame.body)
        except PduError as error:
            self._refuse(frame, error.command_status, str(error), events)
            return
        self._asked = BindRequested(
            sequence_number=frame.sequence_number,
            mode=BIND_MODES[frame.command_id],
            system_id=bind.system_id,
            password=bind.password,
            system_type=bind.system_type,
            interface_version=bind.interface_version,
            address_range=bind.address_range,
        )
        events.append(self._asked)

    def _on_submit_sm(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if not self._transmits:
            self._refuse_unbound(frame, events)
            return
        _, _, number, body = frame
        try:
            pdu.SubmitSm.check_body(body)
        except PduError as error:
            self._refuse(frame, error.command_status, str(error), events)
        else:
            events.append(SubmitReceived(number, body))

    def _on_query_sm(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if not self._transmits:
            self._refuse_unbound(frame, events)
            return
        try:
            query = pdu.decode_query_sm(frame.body)
        except PduError as error:
            self._refuse(frame, error.command_status, str(error), events)
        else:
            events.append(QueryReceived(frame.sequence_number, *query))

    def _on_deliver_sm_resp(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        _, command_status, number, _ = frame
        if number in self._delivering:
            events.append(DeliverAnswered(self._delivering.pop(number), command_status))
        else:
            events.append(unexpected(frame))

    def _on_generic_nack(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if frame.sequence_number in self._delivering:
            events.append(Nacked(self._delivering.pop(frame.sequence_number), frame.command_status))
        else:
            events.append(unexpected(frame))

    def _on_enquire_link(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if self.answer_enquire_links:
            self.enquire_link_resp(frame.sequence_number)
        events.append(EnquireLinkReceived(frame.sequence_number))

    def _on_enquire_link_resp(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if frame.sequence_number in self._enquiring:
            self._enquiring.remove(frame.sequence_number)
            events.append(EnquireLinkAnswered(frame.sequence_number))
        else:
            events.append(unexpected(frame))

    def _on_unbind(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        events.append(UnbindReceived(frame.sequence_number))

    def _on_unbind_resp(self, frame: Frame, _now: float, events: list[ServerEvent[T]]) -> None:
        if not self._unbinding or frame.sequence_number != self._unbinding:
            events.append(unexpected(frame))
            return
        self._unbinding = 0
        events.append(UnbindAnswered())
        self._close(CloseCause.UNBOUND, "the ESME has answered our unbind", events)

    def _move(self, signal: Signal) -> None:
        super()._move(signal)
        is_bound = self._state is SessionState.BOUND
        self._receives = is_bound and self._mode != "transmitter"
        crosses = self._state is SessionState.UNBINDING  # what crosses our unbind counts
        self._transmits = (is_bound or crosses) and self._mode != "receiver"
