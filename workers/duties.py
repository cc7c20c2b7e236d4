"""The periodic duties: idempotent, bounded, run by every worker, needed from none.

Scheduled jobs are published when they are due; segments whose delay or hold is over go back to the wire's
side; segments in doubt are matched with their receipts; messages from handsets are handed over, and wait no
longer for parts that do not come; jobs and chunks whose message was lost are published again; the gateway is
asked for receipts that do not come; operators are told of credits that run low. There is no beat process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import InvalidArgument, StoreError, StoreUnavailable, WrongType
from smsfleet.config.logs import logger
from smsfleet.config.mo_routes import WEBHOOK
from smsfleet.config.repeats import Repeats
from smsfleet.store.doubts import SUSPENDED, Pair
from smsfleet.store.jobs import Envelope
from smsfleet.store.keys import LANES
from smsfleet.store.lifecycle import Kept
from smsfleet.store.outbox import Outbox
from smsfleet.store.status_counts import BATCH as COUNTED_BATCH
from smsfleet.store.status_counts import StatusCounts
from smsfleet.workers import chunks
from smsfleet.workers.counts import DUTIES
from smsfleet.workers.every import Every
from smsfleet.workers.inbox import REPLY, Inbox
from smsfleet.workers.meter import CreditWatch
from smsfleet.workers.reconciliation import Reconciliation
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

TICK_S = 0.5
"""How often due segments are looked for."""

SAID_EVERY_S = 3600.0
"""How often it is said that nothing can be matched, as long as it is so."""

REFUSED_EVERY_S = 60.0
"""How often it is said that a duty fails, as long as it does."""

BATCH = 100
MOST_BATCHES = 50


class Publisher(Protocol):
    """The broker's side of the sweeper: tasks/ has it, because it knows Celery."""

    def is_empty(self, lane: str) -> bool:
        """Whether the lane's queue has no message that waits."""

    def publish(self, lane: str, job_id: str) -> None:
        """Publish the job's message again."""

    def hand_over(self, task: str, queue: str, mo_id: str) -> None:
        """Publish a task of an application for a message from a handset; raises StoreUnavailable."""

    def envelope(self, lane: str, job_id: str, options: str) -> Envelope | None:
        """The first message of a job that was kept back; None where the broker is another server."""

    def publish_kept(self, lane: str, job_id: str, options: str) -> None:
        """Publish a job that was kept back for the first time, where the broker is another server."""

    def publish_chunks(self, campaign_id: str, lane: str, numbers: Sequence[int]) -> None:
        """Publish chunks of a campaign that were given out."""


class Duties:
    """All duties of one worker process."""

    def __init__(
        self, runtime: Runtime, publisher: Publisher, *, clock_ms: Callable[[], int] = epoch_ms
    ) -> None:
        self._runtime = runtime
        self._publisher = publisher
        self._reconciliation = Reconciliation(runtime)
        self._credits = CreditWatch(runtime, clock_ms=clock_ms)
        self._clock_ms = clock_ms
        self._sweeping = Every()
        self._inbox = Inbox(runtime, clock_ms=clock_ms)
        self._lines = Repeats(1, SAID_EVERY_S)
        self._refused = Repeats(1, REFUSED_EVERY_S)
        self._log = logger(__name__)

    def run(self) -> None:
        """Do the duties until the runtime is stopping."""
        stopping = self._runtime.stopping
        while not stopping.wait(TICK_S):
            self._runtime.counts.came_round(DUTIES)
            try:
                self.step()
            except StoreUnavailable as error:
                self._log.warning("duties wait for the store", error=error)

    def step(self) -> None:
        """One round. A duty that meets a broken key or record is said to, and those behind it are done.

        Raises StoreUnavailable when the store is away: no other duty would be served either.
        """
        for duty in self._round():
            try:
                duty()
            except StoreError as error:
                if isinstance(error, StoreUnavailable) and not isinstance(error, WrongType):
                    raise
                self._say_that_it_failed(duty.__qualname__, error)

    def _round(self) -> Iterator[Callable[[], object]]:
        """What is to be done now, in its order."""
        yield self.publish_due
        yield self.promote
        yield self.match  # before a hold ends: what is matched is not sent again
        yield self.release_held
        yield self._inbox.keep_overdue
        yield self.route
        yield self.release_parked
        yield self.give_chunks_out
        if self._sweeping.is_over(round(self._runtime.settings.sweep_s * 1000), self._clock_ms()):
            yield self.sweep
            yield self.forget_gone
            yield self.forget_campaigns
        yield from self._reconciliation.steps
        yield self._credits.step
        yield self.count_statuses

    def _say_that_it_failed(self, duty: str, error: StoreError) -> None:
        left_out = self._refused.ask(duty, self._clock_ms() / 1000)
        if left_out is not None:
            self._log.error("a duty failed: the others are done", duty=duty, error=error, left_out=left_out)

    def release_parked(self) -> None:
        """Let segments of campaigns that were resumed go on."""
        chunks.release(self._runtime)

    def give_chunks_out(self) -> None:
        """Publish chunks of campaigns that are due, first or again."""
        chunks.give_out(self._runtime, self._publisher.publish_chunks)

    def forget_campaigns(self) -> None:
        """Take campaigns that have expired from the lists."""
        chunks.forget(self._runtime)

    def count_statuses(self) -> None:
        """Count the statuses that jobs came to; whichever worker is first counts them."""
        store, counts = self._runtime.store, StatusCounts(self._runtime.keys)
        for _ in range(MOST_BATCHES):
            if store.run(counts.count()) < COUNTED_BATCH:
                return

    def publish_due(self) -> int:
        """Publish scheduled jobs whose time has come, by the clock of the store alone; how many."""
        store, lifecycle = self._runtime.store, self._runtime.lifecycle
        published = 0
        for _ in range(MOST_BATCHES):
            due = store.run(lifecycle.due(BATCH))
            if not due:
                break
            kept = self._kept(due)
            # What is gone is forgotten by the same script: it is in no lane any more.
            published += self._publish(
                [job or Kept(job_id, LANES[0], "") for job_id, job in zip(due, kept, strict=True)]
            )
            if len(due) < BATCH:
                break
        return published

    def _kept(self, due: Sequence[str]) -> Sequence[Kept | None]:
        """How they are to be published; one that is gone or damaged is not, and keeps no other from it."""
        found = self._runtime.store.run_each([self._runtime.lifecycle.kept(job_id) for job_id in due])
        for job_id, job in zip(due, found, strict=True):
            if job is None:
                self._log.error("a scheduled job is gone, or damaged: it is not sent", job_id=job_id)
        return found

    def _publish(self, jobs: list[Kept]) -> int:
        store, lifecycle, publisher = self._runtime.store, self._runtime.lifecycle, self._publisher
        messages = [publisher.envelope(job.lane, job.job_id, job.options) for job in jobs]
        words = store.run_all(
            [
                lifecycle.publish_due(job.job_id, job.lane, message)
                for job, message in zip(jobs, messages, strict=True)
            ]
        )
        # In line now: should the broker be away, or this process end, the sweeper publishes them.
        in_line = [job for job, word in zip(jobs, words, strict=True) if word == 1]
        for job, message in zip(jobs, messages, strict=True):
            if message is None and job in in_line:
                publisher.publish_kept(job.lane, job.job_id, job.options)
        return len(in_line)

    def promote(self) -> int:
        """Put segments whose delay is over back into their outbound streams; how many."""
        store, facts = self._runtime.store, self._runtime.facts
        promoted = 0
        for _ in range(MOST_BATCHES):
            due = store.run(facts.due(BATCH))
            if not due:
                break
            promoted += store.run(facts.promote(due)).count("queued")
        return promoted

    def release_held(self) -> int:
        """End the holds whose timer is over; how many segments are sent again."""
        store, facts = self._runtime.store, self._runtime.facts
        released = 0
        for _ in range(MOST_BATCHES):
            over = store.run(facts.hold_over(BATCH))
            if not over:
                break
            released += store.run(facts.release_held(over, "timer")).count("queued")
        return released

    def match(self) -> int:
        """Accept segments in doubt whose receipts can be no other's; how many receipts were matched."""
        store, doubts = self._runtime.store, self._runtime.doubts
        matched = 0
        for _ in range(MOST_BATCHES):
            looked, pairs = store.run(doubts.ripe(self._runtime.settings.match_after_s, BATCH))
            if looked == SUSPENDED and self._lines.ask("suspended", self._clock_ms() / 1000) is not None:
                self._log.error(
                    "receipts of too many numbers wait for their answers: unknown outcomes are not resolved"
                    " by receipts, their policies decide"
                )
            if pairs:
                busy = self._on_their_way()
                ready = [pair for pair in pairs if busy is not None and pair.destination not in busy]
                matched += self._match(ready)
            if looked < BATCH:
                break
        if matched:
            self._log.info("unknown outcomes resolved by receipts", segments=matched)
        return matched

    def _match(self, pairs: list[Pair]) -> int:
        if not pairs:
            return 0
        words = self._runtime.store.run(self._runtime.doubts.match(pairs, self._clock_ms()))
        return words.count("accepted") + words.count("duplicate")

    def _on_their_way(self) -> set[bytes] | None:
        """The destinations of all that may still get an answer; None when that is too much to look at.

        A receipt that came before this was asked is of none of them, or of a segment that is in doubt. Flight
        first: what is answered meanwhile is found among the answers.
        """
        store, doubts = self._runtime.store, self._runtime.doubts
        flying = store.run(doubts.in_flight())
        unapplied = store.run(doubts.unapplied())
        if unapplied is None:
            return None
        return {to for to in store.run_all(doubts.destinations([*flying, *unapplied])) if to}

    def route(self) -> int:
        """Hand messages from handsets over to whom they are for, and answer them; how many."""
        store, mo = self._runtime.store, self._runtime.mo
        routed = 0
        for _ in range(MOST_BATCHES):
            due = store.run(mo.claim_routed(BATCH))
            for mo_id, target in due:
                if target.startswith(REPLY):
                    self._reply(mo_id, target.removeprefix(REPLY))
                elif target.startswith(WEBHOOK):
                    self._call_about(mo_id, target.removeprefix(WEBHOOK))
                else:
                    task, _, queue = target.removeprefix("task:").partition("@")
                    self._publisher.hand_over(task, queue, mo_id)
                store.run(mo.routed(mo_id, target))
                routed += 1
            if len(due) < BATCH:
                break
        return routed

    def _call_about(self, mo_id: str, url: str) -> None:
        """A message becomes an event of the outbox, as a change of a job does; at least once."""
        store = self._runtime.store
        record = store.run(self._runtime.mo.read(mo_id))
        if record is not None:
            event = {**record.values, "kind": "mo", "mo_kind": record.values["kind"], "mo_id": mo_id}
            store.run(Outbox(self._runtime.keys).put(url, json.dumps(event)))

    def _reply(self, mo_id: str, wish: str) -> None:
        """Tell a person that the wish is granted: a job like any other, once for each message."""
        runtime = self._runtime
        record = runtime.store.run(runtime.mo.read(mo_id))
        text = runtime.settings.opt_out_reply if wish == "out" else runtime.settings.opt_in_reply
        if record is None or not text:
            return
        try:
            request = SmsRequest.checked(
                record.values["from"],
                text,
                record.values["to"],
                lane="high",
                ignore_opt_out=True,
                now_ms=self._clock_ms(),
            )
        except InvalidArgument as error:
            self._log.error("an opt-out cannot be confirmed", mo_id=mo_id, error=error)
            return
        job_id = f"reply:{mo_id}"
        content = request.to_json()
        runtime.store.run(runtime.jobs.take_in(job_id, lane="high", destination=request.to, content=content))
        self._publisher.publish("high", job_id)

    def sweep(self) -> int:
        """Publish jobs again whose message seems lost; how many."""
        store, jobs = self._runtime.store, self._runtime.jobs
        swept = expired = 0
        for lane in LANES:
            call = jobs.overtaken(
                lane,
                margin_s=self._runtime.settings.sweep_margin_s,
                queue_is_empty=self._publisher.is_empty(lane),
                limit=BATCH,
            )
            if not (lost := store.run(call)):
                continue
            # Else what expired in line would be published for ever: no worker can admit it.
            gone = store.run(jobs.forget_gone(lane, lost))
            for job_id, is_gone in zip(lost, gone, strict=True):
                if is_gone:
                    expired += 1
                else:
                    self._publisher.publish(lane, job_id)
                    swept += 1
        if swept:
            self._log.warning("published again: their messages seem lost", jobs=swept)
        if expired:
            self._log.error("jobs expired before a worker admitted them (SMSFLEET_JOB_TTL_S)", jobs=expired)
        return swept

    def forget_gone(self) -> int:
        """Forget jobs that were set aside and have expired: nobody can decide about them; how many."""
        store, lifecycle = self._runtime.store, self._runtime.lifecycle
        if not (oldest := store.run(lifecycle.aside(0, BATCH))):
            return 0
        gone = store.run(lifecycle.forget_gone(oldest))
        if expired := sum(gone):
            self._log.error("jobs that were set aside have expired (SMSFLEET_JOB_TTL_S)", jobs=expired)
        return expired
