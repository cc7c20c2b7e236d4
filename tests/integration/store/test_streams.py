"""create_group.lua, deliver.lua, left_over.lua, forward.lua: the streams of facts."""

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


def test_several_deliver_sm_are_persisted_at_once_each_as_one_alone_would_be(fleet: Fleet) -> None:
    bodies = [b"first", b"\x00\xff\r\n", b"", b"last"]

    assert 4 == fleet.run(fleet.wire.deliver_all(bodies, 123))

    facts = deliveries(fleet)
    assert [(body, 123) for body in bodies] == [(fact.body, fact.received_ms) for fact in facts]


def test_what_was_read_and_not_applied_is_left_over_though_its_consumer_is_forgotten(fleet: Fleet) -> None:
    fleet.settle(b"j1#1")
    read = fleet.read_responses("relay")
    fleet.store.run_all(fleet.facts.forget_consumer("relay"))
    consumers = [
        fleet.redis("XINFO", "CONSUMERS", key, "workers")
        for key in (fleet.keys.responses, fleet.keys.deliveries)
    ]

    assert ([[], []], read) == (consumers, fleet.run(fleet.facts.left_responses(b"-", 10)))


def test_what_no_consumer_has_read_or_what_was_applied_is_not_left_over(fleet: Fleet) -> None:
    fleet.answer(*fleet.send())
    for body in (b"first", b"second", b"third"):
        fleet.run(fleet.wire.deliver(body, 1))
    fleet.run(fleet.facts.read("relay", 2, 1))

    first, second = fleet.run(fleet.facts.left_deliveries(b"-", 10))

    assert (b"first", b"second") == (first.body, second.body)
    assert [first] == fleet.run(fleet.facts.left_deliveries(b"-", 1))
    assert [second] == fleet.run(fleet.facts.left_deliveries(b"(" + first.entry_id, 1))
    assert [] == fleet.run(fleet.facts.left_responses(b"-", 10))


def test_nothing_is_left_over_without_a_group(store: Store) -> None:
    fleet = Fleet(store)
    before = fleet.run(fleet.facts.left_deliveries(b"-", 10))
    fleet.run(fleet.wire.deliver(b"early", 1))

    assert ([], []) == (before, fleet.run(fleet.facts.left_deliveries(b"-", 10)))


def test_one_relay_at_a_time_takes_over(fleet: Fleet) -> None:
    take_over = fleet.facts.take_over

    assert [True, False] == [fleet.run(take_over(consumer, 60_000)) for consumer in ("one", "other")]
    assert 0 < fleet.redis("PTTL", fleet.keys.takeover) <= 60_000


def test_two_relays_move_it_once(fleet: Fleet) -> None:
    fleet.run(fleet.wire.deliver(b"hello", 123))
    (fact,) = deliveries(fleet)

    assert [fleet.run(fleet.facts.bury(fact, "why")) for _ in range(2)] == [1, 0]
    assert fleet.redis("XLEN", fleet.keys.dead) == 1
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 0


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
