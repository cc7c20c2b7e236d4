"""Chunks of campaigns: rows become jobs with their segments on the wire's side, a hundred in one script."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any, NamedTuple

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import RecordError, StoreUnavailable
from smsfleet.config.logs import logger
from smsfleet.store.calls import Call
from smsfleet.store.campaigns import Campaigns, Handled, Row
from smsfleet.store.keys import DAY_MS
from smsfleet.workers.admissions import next_references
from smsfleet.workers.campaign_rows import Made, RowMaker
from smsfleet.workers.outgoing import MOST_DEATHS, Outcome
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

SLICE = 100
"""Rows of one script: more would keep everybody else waiting for it."""

LEAST = 10
"""Rows of one script where the rate is low."""

PATIENCE_S = 15.0
"""How long a chunk waits in a worker's hands for the account's rate; then another one may have its place."""

RETRY_S = 0.5
RETRY_MOST_S = 5.0


class Ended(NamedTuple):
    """What became of a chunk."""

    word: str
    """done, back (it is given out again), paused, cancelled, gone"""
    publish: Sequence[int] = ()
    """chunks of its campaign that are to be published now"""
    lane: str = "bulk"


class Chunks:
    """Handles chunks for one runtime; whatever waits, ends when `stopping` is set."""

    def __init__(
        self,
        runtime: Runtime,
        stopping: Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = epoch_ms,
    ) -> None:
        self._runtime = runtime
        self._stopping = stopping or runtime.stopping
        self._clock = clock
        self._clock_ms = clock_ms
        self._log = logger(__name__)

    def handle(self, campaign_id: str, number: int) -> Ended:
        """Make jobs of a chunk's rows, as far as the rate lets it; what is left is given out again.

        A row is handled once, however often its chunk is published. Waits while the store is away, for
        `PATIENCE_S` at most; then the chunk comes again by itself.
        """
        delay, until = RETRY_S, self._clock() + PATIENCE_S
        while True:
            try:
                return self._handle(campaign_id, number, until)
            except StoreUnavailable as error:
                self._log.warning(
                    "the store is away, trying again", chunk=f"{campaign_id}.{number}", error=error
                )
                if self._stopping.wait(delay) or self._clock() > until:
                    return Ended("back")
                delay = min(delay * 2, RETRY_MOST_S)

    def handle_redelivered(self, campaign_id: str, number: int) -> Ended:
        """The same for a chunk whose message came back: one that ends workers pauses its campaign."""
        store, jobs, chunk = self._runtime.store, self._runtime.jobs, f"{campaign_id}.{number}"
        if store.run(jobs.count_delivery(chunk)) > MOST_DEATHS:
            store.run_all([self._runtime.campaigns.stop(campaign_id, "p"), jobs.forget_deliveries([chunk])])
            self._log.error(
                "a campaign is paused: workers ended while they handled a chunk of it",
                chunk=chunk,
                workers=MOST_DEATHS,
            )
            return Ended("paused")
        ended = self.handle(campaign_id, number)
        store.run(jobs.forget_deliveries([chunk]))
        return ended

    def _handle(self, campaign_id: str, number: int, until: float) -> Ended:
        runtime, calls = self._runtime, self._runtime.campaigns
        runtime.follow()
        (chunk, content), (handled, chunk_rows, submitted) = runtime.store.run_all(
            calls.chunk(campaign_id, number)
        )
        if content is None:
            return Ended("gone")
        try:
            request = SmsRequest.from_json(content)
            rows = json.loads(chunk or b"{}")
        except (RecordError, ValueError):
            self._log.exception("a campaign is paused: its chunk cannot be read", campaign=campaign_id)
            runtime.store.run(calls.stop(campaign_id, "p"))
            return Ended("paused")
        maker = RowMaker(campaign_id, request, runtime.settings, runtime.rules, now_ms=self._clock_ms())
        before = (number - 1) * chunk_rows
        if chunk is None:
            names = runtime.store.run(calls.retried_of(campaign_id, number))  # of a chunk of a retry alone
            gone = len(names) or max(0, min(chunk_rows, submitted - before))
            rows = {"r": [_expired(runtime.settings.job_ttl_s)] * gone, "i": names}
        work = _Work(maker, calls, number, _rows(rows, before), "d" in rows, {}, "i" in rows)
        while True:
            reply = self._slice(work, handled)
            if reply.word == "done":
                return Ended("done", reply.publish, request.lane)
            if reply.word in {"paused", "cancelled", "gone"}:
                return Ended(reply.word)
            handled = reply.rows if reply.word == "moved" else handled + reply.rows
            if reply.word == "slow":
                return Ended("back")
            if reply.wait_ms and (self._wait(reply.wait_ms) or self._clock() > until):
                runtime.store.run(calls.put_back(campaign_id, number, 0))
                return Ended("back")

    def _wait(self, wait_ms: int) -> bool:
        """Wait for the account's rate, or for room; True when this process is stopping."""
        with self._runtime.counts.waiting():
            return self._stopping.wait(wait_ms / 1000)

    def _slice(self, work: _Work, handled: int) -> Handled:
        """Handle the next rows of a chunk, behind those that were."""
        runtime = self._runtime
        # No more than may go at once: what is left would be sent to the store again and again.
        size = max(LEAST, min(SLICE, int(runtime.pace.burst)))
        rows = self._ready(work, handled)[:size]
        day = self._clock_ms() // DAY_MS
        last = handled + len(rows) >= len(work.rows)
        common = work.maker.common()
        call = work.calls.admit(common, work.number, handled, rows, runtime.pace, day, last=last)
        runtime.counts.admitted(len(rows))
        reply = runtime.store.run(call)
        if reply.word == "done" and work.is_retry:
            runtime.store.run(work.calls.forget_retried_of(common.campaign_id, work.number))
        if reply.word != "moved":  # else its rows are those that somebody else handled
            sent = _sent(rows, reply)
            if reply.rows:
                outcomes = [Outcome.ADMITTED] * len(sent) + [Outcome.REFUSED] * (reply.rows - len(sent))
                runtime.counts.handled(outcomes)
            self._remember(common.campaign_id, sent, work.maker.sender, day)
        return reply

    def _ready(self, work: _Work, handled: int) -> Sequence[Row]:
        """The rows behind those that were handled; made ready once, though they may go one by one."""
        first, rows = work.ready.get("rows", (0, ()))
        if not first <= handled < first + len(rows):
            part = work.rows[handled : handled + SLICE]
            made = [work.maker.make(number, value, unique=work.unique) for number, value in part]
            made = self._with_bodies(work.maker, self._wanted(work.maker, made))
            first, rows = work.ready["rows"] = handled, [one.row for one in made]
        return rows[handled - first :]

    def _wanted(self, maker: RowMaker, made: list[Made]) -> list[Made]:
        """Refuse recipients that have opted out; begin.lua looks again at the last moment."""
        opt_outs, store = self._runtime.opt_outs, self._runtime.store
        if maker.ignores_opt_out or not store.run(opt_outs.count()):
            return made
        asked = [one for one in made if one.row.to]
        found = store.run_all([opt_outs.is_opted_out(one.row.to, maker.sender) for one in asked])
        unwanted = {one.row.row for one, is_out in zip(asked, found, strict=True) if is_out}
        return [
            maker.refused(one.row.row, "opted-out", "the number wants no messages")
            if one.row.row in unwanted
            else one
            for one in made
        ]

    def _with_bodies(self, maker: RowMaker, made: list[Made]) -> list[Made]:
        """Put the concatenation references in and build the submit_sm bodies."""
        several = {
            one.row.row: one.row.to for one in made if one.segmented and one.segmented.reference_octets
        }
        references = next_references(self._runtime, several)
        return [maker.with_bodies(one, references.get(one.row.row)) for one in made]

    def _remember(self, campaign_id: str, sent: Sequence[Row], sender: str, day: int) -> None:
        """Replies to what was admitted can be linked to it. Nothing depends on that."""
        runtime = self._runtime
        if not sent or not runtime.settings.mo_reply_s or (sender and not sender.isdigit()):
            return
        jobs = [(row.to, f"{campaign_id}:{row.row}") for row in sent]
        runtime.store.run(runtime.mo.remember(jobs, day, runtime.settings.mo_reply_s))


class _Work(NamedTuple):
    """A chunk in hand."""

    maker: RowMaker
    calls: Campaigns
    number: int
    rows: Sequence[tuple[str, Any]]
    unique: bool
    ready: dict[str, tuple[int, Sequence[Row]]]
    """`rows`: those that are made ready, and how many of the chunk are before them"""
    is_retry: bool


def _sent(rows: Sequence[Row], reply: Handled) -> list[Row]:
    """Of these rows those that became jobs by this reply."""
    refused = set(reply.refused)
    return [row for place, row in enumerate(rows[: reply.rows]) if row.to and place not in refused]


def _rows(chunk: dict[str, Any], before: int) -> list[tuple[str, Any]]:
    """The rows of a chunk with their numbers; `before`: rows of the chunks before it."""
    values = chunk.get("r", [])
    numbers = chunk.get("i") or [str(before + at) for at in range(1, len(values) + 1)]
    return list(zip(numbers, values, strict=True))


def _expired(job_ttl_s: int) -> dict[str, str]:
    """A row whose chunk has expired; as one that was refused when it was taken."""
    # In days: so many seconds would be masked, as a number of somebody.
    within = f"{job_ttl_s / 86_400:g} days (SMSFLEET_JOB_TTL_S)"
    return {"e": "expired", "m": f"it was no job within {within} and is kept no longer"}


def release(runtime: Runtime, *, limit: int = 100) -> None:
    """Let segments of resumed campaigns go on. Raises StoreUnavailable."""
    while runtime.store.run(runtime.campaigns.release(limit)) == limit:
        pass


def give_out(
    runtime: Runtime, publish: Callable[[str, str, Sequence[int]], None], *, limit: int = 100
) -> None:
    """Give out chunks that are due, first or again.

    `publish` takes a campaign, its lane and numbers of chunks. Raises StoreUnavailable.
    """
    store, calls = runtime.store, runtime.campaigns
    live, chunks = store.run(calls.due(limit))
    keys = store.run_each([calls.key(campaign_id) for campaign_id in live])
    for campaign_id, key in zip(live, keys, strict=True):
        try:
            lane, numbers = store.run(calls.next_chunks(campaign_id, key or ""))
        except RecordError as error:  # it holds up no other
            logger(__name__).error("a campaign is damaged", campaign=campaign_id, error=error)
            continue
        if numbers:
            publish(campaign_id, lane, numbers)
    lanes: list[Call[str | None]] = [calls.lane(campaign_id) for campaign_id, _ in chunks]
    for (campaign_id, number), its_lane in zip(chunks, store.run_each(lanes), strict=True):
        if its_lane:
            publish(campaign_id, its_lane, [number])
        else:
            store.run(calls.let_go(campaign_id, number))


def forget(runtime: Runtime, *, limit: int = 10) -> None:
    """Take campaigns that have expired from the lists."""
    store, calls = runtime.store, runtime.campaigns
    for campaign_id in store.run(calls.begun(0, limit)):
        store.run(calls.forget(campaign_id))
