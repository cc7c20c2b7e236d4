"""What is done again and again is done in its time, also when the clock is set."""

from __future__ import annotations

import pytest

from smsfleet.workers.every import Every

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("first_ms", "moments", "expected"),
    [
        (0, [0, 9, 10, 19, 20], [True, False, True, False, True]),
        (5, [100, 104, 105, 114, 115], [False, False, True, False, True]),
        (0, [HOUR_MS, 0, 9, 10], [True, True, False, True]),
        (0, [HOUR_MS, HOUR_MS - 1, HOUR_MS + 10], [True, True, True]),
        (0, [0, HOUR_MS, HOUR_MS + 9], [True, True, False]),
    ],
)
def test_it_is_time_when_its_span_is_over_or_the_clock_was_set_back(
    first_ms: int, moments: list[int], expected: list[bool]
) -> None:
    every = Every(first_ms)

    assert expected == [every.is_over(10, moment) for moment in moments]
