"""Which days a walk looks at, which segments it asks for, and what an answer means."""

from __future__ import annotations

import pytest

from smsfleet.config.receipt_tables import receipt_tables
from smsfleet.store.keys import DAY_MS
from smsfleet.store.queries import ANSWERED, NACKED, SILENT, QueryFact
from smsfleet.workers.reconciliation import days_to_settle, hear
from smsfleet.workers.walk import days_at, got_an_age

HOUR_MS = 3_600_000
AGES = (1 * HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS)
DAY = 20_000
NOON_MS = DAY * DAY_MS + 12 * HOUR_MS


def fact(
    kind: str = ANSWERED, status: int = 0, state: int | None = None, error: int | None = None
) -> QueryFact:
    return QueryFact(b"1-0", b"j1#1", kind, status, state, error, "")


def test_a_pass_looks_at_the_days_of_all_that_got_an_age_since_the_last_one() -> None:
    assert {DAY, DAY - 1, DAY - 3} == days_at(AGES, NOON_MS - 300_000, NOON_MS)


def test_a_pass_after_midnight_looks_at_both_days() -> None:
    just_after = DAY * DAY_MS + HOUR_MS + 10_000

    assert {DAY - 1, DAY} == days_at(AGES[:1], just_after - 300_000, just_after)


def test_a_pass_after_a_pause_looks_at_the_days_between_too() -> None:
    assert {DAY - 2, DAY - 1, DAY} == days_at(AGES[:1], NOON_MS - 2 * DAY_MS, NOON_MS)


@pytest.mark.parametrize(
    ("age_ms", "asked"),
    [
        (HOUR_MS - 1, False), (HOUR_MS, True), (HOUR_MS + 299_999, True), (HOUR_MS + 300_000, False),
        (24 * HOUR_MS + 5, True), (100 * HOUR_MS, False),
    ],
)  # fmt: skip
def test_a_segment_is_asked_for_in_the_one_pass_in_which_it_got_an_age(age_ms: int, *, asked: bool) -> None:
    assert asked == got_an_age(NOON_MS - age_ms, AGES, NOON_MS - 300_000, NOON_MS)


def test_passes_that_follow_each_other_ask_once_for_each_age() -> None:
    accepted = NOON_MS - 100 * HOUR_MS
    starts = range(accepted, NOON_MS, 7 * 60_000)

    asked = sum(got_an_age(accepted, AGES, at, at + 7 * 60_000) for at in starts)

    assert len(AGES) == asked


def test_what_came_late_to_003_is_looked_at_again_each_time_its_day_gets_older() -> None:
    after_ms = 72 * HOUR_MS
    pass_ms = 6 * HOUR_MS
    looked = [
        days_to_settle(after_ms, at, at + pass_ms) for at in range(NOON_MS, NOON_MS + 10 * DAY_MS, pass_ms)
    ]

    times = [number for number, days in enumerate(looked) if DAY in days]

    # the first passes that it is 72 h old in, then once a day as long as the gateway may hold a receipt of it
    assert times[0] <= 12 + 1
    assert 4 <= len([number for number in times if number > 4 * 4])
    assert max(times) * pass_ms <= 9 * DAY_MS


@pytest.mark.parametrize(
    ("heard", "status", "said"),
    [
        (fact(state=2, error=0), 4, " DELIVRD 000"),
        (fact(state=1), 8, " ENROUTE"),
        (fact(state=6), 3, " ACCEPTD"),
        (fact(state=3, error=27), 10, " EXPIRED 027"),
        (fact(state=99), None, " message_state 99"),
        (fact(), None, " message_state None"),
        (fact(status=0x0C), None, " refused 0x0000000C"),
        (fact(NACKED, 0x03), None, " refused 0x00000003"),
        (fact(SILENT), None, " unanswered"),
    ],
)
def test_only_a_state_that_is_told_has_a_status(heard: QueryFact, status: int | None, said: str) -> None:
    assert (status, said) == hear(heard)[1:]


def test_a_state_has_the_status_that_the_settings_give_its_word() -> None:
    tables = receipt_tables("UNKNOWN=-,ACCEPTD=2", "")

    assert [(None, " UNKNOWN"), (2, " ACCEPTD")] == [hear(fact(state=state), tables)[1:] for state in (7, 6)]
