"""What the relay asks of the store: raw facts in, states and statuses out. Facts are not fenced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from smsfleet.config.days import UTC_DAYS, AccountDays
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.credits import BOOK_TTL_S, day_of_entry
from smsfleet.store.dead import KEPT_DEAD
from smsfleet.store.keys import DAY_MS, RELAY_GROUP, Keys
from smsfleet.store.packed import pack_id, pack_said
from smsfleet.store.scripts import script
from smsfleet.store.wire import create_group

LAST_ID = b"18446744073709551615-0"
"""No entry of a stream comes behind it. Redis 7.0 does not look at all behind the very last one."""

MS_DIGITS = 15
"""Of a time in ms, at most: what has more was written by nobody of ours."""

KEPT_RAW = 10_000
"""Receipts that the stream `receipts` keeps."""

KEPT_STRAYS = 10_000
"""Receipts without a response that the stream `strays` keeps when they were too many to wait."""

UNREADABLE = b""
"""In place of the ref of an entry of `responses` that is not of our form: it is of no job."""


class ResponseFact(NamedTuple):
    """One answer to a submit_sm, as the binder heard it."""

    entry_id: bytes
    ref: bytes
    attempt: int
    command_status: int
    message_id: bytes
    body: bytes
    """the refused submit_sm body, empty when accepted or when the attempt was not in flight any more"""


class DeliveryFact(NamedTuple):
    """One deliver_sm, as the binder heard it."""

    entry_id: bytes
    body: bytes
    received_ms: int


class Verdict(NamedTuple):
    """What a response means for its segment."""

    outcome: str
    """ok | retry (bounded) | slow (retry, and the rate is lowered) | wait (not counted) | pause (wait, and so
    does the whole account) | reject"""
    shown_status: int
    """the Appendix B number that a rejected segment is shown with"""
    delay_ms: int
    """until the next attempt"""


class ReceiptFact(NamedTuple):
    """One parsed delivery receipt."""

    entry_id: bytes
    message_id: bytes
    status: int | None
    """Appendix B number; None when the word is not in the table"""
    raw: str
    """what was said, for the history"""
    source: str = ""
    """the number that it is from, in digits as a job's destination; empty when it cannot be one"""


class RawReceipt(NamedTuple):
    """One receipt as it came."""

    body: bytes
    """deliver_sm body, without header"""
    received_ms: int
    message_id: bytes
    why: str
    """what is odd about it; empty when all are kept"""


F = TypeVar("F", ResponseFact, DeliveryFact)


class Facts:
    """The relay's calls for one account."""

    def __init__(  # noqa: PLR0913 - the settings that its scripts go by
        self,
        keys: Keys,
        *,
        text_ttl_s: int,
        index_ttl_s: int,
        max_attempts: int,
        rate: float = 100.0,
        probe_s: float = 60.0,
        days: AccountDays = UTC_DAYS,
        now_ms: int = 0,
    ) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._index_ttl_s = index_ttl_s
        self._max_attempts = max_attempts
        self._rate = rate
        self._probe_ms = round(probe_s * 1000)
        self._days = days
        self._now_ms = now_ms

    def create_groups(self) -> list[Call[bool]]:
        """Make the streams of facts and their group, from the beginning of each stream."""
        return [create_group(key, RELAY_GROUP) for key in (self._keys.responses, self._keys.deliveries)]

    @property
    def streams(self) -> tuple[bytes, bytes]:
        """The streams of facts: answers to submit_sm, deliver_sm."""
        return self._keys.responses, self._keys.deliveries

    def read(
        self, consumer: str, count: int, block_ms: int, streams: Sequence[bytes] = ()
    ) -> Call[tuple[list[ResponseFact], list[DeliveryFact]]]:
        """Up to `count` new facts of each stream, or of some, for this consumer; waits up to `block_ms`.

        Without a list of what is pending: a fact stays in its stream until it is applied, see `left_over`.
        """
        streams = streams or self.streams
        command = (
            b"XREADGROUP", b"GROUP", RELAY_GROUP, consumer, b"COUNT", count, b"BLOCK", block_ms, b"NOACK",
            b"STREAMS", *streams, *(b">" for _ in streams),
        )  # fmt: skip
        return Call(command, self._facts)

    def seen(self, consumer: str) -> Call[None]:
        """Let this consumer be seen to be alive by whoever counts the relays.

        Redis 7.0 notes a consumer only when it gets something: one that waits looked dead after a while (7.2
        and Valkey note every read). A look behind the last pending id finds nothing and is noted by all.
        """
        command = (
            b"XREADGROUP", b"GROUP", RELAY_GROUP, consumer, b"COUNT", 1,
            b"STREAMS", self._keys.deliveries, LAST_ID,
        )  # fmt: skip
        return Call(command, lambda _: None)

    def _facts(self, reply: Any) -> tuple[list[ResponseFact], list[DeliveryFact]]:
        rows = dict(reply or ())
        return (
            _responses(rows.get(self._keys.responses, ())),
            _deliveries(rows.get(self._keys.deliveries, ())),
        )

    def left_responses(self, after: bytes, count: int) -> Call[list[ResponseFact]]:
        """Responses that a consumer has read and nobody has applied, the oldest first, behind `after`."""
        return self._left(self._keys.responses, after, count, _responses)

    def left_deliveries(self, after: bytes, count: int) -> Call[list[DeliveryFact]]:
        """Deliveries that a consumer has read and nobody has applied, the oldest first, behind `after`."""
        return self._left(self._keys.deliveries, after, count, _deliveries)

    def _left(self, stream: bytes, after: bytes, count: int, read: Callable[[Any], list[F]]) -> Call[list[F]]:
        return eval_call(script("left_over"), [stream], (RELAY_GROUP, after, count), read)

    def take_over(self, consumer: str, for_ms: int) -> Call[bool]:
        """Whether this consumer is to apply what was left over; then no other is, `for_ms` long."""
        return Call(("SET", self._keys.takeover, consumer, "NX", "PX", for_ms), bool)

    def forget_consumer(self, consumer: str) -> list[Call[int]]:
        """Remove a consumer, as a stopping worker does; what it has read and not applied is left over."""
        return [
            Call(("XGROUP", "DELCONSUMER", stream, RELAY_GROUP, consumer), int)
            for stream in (self._keys.responses, self._keys.deliveries)
        ]

    def by_day(self, facts: Sequence[F]) -> list[Sequence[F]]:
        """Facts in the order of their streams, parted where the account's day changes."""
        if not facts:
            return []
        first, last = (day_of_entry(fact.entry_id, self._days) for fact in (facts[0], facts[-1]))
        if first == last:
            return [facts]
        parted = groupby(facts, lambda fact: day_of_entry(fact.entry_id, self._days))
        return [list(part) for _, part in parted]

    def apply_responses(
        self, facts: Sequence[ResponseFact], verdicts: Sequence[Verdict], day: int
    ) -> Call[list[str]]:
        """Apply answers; reply: a word for each, see apply_response.lua. `day` is the index's of today.

        What they cost is booked on the account's day on which the first of them was kept: see `by_day`.
        """
        keys = self._keys
        book = keys.credits_of(day_of_entry(facts[0].entry_id, self._days))
        script_keys = [
            keys.responses, keys.status, keys.waiting, keys.delayed, keys.held, keys.orphans,
            keys.doubts, keys.doubted, keys.rate, keys.pause, keys.outbox, book, keys.credits,
            keys.campaigns_tally, keys.campaigns_parked,
        ]  # fmt: skip
        arguments: list[Any] = [
            self._now_ms, self._text_ttl_s, self._index_ttl_s, self._max_attempts,
            self._rate, self._probe_ms, BOOK_TTL_S,
        ]  # fmt: skip
        for fact, verdict in zip(facts, verdicts, strict=True):
            job_id, _, number = fact.ref.rpartition(b"#")
            message_id = pack_id(fact.message_id)
            script_keys += (
                keys.job(job_id), keys.content(job_id),
                keys.index(message_id, day), keys.orphan(fact.message_id),
            )  # fmt: skip
            arguments += (
                fact.entry_id, fact.ref, number, fact.attempt, verdict.outcome, fact.command_status,
                verdict.shown_status, verdict.delay_ms, fact.body, message_id,
            )  # fmt: skip
        return eval_call(script("apply_response"), script_keys, arguments, _words)

    def find(self, message_ids: Sequence[bytes], days: Sequence[int]) -> Call[list[bytes]]:
        """The refs of message ids (empty when unknown), looked up in the index of the given days in turn."""
        ids = [pack_id(message_id) for message_id in message_ids]
        script_keys = [self._keys.index(message_id, day) for message_id in ids for day in days]
        return eval_call(script("find"), script_keys, (len(days), *ids), list)

    def days(self, day: int) -> list[int]:
        """The days whose index may hold an id: today, tomorrow (a clock ahead of ours), then backwards."""
        oldest = self._index_ttl_s * 1000 // DAY_MS
        return [day, day - 1, day + 1, *range(day - 2, day - oldest - 1, -1)]

    def apply_receipts(
        self, receipts: Sequence[ReceiptFact], references: Sequence[bytes], day: int
    ) -> Call[list[str]]:
        """Apply receipts with their refs as looked up; reply: a word for each, see apply_receipt.lua.

        What they give back is booked as in `apply_responses`.
        """
        keys = self._keys
        script_keys = [
            keys.deliveries, keys.status, keys.orphans, keys.doubts, keys.doubted, keys.outbox,
            keys.credits_of(day_of_entry(receipts[0].entry_id, self._days)), keys.credits,
            keys.campaigns_tally,
        ]  # fmt: skip
        arguments: list[Any] = [self._now_ms, self._text_ttl_s, self._index_ttl_s, BOOK_TTL_S]
        for receipt, reference in zip(receipts, references, strict=True):
            job_id, _, number = reference.rpartition(b"#")
            message_id = pack_id(receipt.message_id)
            script_keys += (keys.job(job_id), keys.content(job_id), keys.orphan(receipt.message_id))
            if reference:
                script_keys += (keys.orphans,) * 3
            else:
                script_keys += [keys.index(message_id, at) for at in (day, day - 1, day + 1)]
            status = "" if receipt.status is None else receipt.status
            arguments += (
                receipt.entry_id, reference, number, message_id, status,
                pack_said(receipt.status, receipt.raw).encode("latin-1", "replace"), receipt.source,
            )  # fmt: skip
        return eval_call(script("apply_receipt"), script_keys, arguments, _words)

    def keep_raw(self, fact: DeliveryFact, message_id: bytes, why: str) -> Call[bytes]:
        """Keep a receipt as it came in the stream `receipts`; `why` says what is odd about it."""
        command = (
            "XADD", self._keys.receipts, "MAXLEN", "~", KEPT_RAW, "*",
            "p", fact.body, "t", fact.received_ms, "i", message_id, "why", why,
        )  # fmt: skip
        return Call(command, bytes)

    def raw_receipts(self, count: int) -> Call[list[RawReceipt]]:
        """The newest receipts that were kept as they came, the newest first."""
        command = ("XREVRANGE", self._keys.receipts, "+", "-", "COUNT", count)
        return Call(command, lambda reply: [_raw(fields) for _, fields in reply])

    def orphans(self, oldest: int) -> list[Call[Any]]:
        """How many message ids wait for their response, and the oldest of them."""
        key = self._keys.orphans
        return [Call(("ZCARD", key), int), Call(("ZRANGE", key, 0, oldest - 1), list)]

    def give_up_orphans(self, message_ids: Sequence[bytes], limit: int) -> Call[int]:
        """Move the receipts of the oldest to the stream `strays`, until `limit` wait; reply: how many."""
        script_keys = [self._keys.orphans, self._keys.strays, *map(self._keys.orphan, message_ids)]
        return eval_call(script("give_up_orphans"), script_keys, (limit, KEPT_STRAYS, *message_ids), int)

    def bury(self, fact: DeliveryFact, reason: str) -> Call[int]:
        """Move an unreadable deliver_sm to the stream `dead`, with the reason."""
        arguments = (fact.entry_id, KEPT_DEAD, "p", fact.body, "t", fact.received_ms, "why", reason)
        return eval_call(script("forward"), [self._keys.deliveries, self._keys.dead], arguments, int)

    def waiting(self) -> list[Call[int]]:
        """How much waits: in flight, delayed, held, responses, deliveries, orphans, dead."""
        keys = self._keys
        return [
            Call(("HLEN", keys.inflight), int),
            Call(("ZCARD", keys.delayed), int),
            Call(("ZCARD", keys.held), int),
            Call(("XLEN", keys.responses), int),
            Call(("XLEN", keys.deliveries), int),
            Call(("ZCARD", keys.orphans), int),
            Call(("XLEN", keys.dead), int),
        ]

    def due(self, count: int) -> Call[list[bytes]]:
        """Refs whose delay is over."""
        return eval_call(script("due"), [self._keys.delayed], (self._now_ms, count), list)

    def promote(self, references: Sequence[bytes]) -> Call[list[str]]:
        """Put delayed segments back into their outbound streams; reply: a word for each, see promote.lua."""
        script_keys, arguments = self._waiting(self._keys.delayed, references, self._keys.rate)
        return eval_call(script("promote"), script_keys, arguments, _words)

    def hold_over(self, count: int) -> Call[list[bytes]]:
        """Refs whose hold timer is over."""
        return eval_call(script("due"), [self._keys.held], (self._now_ms, count), list)

    def release_held(self, references: Sequence[bytes], decision: str) -> Call[list[str]]:
        """End holds by `timer`, `resend` or `fail`; reply: a word for each, see release_held.lua."""
        script_keys, arguments = self._waiting(self._keys.held, references)
        with_decisions = arguments[:2]
        for reference, number in zip(arguments[2::2], arguments[3::2], strict=True):
            with_decisions += (reference, number, decision)
        return eval_call(script("release_held"), script_keys, with_decisions, _words)

    def _waiting(
        self, queue: bytes, references: Sequence[bytes], *further: bytes
    ) -> tuple[list[bytes], list[Any]]:
        keys = self._keys
        script_keys = [
            keys.waiting, queue, keys.status, *keys.outbounds(), keys.outbox, keys.campaigns_tally, *further,
        ]  # fmt: skip
        arguments: list[Any] = [self._now_ms, self._text_ttl_s]
        for reference in references:
            job_id, _, number = reference.rpartition(b"#")
            script_keys += (keys.job(job_id), keys.content(job_id))
            arguments += (reference, number)
        return script_keys, arguments


def _responses(rows: Any) -> list[ResponseFact]:
    facts = []
    for entry_id, fields in rows:
        if fields:
            # r ref, a `attempt,command_status,message_id`, and for refused ones b body: as settle.lua writes
            try:
                attempt, command_status, message_id = fields[3].split(b",", 2)
                body = fields[5] if len(fields) > 4 else b""
                fact = ResponseFact(entry_id, fields[1], int(attempt), int(command_status), message_id, body)
            except (IndexError, ValueError):  # it must not hold up those behind it
                fact = ResponseFact(entry_id, UNREADABLE, 0, 0, b"", b"")
            facts.append(fact)
    return facts


def _deliveries(rows: Any) -> list[DeliveryFact]:
    facts = []
    for entry_id, fields in rows:
        if fields:
            values = dict(zip(fields[::2], fields[1::2], strict=True))
            facts.append(DeliveryFact(entry_id, values.get(b"p", b""), _ms(values.get(b"t", b""))))
    return facts


def _ms(written: bytes) -> int:
    return int(written) if written.isdigit() and len(written) <= MS_DIGITS else 0


def _words(reply: Any) -> list[str]:
    return [word.decode() for word in reply]


def _raw(fields: Any) -> RawReceipt:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return RawReceipt(values[b"p"], int(values[b"t"]), values[b"i"], values[b"why"].decode())
