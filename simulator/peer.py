"""One ESME's TCP connection: the session's events to the behaviour, and its answers back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

from smsfleet.config.codes import ESME_RINVCMDID
from smsfleet.simulator import lines
from smsfleet.simulator.answers import LateAnswers
from smsfleet.simulator.behaviour import Smsc, SubmitAnswer
from smsfleet.simulator.deliveries import Deliveries, Sent
from smsfleet.simulator.journal import Journal
from smsfleet.simulator.mailbox import Delivery
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.trickle import Trickle
from smsfleet.smpp.constants import command_name
from smsfleet.smpp.events import CloseConnection, LinkLost, Nacked
from smsfleet.smpp.server import SmscSession
from smsfleet.smpp.server_events import (
    BindRequested,
    DeliverAnswered,
    EnquireLinkAnswered,
    EnquireLinkReceived,
    QueryReceived,
    RequestRefused,
    SubmitReceived,
    UnbindReceived,
)

READ_OCTETS = 1 << 16
"""What is taken from the system at once: some hundred messages."""


class Host(Protocol):
    """What a connection asks of the simulator it belongs to."""

    smsc: Smsc
    journal: Journal
    delivers: bool
    """False: deliver_sm are kept back, whoever is bound"""

    def now(self) -> float:
        """Seconds since the epoch, never running backwards."""

    def joined(self, peer: Peer) -> None:
        """The connection is there."""

    def left(self, peer: Peer) -> None:
        """The connection is gone."""

    def pump(self) -> None:
        """Deliver what can be delivered."""


class Peer(asyncio.BufferedProtocol):
    """The simulator's side of one connection. `number` counts the connections of a simulator.

    A BufferedProtocol: for any other one asyncio takes 256 KiB from the system for each read and gives them
    back, which costs more than all that is done with a message.
    """

    def __init__(self, host: Host, number: int) -> None:
        self.number = number
        self.unanswered = 0
        """submit_sm that came and were not answered yet"""
        self.most_unanswered = 0
        self._host = host
        self._smsc = host.smsc
        self._journal = host.journal
        self._octets = memoryview(bytearray(READ_OCTETS))
        self._loop = asyncio.get_running_loop()
        self._deliveries = Deliveries(self._smsc, host.now, self._on_deliver_late)
        self.session: SmscSession[Sent] = SmscSession(
            answer_enquire_links=self._smsc.options.answers_enquire_links
        )
        self._transport: asyncio.Transport | None = None
        self._trickle: Trickle | None = None
        self._why = "the ESME closed the connection"
        self._flush_due = False
        self._late = LateAnswers(host.now, self._answer, self.flush)
        self._enquiry_timer: asyncio.TimerHandle | None = None
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            BindRequested: self._on_bind,
            QueryReceived: self._on_query,
            Nacked: self._on_deliver_nacked,
            EnquireLinkReceived: self._on_enquire_link,
            EnquireLinkAnswered: self._on_enquire_link_answered,
            UnbindReceived: self._on_unbind,
            RequestRefused: self._on_refused,
            CloseConnection: self._on_close,
        }

    # --- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The ESME has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        options = self._smsc.options
        self._trickle = Trickle(transport.write, options.split_octets, options.split_pause_s)
        self._write("connect", self._host.now(), peer=str(transport.get_extra_info("peername")))
        self._host.joined(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where the next octets go."""
        return self._octets

    def buffer_updated(self, nbytes: int) -> None:
        """Judge what came; every answer and receipt that is ready leaves in one write."""
        now = self._host.now()
        for event in self.session.receive(bytes(self._octets[:nbytes]), now=now):
            if type(event) is SubmitReceived:
                self._on_submit(event, now)
            elif type(event) is DeliverAnswered:
                self._on_deliver_answered(event, now)
            else:
                handler = self._handlers.get(type(event))
                if handler is not None:
                    handler(event, now)
        self._host.pump()
        self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever was not acknowledged is delivered again on the next bind."""
        self._transport = None
        if self._trickle is not None:
            self._trickle.cancel()
        self._late.cancel()
        if self._enquiry_timer is not None:
            self._enquiry_timer.cancel()
        self._smsc.leave(self.number)
        lost = self._deliveries.lost(
            event.token for event in self.session.connection_lost() if isinstance(event, LinkLost)
        )
        reason = self._why if exc is None else f"{exc.__class__.__name__}: {exc}"
        self._write("disconnect", self._host.now(), reason=reason, lost=lost)
        self._journal.flush()
        self._host.left(self)

    # --- the simulator's side ------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more deliver_sm the connection takes."""
        transport = self._transport
        if transport is None or transport.is_closing() or not self.session.can_deliver:
            return 0
        if not self._host.delivers:
            return 0
        return self._smsc.options.deliver_window - self._deliveries.awaited

    def deliver(self, delivery: Delivery, *, now: float) -> None:
        """Send one deliver_sm with the next octets."""
        sent = self._deliveries.send(delivery, now=now)
        self._write_delivery("deliver_sm", sent, now)
        self.session.deliver(sent, delivery.body)
        self.flush_soon()

    def flush_soon(self) -> None:
        """Write what is ready at the end of this turn of the loop."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the journal, then what is ready."""
        self._flush_due = False
        self._journal.flush()
        data = self.session.data_to_send()
        if data and self._transport is not None and self._trickle is not None:
            self._trickle.write(data)

    def pause_reading(self) -> None:
        """Leave what comes in the system's buffer."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def adopt(self, options: SimulatorOptions) -> None:
        """Go on with other options."""
        self.session.answer_enquire_links = options.answers_enquire_links
        if self._trickle is not None:
            self._trickle.change(options.split_octets, options.split_pause_s)

    def abort(self, reason: str) -> None:
        """Drop the connection, with everything that is not sent."""
        if self._transport is not None:
            self._why = reason
            self._transport.abort()

    def close(self, reason: str) -> None:
        """Send what is left and close."""
        if self._transport is not None and not self._transport.is_closing():
            self._why = reason
            self.flush()
            if self._trickle is not None:
                self._trickle.finish()
            self._transport.close()

    # --- events of the session -----------------------------------------------------------------

    def _on_submit(self, event: SubmitReceived, now: float) -> None:
        answer = self._smsc.submit(event.body, now=now)
        options, delay_s = self._smsc.options, answer.delay_s
        self.unanswered += 1
        self.most_unanswered = max(self.most_unanswered, self.unanswered)
        is_answered = delay_s is not None and options.answers_submits
        if self._journal.is_on:
            line = lines.submit_sm(now, self.number, event.decode(), answer, answered=is_answered)
            self._journal.write_line("submit_sm", line)
        else:
            self._journal.count("submit_sm")
        if delay_s is None or not is_answered:
            return
        if options.response_delay_s or delay_s or self._late.waiting:  # the order of equal delays is kept
            due = now + options.response_delay_s + delay_s
            self._late.add(due, event.sequence_number, answer)
        else:
            self._answer(event.sequence_number, answer)

    def _answer(self, sequence_number: int, answer: SubmitAnswer) -> None:
        self.unanswered -= 1
        self.session.submit_resp(sequence_number, answer.command_status, answer.message_id)

    def _on_bind(self, event: BindRequested, now: float) -> None:
        status = self._smsc.bind(self.number, event, now=now)
        self._write(
            "bind",
            now,
            mode=event.mode,
            system_id=event.system_id.decode("latin-1"),
            system_type=event.system_type.decode("latin-1"),
            interface_version=event.interface_version,
            status=status,
        )
        self.session.bind_resp(event.sequence_number, status)
        if status:
            self.close(f"bind refused with 0x{status:02X}")
            return
        self._schedule_enquiry()
        self._host.pump()

    def _on_query(self, event: QueryReceived, now: float) -> None:
        if self._smsc.options.queries != "answered":
            self._refuse_query(event, now)
            return
        answer = self._smsc.query(event.message_id, now=now)
        self._write_query(event, answer.command_status, now)
        self.session.query_resp(
            event.sequence_number,
            answer.command_status,
            message_id=event.message_id,
            final_date=answer.final_date,
            message_state=answer.message_state,
            error_code=answer.error_code,
        )

    def _refuse_query(self, event: QueryReceived, now: float) -> None:
        how = self._smsc.options.queries
        self._write_query(event, None if how == "silent" else ESME_RINVCMDID, now)
        if how == "nacked":
            self.session.generic_nack(event.sequence_number, ESME_RINVCMDID)
        elif how == "refused":
            self.session.query_resp(event.sequence_number, ESME_RINVCMDID)

    def _on_deliver_nacked(self, event: Nacked[Sent], now: float) -> None:
        self._on_deliver_answered(DeliverAnswered(event.token, event.command_status), now)

    def _on_deliver_answered(self, event: DeliverAnswered[Sent], now: float) -> None:
        sent, status = event
        self._write_delivery("deliver_sm_resp", sent, now, status)
        self._deliveries.answered(sent, status, now=now)

    def _on_deliver_late(self, sent: Sent) -> None:
        self._write_delivery("deliver_sm_unanswered", sent, self._host.now())
        self._host.pump()

    def _on_enquire_link(self, _event: EnquireLinkReceived, now: float) -> None:
        self._write("enquire_link", now)

    def _on_enquire_link_answered(self, _event: EnquireLinkAnswered, now: float) -> None:
        self._write("enquire_link_resp", now)

    def _on_unbind(self, event: UnbindReceived, now: float) -> None:
        self._write("unbind", now)
        if self._smsc.options.answers_unbinds:
            self.session.unbind_resp(event.sequence_number)
            self.close("unbound")

    def _on_refused(self, event: RequestRefused, now: float) -> None:
        command = command_name(event.command_id)
        self._write("refused", now, command=command, status=event.command_status, reason=event.reason)

    def _on_close(self, event: CloseConnection, _now: float) -> None:
        self.close(event.reason)

    # --- inside --------------------------------------------------------------------------------

    def _schedule_enquiry(self) -> None:
        interval_s = self._smsc.options.enquire_link_s
        if interval_s:
            self._enquiry_timer = self._loop.call_later(interval_s, self._enquire)

    def _enquire(self) -> None:
        if self.session.is_bound:
            self.session.enquire_link()
            self.flush()
            self._schedule_enquiry()

    def _write(self, event: str, now: float, **values: Any) -> None:
        self._journal.write(event, at=now, connection=self.number, **values)

    def _write_delivery(self, event: str, sent: Sent, now: float, status: int | None = None) -> None:
        if self._journal.is_on:
            self._journal.write_line(event, lines.delivery(event, now, self.number, sent, status))
        else:
            self._journal.count(event)

    def _write_query(self, event: QueryReceived, status: int | None, now: float) -> None:
        self._write(
            "query_sm",
            now,
            message_id=event.message_id.decode("latin-1"),
            source=event.source_addr.decode("latin-1"),
            status=status,
        )
