"""Days and months of the account's time zone: every moment is of exactly one, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.days import AccountDays, day_name, days_between, first_of_month, last_of_month

ZONES = ["UTC", "Africa/Johannesburg", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
         "Asia/Kathmandu", "America/Santiago", "Atlantic/Azores", "Africa/Cairo"]  # fmt: skip
DAYS = st.dates(date(2024, 1, 1), date(2035, 12, 30))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@given(zone=st.sampled_from(ZONES), day=DAYS)
def test_a_day_ends_where_the_next_begins(zone: str, day: date) -> None:
    days = AccountDays(zone)
    begins, ends = days.begins_ms(day), days.begins_ms(day + timedelta(1))

    assert day_name(day - timedelta(1)) == days.name(begins - 1)
    assert day_name(day) == days.name(begins) == days.name(ends - 1)
    assert day_name(day + timedelta(1)) == days.name(ends)
    assert ends - begins in {hours * 3_600_000 for hours in (23, 23.5, 24, 24.5, 25)}


@given(
    zone=st.sampled_from(ZONES),
    moments=st.lists(st.integers(1_700_000_000_000, 2_000_000_000_000), max_size=20),
)
def test_what_is_remembered_of_the_last_call_never_tells_another_day(zone: str, moments: list[int]) -> None:
    days = AccountDays(zone)

    assert [day_name(AccountDays(zone).day(at)) for at in moments] == [days.name(at) for at in moments]


@given(zone=st.sampled_from(ZONES), first=st.integers(2024, 2035), month=st.integers(1, 12))
def test_a_month_has_each_of_its_moments_and_no_other(zone: str, first: int, month: int) -> None:
    days = AccountDays(zone)
    begins = first_of_month(f"{first}-{month:02d}")
    last = last_of_month(begins)

    covered = days_between(begins, last)

    assert {(day.year, day.month) for day in covered} == {(first, month)}
    assert (covered[-1] + timedelta(1)).day == 1
    assert days.begins_ms(last + timedelta(1)) - days.begins_ms(begins) == sum(
        days.begins_ms(day + timedelta(1)) - days.begins_ms(day) for day in covered
    )


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", "2026-10-31T23:59:59.999+00:00", "20261031"),
        ("Africa/Johannesburg", "2026-10-31T22:00:00+00:00", "20261101"),
        ("America/New_York", "2026-11-01T03:59:59+00:00", "20261031"),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "20261025"),  # the day that has 25 hours
        ("Europe/Berlin", "2026-10-25T22:59:59+00:00", "20261025"),
    ],
)
def test_the_month_rolls_over_by_the_clock_of_the_zone(zone: str, at: str, day: str) -> None:
    assert day == AccountDays(zone).name(ms(at))


def test_a_day_whose_midnight_is_skipped_begins_when_the_clock_goes_on() -> None:
    days = AccountDays("Africa/Cairo")  # 2026-04-24 begins at 01:00

    assert datetime(2026, 4, 23, 22, tzinfo=UTC).timestamp() * 1000 == days.begins_ms(date(2026, 4, 24))


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-11", "2026-11-01", "november", "", "٢٠٢٦-١١"])  # noqa: RUF001
def test_what_is_no_month_is_refused_by_its_name(month: str) -> None:
    with pytest.raises(ValueError, match="must be a month as 2026-11"):
        first_of_month(month)


def test_a_time_zone_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is no time zone of this machine"):
        AccountDays("Mars/Olympus")
