"""What applications and worker tasks ask of the store: jobs in, segments out, status back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.records import LANE_LETTER, JobRecord, pack_policy, read_job
from smsfleet.store.scripts import script

REFERENCE_TTL_S = 86_400
"""A phone puts segments together within hours: after a day without a text the counter may start again."""


DELIVERIES_TTL_S = 86_400

QUOTA_TTL_S = 2 * 86_400
"""What was used on a day is kept over the next one, so that it can be looked at."""


class Quota(NamedTuple):
    """What a job takes from the daily credits of its client, in thirds: test numbers cost one (guide §3)."""

    client: str
    cost: int
    cap: int | None
    """None: as much as it likes, and nothing is counted"""


class Admission(NamedTuple):
    """One job, ready for the wire."""

    job_id: str
    lane: str
    on_ambiguous: str
    max_ambiguous: int
    deadline_ms: int | None
    bodies: Sequence[bytes]
    """a submit_sm body for each segment"""
    replaced: int = 0
    """places of the text that transliteration changed"""
    receipts: bool = True
    """whether the job asks for any"""
    quota: Quota | None = None
    """None: the job names no client"""
    callback: str = ""
    """who is called about it, `*` for whoever the account's setting names; empty: nobody"""
    price: str = ""
    """`<thirds of a credit>.<row of the tariff>` of each segment; empty: a credit, by no row"""


class Admitted(NamedTuple):
    """What became of a batch of admissions."""

    results: list[int]
    """1 admitted, 0 known already, -1 no such job, -2 refused or closed, -3 above the quota of its client,
    -4 too late (nothing done for these two); may be shorter than the batch"""
    wait_ms: int
    """0, or after how long the jobs behind the last result may be asked again"""


class TakenIn(NamedTuple):
    """What became of an intake."""

    new: bool
    """True: publish it; False: the id or the idempotency key is known"""
    job_id: str
    other: str | None = None
    """the fingerprint of the job that the idempotency key belongs to, when this one's is another"""


class Envelope(NamedTuple):
    """A message for a broker that is a list of the store's server, as the broker's client makes it."""

    queue: str
    bell: str
    """the list on which idle workers wait"""
    text: str


class Pace(NamedTuple):
    """The limits of admission."""

    rate: float
    """segments per second"""
    bulk_reserve: float
    """share of the burst that bulk leaves to the other lanes"""
    outbound_limit: int
    """most entries of one outbound stream"""

    @property
    def burst(self) -> float:
        """Tokens that an idle account saves up: a tenth of a second, so that no second is far above it."""
        return max(1.0, self.rate / 10)

    @property
    def backlog(self) -> int:
        """Entries that an outbound stream may hold: about two seconds of traffic."""
        return max(10, min(self.outbound_limit, int(self.rate * 2)))


class Jobs:
    """The calls about jobs of one account."""

    def __init__(self, keys: Keys, *, job_ttl_s: int, text_ttl_s: int, now_ms: int = 0) -> None:
        self._keys = keys
        self._job_ttl_s = job_ttl_s
        self._text_ttl_s = text_ttl_s
        self._now_ms = now_ms

    def take_in(  # noqa: PLR0913 - what is stored
        self,
        job_id: str,
        *,
        lane: str,
        destination: str,
        content: str,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
    ) -> Call[TakenIn]:
        """Store a job once, before it is published. A known id or key gives the first job's id.

        `fingerprint` of what is asked, with an idempotency key: another one under the same key changes
        nothing and is given back in the reply.
        """
        keys, arguments = self._intake(job_id, lane, destination, content, idempotency_key)
        if fingerprint is not None:
            arguments = (*arguments, fingerprint)
        return eval_call(script("intake"), keys, arguments, _taken_in)

    def take_in_and_publish(  # noqa: PLR0913 - what is stored, and where it is published
        self,
        job_id: str,
        *,
        lane: str,
        destination: str,
        content: str,
        idempotency_key: str | None,
        message: Envelope,
        fingerprint: str | None = None,
    ) -> Call[TakenIn]:
        """`take_in` and publish in one step, for a broker that is a list of the same server.

        A known id or key publishes nothing and gives the first job's id.
        """
        keys, arguments = self._intake(job_id, lane, destination, content, idempotency_key)
        keys += (message.queue.encode(), message.bell.encode())
        arguments = (*arguments, message.text)
        if fingerprint is not None:
            arguments = (*arguments, fingerprint)
        return eval_call(script("intake_publish"), keys, arguments, _taken_in)

    def take_in_later(  # noqa: PLR0913 - what is stored, and when it is published
        self,
        job_id: str,
        *,
        lane: str,
        destination: str,
        content: str,
        idempotency_key: str | None,
        due_ms: int,
        options: str = "",
        fingerprint: str | None = None,
    ) -> Call[TakenIn]:
        """Store a job once, to be published at `due_ms`; `options` say how, in the publisher's words."""
        keys, arguments = self._intake(job_id, lane, destination, content, idempotency_key)
        keys[2] = self._keys.scheduled
        arguments = (*arguments, due_ms, options)
        if fingerprint is not None:
            arguments = (*arguments, fingerprint)
        return eval_call(script("intake_later"), keys, arguments, _taken_in)

    def _intake(
        self, job_id: str, lane: str, destination: str, content: str, idempotency_key: str | None
    ) -> tuple[list[bytes], tuple[Any, ...]]:
        alias = idempotency_key or job_id
        keys = [
            self._keys.job(job_id), self._keys.content(job_id),
            self._keys.intake[lane], self._keys.job(alias),
        ]  # fmt: skip
        letter = LANE_LETTER[lane]
        return keys, (job_id, alias, self._now_ms, letter, destination, content, self._job_ttl_s)

    def contents(self, job_ids: Sequence[str]) -> Call[list[bytes | None]]:
        """The contents of jobs, None where there is none (any more)."""
        command = ("MGET", *(self._keys.asked(job_id) for job_id in job_ids))
        return Call(command, lambda reply: [*reply])

    def next_references(self, destinations: Sequence[str], modulus: int) -> Call[list[int]]:
        """A concatenation reference for each text, counted for each destination: chance would collide."""
        keys = [self._keys.reference(destination) for destination in destinations]
        return eval_call(script("next_reference"), keys, (modulus, REFERENCE_TTL_S), list)

    def admit(self, admissions: Sequence[Admission], pace: Pace, day: int = 0) -> Call[Admitted]:
        """Put segments into the outbound streams within the account's rate; idempotent for each job.

        `day` (days since the epoch, UTC) is that of the quotas.
        """
        keys = [self._keys.rate, self._keys.status, self._keys.quota(day)]
        arguments: list[Any] = [self._now_ms, pace.rate, pace.burst, pace.backlog, QUOTA_TTL_S]
        for admission in admissions:
            job_id, lane, policy, max_ambiguous, deadline_ms, bodies = admission[:6]
            replaced, receipts, quota, who, price = admission[6:]
            keys += (
                self._keys.job(job_id), self._keys.intake[lane],
                self._keys.watermark[lane], self._keys.outbound[lane],
            )  # fmt: skip
            floor = pace.burst * pace.bulk_reserve if lane == "bulk" else 0
            arguments += (job_id, floor, LANE_LETTER[lane] + pack_policy(policy, max_ambiguous))
            marks = ("" if receipts else "d0") + (f"r{replaced}" if replaced else "")
            if price:
                marks += f"q{price}"
            arguments += (
                "" if deadline_ms is None else deadline_ms,
                marks,
                _packed(quota),
                f"{len(bodies)}@{who}" if who else len(bodies),
                *bodies,
            )
        return eval_call(script("admit"), keys, arguments, lambda reply: Admitted(reply[1:], reply[0]))

    def quota_used(self, client: str, day: int) -> Call[int]:
        """Thirds of a credit that jobs of a client took on `day`."""
        return Call(("HGET", self._keys.quota(day), client), lambda reply: int(reply or 0))

    def refuse(self, job_id: str, lane: str, reason: str, shown_status: int, callback: str = "") -> Call[int]:
        """Close a job that can never become segments, with its reason: 1 refused, 0 too late, -1 unknown.

        `callback`: who is called about it, as in `Admission`.
        """
        keys = [
            self._keys.job(job_id), self._keys.content(job_id), self._keys.intake[lane], self._keys.status,
            self._keys.outbox,
        ]  # fmt: skip
        arguments = (job_id, self._now_ms, reason, shown_status, self._text_ttl_s, callback)
        return eval_call(script("refuse"), keys, arguments, int)

    def watch(self, job_id: str) -> Call[bool]:
        """From now on the job's changes are published in its channel; reply: False when there is none."""
        return eval_call(script("watch"), [self._keys.job(job_id)], (self._keys.channel(job_id),), bool)

    def take_up(self, job_ids: Sequence[str]) -> Call[list[int]]:
        """Redelivered jobs are taken up together: for each 0 (counted), or how often it was before."""
        keys = [self._keys.deliveries_of(job_id) for job_id in job_ids]
        return eval_call(script("take_up"), keys, (DELIVERIES_TTL_S,), list)

    def count_delivery(self, job_id: str) -> Call[int]:
        """Count that a redelivered message of the job is taken up; how often it was, this time included."""
        return eval_call(script("count"), [self._keys.deliveries_of(job_id)], (DELIVERIES_TTL_S,), int)

    def forget_deliveries(self, job_ids: Sequence[str]) -> Call[int]:
        """The redelivered jobs were handled to an end."""
        return Call(("DEL", *(self._keys.deliveries_of(job_id) for job_id in job_ids)), int)

    def read(self, job_id: str) -> Call[JobRecord | str | None]:
        """A job, the id of the job that this one is an alias of, or None."""
        return Call(("HGETALL", self._keys.job(job_id)), lambda reply: read_job(job_id, reply))

    def overtaken(self, lane: str, *, margin_s: float, queue_is_empty: bool, limit: int) -> Call[list[str]]:
        """Jobs whose message seems lost; each is given out once and moves to the end of the ledger."""
        keys = [self._keys.intake[lane], self._keys.watermark[lane]]
        arguments = (self._now_ms, round(margin_s * 1000), int(queue_is_empty), limit)
        return eval_call(script("overtaken"), keys, arguments, _ids)

    def forget_gone(self, lane: str, job_ids: Sequence[str]) -> Call[list[bool]]:
        """Take jobs out of the ledger that have expired there: for each whether it had."""
        keys = [self._keys.intake[lane], *(self._keys.job(job_id) for job_id in job_ids)]
        return eval_call(script("forget_gone"), keys, job_ids, lambda reply: [bool(gone) for gone in reply])

    def waiting_intake(self) -> list[Call[int]]:
        """How many jobs of each lane are taken in and not admitted."""
        return [Call(("ZCARD", self._keys.intake[lane]), int) for lane in LANES]

    def waiting_outbound(self) -> list[Call[int]]:
        """How many segments of each lane are admitted and not settled."""
        return [Call(("XLEN", self._keys.outbound[lane]), int) for lane in LANES]


def _packed(quota: Quota | None) -> str:
    if quota is None:
        return ""
    return f"{'' if quota.cap is None else quota.cap},{quota.cost},{quota.client}"


def _taken_in(reply: Any) -> TakenIn:
    if reply[0] == -1:
        return TakenIn(False, reply[1].decode(), reply[2].decode())
    return TakenIn(reply[0] == 1, reply[1].decode())


def _ids(reply: Any) -> list[str]:
    return [job_id.decode("utf-8", "backslashreplace") for job_id in reply]  # ours are ASCII
