"""The watchdog ends a process whose loop stands still, and no other."""

from __future__ import annotations

import asyncio
import os
import threading

from tests.integration.waiting import eventually

from smsfleet.binder.watchdog import Watchdog


def watchdog(limit_s: float) -> Watchdog:
    return Watchdog(limit_s, look_s=1.0)


def test_a_loop_that_was_never_seen_to_move_is_frozen_after_its_time() -> None:
    dog = watchdog(5)

    assert [False, False, False, False, True] == [dog.look() for _ in range(5)]


def test_a_machine_that_was_stopped_costs_one_look() -> None:
    dog = watchdog(3)

    assert [False, False] == [
        dog.look(),
        dog.look(),
    ]  # stopped for an hour between these two: only looks count


class Counted(Watchdog):
    """Says how often it has looked."""

    looks = 0

    def look(self) -> bool:
        self.looks += 1
        return super().look()


async def test_a_loop_that_moves_is_left_alone_and_the_thread_ends_with_it() -> None:
    ended: list[int] = []
    threads = threading.active_count()
    # It would end after 50 looks: half a second, so that a machine on which the loop is late ends nothing.
    dog = Counted(0.5, end=ended.append, look_s=0.01)
    work = asyncio.create_task(dog.run())
    await eventually(lambda: dog.looks > 60)

    work.cancel()
    await asyncio.gather(work, return_exceptions=True)

    await eventually(lambda: threading.active_count() == threads)
    assert [] == ended


async def test_a_loop_that_stands_still_ends_the_process_and_says_where() -> None:
    ended: list[int] = []
    dumped = threading.Event()
    over = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        over.set()

    work = asyncio.create_task(Watchdog(0.05, end=end, dump=dumped.set, look_s=0.01).run())
    await asyncio.sleep(0)

    over.wait(5)  # blocks the loop, as a defect would

    assert [os.EX_SOFTWARE] == ended
    assert dumped.is_set()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_a_log_that_takes_no_more_words_does_not_keep_the_process() -> None:
    over, log_is_read = threading.Event(), threading.Event()
    dog = Watchdog(0.05, end=lambda _code: over.set(), dump=log_is_read.wait, look_s=0.01)
    work = asyncio.create_task(dog.run())
    await asyncio.sleep(0)

    assert over.wait(5)

    log_is_read.set()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_zero_seconds_watch_nothing() -> None:
    looks = threading.active_count()

    await Watchdog(0).run()

    assert looks == threading.active_count()
