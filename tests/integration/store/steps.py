"""The steps of a fleet on one store: what tests arrange with, a line for each thing that happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.doubts import Doubts, Pair
from smsfleet.store.facts import Facts, ReceiptFact, ResponseFact, Verdict
from smsfleet.store.jobs import Admission, Admitted, Jobs, Pace, TakenIn
from smsfleet.store.keys import DAY_MS, Keys
from smsfleet.store.lease import Lease
from smsfleet.store.ledger import Ledger
from smsfleet.store.lifecycle import Lifecycle
from smsfleet.store.mo import Mo
from smsfleet.store.opt_out import OptOuts
from smsfleet.store.records import JobRecord, SegmentRecord
from smsfleet.store.standing import Standing, Standings
from smsfleet.store.wire import START, Answer, Entry, Unanswered, Wire

T = TypeVar("T")

NOW_MS = 1_700_000_000_000
DAY = 19_675
JOB_TTL_S = 30 * 86_400
TEXT_TTL_S = 86_400
INDEX_TTL_S = 8 * 86_400
HOLD_S = 120.0
MAX_ATTEMPTS = 3
MATCH_AFTER_S = 20.0
PROBE_S = 60.0
SET_RATE = 100.0
"""what the relay takes for the rate that is set"""
TO = "27999100001"
PACE = Pace(rate=100_000, bulk_reserve=0.2, outbound_limit=20_000)

OK = 0
TEMPORARY = 0x58
PERMANENT = 0x400
NO_CREDIT = 0x401

VERDICTS = {
    OK: Verdict("ok", 8, 0),
    TEMPORARY: Verdict("slow", 5, 5000),
    PERMANENT: Verdict("reject", 9, 0),
    NO_CREDIT: Verdict("pause", 12, 1000),
}


@dataclass
class Fleet:
    """One account on one store, at a moment that tests move by hand."""

    store: Store
    now_ms: int = NOW_MS
    keys: Keys = field(default_factory=lambda: Keys("main"))
    token: str = ""
    after: list[bytes] = field(default_factory=lambda: list(START))
    """where the binder is in the outbound streams"""

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.keys, job_ttl_s=JOB_TTL_S, text_ttl_s=TEXT_TTL_S, now_ms=self.now_ms)

    @property
    def lifecycle(self) -> Lifecycle:
        return Lifecycle(self.keys, text_ttl_s=TEXT_TTL_S, now_ms=self.now_ms)

    @property
    def wire(self) -> Wire:
        return Wire(self.keys, text_ttl_s=TEXT_TTL_S, hold_s=HOLD_S, now_ms=self.now_ms)

    @property
    def facts(self) -> Facts:
        return Facts(
            self.keys,
            text_ttl_s=TEXT_TTL_S,
            index_ttl_s=INDEX_TTL_S,
            max_attempts=MAX_ATTEMPTS,
            rate=SET_RATE,
            probe_s=PROBE_S,
            now_ms=self.now_ms,
        )

    @property
    def doubts(self) -> Doubts:
        return Doubts(self.keys, text_ttl_s=TEXT_TTL_S, index_ttl_s=INDEX_TTL_S, now_ms=self.now_ms)

    @property
    def mo(self) -> Mo:
        return Mo(self.keys, parts_ttl_s=3600, duplicate_s=600, now_ms=self.now_ms)

    @property
    def opt_outs(self) -> OptOuts:
        return OptOuts(self.keys, job_ttl_s=JOB_TTL_S, now_ms=self.now_ms)

    @property
    def lease(self) -> Lease:
        return Lease(self.keys)

    @property
    def standings(self) -> Standings:
        return Standings(self.keys, now_ms=self.now_ms)

    @property
    def standing(self) -> Standing:
        return self.run(self.standings.read())

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.keys, now_ms=self.now_ms)

    def run(self, call: Call[T]) -> T:
        return self.store.run(call)

    def redis(self, *command: Any, parse: Callable[[Any], Any] = lambda reply: reply) -> Any:
        """One plain command, to look at what a script left."""
        return self.run(Call(command, parse))

    def create_groups(self) -> None:
        self.store.run_all(self.facts.create_groups())

    # --- applications and workers --------------------------------------------------------------

    def take_in(  # noqa: PLR0917
        self,
        job_id: str = "j1",
        lane: str = "normal",
        key: str | None = None,
        now_ms: int = 0,
        to: str = TO,
        content: str = "{}",
    ) -> Any:
        """Store a job; `now_ms` when it is not taken in at the fleet's moment."""
        jobs = Jobs(self.keys, job_ttl_s=JOB_TTL_S, text_ttl_s=TEXT_TTL_S, now_ms=now_ms or self.now_ms)
        call = jobs.take_in(job_id, lane=lane, destination=to, content=content, idempotency_key=key)
        return self.run(call)

    def take_in_later(
        self, job_id: str = "j1", due_ms: int = NOW_MS + 60_000, lane: str = "normal", **more: Any
    ) -> TakenIn:
        """A job that is due later."""
        given = {"idempotency_key": None, "destination": TO, "content": "{}"} | more
        return self.run(self.jobs.take_in_later(job_id, lane=lane, due_ms=due_ms, **given))

    def cancel(self, job_id: str = "j1", callback: str = "") -> str:
        """The letters of cancel.lua."""
        return self.run(self.lifecycle.cancel(job_id, "by request", callback))

    def intake(self, lane: str = "normal") -> list[bytes]:
        """Jobs in line."""
        return list(self.redis("ZRANGE", self.keys.intake[lane], 0, -1))

    def scheduled(self) -> list[bytes]:
        return list(self.redis("ZRANGE", self.keys.scheduled, 0, -1))

    def admit(self, *admissions: Admission, pace: Pace = PACE, day: int = DAY) -> Admitted:
        return self.run(self.jobs.admit(admissions, pace, day))

    def take_in_and_admit(
        self,
        job_id: str = "j1",
        *,
        segments: int = 1,
        lane: str = "normal",
        policy: str = "hold",
        max_ambiguous: int = 1,
        deadline_ms: int | None = None,
        to: str = TO,
        content: str = "{}",
    ) -> list[bytes]:
        """A job on the wire's side; its refs."""
        self.take_in(job_id, lane, to=to, content=content)
        admitted = self.admit(admission(job_id, lane, policy, max_ambiguous, deadline_ms, segments))
        assert admitted.results == [1]
        return refs(job_id, segments)

    # --- the binder ----------------------------------------------------------------------------

    def lead(self, owner: str = "A") -> str:
        """A new binder leads; the fence is its token from now on."""
        self.redis("DEL", self.keys.lease)
        token = self.run(self.lease.acquire(owner, 10.0))
        assert token is not None
        self.token = token
        return token

    def take(self, count: int = 100) -> list[Entry]:
        """Segments behind those taken before."""
        entries = self.run(self.wire.take(count, self.after))
        for entry in entries:
            self.after[entry.lane - 1] = entry.entry_id
        return entries

    def take_and_begin(self, count: int = 100) -> list[int]:
        """The next segments SENDING; their attempts."""
        return self.begin(self.take(count))

    def backlog(self, count: int = 100) -> list[Entry]:
        """Segments that are not settled, from the beginning of the streams."""
        return self.run(self.wire.take(count, START))

    def begin_backlog(self) -> list[int]:
        return self.begin(self.backlog())

    def begin(self, entries: Sequence[Entry]) -> list[int]:
        return self.run(self.wire.begin(self.token, entries)) if entries else []

    def send(self, job_id: str = "j1", **options: Any) -> list[bytes]:
        """A job SENDING under the first attempt; its refs."""
        segments = self.take_in_and_admit(job_id, **options)
        assert self.take_and_begin() == [1] * len(segments)
        return segments

    def lost(self, *segments: bytes, written: bool = True, attempt: int | None = None) -> list[str]:
        return self.run(self.wire.lost(self.token, [Unanswered(ref, attempt, written) for ref in segments]))

    def settle(self, ref: bytes, code: int = OK, message_id: bytes = b"M1", attempt: int = 1) -> int:
        return self.run(self.wire.settle([Answer(ref, attempt, code, message_id if code == OK else b"")]))

    # --- the relay -----------------------------------------------------------------------------

    def read_responses(self, consumer: str = "relay") -> list[ResponseFact]:
        return self.run(self.facts.read(consumer, 100, 1))[0]

    def apply(self, facts: Sequence[ResponseFact], day: int = DAY) -> list[str]:
        if not facts:
            return []
        verdicts = [VERDICTS[fact.command_status] for fact in facts]
        return self.run(self.facts.apply_responses(facts, verdicts, day))

    def answer(
        self, ref: bytes, code: int = OK, message_id: bytes = b"M1", attempt: int = 1, day: int = DAY
    ) -> str:
        """The gateway answers, the fact is applied; the word for it."""
        self.settle(ref, code, message_id, attempt)
        return self.apply(self.read_responses(), day)[-1]

    def deliver(self, body: bytes = b"receipt") -> bytes:
        """A deliver_sm persisted and read by the relay; its entry id."""
        self.run(self.wire.deliver(body, self.now_ms))
        return self.run(self.facts.read("relay", 100, 1))[1][-1].entry_id

    def look_up(self, message_id: bytes, day: int = DAY) -> bytes:
        return self.run(self.facts.find([message_id], self.facts.days(day)))[0]

    def receipt(
        self,
        status: int | None,
        message_id: bytes = b"M1",
        raw: str = "",
        *,
        day: int = DAY,
        ref: bytes | None = None,
        source: str = TO,
    ) -> str:
        """A receipt comes and is applied; the word for it. `ref` when the look-up was earlier."""
        fact = ReceiptFact(self.deliver(), message_id, status, raw, source)
        found = self.look_up(message_id, day) if ref is None else ref
        return self.run(self.facts.apply_receipts([fact], [found], day))[0]

    # --- the duty ------------------------------------------------------------------------------

    def ripe(self, after_s: float = MATCH_AFTER_S) -> list[Pair]:
        return self.run(self.doubts.ripe(after_s, 100))[1]

    def match(self, *pairs: Pair, day: int = DAY) -> list[str]:
        return self.run(self.doubts.match(pairs, day * DAY_MS))

    # --- looking -------------------------------------------------------------------------------

    def job(self, job_id: str = "j1") -> JobRecord:
        record = self.run(self.jobs.read(job_id))
        assert isinstance(record, JobRecord), record
        return record

    def segment(self, number: int = 1, job_id: str = "j1") -> SegmentRecord:
        return self.job(job_id).segments[number - 1]

    def states(self, job_id: str = "j1") -> str:
        return "".join(segment.state for segment in self.job(job_id).segments)

    def letters(self, job_id: str = "j1") -> str:
        """The history in short: a letter with its code for each line."""
        return " ".join(f"{e.letter}{'' if e.code is None else e.code}" for e in self.job(job_id).history)

    def counts(self, job_id: str = "j1") -> str:
        return self.redis("HGET", self.keys.job(job_id), "k").decode()

    def events(self) -> list[tuple[bytes, bytes, bytes]]:
        """The stream `status`: job, status, final."""
        rows = self.redis("XRANGE", self.keys.status, "-", "+")
        return [(fields[1], fields[3], fields[5]) for _, fields in rows]

    def outbound(self, lane: str = "normal") -> list[bytes]:
        """The refs in an outbound stream."""
        return [fields[1] for _, fields in self.redis("XRANGE", self.keys.outbound[lane], "-", "+")]

    def waiting(self) -> dict[bytes, bytes]:
        flat = self.redis("HGETALL", self.keys.waiting)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def in_flight(self) -> set[bytes]:
        return set(self.run(self.wire.in_flight()))

    def ttl_s(self, key: bytes) -> int:
        return int(self.redis("TTL", key))

    def everything(self) -> dict[bytes, Any]:
        """Every key and its content, to see that nothing changed."""
        read = {
            b"string": ("GET",), b"hash": ("HGETALL",), b"list": ("LRANGE", 0, -1),
            b"zset": ("ZRANGE", 0, -1, "WITHSCORES"), b"stream": ("XRANGE", "-", "+"),
            b"set": ("SMEMBERS",),
        }  # fmt: skip
        content = {}
        for key in sorted(self.redis("KEYS", "*")):
            name, *rest = read[_octets(self.redis("TYPE", key))]
            content[key] = self.redis(name, key, *rest)
        return content


def _octets(reply: Any) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode()


def refs(job_id: str, segments: int) -> list[bytes]:
    return [b"%s#%d" % (job_id.encode(), number) for number in range(1, segments + 1)]


def body(job_id: str, number: int) -> bytes:
    """The submit_sm body of a segment; any octets, so also those that a text protocol would not carry."""
    return b"\x00\r\n%s\xff%d" % (job_id.encode(), number)


def admission(  # noqa: PLR0917 - in the order of Admission
    job_id: str = "j1",
    lane: str = "normal",
    policy: str = "hold",
    max_ambiguous: int = 1,
    deadline_ms: int | None = None,
    segments: int = 1,
) -> Admission:
    bodies = [body(job_id, number) for number in range(1, segments + 1)]
    return Admission(job_id, lane, policy, max_ambiguous, deadline_ms, bodies)
