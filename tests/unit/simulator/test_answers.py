"""Answers that leave at their time, in virtual time."""

from __future__ import annotations

import asyncio

from smsfleet.cli.virtual_time import Waits, run
from smsfleet.simulator.answers import LateAnswers
from smsfleet.simulator.behaviour import SubmitAnswer

ANSWER = SubmitAnswer(0, b"id")


def left_at(dues: list[tuple[float, int]], *, cancel_at: float = 100.0) -> list[tuple[int, float]]:
    """Which answer left when, of these times and sequence_numbers."""
    left: list[tuple[int, float]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        late = LateAnswers(loop.time, lambda number, _: left.append((number, loop.time())), lambda: None)
        for due, number in dues:
            late.add(due, number, ANSWER)
        await asyncio.sleep(cancel_at)
        late.cancel()
        await asyncio.sleep(100.0)

    run(main(), Waits())
    return left


def test_an_earlier_answer_does_not_wait_for_a_later_one_that_was_there_first() -> None:
    assert [(2, 1.0), (1, 5.0), (3, 5.0)] == left_at([(5.0, 1), (1.0, 2), (5.0, 3)])


def test_nothing_leaves_when_the_connection_is_gone() -> None:
    assert [(1, 1.0)] == left_at([(1.0, 1), (3.0, 2)], cancel_at=2.0)
