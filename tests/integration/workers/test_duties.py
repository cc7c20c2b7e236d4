"""The periodic duties: what is due goes on, once, in bounded rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from tests.integration.store.steps import NOW_MS, TEMPORARY, TO, Fleet
from tests.integration.workers.conftest import Outage, Stopping

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import StoreUnavailable
from smsfleet.store.client import Store
from smsfleet.store.facts import DeliveryFact
from smsfleet.store.jobs import Envelope
from smsfleet.store.keys import LANES
from smsfleet.workers import duties as module
from smsfleet.workers.duties import BATCH, TICK_S, Duties
from smsfleet.workers.runtime import Runtime

HOUR_MS = 3_600_000


@dataclass
class Recorder:
    """A broker whose queues are said to be empty, and what is published to it."""

    empty: bool = True
    published: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    handed_over: list[tuple[str, str, str]] = field(default_factory=list)
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    """jobs that were kept back and published then, with their options"""
    chunks: list[tuple[str | int, ...]] = field(default_factory=list)
    shares: bool = False
    """whether it is a list of the store's server"""

    def hand_over(self, task: str, queue: str, mo_id: str) -> None:
        if self.away:
            raise StoreUnavailable("the broker does not answer")
        self.handed_over.append((task, queue, mo_id))

    def is_empty(self, lane: str) -> bool:
        self.asked.append(lane)
        return self.empty

    def publish(self, lane: str, job_id: str) -> None:
        if self.away:
            raise StoreUnavailable("the broker does not answer")
        self.published.append((lane, job_id))

    def envelope(self, lane: str, job_id: str, options: str) -> Envelope | None:
        return Envelope(f"queue.{lane}", f"bell.{lane}", f"{job_id} {options}") if self.shares else None

    def publish_kept(self, lane: str, job_id: str, options: str) -> None:
        if self.away:
            raise StoreUnavailable("the broker does not answer")
        self.kept.append((lane, job_id, options))

    def publish_chunks(self, campaign_id: str, lane: str, numbers: Sequence[int]) -> None:
        self.chunks.append((campaign_id, lane, *numbers))


@pytest.fixture
def broker() -> Recorder:
    return Recorder()


@pytest.fixture
def duties(runtime: Runtime, broker: Recorder) -> Duties:
    return Duties(runtime, broker)


def delayed(fleet: Fleet, job_id: str = "j1", lane: str = "normal") -> bytes:
    """A segment that waits for its next attempt: due some years ago by the server's clock."""
    (ref,) = fleet.send(job_id, lane=lane)
    assert "retry" == fleet.answer(ref, TEMPORARY)
    return ref


def held(fleet: Fleet, job_id: str = "j1", policy: str = "hold_then_resend") -> bytes:
    (ref,) = fleet.send(job_id, policy=policy)
    assert ["H"] == fleet.lost(ref)
    return ref


def collected(fleet: Fleet) -> None:
    """The first of two parts of a message."""
    fact = DeliveryFact(fleet.deliver(), b"", fleet.now_ms)
    known = {"from": TO, "to": TO, "received": "", "kind": "message", "header": None, "parts": 2}
    fleet.run(fleet.mo.collect(fact, "m", number=1, total=2, part=b"0,a", known=known))


@pytest.mark.parametrize("lane", LANES)
def test_a_segment_whose_delay_is_over_goes_back_to_its_lane(duties: Duties, fleet: Fleet, lane: str) -> None:
    ref = delayed(fleet, lane=lane)

    assert (1, 0) == (duties.promote(), duties.promote())
    assert ([ref], "Q", {}) == (fleet.outbound(lane), fleet.states(), fleet.waiting())


def test_a_segment_whose_delay_is_not_over_stays(duties: Duties, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms() + HOUR_MS
    delayed(fleet)

    assert (0, "W") == (duties.promote(), fleet.states())


@pytest.mark.parametrize("clock_ms", [lambda: 0, lambda: epoch_ms() + 48 * HOUR_MS])
def test_what_waits_goes_on_by_the_clock_of_the_server_whatever_the_workers(
    runtime: Runtime, broker: Recorder, fleet: Fleet, clock_ms: Callable[[], int]
) -> None:
    delayed(fleet, "j1")
    held(fleet, "j2")
    fleet.now_ms = epoch_ms() + HOUR_MS
    delayed(fleet, "later")
    held(fleet, "still")
    collected(fleet)

    Duties(runtime, broker, clock_ms=clock_ms).step()

    assert ("Q", "Q", "W", "H") == tuple(map(fleet.states, ("j1", "j2", "later", "still")))
    assert 1 == fleet.redis("ZCARD", fleet.keys.collecting)


def test_a_round_is_bounded_and_the_next_one_goes_on(
    duties: Duties, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "MOST_BATCHES", 3)
    for number in range(7):
        delayed(fleet, f"d{number}")
    for number in range(7):
        held(fleet, f"h{number}")

    assert [6, 1, 0] == [duties.promote() for _ in range(3)]
    assert [6, 1, 0] == [duties.release_held() for _ in range(3)]


def test_a_segment_that_expired_while_it_waited_is_not_sent(duties: Duties, fleet: Fleet) -> None:
    (ref,) = fleet.send(deadline_ms=NOW_MS + 1)
    fleet.answer(ref, TEMPORARY)

    assert (0, "E", []) == (duties.promote(), fleet.states(), fleet.outbound())


def test_a_hold_whose_timer_is_over_is_sent_again(duties: Duties, fleet: Fleet) -> None:
    ref = held(fleet)

    assert (1, 0) == (duties.release_held(), duties.release_held())
    assert ([ref], "Q", "Q S U T") == (fleet.outbound(), fleet.states(), fleet.letters())


def test_a_hold_without_a_timer_waits_for_a_person(duties: Duties, fleet: Fleet) -> None:
    held(fleet, policy="hold")

    assert (0, "H") == (duties.release_held(), fleet.states())


def test_two_workers_at_once_do_no_harm(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    refs = [delayed(fleet, f"j{number}") for number in range(3)]
    first, second = Duties(runtime, broker), Duties(runtime, broker)

    assert 3 == first.promote() + second.promote()
    assert refs == fleet.outbound()


def in_doubt(fleet: Fleet, job_id: str = "j1", to: str = TO) -> bytes:
    """A segment whose answer was lost and whose receipt has come, some years ago by the server's clock."""
    (ref,) = fleet.send(job_id, to=to)
    assert ["H"] == fleet.lost(ref)
    assert "parked" == fleet.receipt(4, f"of-{job_id}".encode(), source=to)
    return ref


def test_a_segment_in_doubt_is_matched_with_its_receipt(duties: Duties, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms() - 60_000
    in_doubt(fleet)

    assert (1, 0) == (duties.match(), duties.match())
    assert ("A", 4) == (fleet.states(), fleet.job().status)


def test_a_young_receipt_is_not_matched_yet(duties: Duties, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms()
    in_doubt(fleet)

    assert (0, "H") == (duties.match(), fleet.states())


@pytest.mark.parametrize("answered", [False, True])
def test_nothing_is_matched_while_another_segment_to_the_number_is_on_its_way(
    duties: Duties, fleet: Fleet, answered: bool
) -> None:
    fleet.now_ms = epoch_ms() - 60_000
    in_doubt(fleet)
    (other,) = fleet.send("j2")
    if answered:
        fleet.settle(other, message_id=b"M2")

    assert (0, "H") == (duties.match(), fleet.states())

    if not answered:
        fleet.settle(other, message_id=b"M2")
    fleet.apply(fleet.read_responses())
    fleet.redis("ZADD", fleet.keys.doubted, 0, TO)  # it is looked at again after two seconds
    assert (1, "A") == (duties.match(), fleet.states())


def test_more_doubts_than_a_batch_are_matched_in_one_round(duties: Duties, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms() - 60_000
    for number in range(BATCH + 5):
        in_doubt(fleet, f"j{number}", f"279991{number:05d}")

    assert BATCH + 5 == duties.match()


def test_what_is_matched_is_not_sent_again_though_its_hold_is_over(duties: Duties, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms() - HOUR_MS
    (ref,) = fleet.send(policy="hold_then_resend")
    fleet.lost(ref)
    fleet.receipt(4)

    duties.step()

    assert ("A", []) == (fleet.states(), fleet.outbound())


def test_a_job_of_an_empty_queue_is_published_again_once(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    fleet.take_in("j1", "high")
    fleet.take_in("j2", "bulk")

    assert (2, 0) == (duties.sweep(), duties.sweep())
    assert [("high", "j1"), ("bulk", "j2")] == broker.published


def test_a_young_job_is_left_alone(duties: Duties, broker: Recorder, fleet: Fleet) -> None:
    fleet.take_in("j1", now_ms=epoch_ms())

    assert (0, []) == (duties.sweep(), broker.published)


def test_an_old_job_of_a_queue_that_is_not_empty_is_left_alone(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    broker.empty = False
    fleet.take_in("j1")

    assert (0, []) == (duties.sweep(), broker.published)


def test_a_job_that_later_ones_overtook_is_published_again(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    broker.empty = False
    fleet.take_in("lost")
    fleet.now_ms += HOUR_MS
    fleet.take_in_and_admit("later")

    assert (1, [("normal", "lost")]) == (duties.sweep(), broker.published)


def test_a_job_that_expired_in_line_leaves_it_and_is_not_published(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    fleet.take_in("expired", "high")
    fleet.take_in("there", "high")
    fleet.redis("DEL", fleet.keys.job("expired"), fleet.keys.content("expired"))

    assert (1, [("high", "there")]) == (duties.sweep(), broker.published)
    assert [b"there"] == fleet.intake("high")


def test_a_job_that_expired_after_it_was_set_aside_is_listed_no_more(duties: Duties, fleet: Fleet) -> None:
    for job_id in ("expired", "there"):
        fleet.take_in(job_id)
        fleet.run(fleet.lifecycle.set_aside(job_id, "normal", "poison"))
    fleet.redis("DEL", fleet.keys.job("expired"))

    duties.step()

    assert ["there"] == fleet.run(fleet.lifecycle.aside(0, 9))


def test_a_sweep_is_bounded(
    duties: Duties, broker: Recorder, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    for number in range(3):
        fleet.take_in(f"j{number}", now_ms=NOW_MS + number)

    assert [2, 1, 0] == [duties.sweep() for _ in range(3)]
    assert ["j0", "j1", "j2"] == [job_id for _, job_id in broker.published]


def test_a_job_that_could_not_be_published_stays_in_the_ledger(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    broker.away = True
    fleet.take_in("j1")

    with pytest.raises(StoreUnavailable):
        duties.sweep()

    assert [b"j1"] == fleet.redis("ZRANGE", fleet.keys.intake["normal"], 0, -1)


def test_a_step_promotes_and_releases_always_and_sweeps_now_and_then(
    make_runtime: Callable[..., Runtime], broker: Recorder, fleet: Fleet
) -> None:
    now_ms = epoch_ms()
    duties = Duties(make_runtime(sweep_s="10"), broker, clock_ms=lambda: now_ms)
    sweeps = []

    for elapsed_ms in (0, 9_999, 1, 9_999, 1, -HOUR_MS):  # the last: the clock is set back
        now_ms += elapsed_ms
        delayed(fleet, f"d{now_ms}")
        held(fleet, f"h{now_ms}")
        duties.step()
        sweeps.append(len(broker.asked) // len(LANES))
        fleet.redis("DEL", fleet.keys.outbound["normal"])
        fleet.create_groups()

    assert [1, 1, 2, 2, 3, 4] == sweeps
    assert (0, 0) == (fleet.redis("ZCARD", fleet.keys.delayed), fleet.redis("ZCARD", fleet.keys.held))


def test_a_step_gives_out_chunks_of_campaigns(duties: Duties, broker: Recorder, runtime: Runtime) -> None:
    given = {"lane": "normal", "content": "{}", "fingerprint": "f", "chunk_rows": 1}
    runtime.store.run(runtime.campaigns.open("Cabcdefghij", **given, due_ms=1))
    runtime.store.run(runtime.campaigns.stop("Cabcdefghij", "p"))
    runtime.store.run(runtime.campaigns.put("Cabcdefghij", 1, 1, "rows", kind="last"))
    runtime.store.run(runtime.campaigns.stop("Cabcdefghij", "r"))

    duties.step()

    assert [("Cabcdefghij", "normal", 1)] == broker.chunks


def test_the_loop_survives_an_outage_and_ends_when_it_is_asked_to(
    duties: Duties, runtime: Runtime, fleet: Fleet, store: Store, outage: Outage
) -> None:
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    ref = delayed(fleet)
    turns = {1: outage.begin, 3: outage.end, 5: stopping.set}

    def turn() -> None:
        turns.get(len(stopping.waits), bool)()

    stopping.meanwhile = turn

    duties.run()

    assert [TICK_S] * 5 == stopping.waits
    assert [ref] == fleet.outbound()


# --- scheduled jobs --------------------------------------------------------------------------------


def test_a_due_job_is_published_to_its_lane_with_its_options(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    fleet.take_in_later("j1", NOW_MS, "bulk", options="some")
    fleet.take_in_later("later", epoch_ms() + HOUR_MS)

    assert (1, 0) == (duties.publish_due(), duties.publish_due())
    assert ([("bulk", "j1", "some")], [b"j1"], [b"later"]) == (
        broker.kept, fleet.intake("bulk"), fleet.scheduled(),
    )  # fmt: skip


def test_a_broker_on_the_stores_server_gets_it_in_the_same_step(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    broker.shares = True
    fleet.take_in_later("j1", NOW_MS, options="some")

    assert 1 == duties.publish_due()
    assert ([b"j1 some"], []) == (fleet.redis("LRANGE", "queue.normal", 0, -1), broker.kept)


def test_the_workers_clock_does_not_matter(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    fleet.take_in_later("due", NOW_MS)
    fleet.take_in_later("later", epoch_ms() + HOUR_MS)

    for clock_ms in (lambda: 0, lambda: epoch_ms() + 10 * HOUR_MS):
        Duties(runtime, broker, clock_ms=clock_ms).publish_due()

    assert [("normal", "due", "")] == broker.kept


def test_while_the_broker_is_away_a_due_job_is_in_line_for_the_sweeper(
    duties: Duties, broker: Recorder, fleet: Fleet
) -> None:
    fleet.take_in_later("j1", NOW_MS)
    broker.away = True

    with pytest.raises(StoreUnavailable):
        duties.publish_due()

    assert ([b"j1"], []) == (fleet.intake(), fleet.scheduled())


def test_many_due_jobs_are_published_in_bounded_rounds(
    duties: Duties, broker: Recorder, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "MOST_BATCHES", 3)
    for number in range(7):
        fleet.take_in_later(f"j{number}", NOW_MS + number)

    assert [6, 1] == [duties.publish_due(), duties.publish_due()]
    assert [f"j{number}" for number in range(7)] == [job_id for _, job_id, _ in broker.kept]


def test_a_scheduled_job_that_is_gone_is_forgotten(duties: Duties, broker: Recorder, fleet: Fleet) -> None:
    fleet.take_in_later("j1", NOW_MS)
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert (0, [], []) == (duties.publish_due(), fleet.scheduled(), broker.kept)


def test_a_round_counts_the_statuses_that_jobs_came_to(duties: Duties, fleet: Fleet) -> None:
    fleet.answer(fleet.send("a")[0], message_id=b"M1")
    fleet.receipt(4, b"M1")

    duties.step()
    duties.step()

    assert {b"8": b"1", b"4f": b"1"} == {
        name: count
        for name, count in pairs(fleet.redis("HGETALL", fleet.keys.status_counts))
        if name != b"cursor"
    }


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
