"""What happens again and again, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from smsfleet.cli.virtual_time import Waits, run
from smsfleet.simulator.schedule import Schedule


def ran_at(changes: Callable[[Schedule], Awaitable[None]]) -> list[float]:
    """When a schedule did its work while it was changed."""
    done: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await changes(Schedule(lambda: done.append(round(loop.time(), 3))))

    run(main(), Waits())
    return done


def test_work_is_done_at_every_interval() -> None:
    async def changes(schedule: Schedule) -> None:
        schedule.every(2.0)
        await asyncio.sleep(7.0)
        schedule.stop()
        await asyncio.sleep(7.0)

    assert [2.0, 4.0, 6.0] == ran_at(changes)


def test_the_same_interval_again_disturbs_nothing_and_another_one_begins_anew() -> None:
    async def changes(schedule: Schedule) -> None:
        for interval_s in (5.0, 5.0, 2.0):
            schedule.every(interval_s)
            await asyncio.sleep(3.0)
        schedule.every(0.0)
        await asyncio.sleep(9.0)

    assert [5.0, 8.0] == ran_at(changes)
