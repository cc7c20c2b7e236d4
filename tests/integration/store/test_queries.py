"""query_sm: what is to be asked is asked once, and an answer is joined like a receipt.

apply_query.lua, ask.lua, ask_no_more.lua, walk_turn.lua, sizes.lua, open_segments.lua, close_unconfirmed.lua.
"""

from __future__ import annotations

import pytest
from tests.integration.store.steps import JOB_TTL_S, TEXT_TTL_S, Fleet

from smsfleet.config.errors import RecordError
from smsfleet.store.queries import ANSWERED, LIST_TTL_S, OFF_S, UNREADABLE, Heard, Queries, Query
from smsfleet.store.walks import Known, Open, Walks
from smsfleet.workers.states import of_labels

HOUR_MS = 3_600_000
SETTLE_AFTER_S = 72 * 3600.0


def queries(fleet: Fleet) -> Queries:
    return Queries(fleet.keys, text_ttl_s=TEXT_TTL_S, now_ms=fleet.now_ms)


def walks(fleet: Fleet) -> Walks:
    return Walks(fleet.keys, text_ttl_s=TEXT_TTL_S, now_ms=fleet.now_ms)


def accepted(fleet: Fleet, job_id: str = "j1", message_id: bytes = b"M1", **options: int) -> bytes:
    (ref, *_) = fleet.send(job_id, **options)
    assert "accepted" == fleet.answer(ref, message_id=message_id)
    return ref


def tell(fleet: Fleet, ref: bytes, status: int | None, said: str = " DELIVRD", reply: str = "") -> str:
    """The gateway answers a query_sm, and a duty applies it; the word for it."""
    calls = queries(fleet)
    fleet.run(calls.tell(Query(ref, b"M1", reply=reply), ANSWERED, 0, 2, 0))
    facts = fleet.run(calls.read(10))
    return fleet.run(calls.apply([Heard(fact, status, said) for fact in facts]))[-1]


def close(fleet: Fleet, *refs: bytes) -> int:
    return fleet.run(walks(fleet).close_unconfirmed([Known(b"M1", ref) for ref in refs], SETTLE_AFTER_S))


# --- answers ------------------------------------------------------------------------------------


def test_an_answer_raises_the_status_as_a_receipt_does(fleet: Fleet) -> None:
    ref = accepted(fleet)

    assert "applied" == tell(fleet, ref, 4)

    assert (4, "Q S A8 I4") == (fleet.job().status, fleet.letters())
    assert (b"j1", b"4", b"1") == fleet.events()[-1]
    assert TEXT_TTL_S - 60 <= fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S
    assert [] == fleet.run(queries(fleet).read(10))


def test_a_status_never_falls_by_an_answer(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.receipt(4)

    assert "unchanged" == tell(fleet, ref, 8, " ENROUTE")
    assert 4 == fleet.job().status


def test_the_same_answer_is_noted_once(fleet: Fleet) -> None:
    ref = accepted(fleet)

    words = [tell(fleet, ref, None, " refused 0x0000000C") for _ in range(3)]

    assert (["unchanged"] * 3, "Q S A8 I") == (words, fleet.letters())
    assert "refused 0x0000000C" == fleet.job().history[-1].raw


def test_an_answer_for_a_segment_of_several_names_it(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2)
    fleet.answer(first, message_id=b"M1")
    fleet.answer(second, message_id=b"M2")

    assert "applied" == tell(fleet, second, 4)

    assert [8, 4] == [segment.status for segment in fleet.job().segments]
    assert (8, 2) == (fleet.job().status, fleet.job().history[-1].segment)


def test_an_answer_for_what_is_not_accepted_or_gone_changes_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    before = fleet.job()

    assert ("other", "unknown") == (tell(fleet, ref, 4), tell(fleet, b"gone#1", 4))
    assert before == fleet.job()


def test_an_answer_that_two_workers_read_is_applied_once(fleet: Fleet) -> None:
    ref = accepted(fleet)
    calls = queries(fleet)
    fleet.run(calls.tell(Query(ref, b"M1", reply="r1"), ANSWERED, 0, 2, 0))
    heard = [Heard(fact, 4, " DELIVRD") for fact in fleet.run(calls.read(10))]

    assert [["applied"], ["done"]] == [fleet.run(calls.apply(heard)), fleet.run(calls.apply(heard))]
    assert [(1, "DELIVRD")] == fleet.run(calls.replies("r1"))


def test_an_answer_of_another_version_holds_nothing_up(fleet: Fleet) -> None:
    fleet.redis("XADD", fleet.keys.answers, "*", "r", "j1#1", "a", '{"form": 2}')
    fleet.run(queries(fleet).tell(Query(b"j2#1", b"M2"), ANSWERED, 0, 2, 0))

    assert [UNREADABLE, ANSWERED] == [fact.kind for fact in fleet.run(queries(fleet).read(10))]


def test_a_question_of_another_version_is_gone_once_it_was_refused(fleet: Fleet) -> None:
    calls = queries(fleet)
    fleet.redis("RPUSH", fleet.keys.queries, "[1, 2]")

    with pytest.raises(RecordError, match="not of the form of this version"):
        fleet.run(calls.take())

    assert fleet.run(calls.take()) is None


def test_whoever_waits_is_told(fleet: Fleet) -> None:
    ref = accepted(fleet)

    tell(fleet, ref, 4, " DELIVRD 000", reply="r1")

    assert [(1, "DELIVRD 000")] == fleet.run(queries(fleet).replies("r1"))
    assert 0 < fleet.ttl_s(fleet.keys.queried("r1")) <= 60


# --- questions ----------------------------------------------------------------------------------


def test_a_question_is_taken_once_and_those_of_a_person_first(fleet: Fleet) -> None:
    calls = queries(fleet)
    duty = Query(b"j1#1", b"M\xff1", "Shop, Ltd", 5, 1)
    person = Query(b"j2#1", b"M2", reply="r1")

    asked = (fleet.run(calls.ask([duty])), fleet.run(calls.ask([person], first=True)))

    assert (1, 1) == asked
    assert 2 == fleet.run(calls.waiting())
    assert [person, duty, None] == [fleet.run(calls.take()) for _ in range(3)]


def test_questions_that_nobody_takes_are_forgotten(fleet: Fleet) -> None:
    fleet.run(queries(fleet).ask([Query(b"j1#1", b"M1")]))

    assert LIST_TTL_S - 60 <= fleet.ttl_s(fleet.keys.queries) <= LIST_TTL_S


def test_once_switched_off_nothing_is_asked_until_it_is_resumed(fleet: Fleet) -> None:
    calls = queries(fleet)
    fleet.run(calls.ask([Query(b"j1#1", b"M1")]))
    fleet.run(calls.count_silent())

    assert [True, False] == [fleet.run(calls.switch_off("nacked")), fleet.run(calls.switch_off("again"))]

    assert ("nacked", 0) == (fleet.run(calls.off()), fleet.run(calls.waiting()))
    assert OFF_S - 60 <= fleet.ttl_s(fleet.keys.query_off) <= OFF_S
    assert -1 == fleet.run(calls.ask([Query(b"j1#1", b"M1")]))
    assert [True, False] == [fleet.run(calls.resume()), fleet.run(calls.resume())]
    assert (1, 1) == (fleet.run(calls.ask([Query(b"j1#1", b"M1")])), fleet.run(calls.count_silent()))


def test_silence_counts_until_an_answer_comes(fleet: Fleet) -> None:
    calls = queries(fleet)

    before = [fleet.run(calls.count_silent()) for _ in range(2)]
    fleet.run(calls.not_silent())

    assert ([1, 2], 1) == (before, fleet.run(calls.count_silent()))


# --- which segments -----------------------------------------------------------------------------


def test_a_segment_is_open_from_its_acceptance_to_its_final_status(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    known = Known(b"M1", ref)

    flying = fleet.run(walks(fleet).open_segments([known]))
    fleet.now_ms += 5_000
    fleet.answer(ref)
    at = fleet.now_ms
    fleet.now_ms += HOUR_MS
    fleet.receipt(3)
    waits = fleet.run(walks(fleet).open_segments([known]))
    fleet.receipt(4)

    assert ([], [Open(known, 3, at)]) == (flying, waits)
    assert [] == fleet.run(walks(fleet).open_segments([known]))


def test_a_segment_counts_under_the_message_id_that_it_has(fleet: Fleet) -> None:
    ref = accepted(fleet)

    found = fleet.run(
        walks(fleet).open_segments([Known(b"other", ref), Known(b"M1", ref), Known(b"x", b"j9#1")])
    )

    assert [Known(b"M1", ref)] == [row.known for row in found]


def test_the_segments_of_one_job_have_each_their_own_time(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2)
    fleet.answer(first, message_id=b"M1")
    fleet.now_ms += 7_000
    fleet.answer(second, message_id=b"M2")

    found = fleet.run(walks(fleet).open_segments([Known(b"M1", first), Known(b"M2", second)]))

    assert [fleet.now_ms - 7_000, fleet.now_ms] == [row.accepted_ms for row in found]


def test_what_never_gets_a_receipt_is_not_looked_for(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.redis("HSET", fleet.keys.job("j1"), "d", "0")

    assert [] == fleet.run(walks(fleet).open_segments([Known(b"M1", ref)]))


def test_a_walk_learns_how_much_is_in_each_of_some_buckets(fleet: Fleet) -> None:
    day = 20_000
    for bucket, message_ids in ((8, (b"M1", b"M2")), (10, (b"M3",))):
        for message_id in message_ids:
            fleet.redis("HSET", fleet.keys.index_bucket(day, bucket), message_id, b"j1#1")

    assert [0, 2, 0, 1] == fleet.run(walks(fleet).sizes(day, 7, 4))


def test_one_worker_has_the_turn_until_it_ends_or_dies(fleet: Fleet) -> None:
    walk = fleet.keys.walk_query
    first = fleet.run(walks(fleet).turn(walk))
    second = fleet.run(walks(fleet).turn(walk))
    assert first is not None
    fleet.run(walks(fleet).end_turn(walk, first._replace(began_ms=7, days=(3, 4), bucket=12), 1_000))
    early = fleet.run(walks(fleet).turn(walk))
    fleet.now_ms += 1_000
    next_one = fleet.run(walks(fleet).turn(walk))
    fleet.now_ms += 30_000
    after_a_death = fleet.run(walks(fleet).turn(walk))

    assert (None, None) == (second, early)
    assert next_one is not None
    assert (None, 7, (3, 4), 12) == next_one[1:]
    assert after_a_death is not None
    assert next_one[1:] == after_a_death[1:]
    assert fleet.ttl_s(walk) > 0


# --- 003 ----------------------------------------------------------------------------------------


def test_a_job_that_stays_at_003_is_closed_there(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.receipt(3, raw=" ACCEPTD 000")
    fleet.now_ms += round(SETTLE_AFTER_S * 1000) - 1
    assert 0 == close(fleet, ref)
    assert JOB_TTL_S - 60 <= fleet.ttl_s(fleet.keys.content("j1")) <= JOB_TTL_S
    fleet.now_ms += 1

    assert (1, 0) == (close(fleet, ref), close(fleet, ref))

    assert ("N", 3, "Q S A8 D3 J") == (fleet.states(), fleet.job().status, fleet.letters())
    assert (b"j1", b"3", b"1") == fleet.events()[-1]
    assert TEXT_TTL_S - 60 <= fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_whoever_is_told_of_a_job_is_told_of_its_answer_and_of_its_end_at_003(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.redis("HSET", fleet.keys.job("j1"), "k", "@", "b", "task:orders.on_status")  # it has a callback

    found = fleet.run(walks(fleet).open_segments([Known(b"M1", ref)]))
    tell(fleet, ref, 3, " ACCEPTD")
    fleet.now_ms += round(SETTLE_AFTER_S * 1000)
    close(fleet, ref)

    told = [
        dict(zip(fields[::2], fields[1::2], strict=True))
        for _, fields in fleet.redis("XRANGE", fleet.keys.outbox, "-", "+")
    ]
    assert [fleet.now_ms - round(SETTLE_AFTER_S * 1000)] == [row.accepted_ms for row in found]
    assert [(b"3", b"0", b"A3"), (b"3", b"1", b"N")] == [(row[b"s"], row[b"f"], row[b"l"]) for row in told]
    assert "UNCONFIRMED" == of_labels("N", 3)


def test_a_late_receipt_still_moves_what_was_closed_at_003(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.receipt(3)
    fleet.now_ms += round(SETTLE_AFTER_S * 1000)
    close(fleet, ref)

    assert ("unchanged", "applied") == (fleet.receipt(8), fleet.receipt(4))

    assert ("A", 4) == (fleet.states(), fleet.job().status)
    assert (b"j1", b"4", b"1") == fleet.events()[-1]


def test_what_is_at_another_status_is_not_closed(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.now_ms += 2 * round(SETTLE_AFTER_S * 1000)

    assert (0, "A") == (close(fleet, ref, b"gone#1"), fleet.states())


def test_the_time_at_003_counts_not_that_since_the_acceptance(fleet: Fleet) -> None:
    ref = accepted(fleet)
    fleet.now_ms += round(SETTLE_AFTER_S * 1000)
    tell(fleet, ref, 3, " ACCEPTD 000")

    assert (0, "A") == (close(fleet, ref), fleet.states())


def test_a_job_of_several_segments_is_closed_when_all_are(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2)
    fleet.answer(first, message_id=b"M1")
    fleet.answer(second, message_id=b"M2")
    fleet.receipt(3, b"M1")
    fleet.now_ms += round(SETTLE_AFTER_S * 1000)

    assert 1 == close(fleet, first, second)
    still_open = fleet.events()[-1]
    fleet.receipt(4, b"M2")

    assert b"1" != still_open[2]
    assert ("NA", 3, (b"j1", b"3", b"1")) == (fleet.states(), fleet.job().status, fleet.events()[-1])


def test_a_second_acceptance_of_what_was_closed_is_a_duplicate(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.answer(ref)
    fleet.receipt(3)
    fleet.now_ms += round(SETTLE_AFTER_S * 1000)
    close(fleet, ref)

    assert "duplicate" == fleet.answer(ref, message_id=b"M2", attempt=1)

    assert ("N", 1, "M1") == (fleet.states(), fleet.segment().duplicates, fleet.segment().message_id)
