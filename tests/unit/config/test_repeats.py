"""Which of many equal lines are logged."""

from __future__ import annotations

from smsfleet.config.repeats import Repeats


def test_the_first_ones_of_a_sort_are_let_through_and_the_rest_left_out() -> None:
    repeats = Repeats(2, 60.0)

    assert [0, 0, None, None] == [repeats.ask("a", now) for now in (0.0, 1.0, 2.0, 59.9)]
    assert 0 == repeats.ask("b", 59.9)


def test_in_the_next_window_the_first_tells_how_many_were_left_out() -> None:
    repeats = Repeats(1, 60.0)
    for now in (0.0, 1.0, 2.0):
        repeats.ask("a", now)

    assert [2, None] == [repeats.ask("a", now) for now in (60.0, 61.0)]
    assert 1 == repeats.ask("a", 120.0)
