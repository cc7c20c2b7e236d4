"""Records damaged by hand, or by an application that may write jobs: they are nobody's, and all others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.store.steps import NOW_MS, TEMPORARY, TO, Fleet, admission

from smsfleet.config.errors import RecordError
from smsfleet.store.facts import UNREADABLE
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.outbox import Outbox, Ready, Unreadable
from smsfleet.store.status_counts import StatusCounts
from smsfleet.store.walks import Known, Walks
from smsfleet.store.wire import DAMAGED, DROPPED, Answer


def as_a_string(fleet: Fleet) -> None:
    fleet.redis("DEL", fleet.keys.job("bad"))
    fleet.redis("SET", fleet.keys.job("bad"), "no hash")


def without_a_segment(fleet: Fleet) -> None:
    fleet.redis("HSET", fleet.keys.job("bad"), "1", "garbage")


DAMAGES = pytest.mark.parametrize("damage", [as_a_string, without_a_segment])


@DAMAGES
def test_a_damaged_job_is_dropped_and_its_neighbours_begin(
    fleet: Fleet, damage: Callable[[Fleet], None]
) -> None:
    for job_id in ("before", "bad", "behind"):
        fleet.take_in_and_admit(job_id)
    damage(fleet)

    assert [1, DAMAGED, 1] == fleet.take_and_begin()
    assert [b"before#1", b"behind#1"] == fleet.outbound()


def test_a_damaged_job_that_begin_leaves_out_has_the_reason(fleet: Fleet) -> None:
    fleet.take_in_and_admit("bad")
    without_a_segment(fleet)

    fleet.take_and_begin()

    assert b"damaged: segment 1 was not sent" == fleet.redis("HGET", fleet.keys.job("bad"), "e")


def test_a_job_that_is_gone_is_dropped_and_not_made_anew(fleet: Fleet) -> None:
    fleet.take_in_and_admit("gone")
    fleet.redis("DEL", fleet.keys.job("gone"))

    assert [DROPPED] == fleet.take_and_begin()
    assert 0 == fleet.redis("EXISTS", fleet.keys.job("gone"))


@DAMAGES
def test_a_damaged_job_says_what_is_wrong_and_what_to_do(
    fleet: Fleet, damage: Callable[[Fleet], None]
) -> None:
    fleet.take_in_and_admit("bad")
    damage(fleet)
    wrong = r"job 'bad' is damaged: .*(is a string, not a hash|cannot be read).*; .*DEL it.*another id"

    with pytest.raises(RecordError, match=wrong):
        fleet.job("bad")
    with pytest.raises(RecordError, match=wrong):
        fleet.cancel("bad")


def test_what_waits_of_a_damaged_text_is_cancelled_as_far_as_it_can_be_read(fleet: Fleet) -> None:
    fleet.take_in_and_admit("bad", segments=3)
    fleet.redis("HSET", fleet.keys.job("bad"), "2", "garbage")

    with pytest.raises(RecordError, match="segment 2 cannot be read"):
        fleet.cancel("bad")

    assert [DROPPED, DAMAGED, DROPPED] == fleet.take_and_begin()


@pytest.mark.parametrize(
    "fields",
    [
        ("c", "soon"), ("c", "9" * 20), ("l", "x"), ("l", "nZ"), ("n", "many"), ("n", "2"), ("1", "Z0,,,,,,"),
        (b"\xff", "x", "c", "x"), ("s", "x"),
    ],
)  # fmt: skip
def test_every_field_that_cannot_be_read_is_a_damage(fleet: Fleet, fields: tuple[str | bytes, ...]) -> None:
    fleet.take_in_and_admit("bad")
    fleet.redis("HSET", fleet.keys.job("bad"), *fields)

    with pytest.raises(RecordError, match="job 'bad' is damaged: "):
        fleet.job("bad")


@pytest.mark.parametrize("step", ["admit", "refuse", "set aside", "publish"])
def test_a_job_of_no_date_does_not_end_a_script(fleet: Fleet, step: str) -> None:
    fleet.take_in_later("bad", NOW_MS) if step == "publish" else fleet.take_in("bad")
    fleet.redis("HSET", fleet.keys.job("bad"), "c", "soon")
    calls = {
        "admit": lambda: fleet.admit(admission("bad", "normal", "hold", 1, None, 1)).results[0],
        "refuse": lambda: fleet.run(fleet.jobs.refuse("bad", "normal", "x: y", 5)),
        "set aside": lambda: fleet.run(fleet.lifecycle.set_aside("bad", "normal", "x")),
        "publish": lambda: fleet.run(fleet.lifecycle.publish_due("bad", "normal", None)),
    }

    assert 1 == calls[step]()


def test_each_record_that_can_be_read_is_read(fleet: Fleet) -> None:
    for job_id in ("good", "bad"):
        fleet.take_in(job_id)
    as_a_string(fleet)

    found = fleet.store.run_each([fleet.jobs.read(job_id) for job_id in ("bad", "good", "never")])

    assert [None, "good", None] == [record and getattr(record, "job_id", None) for record in found]


@DAMAGES
def test_a_damaged_job_does_not_hold_up_the_answers_of_others(
    fleet: Fleet, damage: Callable[[Fleet], None]
) -> None:
    (bad,), (good,) = fleet.send("bad"), fleet.send("good")
    damage(fleet)
    fleet.settle(bad, message_id=b"M1")
    fleet.settle(good, message_id=b"M2")

    assert ["unknown", "accepted"] == fleet.apply(fleet.read_responses())
    assert 0 == fleet.redis("XLEN", fleet.keys.responses)


@DAMAGES
def test_a_damaged_job_does_not_hold_up_receipts_nor_what_is_lost(
    fleet: Fleet, damage: Callable[[Fleet], None]
) -> None:
    (bad,), (good,) = fleet.send("bad"), fleet.send("good", policy="resend")
    fleet.answer(bad)
    damage(fleet)

    assert "unknown" == fleet.receipt(4)
    assert ["Q"] == fleet.lost(good)


def test_a_damaged_job_in_flight_is_taken_out_of_flight(fleet: Fleet) -> None:
    (bad,), (good,) = fleet.send("bad"), fleet.send("good", policy="resend")
    as_a_string(fleet)

    assert ["-", "Q"] == fleet.lost(bad, good)
    assert set() == fleet.in_flight()


def test_a_damaged_job_is_not_admitted_and_its_neighbour_is(fleet: Fleet) -> None:
    fleet.take_in("bad")
    fleet.take_in("good")
    as_a_string(fleet)

    admitted = fleet.admit(*(admission(job_id, "normal", "hold", 1, None, 1) for job_id in ("bad", "good")))

    assert [-1, 1] == admitted.results


def test_damaged_counts_of_a_text_do_not_stop_its_segments(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2)
    fleet.redis("HSET", fleet.keys.job("j1"), "k", "garbage")

    assert ["accepted", "accepted"] == [
        fleet.answer(first, message_id=b"M1"),
        fleet.answer(second, message_id=b"M2"),
    ]


@pytest.mark.parametrize("content", ["no JSON", "[" * 10_000, "7", '{"sender": []}', None])
def test_a_damaged_content_does_not_hold_up_the_others_when_somebody_opted_out(
    fleet: Fleet, content: str | None
) -> None:
    fleet.take_in_and_admit("bad")
    fleet.take_in_and_admit("good", to="27999100002")
    fleet.run(fleet.opt_outs.add([OptedOut(TO)]))
    fleet.redis("DEL", fleet.keys.content("bad"))
    if content is None:
        fleet.redis("LPUSH", fleet.keys.content("bad"), "x")
    else:
        fleet.redis("SET", fleet.keys.content("bad"), content)

    assert [DROPPED, 1] == fleet.take_and_begin()


def test_an_outbound_entry_of_another_form_is_dropped(fleet: Fleet) -> None:
    fleet.redis("XADD", fleet.keys.outbound["normal"], "*", "x", "y")
    fleet.take_in_and_admit("good")

    assert [DROPPED, 1] == fleet.take_and_begin()
    assert [b"good#1"] == fleet.outbound()


@pytest.mark.parametrize(
    "fields",
    [("x", "y"), ("r", "j#1", "a", "1,2"), ("r", "j#1", "a", b"\xff,\xff,x"), ("r", "j#1", "a", "9" * 5000)],
)
def test_an_answer_of_another_form_is_dropped_and_the_next_is_applied(
    fleet: Fleet, fields: tuple[str | bytes, ...]
) -> None:
    (ref,) = fleet.send()
    fleet.redis("XADD", fleet.keys.responses, "*", *fields)
    fleet.settle(ref)

    facts = fleet.read_responses()

    assert [UNREADABLE, ref] == [fact.ref for fact in facts]
    assert ["unknown", "accepted"] == fleet.apply(facts)
    assert 0 == fleet.redis("XLEN", fleet.keys.responses)


@pytest.mark.parametrize(
    "fields", [("x", "y"), ("p", "abc"), ("p", "abc", "t", "soon"), ("p", "abc", "t", "9" * 5000)]
)
def test_a_delivery_of_another_form_is_read_with_what_it_has(fleet: Fleet, fields: tuple[str, ...]) -> None:
    fleet.redis("XADD", fleet.keys.deliveries, "*", *fields)

    _, (fact,) = fleet.run(fleet.facts.read("relay", 10, 1))

    assert (b"abc" if "abc" in fields else b"", 0) == (fact.body, fact.received_ms)


def test_an_event_of_another_form_is_told_apart(fleet: Fleet) -> None:
    outbox = Outbox(fleet.keys)
    fleet.run(outbox.create_group())
    for fields in (
        ("x", "y"),
        ("b", "task:a@b", "s", "zz", "j", "j", "f", "1", "l", "A4"),
        ("b", b"\xff", "p", "{}"),
        ("b", "task:a@b", "p", "{}"),
    ):
        fleet.redis("XADD", fleet.keys.outbox, "*", *fields)

    events = fleet.run(outbox.read("consumer", 10, 1))

    assert [Unreadable, Unreadable, Unreadable, Ready] == [type(event) for event in events]


def test_a_scheduled_job_of_another_form_is_read_as_one_of_the_normal_lane(fleet: Fleet) -> None:
    fleet.take_in_later("bad")
    fleet.redis("HSET", fleet.keys.job("bad"), "l", b"\xff", "o", b"\xff")
    fleet.redis("ZADD", fleet.keys.scheduled, 1, b"\xff")

    kept = fleet.run(fleet.lifecycle.kept("bad"))

    assert kept is not None
    assert "normal" == kept.lane
    assert ["\\xff"] == fleet.run(fleet.lifecycle.due(10))


# --- details ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", ["S1,,garbage", "S1,8,1,2", "S1,,"])
def test_details_of_a_segment_that_cannot_be_read_do_not_end_a_batch(fleet: Fleet, packed: str) -> None:
    (bad,), (good,) = fleet.send("bad"), fleet.send("good")
    fleet.redis("HSET", fleet.keys.job("bad"), "1", packed)
    fleet.settle(bad, TEMPORARY)
    fleet.settle(good, message_id=b"M2")

    assert ["unknown", "accepted"] == fleet.apply(fleet.read_responses())
    assert ["-"] == fleet.lost(bad)


@pytest.mark.parametrize(
    "fields", [("g", "a|b"), ("q", "x|y"), ("u", "garbage"), ("h", b"\xff~;"), ("c", "x")]
)
def test_what_is_noted_of_costs_and_times_may_be_damaged(
    fleet: Fleet, fields: tuple[str | bytes, ...]
) -> None:
    (bad,), (good,) = fleet.send("bad"), fleet.send("good")
    fleet.redis("HSET", fleet.keys.job("bad"), *fields)
    for ref, message_id in ((bad, b"M1"), (good, b"M2"), (bad, b"M3")):
        fleet.settle(ref, message_id=message_id)

    assert ["accepted", "accepted", "duplicate"] == fleet.apply(fleet.read_responses())
    assert ["applied", "applied"] == [fleet.receipt(10, b"M2"), fleet.receipt(10, b"M1")]


def test_doubts_of_another_form_are_forgotten(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.redis("HSET", fleet.keys.doubts, TO, "garbage")
    fleet.redis("ZADD", fleet.keys.doubted, 0, TO)

    assert "accepted" == fleet.answer(ref)
    assert [] == fleet.ripe()
    assert ["H"] == fleet.lost(*fleet.send("j2"))


def test_a_status_of_another_form_is_passed_over_by_the_counts(fleet: Fleet) -> None:
    fleet.redis("XADD", fleet.keys.status, "*", "x", "y")
    fleet.answer(*fleet.send())

    assert 2 == fleet.run(StatusCounts(fleet.keys).count())
    assert b"1" == fleet.redis("HGET", fleet.keys.status_counts, "8")


@DAMAGES
def test_a_damaged_job_does_not_hold_up_the_walks(fleet: Fleet, damage: Callable[[Fleet], None]) -> None:
    walks = Walks(fleet.keys, text_ttl_s=60, now_ms=fleet.now_ms + 10**9)
    for job_id, message_id in (("bad", b"M1"), ("good", b"M2")):
        fleet.answer(*fleet.send(job_id), message_id=message_id)
        fleet.receipt(3, message_id)
    damage(fleet)
    known = [Known(b"M1", b"bad#1"), Known(b"M2", b"good#1")]

    assert [b"M2"] == [found.known.message_id for found in fleet.run(walks.open_segments(known))]
    assert 1 == fleet.run(walks.close_unconfirmed(known, 60))


@pytest.mark.parametrize("intent", ["garbage", "1,9,1-1,x", "1,0,1-1,x"])
def test_an_intent_of_another_form_does_not_hold_up_the_others(fleet: Fleet, intent: str) -> None:
    (good,) = fleet.send("good", policy="resend")
    fleet.redis("HSET", fleet.keys.inflight, "bad#1", intent)
    answers = [Answer(b"bad#1", 1, 0, b"M1")]

    assert 0 == fleet.run(fleet.wire.settle(answers))
    assert ["-", "Q"] == fleet.lost(b"bad#1", good)
    assert set() == fleet.in_flight()
