"""create_group.lua, forget_consumer.lua, forward.lua: the streams of facts."""

from __future__ import annotations

from tests.integration.store.steps import Fleet

from smsfleet.store.client import Store
from smsfleet.store.facts import DeliveryFact


def deliveries(fleet: Fleet) -> list[DeliveryFact]:
    return fleet.run(fleet.facts.read("relay", 10, 1))[1]


def test_a_group_is_made_once_and_making_it_again_does_no_harm(store: Store) -> None:
    fleet = Fleet(store)

    first = store.run_all(fleet.facts.create_groups())
    second = store.run_all(fleet.facts.create_groups())

    assert (first, second) == ([True, True], [False, False])


def test_a_group_that_is_made_late_misses_nothing(store: Store) -> None:
    fleet = Fleet(store)
    fleet.run(fleet.wire.deliver(b"early", 1))
    store.run_all(fleet.facts.create_groups())

    assert [fact.body for fact in deliveries(fleet)] == [b"early"]


def test_a_consumer_that_has_nothing_pending_is_forgotten(fleet: Fleet) -> None:
    fleet.read_responses("relay")

    assert fleet.store.run_all(fleet.facts.forget_consumer("relay")) == [1, 1]


def test_a_consumer_with_pending_facts_stays_until_they_are_claimed(fleet: Fleet) -> None:
    fleet.settle(b"j1#1")
    fleet.read_responses("relay")

    assert fleet.store.run_all(fleet.facts.forget_consumer("relay")) == [0, 1]
    assert len(fleet.run(fleet.facts.claim_responses("other", 0, 10))) == 1
    assert fleet.store.run_all(fleet.facts.forget_consumer("relay")) == [1, 1]


def test_two_relays_move_it_once(fleet: Fleet) -> None:
    fleet.run(fleet.wire.deliver(b"hello", 123))
    (fact,) = deliveries(fleet)

    assert [fleet.run(fleet.facts.bury(fact, "why")) for _ in range(2)] == [1, 0]
    assert fleet.redis("XLEN", fleet.keys.dead) == 1
    assert fleet.redis("XPENDING", fleet.keys.deliveries, "workers")[0] == 0


def test_what_cannot_be_read_is_buried_with_the_reason(fleet: Fleet) -> None:
    fleet.run(fleet.wire.deliver(b"\xff\xff", 123))
    (fact,) = deliveries(fleet)

    assert fleet.run(fleet.facts.bury(fact, "too short")) == 1
    ((_, fields),) = fleet.redis("XRANGE", fleet.keys.dead, "-", "+")
    assert fields == [b"p", b"\xff\xff", b"t", b"123", b"why", b"too short"]


def test_what_waits_is_counted(fleet: Fleet) -> None:
    refs = [fleet.send(f"j{number}", policy="hold")[0] for number in range(4)]
    fleet.lost(refs[0])
    fleet.answer(refs[1], 0x58)
    fleet.settle(refs[2])
    fleet.receipt(4, b"M9")

    assert fleet.store.run_all(fleet.facts.waiting()) == [1, 1, 1, 1, 0, 1, 0]
    assert fleet.store.run_all(fleet.jobs.waiting_outbound()) == [0, 1, 0]
