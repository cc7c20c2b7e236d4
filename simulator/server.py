"""The simulator as a TCP server: sockets and timers around `Smsc` and the sessions."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Self

from smsfleet.simulator.behaviour import Smsc
from smsfleet.simulator.journal import Journal
from smsfleet.simulator.mailbox import Delivery
from smsfleet.simulator.mobile import mobile_originated
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.peer import Peer

BACKLOG = 100
MO_SOURCE = "27999100009"
"""Who sends the messages of `mo_every_s`."""

CLOSE_S = 2.0
"""How long the connections may take to close at `stop`."""


class Simulator:
    """A gateway on a TCP port; what it knows outlives `stop` and a new `start` on the same port.

    `clock` gives seconds since the epoch and never runs backwards. `async with` starts and stops it.
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        journal: Journal | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        given = options or SimulatorOptions()
        self.smsc = Smsc(given)
        self.journal = journal or Journal()
        self.now = clock or epoch_clock()
        self.port = given.port
        """the port, known after `start` when the options say 0"""
        self._server: asyncio.Server | None = None
        self._peers: dict[int, Peer] = {}
        self._connections = 0
        self._empty = asyncio.Event()
        self._most_unanswered = 0
        self._reading = True
        self.delivers = True
        self._pumping: asyncio.TimerHandle | None = None
        self._pump_at = float("inf")
        self._started_at = self.now()
        self._timers: list[asyncio.TimerHandle] = []
        self._texts = 0

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def options(self) -> SimulatorOptions:
        """What the simulator was told."""
        return self.smsc.options

    async def start(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        listener = socket.create_server((self.options.host, self.port), backlog=BACKLOG)
        if self.options.receive_buffer_octets:  # accepted connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.options.receive_buffer_octets)
        self.port = listener.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(self._accept, sock=listener)
        self._empty.set()
        self._schedule()
        return self

    async def stop(self) -> dict[str, Any]:
        """Close everything, flush the journal and return the summary."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._unschedule()
        for peer in list(self._peers.values()):
            peer.close("the simulator stops")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._empty.wait()
        except TimeoutError:
            self.disconnect("the simulator stops")
            await self._empty.wait()
        if self._pumping is not None:
            self._pumping.cancel()
            self._pumping = None
        self.journal.flush()
        return self.summary()

    # --- what a test or an operator may do -----------------------------------------------------

    def change(self, **options: Any) -> None:
        """Go on with other options; `port` and what is set up with a connection keep their values."""
        self.smsc.adopt(replace(self.options, **options))
        for peer in self._peers.values():
            peer.adopt(self.options)
        self._schedule()
        self.pump()

    def inject(self, body: bytes) -> Delivery:
        """Deliver a deliver_sm body as soon as a receiver is bound; `number` is its number in the journal."""
        now = self.now()
        delivery = self.smsc.mailbox.post(body, due=now, now=now)
        self.pump()
        return delivery

    def receive(self, text: str, *, source: str, destination: str = "", form: str = "udh8") -> list[Delivery]:
        """A handset sends a text: deliver what carries it, in order; see `mobile_originated`."""
        self._texts += 1
        bodies = mobile_originated(
            text, source=source, destination=destination, form=form, reference=self._texts
        )
        return [self.inject(body) for body in bodies]

    def hold(self) -> None:
        """Keep receipts and messages back, whoever is bound, until `release`."""
        self.delivers = False

    def release(self) -> None:
        """Deliver what was kept back."""
        self.delivers = True
        self.pump()

    def disconnect(self, reason: str = "disconnected by the simulator") -> None:
        """Drop every connection without a word."""
        for peer in list(self._peers.values()):
            peer.abort(reason)

    def unbind(self) -> None:
        """Ask every bound ESME to end its bind."""
        for peer in self._peers.values():
            if peer.session.is_bound:
                peer.session.unbind()
                peer.flush_soon()

    def enquire_link(self) -> None:
        """Ask every bound ESME for a sign of life, beside `enquire_link_s`."""
        for peer in self._peers.values():
            if peer.session.is_bound:
                peer.session.enquire_link()
                peer.flush_soon()

    def pause_reading(self) -> None:
        """Read nothing more, from old and new connections, so that the system's buffers fill."""
        self._reading = False
        for peer in self._peers.values():
            peer.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._reading = True
        self.delivers = True
        for peer in self._peers.values():
            peer.resume_reading()

    @property
    def connections(self) -> int:
        """How many ESMEs are connected."""
        return len(self._peers)

    @property
    def bound(self) -> int:
        """How many connections are bound."""
        return len(self.smsc.logins.bound)

    @property
    def most_unanswered(self) -> int:
        """The largest number of unanswered submit_sm that any connection had."""
        return max([self._most_unanswered, *(peer.most_unanswered for peer in self._peers.values())])

    def summary(self) -> dict[str, Any]:
        """What happened so far, for people and programs; times in seconds."""
        mailbox = self.smsc.mailbox
        return {
            "seconds": round(self.now() - self._started_at, 3),
            "connections": self._connections,
            **asdict(self.smsc.counts),
            "most_unanswered": self.most_unanswered,
            "deliver_sm": mailbox.posted,
            "deliver_sm_held": len(mailbox),
            "deliver_sm_expired": mailbox.expired,
            "deliver_sm_given_up": mailbox.given_up,
            "events": dict(sorted(self.journal.counts.items())),
        }

    # --- the connections' side -----------------------------------------------------------------

    def joined(self, peer: Peer) -> None:
        """A connection is there."""
        self._peers[peer.number] = peer
        self._empty.clear()
        if not self._reading:
            peer.pause_reading()

    def left(self, peer: Peer) -> None:
        """A connection is gone."""
        self._most_unanswered = max(self._most_unanswered, peer.most_unanswered)
        del self._peers[peer.number]
        if not self._peers:
            self._empty.set()

    def pump(self) -> None:
        """Deliver when the first deliver_sm is due; to be called whenever one came or somebody receives."""
        due = self.smsc.mailbox.next_due
        if due is None:
            return
        if self._pumping is not None:
            if self._pump_at <= due:
                return
            self._pumping.cancel()
        self._pump_at = due
        self._pumping = asyncio.get_running_loop().call_later(max(0.0, due - self.now()), self._pump)

    def _schedule(self) -> None:
        """Begin what happens again and again, from now on."""
        self._unschedule()
        if self._server is None:
            return
        loop, options = asyncio.get_running_loop(), self.options
        if options.disconnect_every_s:
            self._timers.append(loop.call_later(options.disconnect_every_s, self._disconnect_again))
        if options.mo_every_s:
            self._timers.append(loop.call_later(options.mo_every_s, self._receive_again))

    def _unschedule(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _disconnect_again(self) -> None:
        self.disconnect("disconnected by the simulator's schedule")
        self._schedule()

    def _receive_again(self) -> None:
        self.receive(f"message {self._texts + 1}", source=MO_SOURCE)
        self._schedule()

    def _accept(self) -> Peer:
        self._connections += 1
        return Peer(self, self._connections)

    def _pump(self) -> None:
        """One deliver_sm to each receiver in turn, while any is due and any takes one."""
        self._pumping = None
        now, mailbox, held_s = self.now(), self.smsc.mailbox, self.options.held_s
        while receivers := [peer for peer in self._peers.values() if peer.room > 0]:
            for peer in receivers:
                delivery = mailbox.take(held_s, now=now)
                if delivery is None:
                    self.pump()
                    return
                peer.deliver(delivery)


def epoch_clock() -> Callable[[], float]:
    """A clock of seconds since the epoch that is set once and then never runs backwards."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
