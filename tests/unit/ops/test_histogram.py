"""Values are counted by bounds, and told by quantiles."""

from __future__ import annotations

import pytest

from smsfleet.ops.histogram import Histogram


def test_a_value_counts_for_the_smallest_bound_that_it_is_not_above() -> None:
    counted = Histogram((1, 2, 5))

    counted.add_all([0.5, 1, 1.5, 5, 6])

    assert [2, 1, 1, 1] == counted.counts
    assert 14.0 == counted.total


@pytest.mark.parametrize(("share", "bound"), [(0.5, 1), (0.8, 2), (0.99, 5)])
def test_a_quantile_is_a_bound(share: float, bound: float) -> None:
    counted = Histogram((1, 2, 5))
    counted.add_all([1] * 50 + [2] * 40 + [9] * 10)

    assert bound == counted.quantile(share)


def test_a_quantile_of_nothing_is_none() -> None:
    counted = Histogram((1, 2))
    counted.add(1)

    assert counted.quantile(0.5, [*counted.counts]) is None
    assert 1 == counted.quantile(0.5)
