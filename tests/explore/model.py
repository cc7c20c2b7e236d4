"""The world outside Redis, as immutable tuples: two states are the same when their tuples are equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

CAMPAIGN = "Cabcdefghij"
JOB = f"{CAMPAIGN}:1"
"""The one job is a row of a campaign, so that all that happens to it is counted there."""
TO = "27999100001"
EARLY_MS = 1_000_000
LATE_MS = 9_000_000
"""The two moments of the model: before and after every timer and deadline."""
DEADLINE_MS = 5_000_000
DAY = 20_000

TEMPORARY = 0x58
PERMANENT = 0x400
NO_CREDIT = 0x401
NO_SUCH_COMMAND = 0x03
SHOWN_WHEN_REFUSED = 9


RECOVER, TAKE = 0, 1
START = (0, 0)
"""The entry id before all others."""


class Budget(NamedTuple):
    """How many times each accident may still happen on a path."""

    kills: int = 0
    pauses: int = 0
    link_losses: int = 0
    temporary: int = 0
    permanent: int = 0
    account: int = 0
    """refusals of the whole account"""
    orders: int = 0
    """pauses by an operator"""
    duplicates: int = 0
    """receipts that the SMSC sends once more"""
    stalls: int = 0
    """relays and duties that stop between reading and applying"""
    unheard: int = 0
    """replies of Redis to `take`, `begin` or `settle` that get lost after the script ran"""
    resends: int = 0
    """holds that an operator ends"""
    cancels: int = 0
    """calls of cancel by the application"""
    halts: int = 0
    """pauses of the campaign"""
    ends: int = 0
    """cancels of the campaign"""
    queries: int = 0
    """turns of the walk that asks query_sm"""
    nacks: int = 0
    """query_sm that the SMSC does not know"""
    closes: int = 0
    """turns of the walk that closes what stays at 003"""

    def spend(self, what: str) -> Budget:
        """One accident of this kind less."""
        return self._replace(**{what: getattr(self, what) - 1})


class Begun(NamedTuple):
    """A segment in a binder's memory between begin and its answer."""

    number: int
    attempt: int
    """0: the reply to `begin` was lost, the attempt is not known"""
    written: bool


class Arrival(NamedTuple):
    """What the SMSC sent and the binder did not read yet."""

    kind: str
    """response | receipt"""
    number: int
    attempt: int
    code: int
    """command_status of a response, Appendix B status of a receipt"""
    message_id: str


class Binder(NamedTuple):
    """One binder process and its session."""

    name: str
    alive: bool = True
    paused: bool = False
    token: str = ""
    stage: int = 0
    """what it does next as a leader: RECOVER, then TAKE"""
    after: tuple[int, int] = START
    """the entry id behind which it takes; START at every new link and after every failure"""
    held_back: bool = False
    """`begin` left something where it is, because the account is paused"""
    read: tuple[tuple[bytes, bytes], ...] = ()
    """(ref, entry id) that were taken and not begun when the process stood still"""
    begun: tuple[Begun, ...] = ()
    to_smsc: tuple[tuple[int, int], ...] = ()
    """(segment, attempt) in the order of the octets"""
    from_smsc: tuple[Arrival, ...] = ()
    """a bag: the SMSC may send in any order"""
    to_ack: tuple[Arrival, ...] = ()
    """receipts that are in Redis and not answered yet"""
    asking: tuple[bytes, bytes] | tuple[()] = ()
    """(ref, message id) of the query_sm that is on its way"""


class Stalled(NamedTuple):
    """What a relay had read (and looked up) when it stopped."""

    responses: tuple[Any, ...] = ()
    receipts: tuple[Any, ...] = ()
    references: tuple[bytes, ...] = ()


class Looked(NamedTuple):
    """What the duty has found to match when it stopped."""

    pairs: tuple[Any, ...] = ()


class Env(NamedTuple):
    """Everything outside Redis."""

    binders: tuple[Binder, Binder]
    budget: Budget
    accepted: tuple[tuple[int, str], ...] = ()
    """(segment, message id) that the SMSC took, sorted"""
    receipts: tuple[tuple[str, int], ...] = ()
    """(message id, status) that the SMSC has still to deliver, sorted"""
    acked: tuple[tuple[str, int], ...] = ()
    """receipts that we answered with ESME_ROK, sorted"""
    stray: tuple[tuple[int, int], ...] = ()
    """octets of dead sessions that may still reach the SMSC, sorted"""
    stalled: Stalled = Stalled()
    looked: Looked = Looked()
    told: tuple[tuple[str, int], ...] = ()
    """(message id, status) that query_sm was answered with, and a binder has persisted, sorted"""
    heard: tuple[Any, ...] = ()
    """answers to query_sm that a duty had read when it stopped"""
    resent: int = 0
    """by an operator"""
    late: bool = False
    cancelled: tuple[int, ...] = ()
    """segments of which a cancel said that they will never be sent, sorted"""
    attempts: tuple[int, ...] = ()
    """the attempts that the segments had when they were cancelled; empty: nobody cancelled the job"""

    def with_binder(self, index: int, **changes: Any) -> Env:
        """This world with one binder changed."""
        binders = list(self.binders)
        binders[index] = binders[index]._replace(**changes)
        return self._replace(binders=(binders[0], binders[1]))

    def spend(self, what: str) -> Env:
        """This world after one accident."""
        return self._replace(budget=self.budget.spend(what))

    @property
    def now_ms(self) -> int:
        """The clock of all calls."""
        return LATE_MS if self.late else EARLY_MS


@dataclass(frozen=True, slots=True)
class Configuration:
    """One small world to explore."""

    name: str
    policy: str = "hold"
    segments: int = 1
    receipts: tuple[int, ...] = (4,)
    """statuses of the receipts that each accepted segment gets"""
    answers: tuple[int, ...] = ()
    """statuses that query_sm may be answered with, beside 008"""
    max_ambiguous: int = 1
    max_attempts: int = 2
    deadline: bool = False
    budget: Budget = Budget()  # noqa: RUF009 - immutable

    @property
    def timed(self) -> bool:
        """Whether it matters that time passes."""
        return self.deadline or self.policy == "hold_then_resend" or self.budget.closes > 0

    def most_submissions(self, resent: int) -> int:
        """How many times the SMSC may at most accept one segment (promise 2)."""
        again = self.max_ambiguous if self.policy in ("resend", "hold_then_resend") else 0
        return 1 + again + resent


def start(configuration: Configuration) -> Env:
    """The world before anything happened."""
    return Env((Binder("A"), Binder("B")), configuration.budget)


def canonical(env: Env, fence: str, queued: Sequence[tuple[int, int]]) -> Any:
    """What tells two worlds apart: names, tokens and entry ids do not, and the binders may be swapped.

    `queued`: the entry ids in the outbound stream; of a binder's place only counts what lies behind it.
    """
    binders = sorted(
        (
            b.alive, b.paused, (b.token == fence) + bool(b.token), b.stage,
            sum(at > b.after for at in queued) if b.token else -1, tuple(r for r, _ in b.read),
            b.held_back, b.begun, b.to_smsc, b.from_smsc, b.to_ack, b.asking,
        )
        for b in env.binders
    )  # fmt: skip
    stalled = (
        tuple(fact[1:] for fact in env.stalled.responses),
        tuple(fact[1:] for fact in env.stalled.receipts),
        env.stalled.references,
    )
    return (
        tuple(binders),
        env.budget,
        env.accepted,
        env.receipts,
        env.acked,
        env.stray,
        stalled,
        env.looked,
        env.told,
        tuple(fact[1:] for fact in env.heard),
        env.resent,
        env.late,
        env.cancelled,
        env.attempts,
    )


def with_one(bag: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    """A sorted bag with one item more."""
    return tuple(sorted((*bag, item)))


def without_one(bag: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    """A bag with one item less."""
    at = bag.index(item)
    return bag[:at] + bag[at + 1 :]


def end_session(env: Env, index: int) -> Env:
    """The link of one binder is gone: unanswered receipts come again, octets under way may still arrive."""
    binder = env.binders[index]
    unanswered = [a for a in (*binder.from_smsc, *binder.to_ack) if a.kind == "receipt"]
    again = tuple((arrival.message_id, arrival.code) for arrival in unanswered)
    return env._replace(
        receipts=tuple(sorted({*env.receipts, *again})), stray=tuple(sorted(env.stray + binder.to_smsc))
    ).with_binder(
        index, begun=(), to_smsc=(), from_smsc=(), to_ack=(), read=(), after=START, held_back=False, asking=()
    )


def accept(env: Env, configuration: Configuration, number: int, attempt: int) -> tuple[Env, str]:
    """The SMSC takes a segment: a message id, and receipts to come."""
    before = sum(1 for n, m in env.accepted if n == number and m.startswith(f"{number}.{attempt}"))
    message_id = f"{number}.{attempt}" + "x" * before
    to_come = ((message_id, status) for status in configuration.receipts)
    return env._replace(
        accepted=with_one(env.accepted, (number, message_id)),
        receipts=tuple(sorted((*env.receipts, *to_come))),
    ), message_id
