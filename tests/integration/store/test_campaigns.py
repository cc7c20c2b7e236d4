"""The scripts of campaigns: campaign_open.lua, campaign_put.lua, campaign_next.lua, campaign_due.lua, admit_rows.lua,
campaign_put_back.lua, campaign_stop.lua, campaign_rate.lua, campaign_release.lua, campaign_erase.lua, campaign_forget.lua, and what
begin.lua makes of a campaign that is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.integration.store.steps import (
    DAY,
    JOB_TTL_S,
    NOW_MS,
    PACE,
    PERMANENT,
    TEMPORARY,
    TEXT_TTL_S,
    TO,
    Fleet,
    body,
)

from smsfleet.store import campaigns as module
from smsfleet.store.campaign_records import CLASSES, OPEN_CLASSES, CampaignRecord, record
from smsfleet.store.campaigns import IN_PLAY, LOOK_MS, Campaigns, Common, Handled, Opened, Row, Taken
from smsfleet.store.jobs import QUOTA_TTL_S, Pace
from smsfleet.store.wire import DROPPED
from smsfleet.workers.states import OPEN_STATES, part

ID = "Cabcdefghij"
OTHER = "Cabcdefghik"
MARGIN_S = 60.0
MOST_WAITING = 10
COMMON = Common(ID, "bulk", "fail", None, True, "", None, "", 0, "")


def calls(fleet: Fleet) -> Campaigns:
    return Campaigns(
        fleet.keys, job_ttl_s=JOB_TTL_S, margin_s=MARGIN_S, most_waiting=MOST_WAITING, now_ms=fleet.now_ms
    )


def begin(fleet: Fleet, campaign_id: str = ID, **more: Any) -> Opened:
    given = {"lane": "bulk", "content": "{}", "fingerprint": "f", "chunk_rows": 2} | more
    return fleet.run(calls(fleet).open(campaign_id, **given))


def put(fleet: Fleet, number: int, campaign_id: str = ID, **more: Any) -> Taken:
    return fleet.run(calls(fleet).put(campaign_id, number, 2, f"chunk {number}", **more))


def row(number: int | str, *, to: str = "", mark: str = "", segments: int = 1, cost: int = 0) -> Row:
    bodies = [body(f"{ID}:{number}", at) for at in range(1, segments + 1)]
    return Row(str(number), to or f"279991{number:>05}", mark, int(mark or 0), "", cost, bodies)


def refused(number: int, code: str = "invalid-destination", reason: str = "no number") -> Row:
    return Row(str(number), "", code, 0, reason)


def admit(  # noqa: PLR0917
    fleet: Fleet,
    rows: Sequence[Row],
    number: int = 1,
    handled: int = 0,
    common: Common = COMMON,
    pace: Pace = PACE,
    *,
    last: bool = True,
) -> Handled:
    return fleet.run(calls(fleet).admit(common, number, handled, rows, pace, DAY, last=last))


def look(fleet: Fleet, campaign_id: str = ID) -> CampaignRecord:
    found = record(campaign_id, fleet.store.run_all(calls(fleet).read(campaign_id)))
    assert found is not None
    return found


def running(fleet: Fleet, *rows: Row, **more: Any) -> None:
    """A campaign of these rows, all of them admitted."""
    begin(fleet, **more)
    assert put(fleet, 1, kind="last").word == "taken"
    assert admit(fleet, rows).word == "done"


def stop(fleet: Fleet, letter: str) -> int:
    return fleet.run(calls(fleet).stop(ID, letter))


# --- taking rows --------------------------------------------------------------------------------


def test_a_campaign_is_begun_once_for_its_key(fleet: Fleet) -> None:
    first = begin(fleet, idempotency_key="autumn", fingerprint="one", name="Autumn")
    again = begin(fleet, OTHER, idempotency_key="autumn", fingerprint="two")

    assert (Opened(True, ID, "one"), Opened(False, ID, "one")) == (first, again)
    assert fleet.run(calls(fleet).newest(10)) == [ID]
    assert ("Autumn", "autumn", "bulk", 2) == (
        look(fleet).name, look(fleet).idempotency_key, look(fleet).lane, look(fleet).chunk_rows,
    )  # fmt: skip


def test_chunks_are_taken_in_their_order_and_once(fleet: Fleet) -> None:
    begin(fleet)

    words = [put(fleet, number).word for number in (2, 1, 1, 2)]

    assert ["early", "taken", "known", "taken"] == words
    assert (2, 4, False) == (look(fleet).chunks, look(fleet).rows, look(fleet).submitted)


def test_after_the_last_chunk_no_more_rows_are_taken_and_retries_are(fleet: Fleet) -> None:
    begin(fleet)
    early = put(fleet, 1, kind="retry").word
    put(fleet, 1, kind="last")

    assert ("known", "known") == (early, put(fleet, 2).word)
    assert put(fleet, 2, kind="retry", tries=[(1, 2)]).word == "taken"
    assert ([2, 1], 2, 2) == (
        fleet.run(calls(fleet).tries(ID, [1, 2])),
        look(fleet).rows,
        look(fleet).retried,
    )


def test_a_last_chunk_without_rows_only_ends_the_submission(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)

    fleet.run(calls(fleet).put(ID, 2, 0, "", kind="last"))

    assert (1, 2, True) == (look(fleet).chunks, look(fleet).rows, look(fleet).submitted)


def test_a_few_chunks_are_given_out_and_the_next_when_one_ends(fleet: Fleet) -> None:
    begin(fleet)
    given = [list(put(fleet, number).publish) for number in range(1, 7)]

    ended = admit(fleet, [row(1), row(2)])

    assert [[1], [2], [3], [4], [], []] == given
    assert ("done", [5], IN_PLAY) == (ended.word, list(ended.publish), look(fleet).in_play)


def test_no_more_chunks_wait_than_allowed(fleet: Fleet) -> None:
    begin(fleet)

    words = [put(fleet, number).word for number in range(1, IN_PLAY + MOST_WAITING + 2)]

    assert ["taken"] * (IN_PLAY + MOST_WAITING) + ["full"] == words


def test_no_rows_are_taken_of_what_is_cancelled_or_gone(fleet: Fleet) -> None:
    gone = put(fleet, 1).word
    begin(fleet)
    stop(fleet, "c")

    assert ("gone", "cancelled") == (gone, put(fleet, 1).word)


def test_a_scheduled_campaign_is_given_out_when_it_is_due(fleet: Fleet) -> None:
    begin(fleet, due_ms=NOW_MS + 60_000, idempotency_key="autumn")
    before = (list(put(fleet, 1, kind="last").publish), fleet.run(calls(fleet).next_chunks(ID)))

    fleet.now_ms += 60_000

    assert ([], ("bulk", [])) == before
    assert ([ID], []) == fleet.run(calls(fleet).due(10))
    assert ("bulk", [1]) == fleet.run(calls(fleet).next_chunks(ID))
    kept = (fleet.keys.campaign(ID), fleet.keys.chunk(ID, 1), fleet.keys.campaign_key("autumn"))
    assert [JOB_TTL_S + 60] * 3 == [fleet.ttl_s(key) for key in kept], "counted from when it is due"


def test_a_chunk_that_nobody_works_at_is_given_out_again(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    at_once = fleet.run(calls(fleet).due(10))[1]

    fleet.now_ms += round(MARGIN_S * 1000)

    assert [] == at_once
    assert [(ID, 1)] == fleet.run(calls(fleet).due(10))[1]
    assert [] == fleet.run(calls(fleet).due(10))[1], "once"


def test_a_chunk_of_a_paused_campaign_waits_and_that_of_a_cancelled_one_goes(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    stop(fleet, "p")
    fleet.now_ms += round(MARGIN_S * 1000)
    paused = fleet.run(calls(fleet).due(10))[1]
    stop(fleet, "r")
    fleet.now_ms += 1000
    resumed = fleet.run(calls(fleet).due(10))[1]
    stop(fleet, "c")
    fleet.now_ms += round(MARGIN_S * 1000)

    assert ([], [(ID, 1)], []) == (paused, resumed, fleet.run(calls(fleet).due(10))[1])
    assert fleet.redis("ZCARD", fleet.keys.campaign_chunks) == 0


def test_who_leaves_a_chunk_says_when_it_is_due(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")

    assert fleet.run(calls(fleet).put_back(ID, 1, 0)) == 1
    assert fleet.run(calls(fleet).put_back(ID, 2, 0)) == 0
    assert [(ID, 1)] == fleet.run(calls(fleet).due(10))[1]


def test_a_campaign_is_looked_at_until_it_is_admitted_whole(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    fleet.run(calls(fleet).next_chunks(ID))
    fleet.now_ms += LOOK_MS
    before = fleet.run(calls(fleet).due(10))[0]
    admit(fleet, [row(1)])

    assert ([ID], ("", [])) == (before, fleet.run(calls(fleet).next_chunks(ID)))
    assert fleet.run(calls(fleet).due(10))[0] == []
    assert fleet.run(calls(fleet).lane(ID)) == "bulk"
    assert fleet.run(calls(fleet).lane(OTHER)) is None


def test_a_campaign_that_is_tried_again_is_kept_and_looked_at_again(fleet: Fleet) -> None:
    running(fleet, row(1))
    assert ("", []) == fleet.run(calls(fleet).next_chunks(ID))
    fleet.redis("EXPIRE", fleet.keys.content(ID), 100)

    put(fleet, 2, kind="retry", tries=[(1, 2)])

    assert [ID] == fleet.run(calls(fleet).due(10))[0]
    assert JOB_TTL_S == fleet.ttl_s(fleet.keys.content(ID))


# --- rows become jobs ---------------------------------------------------------------------------


def test_rows_become_jobs_with_their_segments_on_the_wires_side(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    common = COMMON._replace(deadline_ms=NOW_MS + 5000, client="billing", receipts=False)

    handled = admit(fleet, [row(1), row(2, segments=2)], common=common)

    assert Handled("done", 2, 0, [], []) == handled
    assert [b"%s:1#1" % ID.encode(), b"%s:2#1" % ID.encode(), b"%s:2#2" % ID.encode()] == fleet.outbound(
        "bulk"
    )
    first = fleet.job(f"{ID}:1")
    assert ("27999100001", "bulk", "fail", NOW_MS + 5000, "billing", False) == (
        first.destination, first.lane, first.policy, first.deadline_ms, first.client, first.receipts,
    )  # fmt: skip
    assert ("Q", "QQ", "Q:2", "Q") == (
        fleet.states(f"{ID}:1"), fleet.states(f"{ID}:2"), fleet.counts(f"{ID}:2"), fleet.letters(f"{ID}:1"),
    )  # fmt: skip
    assert {"Q": 2} == dict(look(fleet).tally)
    assert JOB_TTL_S - 60 <= fleet.ttl_s(fleet.keys.job(f"{ID}:1")) <= JOB_TTL_S
    assert fleet.redis("EXISTS", fleet.keys.chunk(ID, 1)) == 0


def test_a_chunk_that_comes_twice_makes_no_job_twice(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    first = admit(fleet, [row(1)], last=False)
    again = admit(fleet, [row(1)], last=False)
    rest = admit(fleet, [row(2)], handled=1)
    late = admit(fleet, [row(1)], last=False)

    assert ("on", "moved", 1, "done", "gone") == (first.word, again.word, again.rows, rest.word, late.word)
    assert (2, 2) == (len(fleet.outbound("bulk")), look(fleet).jobs)


def test_refused_rows_are_kept_with_their_reasons(fleet: Fleet) -> None:
    running(fleet, refused(1), row(2), refused(3, "opted-out", "wants none"))

    lines = fleet.run(calls(fleet).refusals(ID, "0", 10))

    assert ["1 invalid-destination: no number", "3 opted-out: wants none"] == lines
    assert lines[1:] == fleet.run(calls(fleet).refusals(ID, "1", 10))
    assert (2, {"invalid-destination": 1, "opted-out": 1}, 1) == (
        look(fleet).refused, look(fleet).refused_by, look(fleet).jobs,
    )  # fmt: skip


def test_no_more_refused_rows_are_listed_than_allowed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED_REFUSALS", 2)
    begin(fleet)
    put(fleet, 1, kind="last")

    admit(fleet, [refused(1)], last=False)
    admit(fleet, [refused(2), refused(3)], handled=1)

    listed = [line.partition(" ")[0] for line in fleet.run(calls(fleet).refusals(ID, "0", 10))]
    assert (["1", "2"], 3) == (listed, look(fleet).refused)


def test_a_campaign_is_kept_from_its_last_row_on(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    kept = (fleet.keys.campaign(ID), fleet.keys.content(ID))
    for key in kept:
        fleet.redis("EXPIRE", key, 100)

    admit(fleet, [row(1)])

    assert [JOB_TTL_S, JOB_TTL_S] == [fleet.ttl_s(key) for key in kept]


def test_a_number_that_comes_again_is_refused(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")

    handled = admit(fleet, [row(1, to=TO, mark="77"), row(2, mark="78"), row(3, to=TO, mark="77")])

    assert ("done", [2]) == (handled.word, list(handled.refused))
    assert ["3 duplicate: the number is that of another row"] == fleet.run(calls(fleet).refusals(ID, "0", 10))
    assert fleet.ttl_s(fleet.keys.campaign_numbers(ID, 77)) == JOB_TTL_S


def test_rows_above_the_quota_or_too_late_are_refused(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    put(fleet, 2, kind="last")
    capped = COMMON._replace(client="billing", cap=4, above_quota="no credits left")
    late = COMMON._replace(deadline_ms=NOW_MS)

    above = admit(fleet, [row(1, cost=3), row(2, cost=3), row(3, cost=1)], common=capped)
    expired = admit(fleet, [row(4)], 2, common=late)

    assert ([1], [0]) == (list(above.refused), list(expired.refused))
    assert {"quota-exceeded": 1, "expired": 1} == look(fleet).refused_by
    assert fleet.run(fleet.jobs.quota_used("billing", DAY)) == 4
    assert fleet.ttl_s(fleet.keys.quota(DAY)) == QUOTA_TTL_S


def test_rows_wait_for_the_accounts_rate_and_for_room_in_the_stream(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    put(fleet, 2, kind="last")
    slow = Pace(rate=10, bulk_reserve=0, outbound_limit=20_000)
    narrow = Pace(rate=100_000, bulk_reserve=0, outbound_limit=10)

    waits = admit(fleet, [row(1), row(2)], pace=slow)
    fleet.now_ms += 1000
    on = admit(fleet, [row(2)], handled=1, pace=slow)
    fleet.now_ms += 1000
    full = admit(fleet, [row(number) for number in range(3, 13)], 2, pace=narrow)

    assert ("wait", 1, 1) == (waits.word, waits.rows, waits.wait_ms)
    assert "done" == on.word
    assert ("wait", 8, 50) == (full.word, full.rows, full.wait_ms)


def test_what_is_left_to_other_lanes_is_less_while_the_gateway_throttles(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    pace = Pace(rate=100, bulk_reserve=0.2, outbound_limit=20_000)  # 2 of 10 tokens at once
    fleet.redis("HSET", fleet.keys.rate, "r", "10", "c", fleet.now_ms)  # 1 at once now

    assert "done" == admit(fleet, [row(1)], pace=pace).word


def test_a_campaign_has_a_rate_of_its_own(fleet: Fleet) -> None:
    begin(fleet, rate=2.0)
    put(fleet, 1, kind="last")
    rows = [row(number) for number in range(1, 6)]

    slow = admit(fleet, rows)
    fleet.now_ms += slow.wait_ms
    again = fleet.run(calls(fleet).due(10))[1]
    one_more = admit(fleet, rows[slow.rows :], handled=slow.rows)
    assert fleet.run(calls(fleet).set_rate(ID, None)) == 1
    ended = admit(fleet, rows[slow.rows + one_more.rows :], handled=slow.rows + one_more.rows)

    assert ("slow", 2, [(ID, 1)]) == (slow.word, slow.rows, again)
    assert ("slow", 1, "done") == (one_more.word, one_more.rows, ended.word)
    assert fleet.run(calls(fleet).set_rate(OTHER, 1.0)) == 0


def test_a_chunk_with_fields_is_kept_for_retries(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")

    admit(fleet, [row(1)], common=COMMON._replace(keep_s=TEXT_TTL_S))

    assert 0 < fleet.ttl_s(fleet.keys.chunk(ID, 1)) <= TEXT_TTL_S


def test_a_job_has_its_price_and_is_charged_for(fleet: Fleet) -> None:
    running(fleet, row(1)._replace(detail="r2q1.27999"))
    (entry,) = fleet.take()
    fleet.begin([entry])
    fleet.answer(entry.ref)

    assert [b"2", b"1.27999"] == fleet.redis("HMGET", fleet.keys.job(f"{ID}:1"), "r", "q")
    assert fleet.redis("HGET", fleet.keys.credits, "t") == b"1"


def test_somebody_is_called_about_each_job(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")

    admit(fleet, [row(1), row(2, segments=2)], common=COMMON._replace(callback="task:a.b"))

    stored = [fleet.redis("HMGET", fleet.keys.job(f"{ID}:{number}"), "b", "k") for number in (1, 2)]
    assert [[b"task:a.b", b"@"], [b"task:a.b", b"Q:2@"]] == stored


# --- counts -------------------------------------------------------------------------------------


def test_the_tally_follows_every_change_of_a_job(fleet: Fleet) -> None:
    running(fleet, *(row(number) for number in range(1, 6)))
    entries = fleet.take()
    assert fleet.begin(entries) == [1] * 5
    accepted, delivered, rejected, waiting, unknown = (entry.ref for entry in entries)

    fleet.answer(accepted, message_id=b"M1")
    fleet.answer(delivered, message_id=b"M2")
    fleet.receipt(4, b"M2")
    fleet.answer(rejected, PERMANENT)
    fleet.answer(waiting, TEMPORARY)
    fleet.lost(unknown)

    assert {"A8": 1, "A4": 1, "R9": 1, "Q": 1, "F": 1} == dict(look(fleet).tally)


def test_the_tally_counts_a_text_of_several_segments_once(fleet: Fleet) -> None:
    running(fleet, row(1, segments=2))
    entries = fleet.take()
    fleet.begin(entries)

    fleet.answer(entries[0].ref, message_id=b"M1")
    one_accepted = dict(look(fleet).tally)
    fleet.answer(entries[1].ref, message_id=b"M2")
    both_accepted = dict(look(fleet).tally)
    fleet.receipt(4, b"M1")
    fleet.receipt(7, b"M2")

    assert [{"Q": 1}, {"A8": 1}, {"A7": 1}] == [one_accepted, both_accepted, dict(look(fleet).tally)]


def test_jobs_of_no_campaign_are_not_counted(fleet: Fleet) -> None:
    (ref,) = fleet.send("Cabcdefghi:1")
    fleet.answer(ref)

    assert fleet.redis("EXISTS", fleet.keys.campaigns_tally) == 0


def test_a_job_that_is_cancelled_alone_is_counted(fleet: Fleet) -> None:
    running(fleet, row(1), row(2))

    assert fleet.cancel(f"{ID}:1") == "C"

    assert {"Q": 1, "C": 1} == dict(look(fleet).tally)


# --- control ------------------------------------------------------------------------------------


def test_a_cancelled_campaign_is_not_begun_any_more(fleet: Fleet) -> None:
    running(fleet, row(1), row(2))
    fleet.take_in_and_admit("j1", lane="bulk")

    assert stop(fleet, "c") == 1

    assert fleet.take_and_begin() == [DROPPED, DROPPED, 1]
    assert ("C", {"C": 2}, [b"j1#1"]) == (
        fleet.states(f"{ID}:1"), dict(look(fleet).tally), fleet.outbound("bulk"),
    )  # fmt: skip
    assert "Q L" == fleet.letters(f"{ID}:1")


@pytest.mark.parametrize("letter", ["p", "c"])
def test_a_campaign_that_is_finished_is_not_stopped(fleet: Fleet, letter: str) -> None:
    running(fleet, row(1), row(2))
    one, two = fleet.take()
    fleet.begin([one, two])
    fleet.answer(one.ref, message_id=b"M1")
    fleet.answer(two.ref, PERMANENT)
    assert 1 == stop(fleet, "p")
    assert 1 == stop(fleet, "r")

    fleet.receipt(4, b"M1")

    assert (0, "") == (stop(fleet, letter), look(fleet).stopped)


@pytest.mark.parametrize("letter", ["p", "c"])
def test_a_campaign_whose_rows_wait_or_are_still_taken_is_stopped(fleet: Fleet, letter: str) -> None:
    begin(fleet)
    put(fleet, 1)
    admit(fleet, [refused(1), refused(2)])
    assert 1 == stop(fleet, letter)

    begin(fleet, OTHER)
    fleet.run(calls(fleet).put(OTHER, 1, 2, "chunk", kind="last"))
    assert 1 == fleet.run(calls(fleet).stop(OTHER, letter))


def test_a_campaign_that_was_paused_and_came_to_its_end_is_resumed_and_not_cancelled(fleet: Fleet) -> None:
    running(fleet, row(1), row(2))
    entries = fleet.take()
    fleet.begin(entries)
    stop(fleet, "p")
    for entry in entries:
        fleet.answer(entry.ref, PERMANENT)

    assert (0, 1, "") == (stop(fleet, "c"), stop(fleet, "r"), look(fleet).stopped)


def test_the_states_of_which_more_is_expected_are_those_of_the_counts() -> None:
    of_counts = {
        label for label in CLASSES
        if part(label[0], int(label[1:]) if label[1:] else None).state in OPEN_STATES
    }  # fmt: skip

    assert of_counts == set(OPEN_CLASSES)


def test_a_cancelled_campaign_makes_no_more_jobs(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    stop(fleet, "c")

    assert admit(fleet, [row(1)]).word == "cancelled"
    assert (fleet.outbound("bulk"), look(fleet).stopped) == ([], "c")


def test_what_is_on_its_way_is_not_sent_again_after_a_cancel(fleet: Fleet) -> None:
    running(fleet, row(1))
    (entry,) = fleet.take()
    fleet.begin([entry])
    stop(fleet, "c")
    fleet.answer(entry.ref, TEMPORARY)
    fleet.now_ms += 5000

    fleet.run(fleet.facts.promote([entry.ref]))

    assert (fleet.take_and_begin(), fleet.states(f"{ID}:1")) == ([DROPPED], "C")


def test_what_may_have_been_delivered_is_unknown_after_a_cancel(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    admit(fleet, [row(1)], common=COMMON._replace(on_ambiguous="resend"))
    (entry,) = fleet.take()
    fleet.begin([entry])
    fleet.lost(entry.ref)
    stop(fleet, "c")

    assert (fleet.begin_backlog(), fleet.states(f"{ID}:1")) == ([DROPPED], "F")
    assert "Q S U F" == fleet.letters(f"{ID}:1")


def test_what_jobs_have_in_common_outlives_those_that_end_before_the_wire(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    admit(fleet, [row(1)], common=COMMON._replace(deadline_ms=fleet.now_ms + 1000))
    fleet.now_ms += 1000

    begun = fleet.take_and_begin()

    assert ([DROPPED], "E") == (begun, fleet.states(f"{ID}:1"))
    assert fleet.ttl_s(fleet.keys.content(ID)) > TEXT_TTL_S


def test_segments_of_a_paused_campaign_make_room_and_go_on_after_it(fleet: Fleet) -> None:
    running(fleet, row(1), row(2))
    fleet.take_in_and_admit("j1", lane="bulk")
    stop(fleet, "p")

    begun = fleet.take_and_begin()
    parked = (fleet.outbound("bulk"), fleet.states(f"{ID}:1"), dict(look(fleet).tally))
    none = fleet.run(calls(fleet).release(10))
    stop(fleet, "r")
    released = fleet.run(calls(fleet).release(10))
    due = fleet.run(fleet.facts.due(10))
    fleet.run(fleet.facts.promote(due))

    assert [DROPPED, DROPPED, 1] == begun
    assert ([b"j1#1"], "W", {"Q": 2}) == parked
    assert (0, 2, [1, 1]) == (none, released, fleet.take_and_begin())
    assert fleet.waiting() == {}


def test_the_body_of_a_parked_segment_is_what_it_was(fleet: Fleet) -> None:
    running(fleet, row(1))
    stop(fleet, "p")
    fleet.take_and_begin()
    stop(fleet, "r")
    fleet.run(calls(fleet).release(10))

    fleet.run(fleet.facts.promote([b"%s:1#1" % ID.encode()]))

    assert [body(f"{ID}:1", 1)] == [entry.body for entry in fleet.take()]


def test_a_parked_segment_whose_job_is_cancelled_waits_nowhere(fleet: Fleet) -> None:
    running(fleet, row(1))
    stop(fleet, "p")
    fleet.take_and_begin()

    assert "C" == fleet.cancel(f"{ID}:1")

    assert (0, {}) == (fleet.redis("ZCARD", fleet.keys.campaigns_parked), fleet.waiting())


def test_a_parked_segment_whose_earlier_attempt_was_accepted_waits_nowhere(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1, kind="last")
    admit(fleet, [row(1)], common=COMMON._replace(on_ambiguous="resend"))
    (entry,) = fleet.take()
    fleet.begin([entry])
    fleet.lost(entry.ref)
    stop(fleet, "p")
    assert [DROPPED] == fleet.begin_backlog()

    assert "accepted" == fleet.answer(entry.ref)

    assert (0, {}) == (fleet.redis("ZCARD", fleet.keys.campaigns_parked), fleet.waiting())


def test_release_goes_past_those_that_are_still_paused(fleet: Fleet) -> None:
    for one in (ID, OTHER):
        begin(fleet, one)
        put(fleet, 1, one, kind="last")
        admit(fleet, [row(1)], common=COMMON._replace(campaign_id=one))
        fleet.run(calls(fleet).stop(one, "p"))
    fleet.take_and_begin()
    fleet.run(calls(fleet).stop(OTHER, "r"))

    assert [1, 0] == [fleet.run(calls(fleet).release(10)) for _ in range(2)]
    assert [b"%s:1#1" % OTHER.encode()] == fleet.run(fleet.facts.due(10))


def test_a_paused_campaign_makes_no_jobs_and_gives_out_no_chunks(fleet: Fleet) -> None:
    begin(fleet)
    stop(fleet, "p")
    put_while = put(fleet, 1, kind="last")

    assert ("taken", []) == (put_while.word, list(put_while.publish))
    assert fleet.run(calls(fleet).next_chunks(ID)) == ("bulk", [])
    stop(fleet, "r")
    assert fleet.run(calls(fleet).next_chunks(ID)) == ("bulk", [1])
    stop(fleet, "p")
    assert admit(fleet, [row(1)]).word == "paused"
    stop(fleet, "r")
    fleet.now_ms += 1000
    assert fleet.run(calls(fleet).due(10))[1] == [(ID, 1)], "soon after the pause"


@pytest.mark.parametrize(
    ("letters", "words"), [("pp", [1, 0]), ("r", [0]), ("pr", [1, 1]), ("cpr", [1, 0, 0]), ("pc", [1, 1])]
)
def test_what_stops_a_campaign_is_said_once(fleet: Fleet, letters: str, words: list[int]) -> None:
    begin(fleet)

    assert words == [stop(fleet, letter) for letter in letters]
    assert fleet.run(calls(fleet).stop(OTHER, "p")) == -1


def test_a_chunk_is_replaced_only_as_it_was_read(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)

    changed = [
        fleet.run(calls(fleet).replace_chunk(ID, 1, before, "new")) for before in (b"other", b"chunk 1")
    ]

    assert ([0, 1], [b"new", None]) == (changed, fleet.run(calls(fleet).chunks(ID, [1, 2])))
    assert (1, [ID]) == (fleet.run(calls(fleet).chunks_taken(ID)), fleet.run(calls(fleet).begun(0, 10)))
    assert fleet.ttl_s(fleet.keys.chunk(ID, 1)) > 0


def test_a_campaign_that_is_not_admitted_whole_is_kept_as_long_as_it_is_looked_at(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    stop(fleet, "p")
    kept = (fleet.keys.campaign(ID), fleet.keys.content(ID))
    for key in kept:
        fleet.redis("EXPIRE", key, 60)

    fleet.run(calls(fleet).next_chunks(ID))

    assert [JOB_TTL_S] * 2 == [fleet.ttl_s(key) for key in kept]


def test_looking_at_a_scheduled_campaign_does_not_shorten_its_life(fleet: Fleet) -> None:
    begin(fleet, due_ms=NOW_MS + 60_000)
    put(fleet, 1)

    fleet.run(calls(fleet).next_chunks(ID))

    assert JOB_TTL_S + 60 == fleet.ttl_s(fleet.keys.campaign(ID))


def test_a_campaign_whose_submitter_is_gone_is_not_kept_for_ever(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    admit(fleet, [row(1), row(2)])
    fleet.redis("EXPIRE", fleet.keys.campaign(ID), 60)

    fleet.run(calls(fleet).next_chunks(ID))

    assert 60 == fleet.ttl_s(fleet.keys.campaign(ID))


def test_a_parked_job_that_expired_meanwhile_is_counted_as_expired(fleet: Fleet) -> None:
    running(fleet, row(1), row(2, segments=2))
    stop(fleet, "p")
    fleet.take_and_begin()
    fleet.redis("DEL", fleet.keys.job(f"{ID}:1"), fleet.keys.job(f"{ID}:2"))
    stop(fleet, "r")
    fleet.run(calls(fleet).release(10))

    words = fleet.run(fleet.facts.promote(fleet.run(fleet.facts.due(10))))

    assert ["gone"] * 3 == words
    assert {"E": 2} == dict(look(fleet).tally)


def test_a_job_that_expired_while_its_last_segments_were_parked_is_counted_once(fleet: Fleet) -> None:
    running(fleet, row(1, segments=12))
    first, *others = fleet.take()
    fleet.begin([first])
    fleet.answer(first.ref)
    stop(fleet, "p")
    fleet.begin(others)
    fleet.redis("DEL", fleet.keys.job(f"{ID}:1"))
    stop(fleet, "r")
    while fleet.run(calls(fleet).release(3)):
        fleet.run(fleet.facts.promote(fleet.run(fleet.facts.due(2))))

    fleet.run(fleet.facts.promote(fleet.run(fleet.facts.due(20))))

    assert {"E": 1} == dict(look(fleet).tally)


def test_a_chunk_that_ended_leaves_nothing_in_the_hash_of_its_campaign(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    assert "on" == admit(fleet, [row(1)], last=False).word
    assert 1 == fleet.redis("HEXISTS", fleet.keys.campaign(ID), "o1")

    assert "done" == admit(fleet, [row(2)], handled=1).word

    assert 0 == fleet.redis("HEXISTS", fleet.keys.campaign(ID), "o1")


def test_an_expired_campaign_leaves_the_lists(fleet: Fleet) -> None:
    running(fleet, row(1))
    kept = fleet.run(calls(fleet).forget(ID))
    stop(fleet, "p")
    fleet.redis("DEL", fleet.keys.campaign(ID))

    assert (0, 1) == (kept, fleet.run(calls(fleet).forget(ID)))
    left = (
        fleet.keys.campaigns,
        fleet.keys.campaigns_live,
        fleet.keys.campaigns_stopped,
        fleet.keys.campaigns_tally,
    )
    assert fleet.redis("EXISTS", *left) == 0
    assert fleet.run(calls(fleet).begun(0, 10)) == []


def test_the_key_of_a_campaign_lives_as_long_as_it(fleet: Fleet) -> None:
    begin(fleet, idempotency_key="autumn")
    put(fleet, 1, kind="last")
    key = fleet.keys.campaign_key("autumn")
    fleet.redis("EXPIRE", key, 60)
    assert "autumn" == fleet.run(calls(fleet).key(ID))

    fleet.run(calls(fleet).next_chunks(ID, "autumn"))
    while_it_waits = fleet.ttl_s(key)
    admit(fleet, [row(1), row(2)])
    fleet.redis("EXPIRE", key, 60)
    fleet.run(calls(fleet).next_chunks(ID, "autumn"))

    assert [JOB_TTL_S] * 3 == [while_it_waits, fleet.ttl_s(key), fleet.ttl_s(fleet.keys.campaign(ID))]


def test_the_lists_of_a_campaign_live_as_long_as_rows_wait(fleet: Fleet) -> None:
    begin(fleet)
    put(fleet, 1)
    admit(fleet, [refused(1), refused(2)])
    put(fleet, 2, kind="last")
    put(fleet, 3, kind="retry", tries=[(1, 2), (2, 2)])
    kept = (fleet.keys.refused_rows(ID), fleet.keys.retried_rows(ID))
    for key in kept:
        fleet.redis("EXPIRE", key, 60)

    fleet.run(calls(fleet).next_chunks(ID))

    assert [JOB_TTL_S] * 2 == [fleet.ttl_s(key) for key in kept]
    assert ["1.2", "2.2"] == fleet.run(calls(fleet).retried_of(ID, 3))
