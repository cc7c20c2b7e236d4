"""Reconciliation: the gateway is asked (query_sm) for accepted segments whose final receipt does not come.

The binder asks, slowly; its answers are joined like receipts. Where the gateway does not know query_sm,
nothing is asked any more. Segments that stay at 003 are closed after `SMSFLEET_SETTLE_AFTER_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from smsfleet.config.codes import ESME_RINVCMDID, ESME_ROK, command_status
from smsfleet.config.errors import RecordError
from smsfleet.config.logs import logger
from smsfleet.config.receipt_tables import DEFAULT, ReceiptTables
from smsfleet.config.statuses import MESSAGE_STATE_WORD
from smsfleet.store.calls import Call
from smsfleet.store.keys import DAY_MS
from smsfleet.store.lease import Lease, report_of
from smsfleet.store.queries import NACKED, OFF_S, SILENT, UNREADABLE, Heard, Query, QueryFact
from smsfleet.store.walks import Known, Turn
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.walk import KNOWN_MS, PAUSE_MS, Walk, days_at, got_an_age

BATCH = 100

WAITING = 100
"""With more questions than this waiting the walk waits too: asking is slower than looking."""

SILENT_MOST = 3
"""After so many query_sm without an answer, one after the other, no more are asked."""

PARTS = 12
"""A pass begins each twelfth part of the first age: so much later than its age a segment may be asked for."""


class Reconciliation:
    """The duties about query_sm of one worker process."""

    def __init__(self, runtime: Runtime, *, pause_ms: int = PAUSE_MS) -> None:
        self._runtime = runtime
        self._pause_ms = pause_ms
        self._log = logger(__name__)

    @property
    def steps(self) -> tuple[Callable[[], object], ...]:
        """One round: apply what was answered, look a little further for what to ask and what to close."""
        return self.apply, self._look_for_queries, self._look_what_to_settle

    def step(self) -> None:
        """Take each of them."""
        for step in self.steps:
            step()

    def _look_for_queries(self) -> None:
        if self._may_ask():
            self._walk_for_queries(self._runtime.settings.query_ages_ms)

    def _look_what_to_settle(self) -> None:
        self._walk_to_settle(round(self._runtime.settings.settle_after_s * 1000))

    # --- answers -------------------------------------------------------------------------------

    def apply(self) -> int:
        """Join what the gateway answered; how many answers there were."""
        store, queries = self._runtime.store, self._runtime.queries
        facts = store.run(queries.read(BATCH))
        if not facts:
            return 0
        tables = self._runtime.receipt_tables
        words = store.run(queries.apply([hear(fact, tables) for fact in facts]))
        ours = [fact for fact, word in zip(facts, words, strict=True) if word != "done"]
        self._judge(ours)
        return len(ours)

    def _judge(self, facts: Sequence[QueryFact]) -> None:
        """Switch off where the gateway does not know query_sm."""
        store, queries = self._runtime.store, self._runtime.queries
        for fact in facts:
            if fact.kind == SILENT:
                if store.run(queries.count_silent()) >= SILENT_MOST:
                    self._switch_off(f"{SILENT_MOST} query_sm one after the other had no answer")
            elif fact.kind == NACKED:
                self._switch_off(f"generic_nack {command_status(fact.command_status).label}")
            elif fact.kind == UNREADABLE:
                self._log.error("an answer to query_sm is of another version", ref=fact.ref.decode())
            elif fact.command_status == ESME_RINVCMDID:
                self._switch_off(f"query_sm_resp {command_status(fact.command_status).label}")
            else:
                store.run(queries.not_silent())

    def _switch_off(self, reason: str) -> None:
        if self._runtime.store.run(self._runtime.queries.switch_off(reason)):
            self._log.error(
                "the gateway refuses query_sm: nothing is asked any more",
                reason=reason,
                days=OFF_S // 86_400,
                resume="smsfleet query --resume",
            )

    # --- questions -----------------------------------------------------------------------------

    def _may_ask(self) -> bool:
        """Whether a binder asks, the gateway answers, and not too much waits."""
        queries, lease = self._runtime.queries, Lease(self._runtime.keys)
        calls: list[Call[Any]] = [queries.off(), queries.waiting(), lease.reported()]
        off, waiting, reported = self._runtime.store.run_all(calls)
        if off or waiting > WAITING:
            return False
        per_s = report_of(reported).get("queries_per_s", 0)
        return isinstance(per_s, int | float) and per_s > 0

    def _walk_for_queries(self, ages_ms: tuple[int, ...]) -> None:
        def visit(known: Sequence[Known], turn: Turn) -> None:
            previous, began = turn.previous_ms or 0, turn.began_ms or 0
            store = self._runtime.store
            due = [
                found.known
                for found in store.run(self._runtime.walks.open_segments(known))
                if got_an_age(found.accepted_ms, ages_ms, previous, began)
            ]
            if due:
                self._runtime.counts.count("reconciled", len(due))
                store.run(self._runtime.queries.ask(list(questions(self._runtime, due))))

        Walk(
            self._runtime,
            self._runtime.keys.walk_query,
            every_ms=ages_ms[0] / PARTS,
            days=lambda previous, now: days_at(ages_ms, previous, now),
            visit=visit,
            pause_ms=self._pause_ms,
        ).step()

    # --- 003 -----------------------------------------------------------------------------------

    def _walk_to_settle(self, after_ms: int) -> None:
        def visit(known: Sequence[Known], _turn: Turn) -> None:
            call = self._runtime.walks.close_unconfirmed(known, after_ms / 1000)
            if closed := self._runtime.store.run(call):
                self._runtime.counts.count("unconfirmed", closed)
                self._log.info("closed at 003: no handset confirmation came", segments=closed)

        Walk(
            self._runtime,
            self._runtime.keys.walk_settle,
            every_ms=after_ms / PARTS,
            days=lambda previous, now: days_to_settle(after_ms, previous, now),
            visit=visit,
            pause_ms=self._pause_ms,
        ).step()


def days_to_settle(after_ms: int, previous_ms: int, now_ms: int) -> set[int]:
    """The days that may hold segments which are at 003 for long enough since the last pass.

    Most come to 003 soon after their acceptance. For those that came later a day is looked at again, whole,
    each time it has become a day older.
    """
    days = days_at([after_ms], previous_ms, now_ms)
    for age in range(after_ms + DAY_MS, KNOWN_MS + 1, DAY_MS):
        first, last = (previous_ms - age) // DAY_MS, (now_ms - age) // DAY_MS
        days |= set(range(first, last))
    return days


def questions(runtime: Runtime, known: Iterable[Known], reply: str = "") -> Iterator[Query]:
    """A question for each message id, with the source that its submit_sm had (SMPP 3.4 §4.8.1)."""
    wanted = list(known)
    contents = runtime.store.run(
        runtime.jobs.contents([one.ref.decode().rpartition("#")[0] for one in wanted])
    )
    for (message_id, ref), content in zip(wanted, contents, strict=True):
        try:
            request = SmsRequest.from_json(content or b"")
        except RecordError:  # gone: the account's own source is the likeliest
            yield Query(ref, message_id, reply=reply)
        else:
            wire = request.options
            yield Query(ref, message_id, request.sender, wire.source_ton, wire.source_npi, reply)


def hear(fact: QueryFact, tables: ReceiptTables = DEFAULT) -> Heard:
    """What an answer means for its segment; only a message_state that is told has a status."""
    if fact.kind in (SILENT, UNREADABLE):
        return Heard(fact, None, " unanswered" if fact.kind == SILENT else " answer unreadable")
    if fact.kind == NACKED or fact.command_status != ESME_ROK:
        return Heard(fact, None, f" refused 0x{fact.command_status:08X}")
    word = MESSAGE_STATE_WORD.get(fact.message_state or 0)
    told = word or f"message_state {fact.message_state}"
    error = f" {fact.error_code:03d}" if fact.error_code is not None else ""
    return Heard(fact, tables.words.get(word or ""), f" {told}{error}")
