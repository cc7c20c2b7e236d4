"""The same random steps on fakeredis and on the real server: the same replies, and promises that hold throughout."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import fakeredis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.explore.promises import rank, rolled_up
from tests.integration.store.steps import (
    HOLD_S,
    NO_CREDIT,
    OK,
    PERMANENT,
    TEMPORARY,
    Fleet,
    admission,
    body,
    refs,
)

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import Fenced
from smsfleet.store.client import Store
from smsfleet.store.facts import ReceiptFact
from smsfleet.store.records import SegmentRecord
from smsfleet.store.wire import Entry, Unanswered

pytestmark = pytest.mark.server

POLICIES = ("resend", "hold", "fail", "hold_then_resend")
JOBS = {"a": 3, "b": 1}
REFS = [ref for job_id, segments in JOBS.items() for ref in refs(job_id, segments)]
STATUSES = (8, 11, 3, 7, 10, 4)
pick = st.integers(0, 50)


class TwoServers(RuleBasedStateMachine):
    """Two jobs, any number of binders and relays; every step is done on both servers."""

    real: ClassVar[Store]

    def __init__(self) -> None:
        super().__init__()
        self.fleets = [Fleet(self.real), Fleet(Store(fakeredis.FakeRedis(protocol=2)))]
        self.fleets[0].redis("FLUSHALL")
        for fleet in self.fleets:
            fleet.create_groups()
        self.policies: dict[str, str] = {}
        self.old_tokens: list[list[str]] = []
        self.sent: list[tuple[bytes, int]] = []
        """written and not answered: (ref, attempt)"""
        self.accepted: list[tuple[bytes, bytes]] = []
        """what the SMSC took: (ref, message id)"""
        self.heard: set[bytes] = set()
        self.receipts: defaultdict[bytes, set[int]] = defaultdict(set)
        self.resent: Counter[bytes] = Counter()
        self.cancelled: set[str] = set()
        """jobs that were cancelled"""
        self.never: set[bytes] = set()
        """segments of which a cancel said that they will never be sent"""
        self.before: dict[bytes, SegmentRecord] = {}

    def both(self, step: Callable[[Fleet], Any]) -> Any:
        """Do a step on both servers; their one reply."""
        real, fake = [self._outcome(step, fleet) for fleet in self.fleets]
        assert real == fake
        return real

    @staticmethod
    def _outcome(step: Callable[[Fleet], Any], fleet: Fleet) -> Any:
        try:
            return step(fleet)
        except Fenced:
            return "FENCED"

    def every(self) -> Iterator[tuple[bytes, SegmentRecord]]:
        for job_id, segments in JOBS.items():
            job = self.fleets[0].job(job_id)
            yield from zip(refs(job_id, segments), job.segments, strict=True)

    # --- steps -----------------------------------------------------------------------------------

    @initialize(a=st.sampled_from(POLICIES), b=st.sampled_from(POLICIES))
    def begin_the_day(self, a: str, b: str) -> None:
        self.policies = {"a": a, "b": b}
        for fleet in self.fleets:
            fleet.lead("A")
        for job_id, segments in JOBS.items():
            policy = self.policies[job_id]
            self.both(lambda f, j=job_id, n=segments, p=policy: f.take_in_and_admit(j, segments=n, policy=p))

    @rule(job_id=st.sampled_from(sorted(JOBS)))
    def message_comes_again(self, job_id: str) -> None:
        again = admission(job_id, policy=self.policies[job_id], segments=JOBS[job_id])
        assert self.both(lambda f: f.admit(again)) == ([0], 0)

    @rule()
    def another_binder_leads(self) -> None:
        self.old_tokens.append([fleet.token for fleet in self.fleets])
        for fleet in self.fleets:
            fleet.lead("B")
        flying = self.both(lambda f: sorted(f.in_flight()))
        self.both(lambda f: f.run(f.wire.recover(f.token, flying)))

    @rule(count=st.integers(1, 4), backlog=st.booleans())
    def begin(self, count: int, backlog: bool) -> None:
        def step(fleet: Fleet) -> list[tuple[bytes, int]]:
            entries = fleet.backlog(count) if backlog else fleet.take(count)
            return [(e.ref, attempt) for e, attempt in zip(entries, fleet.begin(entries), strict=True)]

        begun = [(ref, attempt) for ref, attempt in self.both(step) if attempt > 0]
        assert not {ref.decode()[0] for ref, _ in begun} & self.cancelled
        self.sent += begun

    @precondition(lambda self: self.old_tokens)
    @rule(which=pick, ref=st.sampled_from(REFS))
    def deposed_binder_tries(self, which: int, ref: bytes) -> None:
        tokens = self.old_tokens[which % len(self.old_tokens)]
        commands: list[Callable[[Fleet, str], Any]] = [
            lambda f, t: f.wire.begin(t, [Entry(2, b"1-1", ref, b"")]),
            lambda f, t: f.wire.lost(t, [Unanswered(ref, None, written=True)]),
            lambda f, t: f.wire.recover(t, [ref]),
        ]
        before = self.fleets[0].everything()
        for command in commands:
            for fleet, token in zip(self.fleets, tokens, strict=True):
                with pytest.raises(Fenced):
                    fleet.run(command(fleet, token))
        assert self.fleets[0].everything() == before

    @precondition(lambda self: self.sent)
    @rule(
        which=pick, code=st.sampled_from([OK, OK, OK, TEMPORARY, PERMANENT, NO_CREDIT]), heard=st.booleans()
    )
    def gateway_answers(self, which: int, code: int, heard: bool) -> None:
        ref, attempt = self.sent.pop(which % len(self.sent))
        message_id = b"M%d" % (len(self.accepted) + 1)
        if code == OK:
            self.accepted.append((ref, message_id))
        if heard:
            self.both(lambda f: f.settle(ref, code, message_id, attempt))
            if code == OK:
                self.heard.add(message_id)

    @rule()
    def relay_applies(self) -> None:
        self.both(lambda f: f.apply(f.read_responses()))

    @rule(ref=st.sampled_from(REFS), written=st.booleans())
    def link_is_lost(self, ref: bytes, written: bool) -> None:
        job_id, _, number = ref.decode().partition("#")
        last = (ref, self.fleets[0].segment(int(number), job_id).attempt)
        # What the gateway has answered was written, whatever a binder would say.
        written = written or last not in self.sent
        if not written:
            self.sent.remove(last)
        self.both(lambda f: f.lost(ref, written=written))

    @precondition(lambda self: self.accepted)
    @rule(which=pick, status=st.sampled_from(STATUSES))
    def receipt_comes(self, which: int, status: int) -> None:
        _, message_id = self.accepted[which % len(self.accepted)]
        self.receipts[message_id].add(status)

        def step(fleet: Fleet) -> str:
            fact = ReceiptFact(fleet.deliver(), message_id, status, f" {status}")
            return fleet.run(fleet.facts.apply_receipts([fact], [fleet.look_up(message_id)], 19_675))[0]

        assert self.both(step) in ("applied", "unchanged", "parked")

    @rule(ref=st.sampled_from(REFS), decision=st.sampled_from(["timer", "resend", "fail"]))
    def hold_ends(self, ref: bytes, decision: str) -> None:
        word = self.both(lambda f: f.run(f.facts.release_held([ref], decision)))
        if decision == "resend" and word == ["queued"]:
            self.resent[ref] += 1

    @rule(job_id=st.sampled_from(sorted(JOBS)), often=st.integers(0, 3))
    def application_cancels(self, job_id: str, often: int) -> None:
        if often:  # else most runs would end here
            return
        states = self.both(lambda f: f.cancel(job_id))
        self.cancelled.add(job_id)
        self.never |= {ref for ref, s in zip(refs(job_id, JOBS[job_id]), states, strict=True) if s == "C"}
        assert not set(states) & set("QWH")

    @rule(seconds=st.sampled_from([1.0, 5.0, HOLD_S]))
    def time_passes(self, seconds: float) -> None:
        for fleet in self.fleets:
            fleet.now_ms += int(seconds * 1000)
        self.both(lambda f: f.run(f.facts.promote(f.run(f.facts.due(10)))))

    # --- promises ----------------------------------------------------------------------------------

    @invariant()
    def both_servers_hold_the_same(self) -> None:
        if not self.policies:
            return
        for job_id in JOBS:
            self.both(lambda f, j=job_id: f.job(j))
        self.both(lambda f: (f.outbound(), sorted(f.in_flight()), f.waiting(), f.events()))

    @invariant()
    def the_job_is_the_sum_of_its_segments(self) -> None:
        for job_id in self.policies:
            job = self.fleets[0].job(job_id)
            assert job.status == rolled_up([(s.state, s.status) for s in job.segments])[0]

    @invariant()
    def nothing_is_submitted_too_often(self) -> None:
        for ref, times in Counter(ref for ref, _ in self.accepted).items():
            again = self.policies[ref.decode()[0]] in ("resend", "hold_then_resend")
            assert times <= 1 + again + self.resent[ref]

    @invariant()
    def what_a_cancel_promised_holds(self) -> None:
        assert not self.never & {ref for ref, _ in self.accepted}

    @invariant()
    def a_body_is_in_one_place(self) -> None:
        if not self.policies:
            return
        fleet = self.fleets[0]
        queued, waiting, flying = fleet.outbound(), fleet.waiting(), fleet.in_flight()
        for ref, segment in self.every():
            job_id, _, number = ref.decode().partition("#")
            assert queued.count(ref) + (ref in waiting) <= 1
            if segment.state in "WH":
                assert waiting[ref] == body(job_id, int(number))
            elif segment.state == "Q":
                assert ref in queued
                assert ref not in flying
            elif segment.state == "S" and ref in flying:
                assert ref in queued

    @invariant()
    def a_status_never_goes_back(self) -> None:
        if not self.policies:
            return
        for ref, now in self.every():
            before = self.before.get(ref)
            if before is not None:
                assert not (before.state == "A" != now.state)
                assert now.state != before.state or rank(now.status) >= rank(before.status)
            if now.state == "A":
                known = [m for accepted, m in self.accepted if accepted == ref and self.fleets[0].look_up(m)]
                said = {8}.union(*(self.receipts[m] for m in known))
                assert now.status == max(said, key=rank)
                assert now.duplicates == len(known) - 1
            self.before[ref] = now


def test_any_steps_in_any_order_give_the_same_on_both_servers(server: EmbeddedServer) -> None:
    TwoServers.real = Store.connect(server.url, "stateful")
    bounded = settings(
        max_examples=20, stateful_step_count=30, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # a failure is shown as it was found: shrinking takes minutes
    )  # fmt: skip
    try:
        run_state_machine_as_test(TwoServers, settings=bounded)
    finally:
        TwoServers.real.close()
