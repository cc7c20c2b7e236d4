"""erase.lua and what else removes a number; the walk through all jobs that finds it."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import PERMANENT, TEMPORARY, TO, Fleet

from smsfleet.store.erasure import Erasure
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.outbox import Outbox
from smsfleet.store.search import Outline, Search

MASKED = "27*******01"


@pytest.fixture
def erasure(fleet: Fleet) -> Erasure:
    return Erasure(fleet.keys, TO, MASKED)


def state(fleet: Fleet, job_id: str = "j1") -> tuple[str, bool]:
    """The destination, and whether the text is there."""
    return fleet.job(job_id).destination, bool(fleet.redis("EXISTS", fleet.keys.content(job_id)))


@pytest.mark.parametrize("segments", [1, 2])
def test_a_settled_job_is_masked_and_its_text_deleted(fleet: Fleet, erasure: Erasure, segments: int) -> None:
    for number, ref in enumerate(fleet.send(segments=segments)):
        fleet.answer(ref, message_id=b"M%d" % number)

    assert ["erased", "other"] == [fleet.run(erasure.job("j1")) for _ in range(2)]
    assert (MASKED, False) == state(fleet)


def test_its_receipt_still_counts(fleet: Fleet, erasure: Erasure) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    fleet.run(erasure.job("j1"))

    assert ("applied", 4) == (fleet.receipt(4), fleet.job().status)


def test_a_refused_job_is_erased(fleet: Fleet, erasure: Erasure) -> None:
    fleet.take_in()
    fleet.run(fleet.jobs.refuse("j1", "normal", "why: so", 5))

    assert "erased" == fleet.run(erasure.job("j1"))


def test_a_job_on_its_way_is_left_as_it_is(fleet: Fleet, erasure: Erasure) -> None:
    fleet.take_in_and_admit("queued")
    fleet.begin_backlog()
    (sending,) = fleet.take_in_and_admit("j2")
    fleet.begin_backlog()
    fleet.answer(sending, TEMPORARY)
    (held,) = fleet.take_in_and_admit("held")
    fleet.begin_backlog()
    fleet.lost(held)
    first, _ = fleet.take_in_and_admit("half", segments=2)
    fleet.begin_backlog()
    fleet.answer(first, PERMANENT)
    before = fleet.everything()

    assert ["open"] * 4 == [fleet.run(erasure.job(job_id)) for job_id in ("queued", "j2", "held", "half")]
    assert before == fleet.everything()


def test_a_job_that_nobody_has_admitted_is_named_as_such(fleet: Fleet, erasure: Erasure) -> None:
    fleet.take_in()

    assert ("pending", (TO, True)) == (fleet.run(erasure.job("j1")), state(fleet))


def test_jobs_to_others_and_none_are_left_alone(fleet: Fleet, erasure: Erasure) -> None:
    fleet.take_in("theirs", key="k", to=TO + "0")
    before = fleet.everything()

    assert ["other"] * 3 == [fleet.run(erasure.job(job_id)) for job_id in ("theirs", "k", "never")]
    assert before == fleet.everything()


def test_entries_that_name_the_number_and_no_longer_one_are_found_in_pages(
    fleet: Fleet, erasure: Erasure
) -> None:
    for value in (f"\x01\x01{TO}\x00", TO + "1", "1" + TO, "nothing", f'{{"from":"{TO}"}}'):
        fleet.redis("XADD", fleet.keys.mo, "*", "p", value)
    first, named = fleet.run(erasure.entries(fleet.keys.mo, "-", 3))
    last, more = fleet.run(erasure.entries(fleet.keys.mo, first, 3))

    assert ([1, 1], "") == ([len(named), len(more)], fleet.run(erasure.entries(fleet.keys.mo, last, 3))[0])
    assert 2 == fleet.run(erasure.delete(fleet.keys.mo, named + more))
    assert 3 == fleet.redis("XLEN", fleet.keys.mo)


def test_webhook_events_that_name_it_are_forgotten(fleet: Fleet, erasure: Erasure) -> None:
    hooks, outbox = Hooks(fleet.keys), Outbox(fleet.keys)
    for event_id, body in (("e1", f'{{"from":"{TO}"}}'), ("e2", "{}")):
        entry_id = fleet.run(outbox.put("x", "{}"))
        fleet.run(hooks.add(Posting(event_id, "https://a.example/", "a.example:443", body, 1), entry_id))
    cursor, named = fleet.run(erasure.hooked(0, 10))

    assert (0, ["e1"], 1) == (cursor, named, fleet.run(erasure.unhook(named)))
    assert ["e2"] == [one.event_id for one in fleet.run(hooks.claim("a.example:443", 2, 1, 10))]


def test_counters_and_doubts_of_it_are_forgotten(fleet: Fleet, erasure: Erasure) -> None:
    fleet.run(fleet.jobs.next_references([TO], 256))
    fleet.lost(*fleet.send(policy="fail"))
    assert any(TO.encode() in str((key, value)).encode() for key, value in fleet.everything().items())
    fleet.run(erasure.job("j1"))

    assert [1, 1, 1] == fleet.store.run_all(erasure.counters())
    assert not any(TO in str((key, value)) for key, value in fleet.everything().items())


def test_a_walk_finds_every_job_and_nothing_of_other_accounts(fleet: Fleet) -> None:
    for number in range(50):
        fleet.take_in(f"j{number}", key=f"key{number}")
    Fleet(fleet.store, keys=type(fleet.keys)("other")).take_in("theirs")
    search, found, cursor = Search(fleet.keys), set(), 0
    while True:
        cursor, ids = fleet.run(search.scan(cursor, 10))
        found |= set(ids)
        if cursor == 0:
            break

    assert {*(f"j{number}" for number in range(50)), *(f"key{number}" for number in range(50))} == found
    assert Outline("j1", fleet.now_ms, TO, "normal", None) == fleet.run(search.outline("j1"))
    assert [None, None] == [fleet.run(search.outline(job_id)) for job_id in ("key1", "never")]
