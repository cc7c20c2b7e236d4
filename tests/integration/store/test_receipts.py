"""apply_receipt.lua and find.lua: the status is the join of all facts, in whatever order they come."""

from __future__ import annotations

import itertools

import pytest
from tests.integration.store.steps import DAY, INDEX_TTL_S, Fleet

from smsfleet.config.statuses import RANKED
from smsfleet.store.facts import ReceiptFact
from smsfleet.store.keys import INDEX_BUCKETS


def accepted(fleet: Fleet, job_id: str = "j1", message_id: bytes = b"M1", day: int = DAY) -> bytes:
    (ref,) = fleet.send(job_id)
    assert fleet.answer(ref, message_id=message_id, day=day) == "accepted"
    return ref


def test_a_receipt_raises_the_status(fleet: Fleet) -> None:
    accepted(fleet)

    assert fleet.receipt(4, raw=" DELIVRD 000") == "applied"
    assert (fleet.job().status, fleet.letters()) == (4, "Q S A8 D4")
    assert fleet.job().history[-1].raw == "DELIVRD 000"
    assert fleet.events()[-1] == (b"j1", b"4", b"1")
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 0


def test_a_duplicate_changes_nothing(fleet: Fleet) -> None:
    accepted(fleet)
    fleet.receipt(4, raw=" DELIVRD")
    before = fleet.everything()

    assert fleet.receipt(4, raw=" DELIVRD") == "unchanged"
    assert fleet.everything() == before


def test_a_weaker_receipt_is_kept_in_the_history_only(fleet: Fleet) -> None:
    accepted(fleet)
    fleet.receipt(4)

    assert fleet.receipt(3, raw=" ACCEPTD") == "unchanged"
    assert (fleet.job().status, fleet.letters()) == (4, "Q S A8 D4 D3")


def test_a_word_that_the_table_does_not_list_is_kept_in_the_history(fleet: Fleet) -> None:
    accepted(fleet)

    assert fleet.receipt(None, raw=" SOMETHING") == "unchanged"
    assert (fleet.job().status, fleet.job().history[-1].raw) == (8, "SOMETHING")


@pytest.mark.parametrize("statuses", list(itertools.permutations((8, 3, 7, 4))))
def test_any_order_gives_the_strongest(fleet: Fleet, statuses: tuple[int, ...]) -> None:
    accepted(fleet)

    for status in statuses:
        fleet.receipt(status)

    assert fleet.job().status == 4


@pytest.mark.parametrize(("weaker", "stronger"), list(itertools.pairwise(RANKED)))
def test_the_order_of_ranks_is_the_order_of_config(fleet: Fleet, weaker: int, stronger: int) -> None:
    accepted(fleet)

    fleet.receipt(stronger)
    fleet.receipt(weaker)

    assert fleet.job().status == max(stronger, 8, key=RANKED.index)


def test_a_receipt_before_its_response_is_parked_with_a_lifetime(fleet: Fleet) -> None:
    fleet.send()

    assert fleet.receipt(4) == "parked"
    assert fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1) == [b"M1"]
    assert INDEX_TTL_S - 5 <= fleet.ttl_s(fleet.keys.orphan(b"M1")) <= INDEX_TTL_S
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 0


@pytest.mark.parametrize("day", [DAY - 1, DAY, DAY + 1])
def test_when_the_response_came_since_the_look_up_it_is_to_be_looked_up_again(fleet: Fleet, day: int) -> None:
    """Also when the other relay's clock is past midnight and ours is not, or the other way round."""
    accepted(fleet, day=day)

    assert fleet.receipt(4, ref=b"") == "again"
    assert fleet.job().status == 8
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 1
    assert fleet.look_up(b"M1") == b"j1#1"


def test_a_receipt_of_a_job_that_is_gone_is_unknown_and_not_kept(fleet: Fleet) -> None:
    accepted(fleet)
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert fleet.receipt(4) == "unknown"
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 0


def test_a_batch_is_answered_one_by_one(fleet: Fleet) -> None:
    ref = accepted(fleet)
    facts = [
        ReceiptFact(fleet.deliver(), b"M1", 4, ""),
        ReceiptFact(fleet.deliver(), b"M1", 3, ""),
        ReceiptFact(fleet.deliver(), b"M9", 4, ""),
        ReceiptFact(fleet.deliver(), b"M1", 4, ""),
        ReceiptFact(fleet.deliver(), b"M8", 4, ""),
    ]

    words = fleet.run(fleet.facts.apply_receipts(facts, [ref, ref, b"", b"", b"never#1"], DAY))

    assert words == ["applied", "unchanged", "parked", "again", "unknown"]
    assert fleet.redis("XLEN", fleet.keys.deliveries) == 1


def test_a_relay_may_apply_a_receipt_twice(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fact = ReceiptFact(fleet.deliver(), b"M1", 4, "")

    words = [fleet.run(fleet.facts.apply_receipts([fact], [ref], DAY))[0] for _ in range(2)]

    assert words == ["applied", "unchanged"]


def test_what_a_dead_relay_read_is_left_over(fleet: Fleet) -> None:
    fleet.run(fleet.wire.deliver(b"\x00\xffbody", 123))
    _, read = fleet.run(fleet.facts.read("dead", 10, 1))

    assert fleet.run(fleet.facts.left_deliveries(b"-", 10)) == read
    assert [(fact.body, fact.received_ms) for fact in read] == [(b"\x00\xffbody", 123)]


@pytest.mark.parametrize("age", [-1, 0, 1, 2, 7])
def test_an_id_is_found_for_eight_days_and_from_a_clock_ahead(fleet: Fleet, age: int) -> None:
    ref = accepted(fleet, day=DAY - age)

    assert fleet.look_up(b"M1", DAY) == ref
    assert fleet.receipt(4) == "applied"


def test_the_look_up_gives_a_ref_for_each_id_in_order(fleet: Fleet) -> None:
    first = accepted(fleet, "j1", b"M1")
    second = accepted(fleet, "j2", b"M2", day=DAY - 3)

    found = fleet.run(fleet.facts.find([b"M2", b"never", b"M1"], fleet.facts.days(DAY)))

    assert found == [second, b"", first]
    assert fleet.run(fleet.facts.find([], fleet.facts.days(DAY))) == []


def test_an_id_that_the_gateway_gives_again_another_day_is_that_of_today(fleet: Fleet) -> None:
    accepted(fleet, "j1", b"M1", day=DAY - 3)
    today = accepted(fleet, "j2", b"M1", day=DAY)

    assert fleet.look_up(b"M1", DAY) == today


def test_the_days_to_look_at_are_today_yesterday_tomorrow_and_backwards(fleet: Fleet) -> None:
    days = fleet.facts.days(DAY)

    assert days == [DAY, DAY - 1, DAY + 1, *range(DAY - 2, DAY - 9, -1)][: len(days)]
    assert len(days) >= 9


def test_ids_that_share_a_bucket_are_kept_apart(fleet: Fleet) -> None:
    ids: dict[bytes, list[bytes]] = {}
    for number in range(INDEX_BUCKETS * 2):
        message_id = b"%d" % number
        ids.setdefault(fleet.keys.index(message_id, DAY), []).append(message_id)
    one, two = next(group for group in ids.values() if len(group) > 1)[:2]

    first, second = accepted(fleet, "j1", one), accepted(fleet, "j2", two)

    assert (fleet.look_up(one), fleet.look_up(two)) == (first, second)


@pytest.mark.parametrize("other", [b"m1", b"M1 ", b"0M1", b"M1\x00"])
def test_message_ids_are_opaque(fleet: Fleet, other: bytes) -> None:
    accepted(fleet)

    assert fleet.look_up(other) == b""
    assert fleet.receipt(4, other) == "parked"
