"""keep_mo.lua, collect.lua, keep_parts.lua, claim_routed.lua: messages from handsets are kept once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.store.facts import DeliveryFact
from smsfleet.store.mo import CLAIM_MS, Collected

NAME = "a-name"


def delivery(fleet: Fleet, body: bytes = b"hello") -> DeliveryFact:
    return DeliveryFact(fleet.deliver(body), body, fleet.now_ms)


def keep(fleet: Fleet, fact: DeliveryFact, target: str = "") -> str:
    return fleet.run(fleet.mo.keep(fact, {"text": "é"}, [target] if target else []))


def collect(
    fleet: Fleet, number: int, *, total: int = 3, part: bytes | None = None, fact: DeliveryFact | None = None
) -> tuple[str, Collected | None]:
    part = b"part %d" % number if part is None else part
    given = fact or delivery(fleet, part)
    return fleet.run(fleet.mo.collect(given, NAME, number=number, total=total, part=part, known={"to": "1"}))


def keep_parts(fleet: Fleet, collected: Collected | None, *, partial: bool = False) -> str:
    assert collected is not None
    return fleet.run(fleet.mo.keep_parts(collected, {"text": "all"}, [], partial=partial))


def kept(fleet: Fleet) -> list[dict[str, Any]]:
    return [record.values for record in reversed(fleet.run(fleet.mo.newest(100)))]


def nothing_waits(fleet: Fleet) -> bool:
    keys = fleet.keys
    return [0, 0] == [fleet.redis("XLEN", keys.deliveries), fleet.redis("ZCARD", keys.collecting)]


def test_a_message_is_kept_once_and_found_by_its_id(fleet: Fleet) -> None:
    fact = delivery(fleet)

    mo_id = keep(fleet, fact)

    assert "" == keep(fleet, fact)
    record = fleet.run(fleet.mo.read(mo_id))
    assert record is not None
    assert (mo_id, {"text": "é", "duplicate": False}) == (record.mo_id, record.values)
    assert fleet.run(fleet.mo.read("1-1")) is None
    assert nothing_waits(fleet)


def test_the_same_octets_again_are_kept_as_a_duplicate_for_a_while(fleet: Fleet) -> None:
    keep(fleet, delivery(fleet))
    keep(fleet, delivery(fleet))
    (seen,) = fleet.redis("KEYS", "*seen:*")
    assert 595 <= fleet.ttl_s(seen) <= 600
    fleet.redis("DEL", seen)
    keep(fleet, delivery(fleet))

    assert [False, True, False] == [values["duplicate"] for values in kept(fleet)]


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3))))
def test_parts_are_collected_in_any_order(fleet: Fleet, order: tuple[int, ...]) -> None:
    first = collect(fleet, order[0])
    second = collect(fleet, order[1])
    word, collected = collect(fleet, order[2])

    assert (("kept", None), ("kept", None), "complete") == (first, second, word)
    assert collected is not None
    assert {1: b"part 1", 2: b"part 2", 3: b"part 3"} == collected.parts
    assert keep_parts(fleet, collected)
    assert nothing_waits(fleet)
    assert [{"text": "all", "duplicate": False}] == kept(fleet)


def test_what_is_collected_does_not_expire_and_what_is_kept_does(fleet: Fleet) -> None:
    collect(fleet, 1, total=2)
    assert -1 == fleet.ttl_s(fleet.keys.parts(NAME))

    keep_parts(fleet, collect(fleet, 2, total=2)[1])

    assert 3595 <= fleet.ttl_s(fleet.keys.parts(NAME)) <= 3600


def test_a_part_that_comes_twice_is_collected_once(fleet: Fleet) -> None:
    collect(fleet, 1)

    assert ("repeated", None) == collect(fleet, 1)
    assert 0 == fleet.redis("XLEN", fleet.keys.deliveries)


def test_a_relay_that_died_before_it_kept_the_message_is_replaced(fleet: Fleet) -> None:
    collect(fleet, 1, total=2)
    last = delivery(fleet, b"part 2")
    collect(fleet, 2, total=2, fact=last)

    word, collected = collect(fleet, 2, total=2, fact=last)

    assert "complete" == word
    assert keep_parts(fleet, collected)
    assert ("gone", None) == collect(fleet, 2, total=2, fact=last)
    assert 1 == len(kept(fleet))


def test_two_relays_keep_it_once(fleet: Fleet) -> None:
    collect(fleet, 1, total=2)
    last = delivery(fleet, b"part 2")
    one, other = (collect(fleet, 2, total=2, fact=last)[1] for _ in range(2))

    assert keep_parts(fleet, one) != "stale"
    assert "stale" == keep_parts(fleet, other)
    assert 1 == len(kept(fleet))


def test_a_message_that_comes_again_as_a_whole_is_a_duplicate(fleet: Fleet) -> None:
    for _ in range(2):
        collect(fleet, 1, total=2)
        keep_parts(fleet, collect(fleet, 2, total=2)[1])

    assert [False, True] == [values["duplicate"] for values in kept(fleet)]


def test_a_part_that_comes_again_after_its_message_is_dropped_when_nothing_follows(fleet: Fleet) -> None:
    collect(fleet, 1, total=2)
    keep_parts(fleet, collect(fleet, 2, total=2)[1])
    collect(fleet, 2, total=2)

    collected = fleet.run(fleet.mo.collected(NAME))

    assert "repeated" == keep_parts(fleet, collected, partial=True)
    assert (1, True) == (len(kept(fleet)), nothing_waits(fleet))


def test_another_part_of_the_same_number_is_another_message(fleet: Fleet) -> None:
    collect(fleet, 1, total=2)
    newer = delivery(fleet, b"other")

    word, older = collect(fleet, 1, total=2, part=b"other", fact=newer)

    assert "clash" == word
    assert keep_parts(fleet, older, partial=True)
    assert ("kept", None) == collect(fleet, 1, total=2, part=b"other", fact=newer)
    keep_parts(fleet, collect(fleet, 2, total=2)[1])
    assert [False, False] == [values["duplicate"] for values in kept(fleet)]


def test_a_part_that_came_since_the_look_is_not_lost(fleet: Fleet) -> None:
    collect(fleet, 1)
    seen = fleet.run(fleet.mo.collected(NAME))
    collect(fleet, 2)

    assert "stale" == keep_parts(fleet, seen, partial=True)
    assert [] == kept(fleet)
    fleet.now_ms += 3_600_000
    assert [NAME] == fleet.run(fleet.mo.overdue(10))


def test_it_is_overdue_by_its_first_part(fleet: Fleet) -> None:
    collect(fleet, 1)
    fleet.now_ms += 3_000_000
    collect(fleet, 2)

    fleet.now_ms += 599_999
    assert [] == fleet.run(fleet.mo.overdue(10))
    fleet.now_ms += 1
    assert [NAME] == fleet.run(fleet.mo.overdue(10))


def test_a_routed_message_is_given_to_one_worker_until_it_is_done(fleet: Fleet) -> None:
    mo_id = keep(fleet, delivery(fleet), "task:a b@app")

    assert [(mo_id, "task:a b@app")] == fleet.run(fleet.mo.claim_routed(10))
    assert [] == fleet.run(fleet.mo.claim_routed(10))
    fleet.now_ms += CLAIM_MS
    assert [(mo_id, "task:a b@app")] == fleet.run(fleet.mo.claim_routed(10))
    assert 1 == fleet.run(fleet.mo.routed(mo_id, "task:a b@app"))
    assert 0 == fleet.redis("ZCARD", fleet.keys.routing)


def test_what_is_kept_is_json(fleet: Fleet) -> None:
    keep(fleet, delivery(fleet))

    ((_, fields),) = fleet.redis("XRANGE", fleet.keys.mo, "-", "+")

    assert (b"m", {"text": "é", "duplicate": False}) == (fields[0], json.loads(fields[1]))


def test_the_last_job_to_a_number_is_remembered_for_a_while(fleet: Fleet) -> None:
    """remember.lua"""
    number, ttl_s = "27999100001", 3 * 86_400

    for job_id, day in (("older", 100), ("first", 102), ("last", 102)):
        assert 2 == fleet.run(fleet.mo.remember([(number, job_id), ("1", "x")], day, ttl_s))

    found = {day: fleet.store.run_all(fleet.mo.last_jobs(number, day, ttl_s)) for day in (101, 102, 105, 106)}
    assert {101: "last", 102: "last", 105: "last", 106: None} == {
        day: next(filter(None, jobs), None) for day, jobs in found.items()
    }
    assert ttl_s - 5 <= fleet.ttl_s(fleet.keys.last(number, 102)) <= ttl_s
