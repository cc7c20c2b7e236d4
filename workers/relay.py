"""The relay: raw facts from the binder become states and statuses, in batches, idempotently.

One relay runs inside every worker process; a consumer group shares the facts among them. What a relay read
and did not apply (it died) is applied by another.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, NamedTuple

from smsfleet.config.clock import epoch_ms
from smsfleet.config.codes import command_status
from smsfleet.config.errors import InvalidDestination, PduError, RecordError, WrongType
from smsfleet.config.logs import logger
from smsfleet.config.repeats import Repeats
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.calls import Call
from smsfleet.store.facts import UNREADABLE, DeliveryFact, F, ReceiptFact, ResponseFact
from smsfleet.store.keys import DAY_MS
from smsfleet.workers.addresses import destination
from smsfleet.workers.consuming import CLAIM_EVERY_S, CLAIM_IDLE_MS, consume
from smsfleet.workers.counts import RELAY
from smsfleet.workers.credits import advice, in_credits, spelled
from smsfleet.workers.inbox import Inbox
from smsfleet.workers.leftovers import Leftovers
from smsfleet.workers.orphans import Orphans
from smsfleet.workers.receipts import Receipt, ReceiptError, oddities, parse_receipt
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.verdicts import is_alarming, verdict

BATCH = 100
LOOK_AGAIN = 3
LOOKED_AT = 1000
"""Entries of one answer of the store about what is left over."""
TAKEN_OVER_MS = 4000
"""For so long only one relay applies what was left over; less than the time between two looks of it."""
LOGGED, LOGGED_S = 20, 60.0
"""Lines about what cannot be read, in so many seconds."""


class Relay:
    """One consumer of the streams of facts."""

    def __init__(
        self,
        runtime: Runtime,
        consumer: str,
        *,
        clock_ms: Callable[[], int] = epoch_ms,
        uniform: Callable[[float, float], float] = random.uniform,
        claim_idle_ms: int = CLAIM_IDLE_MS,
    ) -> None:
        self._runtime = runtime
        self._consumer = consumer
        self._clock_ms = clock_ms
        self._uniform = uniform
        self._look_at = 0.0
        self._responses: Leftovers[ResponseFact] = Leftovers(claim_idle_ms / 1000)
        self._deliveries: Leftovers[DeliveryFact] = Leftovers(claim_idle_ms / 1000)
        self._inbox = Inbox(runtime, clock_ms=clock_ms)
        self._orphans = Orphans(runtime)
        self._lines = Repeats(LOGGED, LOGGED_S)
        self._log = logger(__name__)

    def run(self) -> None:
        """Apply facts until the runtime is stopping."""
        facts = self._runtime.facts
        consume(
            self._runtime,
            self._log,
            groups=facts.create_groups(),
            step=self.step,
            small=range(2, BATCH),
            leave=facts.forget_consumer(self._consumer),
            away="the store is away, trying again",
            each_round=lambda: self._runtime.counts.came_round(RELAY),
        )

    def step(self, block_ms: int) -> int:
        """Read one batch of each stream, waiting up to `block_ms`, and apply it; how many facts it had."""
        self._runtime.follow()
        self._take_over()
        responses, deliveries = self._read(block_ms)
        self._runtime.counts.asked()
        self.apply(responses, deliveries)
        return len(responses) + len(deliveries)

    def _read(self, block_ms: int) -> tuple[Sequence[ResponseFact], Sequence[DeliveryFact]]:
        """New facts of both streams; of the other one while something else stands in the place of one."""
        store, facts = self._runtime.store, self._runtime.facts
        try:
            return store.run(facts.read(self._consumer, BATCH, block_ms))
        except WrongType as error:
            self._say_that_it_is_broken(error)
        responses: Sequence[ResponseFact] = ()
        deliveries: Sequence[DeliveryFact] = ()
        for number, stream in enumerate(facts.streams):
            with suppress(WrongType):
                found = store.run(facts.read(self._consumer, BATCH, block_ms, [stream]))
                responses, deliveries = (found[0], deliveries) if number == 0 else (responses, found[1])
        if not (responses or deliveries):
            self._runtime.stopping.wait(block_ms / 1000)  # what is refused is refused at once
        return responses, deliveries

    def _say_that_it_is_broken(self, error: WrongType) -> None:
        if (left_out := self._lines.ask(str(error), time.monotonic())) is not None:
            self._log.error("a key is broken: what does not need it goes on", error=error, left_out=left_out)

    def _take_over(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + CLAIM_EVERY_S
        store, facts = self._runtime.store, self._runtime.facts
        with suppress(WrongType):  # whoever reads it says so
            store.run(facts.seen(self._consumer))
        responses = self._responses.overdue(self._left(facts.left_responses))
        deliveries = self._deliveries.overdue(self._left(facts.left_deliveries))
        if not (responses or deliveries) or not store.run(facts.take_over(self._consumer, TAKEN_OVER_MS)):
            return
        self._log.info("took over facts", responses=len(responses), deliveries=len(deliveries))
        for at in range(0, max(len(responses), len(deliveries)), BATCH):
            self.apply(responses[at : at + BATCH], deliveries[at : at + BATCH])

    def _left(self, look: Callable[[bytes, int], Call[list[F]]]) -> list[F]:
        """All that was read from a stream and not applied."""
        found: list[F] = []
        after = b"-"
        while page := self._runtime.store.run(look(after, LOOKED_AT)):
            found += page
            if len(page) < LOOKED_AT:
                break
            after = b"(" + page[-1].entry_id
        return found

    def apply(self, responses: Sequence[ResponseFact], deliveries: Sequence[DeliveryFact]) -> None:
        """Turn answers to submit_sm into states, and receipts into statuses; keep messages; set aside what
        cannot be read. What it costs is booked on the day on which it was heard, however late it is applied.
        """
        by_day = self._runtime.facts.by_day
        for of_a_day in zip_longest(by_day(responses), by_day(deliveries), fillvalue=()):
            try:
                self._apply(*of_a_day)
            except RecordError as error:
                self._apply_one_by_one(*of_a_day, error)

    def _apply_one_by_one(
        self, responses: Sequence[ResponseFact], deliveries: Sequence[DeliveryFact], error: RecordError
    ) -> None:
        """A fact that the store refuses, as its record is damaged, must not hold up its batch, nor end us."""
        if len(responses) + len(deliveries) > 1:
            for response in responses:
                self.apply([response], [])
            for delivery in deliveries:
                self.apply([], [delivery])
            return
        if (left_out := self._lines.ask("refused", time.monotonic())) is not None:
            self._log.error(
                "a fact cannot be applied: an answer is tried again, a deliver_sm is kept in `dead`",
                error=error,
                left_out=left_out,
            )
        for delivery in deliveries:
            self._runtime.store.run(self._runtime.facts.bury(delivery, f"cannot be applied: {error}"))

    def _apply(self, responses: Sequence[ResponseFact], deliveries: Sequence[DeliveryFact]) -> None:
        receipts, dead = self._receipts(deliveries)
        now_ms = self._clock_ms()
        day = now_ms // DAY_MS
        self._count(responses, deliveries, len(receipts), dead, now_ms)
        # Responses first: a receipt of the same batch then finds its message id.
        calls: list[Call[Any]] = []
        if responses:
            settings = self._runtime.settings
            verdicts = [verdict(fact, settings, self._uniform) for fact in responses]
            calls.append(self._runtime.facts.apply_responses(responses, verdicts, day))
        if receipts:
            # Nearly all are of today: the other days are asked for the rest only.
            calls.append(self._runtime.facts.find([read.applied.message_id for read in receipts], [day]))
        try:
            replies = self._runtime.store.run_all(calls)
        except WrongType:  # the facts stay where they are, and come again; receipts may need other keys
            if responses:  # without a flag it may be of an id that one of these answers gives
                flagged = [read for read in receipts if read.receipt.flagged]
                self._apply_all(flagged, [b""] * len(flagged), day)
            raise
        for fact in responses:
            if fact.ref == UNREADABLE:
                self._log.error("an answer cannot be read: dropped", entry_id=fact.entry_id.decode())
            if fact.command_status and (row := is_alarming(fact)):
                self._log.error(
                    "the gateway refuses", command_status=row.label, ref=fact.ref.decode("utf-8", "replace")
                )
        if responses:
            self._tell_of_the_account(responses, replies[0])
        self._apply_all(receipts, replies[-1] if receipts else [], day)

    def _apply_all(self, receipts: list[_Read], refs: Sequence[bytes], day: int) -> None:
        for _ in range(LOOK_AGAIN):
            if not receipts:
                return
            receipts = self._apply_receipts(receipts, self._find_older(receipts, refs, day), day)
            refs = [b""] * len(receipts)
        # Still moving under our hands: they stay where they are, and are taken over later.

    def _tell_of_the_account(self, responses: Sequence[ResponseFact], words: Sequence[str]) -> None:
        for fact, word in zip(responses, words, strict=True):
            if word == "paused":
                row = command_status(fact.command_status)
                account = self._runtime.store.run(self._runtime.credits.account())
                balance = in_credits(account.balance)
                self._log.error(
                    "the gateway refuses the account: it is paused, jobs wait, single messages probe it",
                    command_status=row.label,
                    meaning=row.description,
                    probe_s=self._runtime.settings.probe_s,
                    balance="not entered" if balance is None else spelled(balance),
                    then=advice(fact.command_status, balance),
                )
            elif word == "resumed":
                self._log.warning("the gateway takes messages of the account again: it is resumed")

    def _receipts(self, deliveries: Sequence[DeliveryFact]) -> tuple[list[_Read], int]:
        """The receipts, and how many cannot be read; what is no receipt is put where it belongs."""
        store, calls, tables = self._runtime.store, self._runtime.facts, self._runtime.receipt_tables
        kept = self._runtime.settings.raw_receipts
        receipts: list[_Read] = []
        raw: list[Call[bytes]] = []
        dead = 0
        for fact in deliveries:
            try:
                deliver = DeliverSm.decode_body(fact.body)
                receipt = parse_receipt(deliver, tables)
            except (ReceiptError, PduError) as error:
                if (left_out := self._lines.ask("dead", time.monotonic())) is not None:
                    self._log.error(
                        "a deliver_sm cannot be read: kept in the stream `dead`",
                        error=error,
                        left_out=left_out,
                    )
                store.run(calls.bury(fact, str(error)))
                dead += 1
                continue
            if receipt is None:
                self._inbox.take(fact, deliver)
            else:
                receipts.append(_Read(fact, receipt, _fact_of(fact, receipt)))
                odd = oddities(receipt) if kept != "none" else []
                if odd or kept == "all":
                    raw.append(calls.keep_raw(fact, receipts[-1].applied.message_id, ", ".join(odd)))
        if raw:
            store.run_all(raw)  # before they are applied: then they are not deliveries any more
        return receipts, dead

    def _count(
        self,
        responses: Sequence[ResponseFact],
        deliveries: Sequence[DeliveryFact],
        receipts: int,
        dead: int,
        now_ms: int,
    ) -> None:
        counts, messages = self._runtime.counts, len(deliveries) - receipts - dead
        if responses:
            came_ms = int(responses[0].entry_id.partition(b"-")[0])
            counts.read("response", len(responses), (now_ms - came_ms) / 1000)
        for fact, many in (("receipt", receipts), ("message", messages), ("dead", dead)):
            if many:
                counts.read(fact, many, (now_ms - deliveries[0].received_ms) / 1000)

    def _apply_receipts(self, receipts: list[_Read], refs: Sequence[bytes], day: int) -> list[_Read]:
        """Apply what can be applied; returns those to be looked up again."""
        store, calls = self._runtime.store, self._runtime.facts
        known: list[_Read] = []
        known_refs: list[bytes] = []
        for read, ref in zip(receipts, refs, strict=True):
            if not ref and not read.receipt.flagged:
                # Only its text looks like a receipt, and nobody sent that message id: a person may have.
                self._inbox.take(read.fact, DeliverSm.decode_body(read.fact.body))
            else:
                known.append(read if ref else read.with_source())
                known_refs.append(ref)
        if not known:
            return []
        words = store.run(calls.apply_receipts([read.applied for read in known], known_refs, day))
        if "parked" in words:
            self._orphans.bound()
        return [read for read, word in zip(known, words, strict=True) if word == "again"]

    def _find_older(self, receipts: Sequence[_Read], refs: Sequence[bytes], day: int) -> list[bytes]:
        """The refs of receipts, those that are missing looked up in the index of every day."""
        found = list(refs)
        missing = [number for number, ref in enumerate(refs) if not ref]
        if missing:
            calls = self._runtime.facts
            ids = [receipts[number].applied.message_id for number in missing]
            older = self._runtime.store.run(calls.find(ids, calls.days(day)))
            for number, ref in zip(missing, older, strict=True):
                found[number] = ref
        return found


class _Read(NamedTuple):
    """A deliver_sm that is a receipt."""

    fact: DeliveryFact
    receipt: Receipt
    applied: ReceiptFact

    def with_source(self) -> _Read:
        """The same with the number that it is from: only a receipt without its response needs it."""
        address = DeliverSm.decode_body(self.fact.body).source_addr.decode("latin-1")
        try:
            source = destination(address)
        except InvalidDestination:
            source = ""
        return self._replace(applied=self.applied._replace(source=source))


def _fact_of(fact: DeliveryFact, receipt: Receipt) -> ReceiptFact:
    said = (receipt.stat_raw or receipt.stat, receipt.err, receipt.network_error)
    raw = " ".join(filter(None, said)).replace(";", ",")[:60]
    message_id = receipt.message_id.encode("latin-1")
    return ReceiptFact(fact.entry_id, message_id, receipt.status, f" {raw}" if raw else "")
