"""wait_for_status: it returns at the change, not at the next look, and says when the time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.integration.store.steps import Fleet, admission
from tests.integration.waiting import eventually

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import StillOpen, UnknownJob
from smsfleet.config.settings import load
from smsfleet.store.client import Store
from smsfleet.tasks import await_status, wait_for_status, waiting
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("runtime")


@pytest.fixture(autouse=True)
def hears_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is saved by the next look."""
    monkeypatch.setattr(waiting, "LOOK_AGAIN_S", 3600.0)


def is_watched(fleet: Fleet, job_id: str = "j1") -> bool:
    return bool(fleet.redis("HEXISTS", fleet.keys.job(job_id), "w"))


async def waited(fleet: Fleet, meanwhile: Callable[[], Any], **options: Any) -> Any:
    """What a wait for j1 returns, when `meanwhile` happens after it began."""
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(wait_for_status, "j1", 20.0, **options)
        await eventually(lambda: is_watched(fleet))
        meanwhile()
        return result.result(10.0)


async def test_a_wait_ends_when_the_job_is_final(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    def delivered() -> None:
        fleet.answer(ref)
        fleet.receipt(4)

    assert "DELIVERED" == (await waited(fleet, delivered)).state


async def test_a_wait_for_the_gateways_word_ends_earlier(fleet: Fleet) -> None:
    (ref,) = fleet.send()

    found = await waited(fleet, lambda: fleet.answer(ref), final=False)

    assert ("ACCEPTED", 8) == (found.state, found.status)


@pytest.mark.parametrize("segments", [1, 2])
async def test_a_wait_may_begin_before_the_job_is_admitted(fleet: Fleet, segments: int) -> None:
    fleet.take_in()

    def refused() -> None:
        fleet.admit(admission(segments=segments))
        fleet.take_and_begin()
        for number in range(1, segments + 1):
            fleet.answer(b"j1#%d" % number, 0x400)

    assert "REJECTED" == (await waited(fleet, refused)).state


async def test_a_refused_job_ends_the_wait(fleet: Fleet) -> None:
    fleet.take_in()

    found = await waited(fleet, lambda: fleet.run(fleet.jobs.refuse("j1", "normal", "why: so", 5)))

    assert "REFUSED" == found.state


def test_a_final_job_is_not_waited_for_and_not_watched(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, 0x400)

    assert "REJECTED" == wait_for_status("j1", 0).state
    assert not is_watched(fleet)


def test_a_key_is_waited_for_as_its_job(fleet: Fleet) -> None:
    fleet.take_in("first", key="order-1")

    with pytest.raises(StillOpen, match="'order-1' is still open"):
        wait_for_status("order-1", 0.01)
    assert is_watched(fleet, "first")


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_a_wait_that_takes_longer_is_a_timeout_error(fleet: Fleet, timeout: float) -> None:
    fleet.send()

    with pytest.raises(TimeoutError, match="still open"):
        wait_for_status("j1", timeout)


def test_no_such_job_is_not_waited_for() -> None:
    with pytest.raises(UnknownJob):
        wait_for_status("never", 20.0)


def test_what_is_missed_is_seen_at_the_next_look(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    (ref,) = fleet.send()
    seen = waiting.changes("j1", 20.0, look_again_s=0.01)
    assert ["SENDING"] * 2 == [next(seen).state for _ in range(2)]
    fleet.redis("HDEL", fleet.keys.job("j1"), "w")  # as if the word of it were lost

    fleet.answer(ref, 0x400)

    assert "REJECTED" == [found.state for found in seen][-1]


# --- asyncio ------------------------------------------------------------------------------------


@pytest.fixture
def real_runtime(server: EmbeddedServer, real_store: Store) -> Runtime:
    runtime = Runtime(load({"SMSFLEET_REDIS_URL": server.url}), store=real_store)
    use_runtime(runtime)
    return runtime


@pytest.fixture
def real_fleet(real_runtime: Runtime, real_store: Store) -> Fleet:
    fleet = Fleet(real_store, now_ms=0)
    fleet.create_groups()
    fleet.lead("A")
    return fleet


@pytest.mark.server
@pytest.mark.parametrize("runtime", [None])
async def test_many_asyncio_waits_hear_of_their_own_job_only(runtime: None, real_fleet: Fleet) -> None:
    ids = [f"j{number}" for number in range(20)]
    for job_id in ids:
        real_fleet.send(job_id)
    waits = {job_id: asyncio.create_task(await_status(job_id, 20.0)) for job_id in ids}
    await eventually(lambda: all(is_watched(real_fleet, job_id) for job_id in ids))

    real_fleet.answer(b"j7#1", 0x400)

    assert "REJECTED" == (await waits.pop("j7")).state
    assert not any(wait.done() for wait in waits.values())
    for wait in waits.values():
        wait.cancel()
    await asyncio.gather(*waits.values(), return_exceptions=True)
    clients = real_fleet.redis("CLIENT LIST", parse=lambda reply: reply.decode())
    assert "smsfleet-waiting" not in clients


@pytest.mark.server
@pytest.mark.parametrize("runtime", [None])
async def test_a_process_may_wait_for_many_jobs_at_a_time(runtime: None, real_fleet: Fleet) -> None:
    ids = [f"j{number}" for number in range(120)]
    for job_id in ids:
        real_fleet.take_in(job_id)
    with ThreadPoolExecutor(len(ids)) as pool:
        waits = [pool.submit(wait_for_status, job_id, 20.0) for job_id in ids]
        await eventually(lambda: all(is_watched(real_fleet, job_id) for job_id in ids), within_s=15)
        for job_id in ids:
            real_fleet.run(real_fleet.jobs.refuse(job_id, "normal", "why: so", 5))

        assert {"REFUSED"} == {wait.result(10.0).state for wait in waits}


@pytest.mark.server
@pytest.mark.parametrize("runtime", [None])
async def test_an_asyncio_wait_is_over_in_time(runtime: None, real_fleet: Fleet) -> None:
    real_fleet.send()
    began = time.monotonic()

    with pytest.raises(StillOpen):
        await await_status("j1", 0.05)

    assert time.monotonic() - began >= 0.05
    assert 1 == len([1 async for _ in waiting._changes("j1", 0)])
