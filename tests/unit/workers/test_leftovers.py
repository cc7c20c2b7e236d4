"""What is left over is told from what is just being applied."""

from __future__ import annotations

from smsfleet.store.facts import DeliveryFact
from smsfleet.workers.leftovers import Leftovers

IDLE_S = 15.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def facts(*numbers: int) -> list[DeliveryFact]:
    return [DeliveryFact(b"%d-0" % number, b"", 0) for number in numbers]


def test_what_two_looks_find_far_enough_apart_is_overdue() -> None:
    clock = Clock()
    leftovers: Leftovers[DeliveryFact] = Leftovers(IDLE_S, clock)

    first = leftovers.overdue(facts(1, 2))
    clock.now += IDLE_S - 1
    early = leftovers.overdue(facts(2, 3))
    clock.now += 1
    late = leftovers.overdue(facts(2, 3))

    assert ([], [], facts(2)) == (first, early, late)


def test_what_was_gone_in_between_begins_anew() -> None:
    clock = Clock()
    leftovers: Leftovers[DeliveryFact] = Leftovers(IDLE_S, clock)
    leftovers.overdue(facts(1))
    clock.now += IDLE_S / 2
    leftovers.overdue(facts())
    clock.now += IDLE_S / 2

    assert [] == leftovers.overdue(facts(1))


def test_what_nobody_can_apply_stays_overdue() -> None:
    clock = Clock()
    leftovers: Leftovers[DeliveryFact] = Leftovers(IDLE_S, clock)
    leftovers.overdue(facts(1))
    clock.now += IDLE_S

    assert [facts(1), facts(1)] == [leftovers.overdue(facts(1)) for _ in range(2)]
