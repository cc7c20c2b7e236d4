"""Which numbers came before: exact, whatever they are."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from smsfleet.tasks.distinct import Distinct


@given(st.lists(st.integers(10**6, 10**15 - 1) | st.integers(27_999_100_000, 27_999_100_050), max_size=300))
def test_it_says_what_a_set_says(numbers: list[int]) -> None:
    distinct, seen = Distinct(), set[int]()

    for number in numbers:
        assert (number not in seen) == distinct.add(str(number))
        seen.add(number)


def test_neighbours_and_far_ones_are_told_apart_over_its_growth() -> None:
    numbers = [str(27_999_000_000 + at) for at in range(40_000)]
    numbers += [str((1 << 32) * at + 10**9) for at in range(1, 20_000)]
    distinct = Distinct()

    assert all(distinct.add(number) for number in numbers)
    assert not any(distinct.add(number) for number in numbers)


def test_beyond_its_bound_it_goes_on_knowing_the_first() -> None:
    distinct = Distinct(most=2)

    assert [True, True, False] == [
        distinct.add(number) for number in ("27820000001", "27820000002", "27820000001")
    ]
    assert distinct.is_full
    assert [True, True, False] == [
        distinct.add(number) for number in ("27820000003", "27820000003", "27820000002")
    ]


def test_a_number_takes_some_octets_only() -> None:
    tracemalloc.start()
    distinct = Distinct()
    for at in range(20_000):
        distinct.add(str(27_820_000_000 + at))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert held < 20_000 * 22
