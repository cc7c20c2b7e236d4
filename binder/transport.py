"""One TCP connection around one session: reads, coalesced writes, timers. Below this: no socket, no clock."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterator
from typing import cast

from smsfleet.binder.notes import Hears
from smsfleet.binder.sockets import octets_taken, tune
from smsfleet.config.errors import SessionError
from smsfleet.config.logs import logger
from smsfleet.smpp.constants import SUBMIT_SM
from smsfleet.smpp.events import CloseConnection, Event
from smsfleet.smpp.session import Session, SessionOptions
from smsfleet.store.queries import Query

Token = tuple[bytes, int]
"""A segment's ref and attempt; attempts count from 1."""

QUERY = 0
"""In the place of the attempt: the request was a query_sm."""

PEER_CLOSED = "peer-closed"
"""The cause of an end that neither the session nor we gave."""

_HEADER = struct.Struct(">II")
"""command_length, command_id"""

MOST_UNSENT = 10_000
"""Answers that wait while the peer does not read: with more, nothing is read from it either. Far more than
any window, so that a peer that reads a little late is not held up."""

CLOSE_S = 2.0
"""How long a closing connection may take to send what is left."""


class Link(asyncio.Protocol):
    """The connection to the gateway.

    `on_events` gets the session's events, in order. `permitted` is asked before octets of a submit_sm are
    handed to the kernel; when it says no, the connection is dropped instead. `on_bind` is called when the
    bind is about to be written, `tap` hears every octet.
    """

    def __init__(  # noqa: PLR0913 - whom it asks and tells
        self,
        options: SessionOptions,
        *,
        on_events: Callable[[list[Event[Token]]], None],
        permitted: Callable[[], bool],
        on_bind: Callable[[], None] = lambda: None,
        tap: Hears | None = None,
        clock: Callable[[], float] = time.monotonic,
        user_timeout_s: float = 20.0,
    ) -> None:
        self.session: Session[Token] = Session(options)
        self.closed = asyncio.Event()
        self.close_reason = "the peer closed the connection"
        self.close_cause: str = PEER_CLOSED
        """a CloseCause, PEER_CLOSED, or a word of whoever called `close`"""
        self._on_events = on_events
        self._permitted = permitted
        self._on_bind = on_bind
        self._tap = tap
        self._clock = clock
        self._user_timeout_s = user_timeout_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._writable = True
        self._reading = True
        self._flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_tls = False
        self._unwritten: dict[Token, None] = {}
        """submitted and not handed on, in their order"""
        self._handed = 0
        """octets handed to asyncio"""
        self._stuck: dict[Token, int] = {}
        """where in all octets each submit_sm begins, of those that the kernel did not take at once"""
        self._log = logger(__name__)

    # --- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the socket up and ask for the bind."""
        transport = cast("asyncio.Transport", transport)  # what create_connection hands over
        self._transport = transport
        # What the kernel does not take stays with us, known to be unsent; the rest of one write with asyncio.
        self._is_tls = transport.get_extra_info("sslcontext") is not None
        # With TLS asyncio keeps some 64 KiB more, which count as written; and with 0 it would never resume.
        transport.set_write_buffer_limits(high=int(self._is_tls), low=0)
        tune(transport.get_extra_info("socket"), user_timeout_s=self._user_timeout_s)
        self._on_bind()
        self.session.bind(now=self._clock())
        self._flush()
        self._schedule()

    def data_received(self, data: bytes) -> None:
        """Hand octets to the session."""
        if self._tap is not None:
            self._tap.received(data)
        events = self.session.receive(data, now=self._clock())
        self._handle(events)
        if not self._writable and self.session.unsent > MOST_UNSENT + self.session.in_flight:
            self._pause_reading()

    def pause_writing(self) -> None:
        """The kernel takes no more: keep what comes."""
        self._writable = False

    def resume_writing(self) -> None:
        """The kernel takes again."""
        self._writable = True
        self._stuck.clear()
        self._flush()
        if not self._reading and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: every unanswered request becomes an event."""
        if exc is not None:
            self.close_reason = f"{exc.__class__.__name__}: {exc}"
        if self._timer is not None:
            self._timer.cancel()
        self._find_unsent()
        self._transport = None
        events = self.session.connection_lost(now=self._clock())
        self.closed.set()
        self._on_events(events)

    # --- the binder's side ---------------------------------------------------------------------

    def submit(self, token: Token, body: bytes) -> None:
        """Send one submit_sm with the next octets; raises NotBound or WindowFull."""
        self.session.submit(token, body, now=self._clock())
        self._unwritten[token] = None
        self._flush_soon()

    def query(self, query: Query) -> None:
        """Send one query_sm with the next octets; raises NotBound, WindowFull or EncodeError."""
        self.session.query(
            (query.ref, QUERY),
            query.message_id,
            source_addr_ton=query.source_ton,
            source_addr_npi=query.source_npi,
            source_addr=query.source,
            now=self._clock(),
        )
        self._flush_soon()

    def deliver_resp(self, sequence_number: int, command_status: int = 0) -> None:
        """Answer a deliver_sm, if the connection is still there."""
        try:  # contextlib.suppress costs more than all the rest, for every message
            self.session.deliver_resp(sequence_number, command_status)
        except SessionError:
            return
        self._flush_soon()

    def unbind(self, reason: str, cause: str) -> bool:
        """Ask for the end of the bind, or close for this reason when there is none; True when asked."""
        try:
            self.session.unbind(now=self._clock())
        except SessionError:
            self.close(reason, cause)
            return False
        self._flush_soon()
        return True

    def close(self, reason: str, cause: str) -> None:
        """Send what is left and close."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self.close_reason, self.close_cause = reason, cause
        self._flush()
        transport.close()
        self._loop.call_later(CLOSE_S, transport.abort)

    @property
    def now(self) -> float:
        """The time by the clock of its timers."""
        return self._clock()

    def was_written(self, token: Token) -> bool:
        """Whether some octet of the submit_sm may have left us."""
        return token not in self._unwritten

    # --- inside --------------------------------------------------------------------------------

    def _handle(self, events: list[Event[Token]]) -> None:
        if events:
            self._on_events(events)
            for event in events:
                if isinstance(event, CloseConnection):
                    self.close(event.reason, event.cause)
        self._end_turn()  # at once: what has room now need not wait for what its answers set going

    def _pause_reading(self) -> None:
        """Let the peer wait, as it lets us: what it sends would grow in our memory, as answers to it."""
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()
            self._log.warning("the peer does not read: nothing is read from it", unsent=self.session.unsent)

    def _flush_soon(self) -> None:
        """At the end of this turn of the loop, once for everything that happens in it."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._flush_due = False
        self._flush()
        self._schedule()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or not self._writable or transport.is_closing():
            return
        if self._unwritten and not self._permitted():
            self.close_reason = "the lease may have ended: nothing more may be submitted"
            self.close_cause = "lease"
            transport.abort()
            return
        submitted, self._unwritten = self._unwritten, {}
        data = self.session.data_to_send()
        if data:
            transport.write(data)
            if transport.is_closing() and not self._is_tls:  # the peer has reset it: the kernel took nothing
                self._unwritten = submitted
                return
            if not self._writable and not self._is_tls:
                self._stuck = dict(zip(submitted, _submits(data, self._handed), strict=True))
            self._handed += len(data)
            if self._tap is not None:
                self._tap.sent(data)

    def _find_unsent(self) -> None:
        """The end of a write for which the kernel had no room: what it has not taken by now it never gets."""
        if self._stuck and self._transport is not None:
            taken = octets_taken(self._transport.get_extra_info("socket"))
            if taken is not None:
                self._unwritten |= {token: None for token, begin in self._stuck.items() if begin >= taken}

    def _schedule(self) -> None:
        """Keep one timer at the session's next deadline; a later deadline is found when the timer fires."""
        deadline = self.session.next_deadline()
        if deadline is None or self._transport is None:
            return
        if self._timer is not None:
            if self._timer.when() <= self._at(deadline):
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._at(deadline), self._tick)

    def _at(self, deadline: float) -> float:
        return self._loop.time() + max(0.0, deadline - self._clock())

    def _tick(self) -> None:
        self._timer = None
        self._handle(self.session.tick(now=self._clock()))


def _submits(data: bytes, offset: int) -> Iterator[int]:
    """Where each submit_sm of whole PDUs begins, counted from `offset`."""
    at = 0
    while at < len(data):
        length, command_id = _HEADER.unpack_from(data, at)
        if command_id == SUBMIT_SM:
            yield offset + at
        at += length
