"""The plot: the newest at the right edge, what is old not drawn, a scale that people read."""

from __future__ import annotations

import pytest

from smsfleet.web.plot import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Sample, plot

FLOOR = HEIGHT - BOTTOM


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]


def test_nothing_is_drawn_of_nothing() -> None:
    drawn = plot([])

    assert ("", "", 0.0) == (drawn.submitted, drawn.delivered, drawn.most)


def test_the_newest_is_at_the_right_edge_and_the_span_ends_at_the_left() -> None:
    samples = [Sample(1_000, 5, 0), Sample(100_000, 0, 0), Sample(1_000_000, 10, 5)]

    drawn = plot(samples)

    assert [(LEFT, FLOOR), (WIDTH, TOP)] == points(drawn.submitted)
    assert [(LEFT, FLOOR), (WIDTH, (FLOOR + TOP) / 2)] == points(drawn.delivered)
    assert samples[-1] == drawn.now


@pytest.mark.parametrize(
    ("most", "scale"),
    [(0, ["0.5", "1"]), (0.4, ["0.5", "1"]), (3, ["2.5", "5"]), (100, ["50", "100"]), (101, ["100", "200"]), (9_999, ["5000", "10000"])],
)  # fmt: skip
def test_the_scale_is_the_next_1_2_or_5(most: float, scale: list[str]) -> None:
    drawn = plot([Sample(0, most, 0)])

    assert scale == [label for _, label in drawn.rules]
    assert TOP == drawn.rules[-1][0]


@pytest.mark.parametrize(
    ("age_s", "told"),
    [(0, ["-80 s", "-40 s"]), (120, ["-80 s", "-40 s"]), (121, ["-200 s", "-100 s"]), (901, ["-10 min", "-5 min"])],
)  # fmt: skip
def test_times_are_told_below_and_all_samples_are_shown_if_they_can(age_s: int, told: list[str]) -> None:
    drawn = plot([Sample(1, 1, 1), Sample(1 + age_s * 1000, 1, 1)])

    assert told == [label for _, label in drawn.ticks]
