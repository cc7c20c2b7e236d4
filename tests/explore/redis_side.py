"""The Redis side of a state: running the real scripts, photographing every key, putting a photograph back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import redis
from tests.explore.faults import Fault
from tests.explore.model import CAMPAIGN, DEADLINE_MS, EARLY_MS, JOB, LATE_MS, TO, Configuration

from smsfleet.store.calls import Call
from smsfleet.store.campaigns import Campaigns
from smsfleet.store.client import Store, translated
from smsfleet.store.doubts import Doubts
from smsfleet.store.facts import Facts
from smsfleet.store.jobs import Admission, Admitted, Jobs, Pace
from smsfleet.store.keys import Keys, ref
from smsfleet.store.lease import Lease
from smsfleet.store.lifecycle import Lifecycle
from smsfleet.store.queries import Queries
from smsfleet.store.records import JobRecord, read_job
from smsfleet.store.scripts import Script
from smsfleet.store.standing import Standings
from smsfleet.store.walks import Walks
from smsfleet.store.wire import Wire

T = TypeVar("T")

KEYS = Keys("x")
PACE = Pace(rate=1_000_000, bulk_reserve=0.2, outbound_limit=20_000)
LANE = "normal"
# A hold that begins early is over late; one that begins late is over at once, because there is no third moment.
_HOLD_S = {EARLY_MS: (LATE_MS - EARLY_MS) / 2000, LATE_MS: 0.0}

_PHOTOGRAPH_LUA = """
local still = {}
for i = 1, #ARGV do still[ARGV[i]] = true end
local picture = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if not still[key] then
    local kind = redis.call('TYPE', key).ok
    local content, pending = false, {}
    if kind == 'string' then content = redis.call('GET', key)
    elseif kind == 'hash' then content = redis.call('HGETALL', key)
    elseif kind == 'list' then content = redis.call('LRANGE', key, 0, -1)
    elseif kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    else
      content = redis.call('XRANGE', key, '-', '+')
      for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
        for _, row in ipairs(redis.call('XRANGE', key, '-', group[8])) do pending[#pending + 1] = row[1] end
      end
    end
    picture[#picture + 1] = { key, redis.call('DUMP', key), content, pending }
  end
end
return picture
"""

_RESTORE_LUA = """
local still = {}
for i = 2 * tonumber(ARGV[1]) + 2, #ARGV do still[ARGV[i]] = true end
for _, key in ipairs(redis.call('KEYS', '*')) do
  if not still[key] then redis.call('DEL', key) end
end
for i = 2, 2 * tonumber(ARGV[1]), 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
return 1
"""

# Keys that no move depends on: they are neither photographed nor put back.
_STILL = (
    KEYS.status, KEYS.rate, KEYS.content(JOB), KEYS.lease_number, KEYS.intake[LANE], KEYS.watermark[LANE],
    KEYS.outbound["high"], KEYS.outbound["bulk"], KEYS.campaign(CAMPAIGN),
)  # fmt: skip

_RESTORE = Script.of("restore", _RESTORE_LUA)
_PHOTOGRAPH = Call((0, *_STILL), list, Script.of("photograph", _PHOTOGRAPH_LUA))


_READER = Facts(KEYS, text_ttl_s=0, index_ttl_s=0, max_attempts=0)


class Queued(NamedTuple):
    """An entry of the outbound stream."""

    at: tuple[int, int]
    """its entry id"""
    ref: bytes
    has_body: bool


class Waiting(NamedTuple):
    """A fact that waits in one of the streams."""

    what: tuple[Any, ...]
    pending: bool


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything in Redis that matters, and how to put it back."""

    dump: tuple[tuple[bytes, bytes], ...]
    job: dict[bytes, bytes]
    outbound: tuple[Queued, ...]
    inflight: dict[bytes, tuple[int, bytes]]
    """ref -> attempt, token"""
    responses: tuple[Waiting, ...]
    deliveries: tuple[Waiting, ...]
    waiting: dict[bytes, bytes]
    delayed: dict[bytes, float]
    held: dict[bytes, float]
    orphans: dict[bytes, tuple[bytes, ...]]
    index: dict[bytes, bytes]
    doubts: bytes
    """the traces of the one destination"""
    doubted: float
    """when they are to be looked at; infinite when there are none"""
    parked: frozenset[bytes]
    """segments of the paused campaign that made room"""
    stopped: bytes
    """the campaign: p paused, c cancelled, empty"""
    tally: dict[bytes, bytes]
    """of the campaign, by class"""
    charged: tuple[int, int, int, int]
    """segments accepted, thirds charged for them, thirds given back; and the account's own sum"""
    pause: dict[bytes, bytes]
    questions: tuple[bytes, ...]
    """for query_sm, that no binder has taken"""
    answers: tuple[tuple[bytes, ...], ...]
    """to query_sm, that no duty has applied, without their entry ids"""
    asks_no_more: bool
    fence: str
    lease: str

    @property
    def is_paused(self) -> bool:
        """Whether nothing goes out but, when the gateway caused it, the probe, which is always due here."""
        return b"all" in self.pause

    @cached_property
    def record(self) -> JobRecord:
        """The job as a reader sees it."""
        record = read_job(JOB, [item for pair in self.job.items() for item in pair])
        assert isinstance(record, JobRecord)
        return record

    @cached_property
    def canonical(self) -> Any:
        """What tells two states apart: entry ids, tokens, times and the history do not."""
        ours = self.fence.encode()
        return (
            tuple(sorted((k, v) for k, v in self.job.items() if k not in (b"h", b"c"))),
            tuple(entry[1:] for entry in self.outbound),
            tuple(sorted((r, attempt, token == ours) for r, (attempt, token) in self.inflight.items())),
            self.responses,
            self.deliveries,
            tuple(sorted(self.waiting)),
            tuple(sorted(self.delayed)),
            tuple(sorted(self.held)),
            tuple(sorted(self.parked)),
            self.stopped,
            tuple(sorted(self.orphans.items())),
            tuple(sorted(self.index.items())),
            self.doubts,
            self.charged,
            self.doubted <= LATE_MS,
            tuple(sorted((k, v if k == b"probing" else b"") for k, v in self.pause.items())),
            self.questions,
            self.answers,
            self.asks_no_more,
            bool(self.lease),
            self.lease == self.fence,
        )


class World:
    """The store under exploration."""

    def __init__(self, client: redis.Redis, configuration: Configuration, fault: Fault | None = None) -> None:
        self.configuration = configuration
        self.fault = fault
        self._client = client
        self._command_now: Callable[..., Any] = client.execute_command
        self._store = Store(client)
        self._scripts: dict[str, Script] = {}
        self.present: Picture
        """the state in which the next call runs"""
        self._there: Picture | None = None
        """what the server holds now"""
        self._steps: dict[Any, tuple[Picture, Any, Picture]] = {}
        self.lease = Lease(KEYS)
        self._wires = {
            now: Wire(KEYS, text_ttl_s=60, hold_s=hold_s, now_ms=now) for now, hold_s in _HOLD_S.items()
        }
        self._facts = {
            now: Facts(
                KEYS,
                text_ttl_s=60,
                index_ttl_s=691_200,
                max_attempts=configuration.max_attempts,
                probe_s=0,
                now_ms=now,
            )
            for now in (EARLY_MS, LATE_MS)
        }

        self._doubts = {
            now: Doubts(KEYS, text_ttl_s=60, index_ttl_s=691_200, now_ms=now) for now in (EARLY_MS, LATE_MS)
        }

        self._queries = {now: Queries(KEYS, text_ttl_s=60, now_ms=now) for now in (EARLY_MS, LATE_MS)}
        self._walks = {now: Walks(KEYS, text_ttl_s=60, now_ms=now) for now in (EARLY_MS, LATE_MS)}
        self._lifecycles = {now: Lifecycle(KEYS, text_ttl_s=60, now_ms=now) for now in (EARLY_MS, LATE_MS)}

    def lifecycle(self, now_ms: int) -> Lifecycle:
        """The application's calls at this moment."""
        return self._lifecycles[now_ms]

    def queries(self, now_ms: int) -> Queries:
        """The calls about query_sm at this moment."""
        return self._queries[now_ms]

    def walks(self, now_ms: int) -> Walks:
        """The walks' calls at this moment."""
        return self._walks[now_ms]

    def doubts(self, now_ms: int) -> Doubts:
        """The duty's calls at this moment."""
        return self._doubts[now_ms]

    def wire(self, now_ms: int) -> Wire:
        """The binder's calls at this moment."""
        return self._wires[now_ms]

    def facts(self, now_ms: int) -> Facts:
        """The relay's calls at this moment."""
        return self._facts[now_ms]

    def run(self, call: Call[T]) -> T:
        """Run one call, with the seeded fault in its script, in the present state.

        The same call in the same state is only made once: moves outside Redis leave the picture what it was, so
        most calls come again. That is sound because a reply depends on nothing but the picture and the call.
        """
        name = call.script.name if call.script else ""
        step = (id(self.present), name or str(call.arguments[0]), *call.arguments)
        if step not in self._steps:
            self._steps[step] = (self.present, *self._made(call, reads=_only_reads(name, call.arguments)))
        _, reply, self.present = self._steps[step]
        return call.parse(reply)

    def _made(self, call: Call[Any], *, reads: bool) -> tuple[Any, Picture]:
        """Put the present state back, make the call, photograph what it left: one round trip."""
        commands = [self._command(call)]
        if self._there is not self.present:
            flat = [item for pair in self.present.dump for item in pair]
            restore = Call((0, len(self.present.dump), *flat, *_STILL), int, _RESTORE)
            commands.insert(0, self._command(restore))
        if not reads:
            commands.append(self._command(_PHOTOGRAPH))
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            queue: Callable[..., Any] = pipeline.execute_command
            for command in commands:
                queue(*command)
            replies = pipeline.execute()
        after = self.present if reads else _picture(replies.pop())
        self._there = after
        return replies[-1], after

    def _command(self, call: Call[Any]) -> Sequence[Any]:
        if call.script is None:
            return call.arguments
        script = call.script
        if script.name not in self._scripts:
            self._scripts[script.name] = self.fault.applied_to(script) if self.fault else script
            self._command_now("SCRIPT LOAD", self._scripts[script.name].source)
        return ("EVALSHA", self._scripts[script.name].sha, *call.arguments)

    def prepare(self) -> Picture:
        """One job taken in and admitted (the message for it came twice), groups made, nobody leads."""
        self._store.run(Call(("FLUSHDB",), bool))
        for call in self.facts(EARLY_MS).create_groups():
            self._store.run(call)
        # As admit_rows.lua would have made it.
        self._store.run(Call(("HSET", KEYS.campaign(CAMPAIGN), "c", EARLY_MS), int))
        self._store.run(Call(("HSET", KEYS.campaigns_tally, f"{CAMPAIGN}:Q", 1), int))
        jobs = Jobs(KEYS, job_ttl_s=1000, text_ttl_s=60, now_ms=EARLY_MS)
        self._store.run(jobs.take_in(JOB, lane=LANE, destination=TO, content="{}"))
        admitted = [self._store.run(self.admit()).results for _ in range(2)]
        assert admitted == [[1], [0]]
        self.present = self._there = _picture(self._store.run(_PHOTOGRAPH))
        return self.present

    def admit(self) -> Call[Admitted]:
        """Admit the job (again)."""
        configuration = self.configuration
        jobs = Jobs(KEYS, job_ttl_s=1000, text_ttl_s=60, now_ms=EARLY_MS)
        bodies = [body_of(number) for number in range(1, configuration.segments + 1)]
        deadline_ms = DEADLINE_MS if configuration.deadline else None
        admission = Admission(
            JOB, LANE, configuration.policy, configuration.max_ambiguous, deadline_ms, bodies
        )
        return jobs.admit([admission], PACE)

    def campaigns(self, now_ms: int) -> Campaigns:
        """The calls about the campaign at this moment."""
        return Campaigns(KEYS, job_ttl_s=1000, now_ms=now_ms)

    def standings(self, now_ms: int) -> Standings:
        """An operator's calls at this moment."""
        return Standings(KEYS, now_ms=now_ms)

    def expire_lease(self) -> None:
        """The lease's time to live is over."""
        self.run(Call(("DEL", KEYS.lease), int))


def body_of(number: int) -> bytes:
    """The submit_sm body of a segment."""
    return b"body\x00%d" % number


def reference(number: int) -> bytes:
    """The ref of a segment of the one job."""
    return ref(JOB, number).encode()


def number_of(segment_ref: bytes) -> int:
    """The segment number in a ref."""
    return int(segment_ref.rpartition(b"#")[2])


def entry_id(octets: bytes) -> tuple[int, int]:
    """An entry id as it is ordered."""
    milliseconds, _, number = octets.partition(b"-")
    return int(milliseconds), int(number)


def _picture(rows: Any) -> Picture:
    content = {key: value for key, _, value, _ in rows}
    pending = {key: set(entries) for key, _, _, entries in rows}
    prefix = KEYS.orphan(b"")
    return Picture(
        dump=tuple((key, dump) for key, dump, _, _ in rows),
        job=_pairs(content[KEYS.job(JOB)]),
        outbound=tuple(
            Queued(entry_id(at), fields[1], fields[3] == body_of(int(fields[1].rpartition(b"#")[2])))
            for at, fields in content[KEYS.outbound[LANE]]
        ),
        inflight={r: _intent(packed) for r, packed in _pairs(content.get(KEYS.inflight)).items()},
        responses=_waiting(_READER.left_responses(b"-", 1), content, pending, KEYS.responses),
        deliveries=_waiting(_READER.left_deliveries(b"-", 1), content, pending, KEYS.deliveries),
        waiting=_pairs(content.get(KEYS.waiting)),
        delayed=_scores(content.get(KEYS.delayed)),
        held=_scores(content.get(KEYS.held)),
        orphans={key.removeprefix(prefix): tuple(sorted(set(value))) for key, value in content.items() if key.startswith(prefix)},
        index={m: r for key, v in content.items() if key.startswith(KEYS.prefix + b"index:") for m, r in _pairs(v).items()},
        doubts=_pairs(content.get(KEYS.doubts)).get(TO.encode(), b""),
        doubted=_scores(content.get(KEYS.doubted)).get(TO.encode(), math.inf),
        parked=frozenset(_pairs(content.get(KEYS.campaigns_parked))),
        stopped=_pairs(content.get(KEYS.campaigns_stopped)).get(CAMPAIGN.encode(), b"")[:1],
        tally={name.partition(b":")[2]: jobs for name, jobs in _pairs(content.get(KEYS.campaigns_tally)).items() if jobs != b"0"},
        charged=_charged(content),
        pause=_pairs(content.get(KEYS.pause)),
        questions=tuple(content.get(KEYS.queries, ())),
        answers=tuple(tuple(fields) for _, fields in content.get(KEYS.answers, ())),
        asks_no_more=KEYS.query_off in content,
        fence=content.get(KEYS.fence, b"").decode(),
        lease=content.get(KEYS.lease, b"").decode(),
    )  # fmt: skip


def _charged(content: dict[bytes, Any]) -> tuple[int, int, int, int]:
    """The books of all days together: the exploration may go on past midnight."""
    books = [_pairs(value) for key, value in content.items() if key.startswith(KEYS.credits_of(""))]
    segments, used, refunded = (
        sum(int(book.get(b"%c||" % letter, 0)) for book in books) for letter in b"nur"
    )
    return segments, used, refunded, int(_pairs(content.get(KEYS.credits)).get(b"t", 0))


def _only_reads(script: str, arguments: Sequence[Any]) -> bool:
    return script in ("find", "open_segments") or arguments[0] in (
        "ZRANGEBYSCORE",
        b"XREAD",
        "HKEYS",
        "XRANGE",
        "HGET",
    )


def _pairs(flat: Iterable[bytes] | None) -> dict[bytes, bytes]:
    items = list(flat or ())
    return dict(zip(items[::2], items[1::2], strict=True))


def _scores(flat: Iterable[bytes] | None) -> dict[bytes, float]:
    return {member: float(score) for member, score in _pairs(flat).items()}


def _intent(packed: bytes) -> tuple[int, bytes]:
    attempt, _, _, token = packed.split(b",", 3)
    return int(attempt), token


def _waiting(
    reader: Call[Any], content: dict[bytes, Any], pending: dict[bytes, set[bytes]], key: bytes
) -> tuple[Waiting, ...]:
    # Read as a relay reads them; what tells facts apart is not their entry id.
    facts = reader.parse(content[key])
    return tuple(Waiting(fact[1:], fact.entry_id in pending[key]) for fact in facts)
