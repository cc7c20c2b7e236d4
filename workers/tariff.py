"""What a segment costs, in credits. The one place that knows: a table of prices is put in here."""

from __future__ import annotations

from fractions import Fraction

from smsfleet.workers import addresses

CREDITS = Fraction(1)
TEST_CREDITS = Fraction(1, 3)
"""A message to the test ranges costs a third of a credit (guide §3)."""


def segment_credits(to: str | None) -> Fraction:
    """Credits of one segment to a normalised destination, exact; of any other one when `to` is None.

    Networks where Clickatell charges more than one credit a segment are not known here.
    """
    return TEST_CREDITS if to is not None and addresses.is_test_number(to) else CREDITS
