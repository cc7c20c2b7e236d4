"""The webhooks' schedule: hook_add.lua, hook_claim.lua, hook_taken.lua, hook_again.lua, hook_bury.lua, hook_replay.lua,
hook_look.lua.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.integration.store.steps import NOW_MS, Fleet

from smsfleet.store.hooks import LOOKED_AT, Hooks, Posting, Queue
from smsfleet.store.outbox import Outbox

CLAIM_MS = 70_000
A, B = "a.example:443", "b.example:443"


def posting(event_id: str = "e1", host: str = A, since_ms: int = NOW_MS) -> Posting:
    return Posting(event_id, f"https://{host}/hook", host, '{"a":"é"}', since_ms)


@pytest.fixture
def hooks(fleet: Fleet) -> Hooks:
    fleet.run(Outbox(fleet.keys).create_group())
    return Hooks(fleet.keys)


def add(fleet: Fleet, hooks: Hooks, *postings: Posting) -> list[int]:
    outbox = Outbox(fleet.keys)
    return [fleet.run(hooks.add(one, fleet.run(outbox.put(one.url, "{}")))) for one in postings]


def claim(fleet: Fleet, hooks: Hooks, host: str = A, now_ms: int = NOW_MS, count: int = 10) -> list[Posting]:
    return fleet.run(hooks.claim(host, now_ms, CLAIM_MS, count))


def hosts(fleet: Fleet, hooks: Hooks, now_ms: int = NOW_MS) -> list[str]:
    return fleet.run(hooks.hosts(now_ms, 0, 10))


def test_an_event_moves_from_the_outbox_and_is_due_at_once(fleet: Fleet, hooks: Hooks) -> None:
    assert [1] == add(fleet, hooks, posting())

    assert (0, 1, [A]) == (
        fleet.run(Outbox(fleet.keys).waiting()),
        fleet.run(hooks.waiting()),
        hosts(fleet, hooks),
    )
    assert [posting()] == claim(fleet, hooks)


def test_an_event_that_another_worker_moved_is_not_moved_again(fleet: Fleet, hooks: Hooks) -> None:
    entry_id = fleet.run(Outbox(fleet.keys).put("x", "{}"))
    fleet.run(hooks.add(posting(), entry_id))
    fleet.run(hooks.taken(claim(fleet, hooks)[0]))

    assert 0 == fleet.run(hooks.add(posting(), entry_id))
    assert 0 == fleet.run(hooks.waiting())


def test_a_claimed_event_is_nobody_elses_until_the_claim_is_over(fleet: Fleet, hooks: Hooks) -> None:
    add(fleet, hooks, posting())
    claim(fleet, hooks)

    later = NOW_MS + CLAIM_MS
    assert ([], [], [A]) == (claim(fleet, hooks), hosts(fleet, hooks), hosts(fleet, hooks, later))
    assert [posting()] == claim(fleet, hooks, now_ms=later)


def test_hosts_are_asked_for_apart_and_the_longest_due_goes_first(fleet: Fleet, hooks: Hooks) -> None:
    older = posting("e0", since_ms=NOW_MS - 5)
    add(fleet, hooks, posting(), older, posting("e2", B, NOW_MS - 3), posting("e3", B, NOW_MS + 1))

    assert [A, B] == hosts(fleet, hooks)
    assert [older] == claim(fleet, hooks, count=1)
    assert ["e2"] == [one.event_id for one in claim(fleet, hooks, B)]
    assert ([A], [A, B]) == (hosts(fleet, hooks), hosts(fleet, hooks, NOW_MS + 1))


def test_an_event_that_was_taken_is_gone_with_its_host(fleet: Fleet, hooks: Hooks) -> None:
    add(fleet, hooks, posting())
    (claimed,) = claim(fleet, hooks)

    assert [1, 0] == [fleet.run(hooks.taken(claimed)) for _ in range(2)]
    assert [] == [name for name in fleet.everything() if b"hook" in name]


def test_a_failed_try_is_due_again_with_its_count(fleet: Fleet, hooks: Hooks) -> None:
    add(fleet, hooks, posting())
    (claimed,) = claim(fleet, hooks)

    assert 1 == fleet.run(hooks.again(claimed.failed("answered 500"), NOW_MS + 5_000))

    assert [] == claim(fleet, hooks, now_ms=NOW_MS + 4_999)
    assert [posting().failed("answered 500")] == claim(fleet, hooks, now_ms=NOW_MS + 5_000)


def test_what_waits_for_a_host_tells_when_it_is_tried_and_why_the_last_try_failed(
    fleet: Fleet, hooks: Hooks
) -> None:
    assert fleet.run(hooks.queue(A)) is None

    add(fleet, hooks, posting())
    fresh = fleet.run(hooks.queue(A))
    (claimed,) = claim(fleet, hooks)
    add(fleet, hooks, *(posting(f"behind{n}", since_ms=NOW_MS + 1) for n in range(LOOKED_AT)))
    fleet.run(hooks.again(claimed.failed("answered 500"), NOW_MS + 5_000))

    assert Queue(A, 1, NOW_MS, NOW_MS, None) == fresh
    tried = posting().failed("answered 500")
    assert Queue(A, LOOKED_AT + 1, NOW_MS + 1, NOW_MS + 5_000, replace(tried, event_id="")) == fleet.run(
        hooks.queue(A)
    )


def test_a_failed_try_of_what_another_worker_brought_through_changes_nothing(
    fleet: Fleet, hooks: Hooks
) -> None:
    add(fleet, hooks, posting())
    (claimed,) = claim(fleet, hooks)
    fleet.run(hooks.taken(claimed))

    failed = claimed.failed("answered 500")
    assert (0, 0) == (fleet.run(hooks.again(failed, NOW_MS)), fleet.run(hooks.bury(failed, "answered 500")))
    assert (0, 0) == (fleet.run(hooks.waiting()), fleet.run(hooks.undelivered_count()))


def test_an_event_that_is_given_up_is_kept_and_may_be_replayed_once(fleet: Fleet, hooks: Hooks) -> None:
    add(fleet, hooks, posting())
    (claimed,) = claim(fleet, hooks)
    fleet.run(hooks.bury(claimed.failed("answered 500"), "answered 500"))
    (letter,) = fleet.run(hooks.undelivered("-", 10))

    assert (posting().failed("answered 500"), "answered 500") == (letter.posting, letter.why)
    assert 0 == fleet.run(hooks.waiting())
    assert [1, 0] == [fleet.run(hooks.replay(letter, NOW_MS + 9)) for _ in range(2)]
    assert [replace(posting(), since_ms=NOW_MS + 9)] == claim(fleet, hooks, now_ms=NOW_MS + 9)
    assert 0 == fleet.run(hooks.undelivered_count())


def test_undelivered_events_are_read_in_pages_and_dropped(fleet: Fleet, hooks: Hooks) -> None:
    for number in range(3):
        one = posting(f"e{number}")
        add(fleet, hooks, one)
        fleet.run(hooks.bury(one, "why"))
    first = fleet.run(hooks.undelivered("-", 2))
    rest = fleet.run(hooks.undelivered(first[-1].entry_id, 2))

    assert ["e0", "e1", "e2"] == [letter.posting.event_id for letter in (*first, *rest)]
    assert 2 == fleet.run(hooks.drop([letter.entry_id for letter in first]))
    assert 1 == fleet.run(hooks.undelivered_count())


def test_an_event_whose_content_was_erased_is_skipped(fleet: Fleet, hooks: Hooks) -> None:
    add(fleet, hooks, posting(), posting("e2"))
    fleet.redis("HDEL", fleet.keys.hooked, "e1")

    assert ["e2"] == [one.event_id for one in claim(fleet, hooks)]


def test_an_event_of_another_version_can_be_given_up_and_keeps_what_it_was(
    fleet: Fleet, hooks: Hooks
) -> None:
    add(fleet, hooks, posting())
    fleet.redis("HSET", fleet.keys.hooked, "e1", "[]")
    (claimed,) = claim(fleet, hooks)

    fleet.run(hooks.bury(claimed, "unreadable"))

    assert (("e1", "", A, "[]"), 0) == (claimed_fields(claimed), fleet.run(hooks.waiting()))
    assert claimed == fleet.run(hooks.undelivered("-", 1))[0].posting


def claimed_fields(one: Posting) -> tuple[str, str, str, str]:
    return one.event_id, one.url, one.host, one.body
