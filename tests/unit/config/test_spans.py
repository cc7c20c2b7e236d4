"""A time is said as people say it, the same in every view."""

from __future__ import annotations

import pytest

from smsfleet.config.spans import span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.04, "0 s"), (0.25, "0.2 s"), (9.94, "9.9 s"), (10, "10 s"), (59.4, "59 s"), (119.4, "119 s"),
        (119.6, "2 min"), (185, "3 min"), (3599.9, "1 h"), (7500, "2 h 5 min"), (86_400, "1 d"), (100_000, "1 d 3 h"),
        (2_592_000, "30 d"),
    ],
)  # fmt: skip
def test_a_time_has_two_units_at_most(seconds: float, said: str) -> None:
    assert said == span(seconds)
