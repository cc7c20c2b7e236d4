"""The simulator as a TCP server: sockets and timers around `Smsc` and the sessions."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Self

from smsfleet.config.errors import ConfigError
from smsfleet.simulator.behaviour import Smsc
from smsfleet.simulator.journal import Journal
from smsfleet.simulator.mailbox import Delivery
from smsfleet.simulator.mobile import in_order, mobile_originated
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.peer import Peer
from smsfleet.simulator.rules import Outcome, Rule
from smsfleet.simulator.schedule import Schedule

BACKLOG = 100
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
        self._pumping: asyncio.Handle | None = None
        self._pump_at = float("inf")
        self._started_at = self.now()
        self._disconnecting = Schedule(self._disconnect_again)
        self._texting = Schedule(self._receive_again)
        self._texts = 0
        # Of its own, so that the ids do not depend on the parts of a text.
        self._chance = random.Random(given.seed)  # noqa: S311

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
        for schedule in (self._disconnecting, self._texting):
            schedule.stop()
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
        self._adopt(replace(self.options, **options))

    def decide(self, destination: str, outcome: Outcome | None) -> None:
        """What becomes of messages to a number, or to all that begin so; None: what the other rules say.

        A whole number has more digits than any rule of the test ranges, a short beginning has fewer: then
        those rules win. Raises ConfigError for what is no number.
        """
        if not (destination.isascii() and destination.isdecimal()):
            raise ConfigError(f"destination {destination!r} must be digits")
        rules = [rule for rule in self.options.rules if (rule.prefix, rule.suffix) != (destination, "")]
        self.change(rules=(*rules, *([] if outcome is None else [Rule(outcome, destination)])))

    def reset(self, options: SimulatorOptions) -> None:
        """Begin anew with these options: what was is forgotten, who is bound stays."""
        self.smsc.mailbox.clear()
        self.journal.forget()
        self._adopt(options)
        self.smsc.refill()
        self.resume_reading()
        self.release()

    def inject(self, body: bytes) -> Delivery:
        """Deliver a deliver_sm body as soon as a receiver is bound; `number` is its number in the journal."""
        now = self.now()
        delivery = self.smsc.mailbox.post(body, due=now, now=now)
        self.pump()
        return delivery

    def receive(  # noqa: PLR0913 - what there is to a message
        self,
        text: str,
        *,
        source: str,
        destination: str = "",
        encoding: str = "auto",
        form: str = "udh8",
        order: str = "first_to_last",
    ) -> list[Delivery]:
        """A handset sends a text: deliver what carries it; see `mobile_originated` and `in_order`."""
        bodies = mobile_originated(
            text,
            source=source,
            destination=destination,
            encoding=encoding,
            form=form,
            reference=self._texts + 1,
        )
        self._texts += 1
        return [self.inject(body) for body in in_order(bodies, order, self._chance)]

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
            "deliver_sm_refused": mailbox.refused,
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
        loop, wait_s = asyncio.get_running_loop(), due - self.now()
        # What is due already leaves with the answers that wait for the end of this turn, in the same write.
        self._pumping = loop.call_later(wait_s, self._pump) if wait_s > 0 else loop.call_soon(self._pump)

    def _adopt(self, options: SimulatorOptions) -> None:
        self.smsc.adopt(options)
        for peer in self._peers.values():
            peer.adopt(options)
        self._schedule()
        self.pump()

    def _schedule(self) -> None:
        """Begin, change or end what happens again and again."""
        if self._server is not None:
            self._disconnecting.every(self.options.disconnect_every_s)
            self._texting.every(self.options.mo_every_s)

    def _disconnect_again(self) -> None:
        self.disconnect("disconnected by the simulator's schedule")

    def _receive_again(self) -> None:
        options = self.options
        self.receive(
            options.mo_text.replace("{number}", str(self._texts + 1)),
            source=options.mo_source,
            destination=options.mo_destination,
            encoding=options.mo_encoding,
            form=options.mo_form,
            order=options.mo_order,
        )

    def _accept(self) -> Peer:
        self._connections += 1
        return Peer(self, self._connections)

    def _pump(self) -> None:
        """One deliver_sm to each receiver in turn, while any is due and any takes one."""
        self._pumping = None
        now, take, held_s = self.now(), self.smsc.mailbox.take, self.options.held_s
        rooms = [(peer, peer.room) for peer in self._peers.values()]
        for turn in range(max((room for _, room in rooms), default=0)):
            for peer, room in rooms:
                if room <= turn:
                    continue
                delivery = take(held_s, now=now)
                if delivery is None:
                    self.pump()
                    return
                peer.deliver(delivery, now=now)


def epoch_clock() -> Callable[[], float]:
    """A clock of seconds since the epoch that is set once and then never runs backwards."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()
