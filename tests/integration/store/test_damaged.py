"""Records damaged by hand, or by an application that may write jobs: they are nobody's, and all others go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.store.steps import TO, Fleet, admission

from smsfleet.store.facts import UNREADABLE
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.outbox import Outbox, Ready, Unreadable
from smsfleet.store.wire import DROPPED


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

    assert [1, DROPPED, 1] == fleet.take_and_begin()
    assert [b"before#1", b"behind#1"] == fleet.outbound()


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
