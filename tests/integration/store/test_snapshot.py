"""snapshot.lua: what waits where; and count_status.lua: how many jobs came to each status."""

from __future__ import annotations

from tests.integration.store.steps import NOW_MS, PERMANENT, TEMPORARY, Fleet

from smsfleet.store.snapshot import Counts, Snapshots, Waiting
from smsfleet.store.status_counts import Came, StatusCounts


def look(fleet: Fleet, after_ms: int = 0) -> Counts:
    return fleet.run(Snapshots(fleet.keys, now_ms=fleet.now_ms + after_ms).read())


def server_ms(fleet: Fleet) -> int:
    """By the server's clock, which names the entries of streams."""
    return fleet.redis("TIME", parse=lambda reply: int(reply[0]) * 1000 + int(reply[1]) // 1000)


NOTHING = Waiting(0, None)

# --- snapshot.lua -------------------------------------------------------------------------------


def test_in_an_empty_account_nothing_waits(fleet: Fleet) -> None:
    found = look(fleet)

    assert NOW_MS == found.now_ms
    assert {NOTHING} == {place for lane in found.lanes.values() for place in lane} | set(
        found.places.values()
    )
    assert (0, 0, "", 0, 0, 0, ()) == (
        found.relays, found.unapplied, found.queries_off, found.opted_out, found.doubts, found.queries,
        found.statuses,
    )  # fmt: skip


def test_a_look_changes_nothing(fleet: Fleet) -> None:
    fleet.take_in("waits")
    fleet.send("flies")
    before = fleet.everything()

    look(fleet)

    assert before == fleet.everything()


def test_the_lease_is_told_with_its_rest(fleet: Fleet) -> None:
    with_lease = look(fleet).lease_ms
    fleet.redis("DEL", fleet.keys.lease)

    assert 0 < with_lease <= 10_000
    assert look(fleet).lease_ms < 0


def test_jobs_that_are_not_admitted_are_told_by_lane_with_the_oldest(fleet: Fleet) -> None:
    fleet.take_in("young", "high", now_ms=NOW_MS + 500)
    fleet.take_in("old", "high", now_ms=NOW_MS)
    fleet.take_in("bulk", "bulk", now_ms=NOW_MS + 7)

    lanes = look(fleet).lanes

    assert Waiting(2, NOW_MS) == lanes["high"].queue
    assert NOTHING == lanes["normal"].queue
    assert Waiting(1, NOW_MS + 7) == lanes["bulk"].queue


def test_a_segment_is_outbound_then_in_flight_then_neither(fleet: Fleet) -> None:
    began = server_ms(fleet)
    (ref,) = fleet.take_in_and_admit("j1", lane="bulk")
    outbound = look(fleet).lanes["bulk"]
    fleet.take_and_begin()
    flying = look(fleet).lanes["bulk"]
    fleet.answer(ref)
    settled = look(fleet).lanes["bulk"]

    assert (1, NOTHING) == (outbound.outbound.count, outbound.in_flight)
    assert (NOTHING, 1) == (flying.outbound, flying.in_flight.count)
    for first_ms in (outbound.outbound.first_ms, flying.in_flight.first_ms):
        assert first_ms is not None
        assert began <= first_ms <= server_ms(fleet)
    assert (NOTHING, NOTHING) == (settled.outbound, settled.in_flight)


def test_the_oldest_that_waits_is_not_one_in_flight(fleet: Fleet) -> None:
    fleet.send("flies", segments=3)
    fleet.take_in_and_admit("waits", segments=2)
    first_entry = fleet.redis("XRANGE", fleet.keys.outbound["normal"], "-", "+")[3][0]

    normal = look(fleet).lanes["normal"]

    assert (2, 3) == (normal.outbound.count, normal.in_flight.count)
    assert int(first_entry.partition(b"-")[0]) == normal.outbound.first_ms


def test_what_is_delayed_held_scheduled_or_set_aside_is_told_with_its_time(fleet: Fleet) -> None:
    delayed, held, for_ever = (fleet.send(name, policy=policy)[0] for name, policy in (
        ("delayed", "hold"), ("held", "hold_then_resend"), ("ever", "hold"),
    ))  # fmt: skip
    fleet.answer(delayed, TEMPORARY)
    fleet.lost(held, for_ever)
    fleet.take_in_later("later", due_ms=NOW_MS + 60_000)
    fleet.take_in("aside")
    fleet.run(fleet.lifecycle.set_aside("aside", "normal", "poison"))

    places = look(fleet).places

    assert Waiting(1, NOW_MS + 5000) == places["delayed"]
    assert Waiting(2, NOW_MS + 120_000) == places["held"]
    assert Waiting(1, NOW_MS + 60_000) == places["scheduled"]
    assert Waiting(1, NOW_MS) == places["set_aside"]


def test_a_hold_without_an_end_has_no_time(fleet: Fleet) -> None:
    fleet.lost(*fleet.send("ever", policy="hold"))

    assert Waiting(1, None) == look(fleet).places["held"]


def test_facts_that_nobody_applied_are_told_and_the_relays_that_ask(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    unread = look(fleet)
    fleet.read_responses()
    fleet.deliver()
    read = look(fleet)

    assert (1, 0, 0) == (unread.places["responses"].count, unread.relays, unread.unapplied)
    assert (1, 1, 2) == (read.places["deliveries"].count, read.relays, read.unapplied)


def test_a_relay_that_waits_for_its_first_fact_is_counted(fleet: Fleet) -> None:
    for call in fleet.facts.create_groups():
        fleet.run(call)

    fleet.run(fleet.facts.seen("a worker's"))

    assert 1 == look(fleet).relays


def test_a_stream_without_its_group_has_no_relays(fleet: Fleet) -> None:
    fleet.redis("DEL", fleet.keys.deliveries)

    assert 0 == look(fleet).relays


def test_receipts_without_a_response_are_told(fleet: Fleet) -> None:
    fleet.receipt(4, b"unknown")

    found = look(fleet)

    assert Waiting(1, NOW_MS) == found.places["orphans"]
    assert 1 == found.doubts


# --- count_status.lua ----------------------------------------------------------------------------------


def test_jobs_are_counted_by_the_statuses_that_they_came_to(fleet: Fleet) -> None:
    delivered, refused, accepted = (fleet.send(name)[0] for name in ("a", "b", "c"))
    fleet.answer(delivered, message_id=b"M1")
    fleet.receipt(4, b"M1")
    fleet.answer(refused, PERMANENT)
    fleet.answer(accepted, message_id=b"M2")

    counted = fleet.run(StatusCounts(fleet.keys).count())

    assert 4 == counted
    assert (Came(4, True, 1), Came(8, False, 2), Came(9, True, 1)) == look(fleet).statuses


def test_nothing_is_counted_twice_and_nothing_is_left_out(fleet: Fleet) -> None:
    for number in range(5):
        fleet.answer(fleet.send(f"j{number}")[0], message_id=b"M%d" % number)

    runs = [fleet.run(StatusCounts(fleet.keys).count(2)) for _ in range(4)]

    assert [2, 2, 1, 0] == runs
    assert (Came(8, False, 5),) == look(fleet).statuses


def test_later_changes_are_added(fleet: Fleet) -> None:
    for number in range(2):
        fleet.answer(fleet.send(f"j{number}")[0], message_id=b"M%d" % number)
        fleet.run(StatusCounts(fleet.keys).count())

    assert (Came(8, False, 2),) == look(fleet).statuses
