"""The limits of admission and the calls of jobs."""

from __future__ import annotations

import pytest

from smsfleet.store.jobs import Admission, Jobs, Pace
from smsfleet.store.keys import Keys


@pytest.mark.parametrize(("rate", "burst"), [(0.5, 1.0), (10, 1.0), (100, 10.0), (3000, 300.0)])
def test_the_burst_is_a_tenth_of_a_second_and_at_least_one(rate: float, burst: float) -> None:
    assert Pace(rate, 0.2, 20_000).burst == burst


@pytest.mark.parametrize(
    ("rate", "limit", "backlog"),
    [(1, 20_000, 10), (100, 20_000, 200), (50_000, 20_000, 20_000), (100, 50, 50)],
)
def test_the_backlog_is_two_seconds_of_traffic_within_its_limits(
    rate: float, limit: int, backlog: int
) -> None:
    assert Pace(rate, 0.2, limit).backlog == backlog


@pytest.mark.parametrize(("lane", "floor"), [("high", 0), ("normal", 0), ("bulk", 20.0)])
def test_only_bulk_leaves_a_reserve(lane: str, floor: float) -> None:
    jobs = Jobs(Keys("a"), job_ttl_s=1, text_ttl_s=1)
    call = jobs.admit([Admission("j1", lane, "fail", 1, None, [b"x"])], Pace(1000, 0.2, 20_000))

    keys = int(call.arguments[0])
    assert call.arguments[1 + keys + 5 : 1 + keys + 8] == ("j1", floor, lane[0] + "F")


def test_a_call_names_as_many_keys_as_it_has() -> None:
    jobs = Jobs(Keys("a"), job_ttl_s=1, text_ttl_s=1)
    call = jobs.take_in("j1", lane="high", destination="27", content="{}")

    assert call.arguments[0] == sum(
        1 for item in call.arguments if isinstance(item, bytes) and item.startswith(b"{a}:")
    )
