"""One look for everybody who watches; what is wrong is told, and ends nothing."""

from __future__ import annotations

import asyncio

from smsfleet.config.errors import StoreUnavailable
from smsfleet.ops.binder_view import BinderView
from smsfleet.ops.snapshot import Snapshot
from smsfleet.web.plot import Sample
from smsfleet.web.watch import KEEP_S, Watch


class Fleet:
    """What is looked at: each look is a second later, at another rate."""

    looks = 0
    is_away = False

    def __call__(self) -> Snapshot:
        self.looks += 1
        if self.is_away:
            raise StoreUnavailable("Redis cannot be used now")
        return Snapshot(
            "main", self.looks * 1000, BinderView(per_s={"submitted": self.looks, "delivered": 0.5})
        )


def test_a_look_is_remembered_as_throughput() -> None:
    watch = Watch(Fleet(), 1.0)

    watch.look()
    watch.look()

    assert (Sample(1000, 1, 0.5), Sample(2000, 2, 0.5)) == watch.samples
    assert "" == watch.trouble


def test_trouble_is_told_and_the_last_snapshot_stays() -> None:
    fleet = Fleet()
    watch = Watch(fleet, 1.0)
    watch.look()
    before = watch.snapshot

    fleet.is_away = True
    watch.look()

    assert "Redis cannot be used now" == watch.trouble
    assert before is watch.snapshot
    fleet.is_away = False
    watch.look()
    assert "" == watch.trouble


def test_an_hour_of_looks_takes_the_memory_of_what_is_shown() -> None:
    watch = Watch(Fleet(), 2.0)

    for _ in range(2000):
        watch.look()

    assert KEEP_S / 2 + 1 == len(watch.samples)


def test_a_look_that_is_young_enough_is_not_repeated() -> None:
    now = [100.0]
    fleet = Fleet()
    watch = Watch(fleet, 2.0, clock=lambda: now[0])

    watch.look_if_old()
    watch.look_if_old()
    now[0] += 2.0
    watch.look_if_old()

    assert 2 == fleet.looks


async def test_everybody_who_waits_hears_of_one_look() -> None:
    fleet = Fleet()
    watch = Watch(fleet, 3600.0)
    waiting = [asyncio.create_task(watch.wait()) for _ in range(10)]
    await asyncio.sleep(0)

    running = asyncio.create_task(watch.run())
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    running.cancel()

    assert 1 == fleet.looks
