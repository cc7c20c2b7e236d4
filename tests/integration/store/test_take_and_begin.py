"""take, and begin.lua: the intent is in Redis before any octet is on the wire."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import NOW_MS, PERMANENT, TEXT_TTL_S, Fleet, body

from smsfleet.config.errors import Fenced
from smsfleet.store.wire import DROPPED, IN_FLIGHT, START


def test_segments_are_taken_high_lane_first_and_no_more_than_asked_for(fleet: Fleet) -> None:
    for lane in ("bulk", "normal", "high"):
        fleet.take_in_and_admit(lane, lane=lane, segments=2)

    taken = [fleet.take(3), fleet.take(100), fleet.take(100)]

    assert [[(e.lane, e.ref) for e in entries] for entries in taken] == [
        [(1, b"high#1"), (1, b"high#2"), (2, b"normal#1")],
        [(2, b"normal#2"), (3, b"bulk#1"), (3, b"bulk#2")],
        [],
    ]
    assert taken[0][0].body == body("high", 1)


def test_a_take_goes_on_behind_what_was_read_and_finds_all_that_is_not_settled_from_the_start(
    fleet: Fleet,
) -> None:
    fleet.take_in_and_admit("j1", segments=2)
    fleet.take_in_and_admit("j2", lane="high")

    new = fleet.take(10)
    after_the_first = fleet.run(fleet.wire.take(10, [b"0-0", new[1].entry_id, b"0-0"]))

    assert [e.ref for e in new] == [b"j2#1", b"j1#1", b"j1#2"]
    assert [e.ref for e in after_the_first] == [b"j2#1", b"j1#2"]
    assert fleet.take(10) == []
    fleet.begin(new)
    fleet.settle(b"j1#1")
    assert [e.ref for e in fleet.backlog()] == [b"j2#1", b"j1#2"]


def test_a_take_that_waits_changes_nothing_and_gives_what_is_there(fleet: Fleet) -> None:
    quiet = fleet.run(fleet.wire.take(10, START, 1))
    fleet.take_in_and_admit("j1")
    before = fleet.everything()

    waited = fleet.run(fleet.wire.take(10, START, 1))

    assert (quiet, [entry.ref for entry in waited]) == ([], [b"j1#1"])
    assert fleet.everything() == before


def test_a_queued_segment_begins_with_the_next_attempt(fleet: Fleet) -> None:
    (ref,) = fleet.take_in_and_admit()
    (entry,) = fleet.take()

    attempts = fleet.run(fleet.wire.begin(fleet.token, [entry]))

    intent = b"1,2,%s,%s" % (entry.entry_id, fleet.token.encode())
    assert attempts == [1]
    assert fleet.run(fleet.wire.in_flight()) == {ref: intent}
    assert (fleet.states(), fleet.letters()) == ("S", "Q S")


def test_a_segment_that_is_in_flight_is_left_there(fleet: Fleet) -> None:
    fleet.take_in_and_admit()
    entries = fleet.take()
    fleet.run(fleet.wire.begin(fleet.token, entries))
    before = fleet.everything()

    again = fleet.run(fleet.wire.begin(fleet.token, entries))

    assert again == [IN_FLIGHT]
    assert fleet.everything() == before


def test_an_old_token_begins_nothing(fleet: Fleet) -> None:
    fleet.take_in_and_admit()
    entries, old = fleet.take(), fleet.token
    fleet.lead("B")
    before = fleet.everything()

    with pytest.raises(Fenced):
        fleet.run(fleet.wire.begin(old, entries))
    assert fleet.everything() == before


def test_an_expired_segment_ends_as_010_and_its_entry_is_dropped(fleet: Fleet) -> None:
    fleet.take_in_and_admit(deadline_ms=NOW_MS + 10)
    fleet.now_ms += 10

    assert fleet.take_and_begin() == [DROPPED]
    assert (fleet.states(), fleet.job().status, fleet.letters()) == ("E", 10, "Q E")
    assert (fleet.outbound(), fleet.in_flight(), fleet.begin_backlog()) == ([], set(), [])
    assert fleet.events() == [(b"j1", b"10", b"1")]
    assert fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_a_moment_before_its_deadline_a_segment_still_goes(fleet: Fleet) -> None:
    fleet.take_in_and_admit(deadline_ms=NOW_MS + 10)
    fleet.now_ms += 9

    assert fleet.take_and_begin() == [1]


def test_the_entry_of_a_job_that_is_gone_is_dropped(fleet: Fleet) -> None:
    fleet.take_in_and_admit()
    fleet.redis("DEL", fleet.keys.job("j1"))

    assert fleet.take_and_begin() == [DROPPED]
    assert fleet.outbound() == []


def test_a_segment_that_was_accepted_late_is_not_sent_again(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    assert fleet.lost(ref) == ["Q"]
    assert fleet.answer(ref) == "accepted"

    assert fleet.begin_backlog() == [DROPPED]
    assert fleet.outbound() == []


def test_a_batch_begins_each_as_it_is(fleet: Fleet) -> None:
    flying = fleet.send("j1", policy="resend")
    fleet.take_in_and_admit("j2", deadline_ms=NOW_MS + 1)
    fleet.take_in_and_admit("j3")
    fleet.take()
    fleet.now_ms += 1

    attempts = fleet.begin_backlog()

    assert attempts == [IN_FLIGHT, DROPPED, 1]
    assert fleet.in_flight() == {*flying, b"j3#1"}


def test_a_rejected_segment_does_not_begin(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    entries = fleet.backlog()
    fleet.answer(ref, PERMANENT)

    assert fleet.run(fleet.wire.begin(fleet.token, entries)) == [DROPPED]


def test_the_further_segments_of_a_text_go_before_the_high_lane(fleet: Fleet) -> None:
    fleet.take_in_and_admit("long", segments=5, lane="bulk")
    fleet.take_in_and_admit("other", lane="bulk")
    first = fleet.take(2)
    fleet.take_in_and_admit("code", lane="high")

    rest = fleet.run(fleet.wire.take(10, fleet.after, behind=first[-1]))

    assert [entry.ref for entry in (*first, *rest)] == [
        b"long#1", b"long#2", b"long#3", b"long#4", b"long#5", b"code#1", b"other#1",
    ]  # fmt: skip


def test_behind_the_last_segment_of_a_text_the_high_lane_goes_first(fleet: Fleet) -> None:
    fleet.take_in_and_admit("long", segments=2, lane="bulk")
    fleet.take_in_and_admit("longer", lane="bulk")  # another job, whatever its id begins with
    first = fleet.take(2)
    fleet.take_in_and_admit("code", lane="high")

    rest = fleet.run(fleet.wire.take(10, fleet.after, behind=first[-1]))

    assert [entry.ref for entry in rest] == [b"code#1", b"longer#1"]
