"""Asks query_sm for what the list of questions names: one at a time, within a rate, behind live traffic."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, TypeAlias

from smsfleet.binder.leadership import Leadership
from smsfleet.binder.outbound import Outbound
from smsfleet.binder.transport import Link, Token
from smsfleet.config.errors import EncodeError, SessionError, StoreError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.smpp.events import LinkLost, Nacked, QueryAnswered, TimedOut
from smsfleet.store.client import AsyncStore
from smsfleet.store.queries import ANSWERED, NACKED, SILENT, Query
from smsfleet.store.wire import Wire

LOOK_S = 1.0
"""How often an empty list is looked at."""

RETRY_S = 0.5
TELL_TRIES = 20


Ending: TypeAlias = QueryAnswered[Token] | Nacked[Token] | TimedOut[Token] | LinkLost[Token]


class _End(NamedTuple):
    kind: str
    command_status: int = 0
    message_state: int | None = None
    error_code: int | None = None


class Asker:
    """One question at a time is on its way, beside the window: a gateway that stays silent holds up nothing.

    What it means is left to the workers: each end is persisted as it was heard.
    """

    def __init__(
        self, store: AsyncStore, wire: Wire, leadership: Leadership, outbound: Outbound, per_s: float
    ) -> None:
        self._store = store
        self._wire = wire
        self._leadership = leadership
        self._outbound = outbound
        self.per_s = per_s
        """query_sm a second at most; 0: none"""
        self.asked = 0
        self._end: asyncio.Future[_End | None] | None = None
        self._log = logger(__name__)

    async def run(self, link: Link) -> None:
        """Ask on `link` until it is gone or this task is cancelled."""
        if not self.per_s:
            return
        pause_s = 1 / self.per_s
        while not link.closed.is_set():
            await asyncio.sleep(pause_s)
            if not self._has_room(link):
                continue
            try:
                query = await self._store.run(self._wire.queries.take())
                if query is not None:
                    await self._ask(link, query)
                elif pause_s < LOOK_S:
                    await asyncio.sleep(LOOK_S - pause_s)
            except StoreError as error:  # or a question of another version: it is gone, the next is tried
                self._log.warning("cannot look for what to ask", error=error)
                await asyncio.sleep(RETRY_S)

    def hear(self, event: Ending) -> None:
        """How the question that is on its way ended."""
        match event:
            case QueryAnswered(_, command_status, _, _, message_state, error_code):
                self._ended(_End(ANSWERED, command_status, message_state, error_code))
            case Nacked(_, command_status):
                self._ended(_End(NACKED, command_status))
            case TimedOut():
                self._ended(_End(SILENT))
            case LinkLost():  # that says nothing about query_sm
                self._ended(None)

    # --- inside --------------------------------------------------------------------------------

    def _ended(self, end: _End | None) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(end)

    def _has_room(self, link: Link) -> bool:
        """Live traffic goes first: no segment waits, and half of the window is free."""
        session = link.session
        busy = self._outbound.is_full or session.in_flight > session.options.window // 2
        return session.can_submit and self._leadership.permitted and not busy

    async def _ask(self, link: Link, query: Query) -> None:
        self._end = asyncio.get_running_loop().create_future()
        try:
            link.query(query)
        except SessionError:  # the link is going: the segment is asked for again at its next age
            return
        except EncodeError as error:
            self._log.warning("a query_sm cannot be sent", ref=query.ref.decode(), error=error)
            return
        self.asked += 1
        end = await self._end
        if end is not None:
            await self._tell(query, end)

    async def _tell(self, query: Query, end: _End) -> None:
        for _ in range(TELL_TRIES):
            try:
                await self._store.run(self._wire.queries.tell(query, *end))
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)
            else:
                return
        self._log.warning("an answer to query_sm is lost: the store is away", ref=query.ref.decode())
