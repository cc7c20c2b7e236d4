"""Times as callers give them and as SMPP writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import InvalidArgument
from smsfleet.workers.times import LONGEST_S, absolute_time, seconds_ahead, validity_period

NOW = datetime(2027, 1, 30, 12, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
CAPE_TOWN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "value",
    [
        3600,
        3600.0,
        timedelta(hours=1),
        datetime(2027, 1, 30, 13, 0, tzinfo=UTC),
        datetime(2027, 1, 30, 15, 0, tzinfo=CAPE_TOWN),
        "2027-01-30T13:00:00+00:00",
        "2027-01-30T15:00:00+02:00",
        "2027-01-30T13:00:00Z",
    ],
)
def test_the_same_hour_in_every_form_is_an_hour_ahead(value: Any) -> None:
    assert 3600 == seconds_ahead("validity", value, NOW_MS)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (datetime(2027, 1, 30, 13, 0), "no time zone"),  # noqa: DTZ001 - that is the point
        ("2027-01-30T13:00:00", "'2027-01-30T13:00:00'.*no time zone"),
        ("soon", "'soon'.*ISO 8601"),
        ("60", "'60'"),
        (True, "True"),
        (None, "None"),
        ([60], "60"),
        (0.5, "0.5 s"),
        (-1, " -1 s"),
        (float("nan"), "nan s"),
        (float("inf"), "inf s"),
        (LONGEST_S + 1, "7 days"),
        (NOW, "of 0 s"),
        (NOW - timedelta(hours=1), "-3600 s"),
        (NOW + timedelta(days=8), "7 days"),
    ],
)
def test_any_other_time_is_refused_by_name_and_rule(value: Any, named: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^schedule_delivery_time.*{named}"):
        seconds_ahead("schedule_delivery_time", value, NOW_MS)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1, "000000000001000R"),
        (59, "000000000059000R"),
        (60, "000000000100000R"),
        (86_400, "000001000000000R"),
        (86_400 + 2 * 3600 + 3 * 60 + 4, "000001020304000R"),
        (31 * 86_400, "000031000000000R"),
    ],
)
def test_a_validity_is_written_as_smpp_writes_relative_times(seconds: int, expected: str) -> None:
    assert expected == validity_period(seconds)


@pytest.mark.parametrize("seconds", [0, -1, 31 * 86_400 + 1])
def test_a_validity_outside_1_second_to_31_days_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidArgument, match="1 s to 31 days"):
        validity_period(seconds)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2027, 1, 31, 6, 0, tzinfo=UTC), "270131060000000+"),
        (datetime(2027, 12, 31, 23, 59, 59, 900_000, tzinfo=UTC), "271231235959900+"),
        (datetime(2027, 1, 31, 6, 0, tzinfo=CAPE_TOWN), "270131040000000+"),
    ],
)
def test_a_moment_is_written_as_smpp_writes_absolute_times(moment: datetime, expected: str) -> None:
    assert expected == absolute_time(round(moment.timestamp() * 1000))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2068, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_absolute_time_is_read_back_to_the_tenth(moment: datetime) -> None:
    written = absolute_time(round(moment.timestamp() * 1000))

    # YYMMDDhhmmss, tenths, quarters of an hour from UTC, the sign (SMPP 3.4 §7.1.1.1)
    assert "00+" == written[13:]
    read = datetime.strptime(written[:12] + "UTC", "%y%m%d%H%M%SUTC").replace(tzinfo=UTC)
    read += timedelta(milliseconds=100 * int(written[12]))
    assert timedelta(0) <= moment - read + timedelta(milliseconds=1) <= timedelta(milliseconds=101)


@pytest.mark.parametrize("ms", [-1, 4_102_444_800_000, 10**18])
def test_a_year_that_two_digits_cannot_name_is_refused(ms: int) -> None:
    with pytest.raises(InvalidArgument, match=r"year|range"):
        absolute_time(ms)
