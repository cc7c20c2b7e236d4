"""When a job is to be sent: every form of a moment, its rule, and Celery's words for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from smsfleet.config.errors import InvalidArgument
from smsfleet.workers.moments import LONGEST_AHEAD_S, as_given, due_ms, of_celery

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "at",
    [
        HOUR,
        3600,
        NOW + HOUR,
        (NOW + HOUR).astimezone(timezone(timedelta(hours=2))),
        "2026-11-27T13:00:00+00:00",
        "2026-11-27T15:00:00+02:00",
        "2026-11-27T13:00:00Z",
    ],
)
def test_a_due_time_is_a_moment_however_it_is_said(at: Any) -> None:
    assert NOW_MS + 3_600_000 == due_ms(at, NOW_MS)


@pytest.mark.parametrize("at", [-HOUR, timedelta(0), NOW - HOUR, NOW])
def test_what_was_due_before_is_sent_at_once(at: Any) -> None:
    assert due_ms(at, NOW_MS) is None


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (datetime(2026, 11, 27, 13), "no time zone"),  # noqa: DTZ001 - that is what is refused
        ("2026-11-27T13:00:00", "no time zone"),
        ("tomorrow", "ISO 8601"),
        (True, "aware datetime"),
        (float("nan"), "30 days"),
        (timedelta(seconds=LONGEST_AHEAD_S + 1), "30 days"),
        (NOW + timedelta(days=31), "30 days"),
    ],
)
def test_a_due_time_that_breaks_its_rule_is_refused_with_it(at: Any, rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        due_ms(at, NOW_MS)


def test_the_farthest_due_time_is_taken() -> None:
    assert NOW_MS + LONGEST_AHEAD_S * 1000 == due_ms(timedelta(seconds=LONGEST_AHEAD_S), NOW_MS)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {}),
        ({"queue": "q"}, {}),
        ({"countdown": 5}, {"at": timedelta(seconds=5)}),
        ({"eta": NOW}, {"at": NOW}),
        ({"expires": 60}, {"validity": 60.0}),
        ({"expires": NOW}, {"validity": NOW}),
        ({"countdown": 10, "expires": 60}, {"at": timedelta(seconds=10), "validity": 50.0}),
        ({"eta": NOW, "expires": NOW + HOUR}, {"at": NOW, "validity": NOW + HOUR}),
    ],
)
def test_celerys_words_mean_ours_and_are_not_passed_on(
    options: dict[str, Any], asked: dict[str, Any]
) -> None:
    left = {name: value for name, value in options.items() if name == "queue"}

    assert asked == of_celery(options)
    assert left == options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"eta": NOW, "countdown": 5}, "eta and countdown"),
        ({"eta": "2030-01-01"}, "eta .*no time zone"),
        ({"eta": 5}, "eta 5"),
        ({"countdown": "5"}, "countdown '5'"),
        ({"countdown": float("nan")}, "countdown nan"),
        ({"countdown": 1e300}, "countdown 1e"),
        ({"expires": True}, "expires True"),
        ({"eta": NOW, "expires": 60}, "expires in seconds"),
    ],
)
def test_what_celery_would_misread_is_refused_by_its_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        of_celery(options)


def test_a_span_is_the_same_when_it_is_asked_again_and_a_moment_in_any_form() -> None:
    assert "+60000" == as_given(60) == as_given(60.0) == as_given(timedelta(minutes=1))
    assert NOW_MS == as_given(NOW) == as_given("2026-11-27T12:00:00Z")
