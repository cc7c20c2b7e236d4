"""give_up_orphans.lua, and what bounds lists of receipts and the hash of doubts: a gateway can send any number."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import INDEX_TTL_S, MATCH_AFTER_S, TO, Fleet

from smsfleet.store.doubts import SUSPENDED

WAIT_MS = int(MATCH_AFTER_S * 1000)
MOST_DESTINATIONS = 100_000
MOST_PARKED = 32


def orphaned(fleet: Fleet, count: int) -> list[bytes]:
    """Receipts without a response, one every ms; their message ids, oldest first."""
    ids = [b"M%d" % number for number in range(1, count + 1)]
    for number, message_id in enumerate(ids):
        assert "parked" == fleet.receipt(4, message_id, raw=" DELIVRD", source=f"27999{number:06d}")
        fleet.now_ms += 1
    return ids


def give_up(fleet: Fleet, limit: int, ids: list[bytes]) -> int:
    return fleet.run(fleet.facts.give_up_orphans(ids, limit))


def strays(fleet: Fleet) -> list[list[bytes]]:
    return [fields for _, fields in fleet.redis("XRANGE", fleet.keys.strays, "-", "+")]


def test_the_oldest_are_given_up_and_kept_as_strays(fleet: Fleet) -> None:
    ids = orphaned(fleet, 5)
    came = fleet.now_ms - 5

    assert 2 == give_up(fleet, 3, ids)

    assert ids[2:] == fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1)
    assert [0, 1] == [fleet.redis("EXISTS", fleet.keys.orphan(message_id)) for message_id in (b"M1", b"M3")]
    assert [
        [b"i", b"M1", b"t", b"%d" % came, b"d", b"4; DELIVRD"],
        [b"i", b"M2", b"t", b"%d" % (came + 1), b"d", b"4; DELIVRD"],
    ] == strays(fleet)


def test_all_that_was_said_of_one_message_is_one_stray(fleet: Fleet) -> None:
    fleet.receipt(3, raw=" ACCEPTD")
    fleet.receipt(4, raw=" DELIVRD")

    assert 1 == give_up(fleet, 0, [b"M1"])

    assert [b"d", b"3; ACCEPTD", b"d", b"4; DELIVRD"] == strays(fleet)[0][4:]


def test_none_is_given_up_while_no_more_than_the_limit_wait(fleet: Fleet) -> None:
    ids = orphaned(fleet, 3)

    assert [0, 0] == [give_up(fleet, limit, ids) for limit in (3, 4)]
    assert [] == strays(fleet)


def test_who_is_gone_meanwhile_is_not_given_up_twice(fleet: Fleet) -> None:
    ids = orphaned(fleet, 3)
    give_up(fleet, 2, ids)

    assert 0 == give_up(fleet, 1, ids[:1])
    assert ids[1:] == fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1)


def test_those_that_stay_are_joined_by_their_response(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    ids = orphaned(fleet, 3)
    give_up(fleet, 1, ids)

    assert "accepted" == fleet.answer(ref, message_id=ids[-1])

    assert 4 == fleet.job().status


def test_a_receipt_that_is_repeated_before_its_response_is_kept_once(fleet: Fleet) -> None:
    for _ in range(3):
        fleet.receipt(4, raw=" DELIVRD")

    assert [b"4; DELIVRD"] == fleet.redis("LRANGE", fleet.keys.orphan(b"M1"), 0, -1)


def test_a_list_of_receipts_of_one_message_is_bounded(fleet: Fleet) -> None:
    for number in range(MOST_PARKED + 5):
        fleet.receipt(3, raw=f" {number}")

    kept = fleet.redis("LRANGE", fleet.keys.orphan(b"M1"), 0, -1)
    assert [b"3; %d" % number for number in range(5, MOST_PARKED + 5)] == kept


# --- too many destinations in doubt ----------------------------------------------------------------


def crowd(fleet: Fleet, count: int = MOST_DESTINATIONS) -> None:
    """Destinations that something is open of."""
    trace = b"X0,%d:" % fleet.now_ms
    for at in range(0, count, 1_000):
        fields = [part for number in range(at, at + 1_000) for part in (b"27%09d" % number, trace)]
        fleet.redis("HSET", fleet.keys.doubts, *fields)


@pytest.mark.parametrize("last", ["lost", "receipt", "without an id"])
def test_with_too_many_destinations_all_are_forgotten_and_nothing_is_matched(fleet: Fleet, last: str) -> None:
    (ref,) = fleet.send()
    crowd(fleet)

    if last == "lost":
        fleet.lost(ref)
    elif last == "receipt":
        fleet.receipt(4)
    else:
        fleet.answer(ref, message_id=b"")

    assert [b"", TO.encode()] == sorted(fleet.redis("HKEYS", fleet.keys.doubts))
    assert SUSPENDED == fleet.run(fleet.doubts.ripe(MATCH_AFTER_S, 100))[0]


def test_a_destination_that_is_known_needs_no_room(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.receipt(4)
    crowd(fleet, MOST_DESTINATIONS)

    fleet.lost(ref)

    assert MOST_DESTINATIONS + 1 == fleet.redis("HLEN", fleet.keys.doubts)


def test_matching_goes_on_when_no_receipt_can_come_for_what_was_forgotten(fleet: Fleet) -> None:
    crowd(fleet)
    fleet.receipt(4, b"M0", source="27999100002")
    fleet.now_ms += INDEX_TTL_S * 1000 - WAIT_MS
    (ref,) = fleet.send(policy="hold")
    fleet.lost(ref)
    fleet.receipt(4)
    assert SUSPENDED == fleet.run(fleet.doubts.ripe(MATCH_AFTER_S, 100))[0]
    fleet.now_ms += WAIT_MS

    assert ["accepted"] == fleet.match(*fleet.ripe())

    assert 4 == fleet.job().status
    assert 0 == fleet.redis("HEXISTS", fleet.keys.doubts, "")
