"""Our (ESME) side of one SMPP connection, without IO.

Octets that arrived go into `receive`, the time into `tick`; both return events. What has to be sent -
requests and automatic answers alike, in order - collects inside and is taken with `data_to_send` after
every call. `now` is seconds of any clock that never runs backwards. The rules of the states are in `states`.
When octets and a timer are due together, call `receive` first: an answer that already arrived is not late.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from smsfleet.config.codes import ESME_RINVBNDSTS, ESME_ROK, ESME_RX_T_APPN
from smsfleet.config.errors import EncodeError, NotBound, PduError
from smsfleet.smpp import pdu
from smsfleet.smpp.connection import Connection, unexpected
from smsfleet.smpp.constants import (
    BIND_COMMANDS,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    GENERIC_NACK,
    QUERY_SM,
    QUERY_SM_RESP,
    RESP,
    SMPP_3_4,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
)
from smsfleet.smpp.events import (
    BindRefused,
    Bound,
    CloseCause,
    Delivered,
    DeliverRefused,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    EnquireLinkSent,
    EsmeEvent,
    Event,
    PeerUnbound,
    ProtocolViolation,
    Unbound,
)
from smsfleet.smpp.fields import Text, leading_c_octets
from smsfleet.smpp.framing import Frame
from smsfleet.smpp.heartbeat import Heartbeat
from smsfleet.smpp.message import has_tlvs, without_receipts
from smsfleet.smpp.options import SessionOptions
from smsfleet.smpp.requests import Requests
from smsfleet.smpp.states import SessionState, Signal

__all__ = ["Session", "SessionOptions", "SessionState"]

T = TypeVar("T")


class _Waiting(NamedTuple):
    """A bind or unbind of ours that waits for its answer."""

    sequence_number: int
    deadline: float


class Session(Connection[EsmeEvent[T]], Generic[T]):
    """One connection to the gateway, from TCP connect to close; a new connection needs a new Session.

    Raises EncodeError at once for a system_id, password or system_type that does not fit (guide §9).
    """

    def __init__(self, options: SessionOptions) -> None:
        super().__init__()
        self.options = options
        self._bind_command = BIND_COMMANDS[options.bind_mode]
        self._bind_body = pdu.encode_bind(
            self._bind_command,
            system_id=options.system_id,
            password=options.password,
            system_type=options.system_type,
            interface_version=options.interface_version,
            address_range=options.address_range,
        )
        self._submits = False
        self._receives = False
        self._prepares = options.without_receipts or options.interface_version < SMPP_3_4
        self._requests: Requests[T] = Requests(options.window, options.response_timeout_s)
        self._heartbeat = Heartbeat(options.enquire_link_s, options.enquire_link_timeout_s)
        self._delivered = 0
        self._deliver_resps = {ESME_ROK: 0, ESME_RX_T_APPN: 0}
        self._binding: _Waiting | None = None
        self._unbinding: _Waiting | None = None
        self._handlers = {
            SUBMIT_SM_RESP: self._requests.answer,
            QUERY_SM_RESP: self._requests.answer,
            DELIVER_SM: self._on_deliver_sm,
            ENQUIRE_LINK: self._on_enquire_link,
            ENQUIRE_LINK_RESP: self._on_enquire_link_resp,
            UNBIND: self._on_unbind,
            UNBIND_RESP: self._on_unbind_resp,
            GENERIC_NACK: self._on_generic_nack,
            self._bind_command | RESP: self._on_bind_resp,
        }

    # --- what the caller can see ---------------------------------------------------------------

    @property
    def can_submit(self) -> bool:
        """Whether `submit` would be taken now: bound, not as a receiver, and a place in the window."""
        return self._submits and self.window_free > 0

    @property
    def in_flight(self) -> int:
        """How many submit_sm are unanswered."""
        return len(self._requests)

    @property
    def oldest_since(self) -> float | None:
        """Since when the oldest submit_sm is unanswered, by the caller's clock; None without any."""
        return self._requests.oldest_since

    @property
    def window_free(self) -> int:
        """How many more submit_sm the window takes, whatever the state."""
        return self._requests.window - len(self._requests)

    def traffic(self) -> dict[str, int]:
        """What passed since the bind: the evidence of the journal that messages go both ways.

        `submit_sm` and how many were accepted; `deliver_sm`, and how many of them were taken, sent back (to
        come again), and refused for good.
        """
        answered = self._deliver_resps
        taken, sent_back = answered[ESME_ROK], answered[ESME_RX_T_APPN]
        return {
            "submit_sm": self._requests.submitted,
            "accepted": self._requests.accepted,
            "deliver_sm": self._delivered,
            "taken": taken,
            "sent_back": sent_back,
            "refused": sum(answered.values()) - taken - sent_back,
        }

    def take_answered_s(self) -> list[float]:
        """How long a sample of the submit_sm waited for their answer, in seconds, since this was asked."""
        answered_s = self._requests.answered_s
        taken = [*answered_s]
        answered_s.clear()
        return taken

    def in_flight_tokens(self) -> list[T]:
        """The tokens of the unanswered submit_sm and query_sm, oldest first."""
        return self._requests.tokens()

    # --- what the caller asks for --------------------------------------------------------------

    def bind(self, *, now: float) -> None:
        """Ask for the bind; Bound, BindRefused or CloseConnection follows.

        Raises SessionError when the connection was used before: one login per connection.
        """
        self._move(Signal.BIND_SENT)
        self._binding = _Waiting(self._requests.take_number(), now + self.options.bind_timeout_s)
        self._send(self._bind_command, self._binding.sequence_number, self._bind_body)

    def submit(self, token: T, body: bytes, *, now: float) -> int:
        """Frame one submit_sm, give it a place in the window and return its sequence_number.

        Raises NotBound when nothing can be submitted on this connection (now), WindowFull when `window`
        requests are unanswered, EncodeError for TLVs in SMPP 3.3, PduError for a body that is no submit_sm
        where it has to be looked at (SMPP 3.3, without_receipts).
        """
        if self._prepares:
            body = self._prepared(body)
        return self._request(SUBMIT_SM, token, body, now)

    def query(  # noqa: PLR0913 - the fields of the PDU
        self,
        token: T,
        message_id: Text,
        *,
        source_addr_ton: int = 0,
        source_addr_npi: int = 0,
        source_addr: Text = b"",
        now: float,
    ) -> int:
        """Send one query_sm beside the window and return its sequence_number; the source is the message's.

        Raises NotBound, WindowFull or EncodeError.
        """
        body = pdu.encode_query_sm(
            message_id,
            source_addr_ton=source_addr_ton,
            source_addr_npi=source_addr_npi,
            source_addr=source_addr,
        )
        return self._request(QUERY_SM, token, body, now)

    def deliver_resp(self, sequence_number: int, command_status: int = 0) -> None:
        """Answer one Delivered, once its body is persisted (or with an error, if it cannot be).

        Raises NotBound when the connection is gone: the gateway will deliver it again.
        """
        if self._state is SessionState.CLOSED:
            raise NotBound("the connection is gone; the gateway will deliver the message again")
        self._deliver_resps[command_status] = self._deliver_resps.get(command_status, 0) + 1
        self._send(DELIVER_SM_RESP, sequence_number, pdu.encode_deliver_sm_resp(), command_status)

    def unbind(self, *, now: float) -> None:
        """End the bind; CloseConnection follows on the answer or after `unbind_timeout_s`.

        Raises NotBound when there is no bind to end.
        """
        if self._state is not SessionState.BOUND:
            raise NotBound(f"nothing to unbind in state {self._state.value!r}: close the connection")
        self._move(Signal.UNBIND_SENT)
        self._unbinding = _Waiting(self._requests.take_number(), now + self.options.unbind_timeout_s)
        self._send(UNBIND, self._unbinding.sequence_number)

    # --- what the transport does ---------------------------------------------------------------

    def tick(self, *, now: float) -> list[Event[T]]:
        """Do what is due: call it at `next_deadline` at the latest; calling it more often does no harm."""
        events: list[Event[T]] = []
        if self._state in (SessionState.CLOSING, SessionState.CLOSED):
            return events
        options = self.options
        if overdue := self._requests.expire(now, events):
            reason = f"{overdue} submit_sm unanswered for {options.response_timeout_s:g} s"
            self._close(CloseCause.RESPONSE_TIMEOUT, reason, events)
        if self._binding is not None and now >= self._binding.deadline:
            self._close(CloseCause.BIND_TIMEOUT, f"bind unanswered for {options.bind_timeout_s:g} s", events)
        if self._unbinding is not None and now >= self._unbinding.deadline:
            reason = f"unbind unanswered for {options.unbind_timeout_s:g} s"
            self._close(CloseCause.UNBIND_TIMEOUT, reason, events)
        if self._heartbeat.is_dead(now):
            reason = f"dead link: enquire_link unanswered for {options.enquire_link_timeout_s:g} s"
            self._close(CloseCause.DEAD_LINK, reason, events)
        if self._partial_since is not None and now >= self._partial_since + options.header_timeout_s:
            reason = f"a PDU did not complete within {options.header_timeout_s:g} s"
            self._close(CloseCause.INCOMPLETE_PDU, reason, events)
        if self._heartbeat.is_due(now):
            number = self._requests.take_number()
            self._heartbeat.sent(number, now)
            self._send(ENQUIRE_LINK, number)
            events.append(EnquireLinkSent(now))
        return events

    def next_deadline(self) -> float | None:
        """When `tick` has something to do, in the clock of `now`; None = never, as things are."""
        if self._state in (SessionState.CLOSING, SessionState.CLOSED):
            return None
        partial = self._partial_since
        deadlines = (
            self._requests.deadline,
            self._heartbeat.deadline,
            None if self._binding is None else self._binding.deadline,
            None if self._unbinding is None else self._unbinding.deadline,
            None if partial is None else partial + self.options.header_timeout_s,
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def connection_lost(self, *, now: float) -> list[Event[T]]:  # noqa: ARG002 - like its siblings
        """The connection is gone, whoever closed it: LinkLost for every unanswered request, oldest first."""
        self._move(Signal.CONNECTION_LOST)
        self._outgoing.clear()
        return self._requests.lose()

    # --- sending -------------------------------------------------------------------------------

    def _request(self, command_id: int, token: T, body: bytes, now: float) -> int:
        if not self._submits:
            mode, state = self.options.bind_mode, self._state.value
            raise NotBound(f"nothing can be submitted as {mode} in state {state!r}")
        number = self._requests.add(command_id, token, now)
        self._outgoing.append(pdu.frame(command_id, number, body))
        return number

    def _prepared(self, body: bytes) -> bytes:
        if self.options.interface_version < SMPP_3_4 and has_tlvs(body):
            raise EncodeError("SMPP 3.3 has no TLVs: this submit_sm has some")
        return without_receipts(body) if self.options.without_receipts else body

    # --- PDUs of the peer ----------------------------------------------------------------------

    def _on_bind_resp(self, frame: Frame, now: float, events: list[Event[T]]) -> None:
        if not _belongs(self._binding, frame):
            events.append(unexpected(frame))
        elif frame.command_status:
            self._refuse_bind(frame, events)
        elif self._state is not SessionState.BINDING:  # too late, the connection is closing
            events.append(unexpected(frame))
        else:
            self._accept_bind(frame, now, events)

    def _accept_bind(self, frame: Frame, now: float, events: list[Event[T]]) -> None:
        try:
            peer = pdu.decode_bind_resp(frame.body)
        except PduError as error:  # the bind stands, whatever trails its answer
            peer = pdu.BindResp(leading_c_octets(frame.body), None)
            events.append(ProtocolViolation(f"bind response: {error}"))
        self._binding = None
        self._move(Signal.BIND_ACCEPTED)
        self._receives = self.options.bind_mode != "transmitter"
        self._heartbeat.start(now)
        events.append(Bound(peer.system_id, peer.interface_version))

    def _refuse_bind(self, frame: Frame, events: list[Event[T]]) -> None:
        self._binding = None
        events.append(BindRefused(frame.command_status))
        self._close(CloseCause.BIND_REFUSED, f"bind refused with 0x{frame.command_status:08X}", events)

    def _on_generic_nack(self, frame: Frame, now: float, events: list[Event[T]]) -> None:
        if frame.sequence_number in self._requests:
            self._requests.answer(frame, now, events)
        elif _belongs(self._binding, frame):
            self._refuse_bind(frame, events)
        elif _belongs(self._unbinding, frame):  # the likely answer: unbind is not in guide §8
            self._on_unbind_resp(frame, now, events)
        elif (round_trip_s := self._heartbeat.answered(frame.sequence_number, now)) is not None:
            events.append(EnquireLinkAnswered(round_trip_s))  # an odd answer, but the link lives
        else:
            self._requests.answer(frame, now, events)

    def _on_deliver_sm(self, frame: Frame, _now: float, events: list[Event[T]]) -> None:
        number, body = frame.sequence_number, frame.body
        self._delivered += 1
        try:
            self._check_deliver_sm(body)
        except PduError as error:
            self.deliver_resp(number, error.command_status)
            events.append(DeliverRefused(number, error.command_status, str(error), body))
        else:
            events.append(Delivered(number, body))

    def _check_deliver_sm(self, body: bytes) -> None:
        if not self._receives:
            raise PduError(ESME_RINVBNDSTS, "deliver_sm on a connection that is not bound to receive")
        pdu.DeliverSm.check_body(body)

    def _on_enquire_link(self, frame: Frame, _now: float, events: list[Event[T]]) -> None:
        self._send(ENQUIRE_LINK_RESP, frame.sequence_number)
        events.append(EnquireLinkReceived())

    def _on_enquire_link_resp(self, frame: Frame, now: float, events: list[Event[T]]) -> None:
        round_trip_s = self._heartbeat.answered(frame.sequence_number, now)
        events.append(unexpected(frame) if round_trip_s is None else EnquireLinkAnswered(round_trip_s))

    def _on_unbind(self, frame: Frame, _now: float, events: list[Event[T]]) -> None:
        self._send(UNBIND_RESP, frame.sequence_number)
        events.append(PeerUnbound())
        self._close(CloseCause.PEER_UNBOUND, "the peer has unbound", events)

    def _on_unbind_resp(self, frame: Frame, _now: float, events: list[Event[T]]) -> None:
        if not _belongs(self._unbinding, frame):
            events.append(unexpected(frame))
            return
        self._unbinding = None
        events.append(Unbound())
        self._close(CloseCause.UNBOUND, "the peer has answered our unbind", events)

    def _move(self, signal: Signal) -> None:
        super()._move(signal)
        self._submits = self._state is SessionState.BOUND and self.options.bind_mode != "receiver"
        if self._state is not SessionState.BOUND:
            self._heartbeat.stop()


def _belongs(waiting: _Waiting | None, frame: Frame) -> bool:
    return waiting is not None and waiting.sequence_number == frame.sequence_number
