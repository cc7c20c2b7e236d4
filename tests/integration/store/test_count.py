"""count.lua, take_up.lua: how often the handling of a redelivered job was begun, for a while."""

from __future__ import annotations

from tests.integration.store.steps import Fleet


def test_deliveries_are_counted_for_each_job_and_expire(fleet: Fleet) -> None:
    counted = [fleet.run(fleet.jobs.count_delivery(job_id)) for job_id in ("j1", "j1", "j2")]

    assert counted == [1, 2, 1]
    assert fleet.ttl_s(fleet.keys.deliveries_of("j1")) > 0


def test_what_was_forgotten_is_counted_from_the_beginning(fleet: Fleet) -> None:
    fleet.run(fleet.jobs.count_delivery("j1"))
    fleet.run(fleet.jobs.forget_deliveries(["j1", "j2"]))

    assert fleet.run(fleet.jobs.count_delivery("j1")) == 1


def test_jobs_that_are_taken_up_together_are_counted_once_and_then_told(fleet: Fleet) -> None:
    fleet.run(fleet.jobs.count_delivery("j2"))
    fleet.run(fleet.jobs.count_delivery("j2"))

    first = fleet.run(fleet.jobs.take_up(["j1", "j2"]))
    second = fleet.run(fleet.jobs.take_up(["j1", "j2", "j3"]))

    assert first == [0, 2]
    assert second == [1, 2, 0]
    assert fleet.run(fleet.jobs.count_delivery("j2")) == 3
    assert 0 < fleet.redis("TTL", fleet.keys.deliveries_of("j1")) <= 86_400
