"""Facts from the wire into the store: answers to submit_sm, and deliver_sm before it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from smsfleet.binder.batcher import Batcher
from smsfleet.binder.transport import Link
from smsfleet.config.codes import ESME_ROK, ESME_RX_T_APPN
from smsfleet.config.errors import StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore
from smsfleet.store.wire import Answer, Wire

BATCH = 200
"""Facts of one write."""

MOST_DELIVERIES = 10_000
"""deliver_sm that may wait to be persisted; more are sent back to the gateway at once."""

MOST_OCTETS = 16 * 1024 * 1024
"""Octets of them: one with a message_payload may have 64 KB."""

PACE_S = 0.002
"""After a small write: how long the next one is collected."""

RETRY_S = 0.2
RETRY_MOST_S = 2.0


class Answers:
    """Persists answers. They are kept in memory until the store has them: at most a window's worth."""

    def __init__(
        self,
        store: AsyncStore,
        wire: Wire,
        on_settled: Callable[[], None],
        waited_for: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._wire = wire
        self.batches: Batcher[Answer] = Batcher(self._settle, BATCH, PACE_S, waited_for, on_settled)
        self.count = 0
        self._log = logger(__name__)

    async def _settle(self, batch: list[Answer]) -> None:
        delay = RETRY_S
        while True:
            try:
                # Run again after a failure it may repeat a fact; applying a fact twice changes nothing.
                await self._store.run(self._wire.settle(batch))
            except StoreUnavailable as error:
                self._log.warning("cannot persist answers, trying again", answers=len(batch), error=error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST_S)
            else:
                self.count += len(batch)
                return


class _Delivery(NamedTuple):
    link: Link
    sequence_number: int
    body: bytes
    refused_because: str = ""
    """it has its answer already, and is kept for an operator"""


class Deliveries:
    """Persists deliver_sm and answers each only then; what the store cannot take stays with the gateway."""

    def __init__(self, store: AsyncStore, wire: Wire, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._wire = wire
        self._clock_ms = clock_ms
        self.batches: Batcher[_Delivery] = Batcher(self._persist, BATCH, PACE_S)
        self.count = 0
        self.last_ms: int | None = None
        """when one was stored last"""
        self.refused = 0
        self._octets = 0
        self._log = logger(__name__)

    def add(self, link: Link, sequence_number: int, body: bytes) -> None:
        """Take one deliver_sm of a link, or send it back when too much waits for the store."""
        octets = self._octets + len(body)
        if len(self.batches) >= MOST_DELIVERIES or octets > MOST_OCTETS:
            self.refused += 1
            link.deliver_resp(sequence_number, ESME_RX_T_APPN)
        else:
            self._octets = octets
            self.batches.add(_Delivery(link, sequence_number, body))

    def bury(self, link: Link, sequence_number: int, body: bytes, reason: str) -> None:
        """Keep one that was refused as malformed: the gateway will not send it again."""
        if len(self.batches) < MOST_DELIVERIES and self._octets + len(body) <= MOST_OCTETS:
            self._octets += len(body)
            self.batches.add(_Delivery(link, sequence_number, body, reason))

    @property
    def waiting_octets(self) -> int:
        """Octets of the deliver_sm that are not answered yet."""
        return self._octets

    async def _persist(self, batch: list[_Delivery]) -> None:
        now_ms = self._clock_ms()
        try:
            await self._store.run_all(self._calls(batch, now_ms))
            command_status = ESME_ROK
            self.count += sum(not delivery.refused_because for delivery in batch)
            self.last_ms = now_ms
        except StoreUnavailable as error:
            # Some of the batch may be stored all the same: a receipt that comes twice changes nothing.
            # What waits goes back too: behind a silent store each batch would wait for a time-out of its own,
            # and the gateway would take us for dead.
            batch = [*batch, *self.batches.withdraw()]
            sent_back = sum(not delivery.refused_because for delivery in batch)
            self._log.warning("cannot persist deliver_sm: sent back", count=sent_back, error=error)
            command_status = ESME_RX_T_APPN
            self.refused += sent_back
        for link, sequence_number, body, refused_because in batch:
            self._octets -= len(body)
            if not refused_because:
                link.deliver_resp(sequence_number, command_status)

    def _calls(self, batch: list[_Delivery], now_ms: int) -> list[Call[Any]]:
        wire = self._wire
        bodies = [delivery.body for delivery in batch if not delivery.refused_because]
        calls: list[Call[Any]] = [
            wire.dead.bury(delivery.body, now_ms, delivery.refused_because)
            for delivery in batch
            if delivery.refused_because
        ]
        if len(bodies) == 1:
            calls.append(wire.deliver(bodies[0], now_ms))
        elif bodies:
            calls.append(wire.deliver_all(bodies, now_ms))
        return calls
