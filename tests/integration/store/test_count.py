"""count.lua: how often a message was delivered again, for a while."""

from __future__ import annotations

from tests.integration.store.steps import Fleet


def test_deliveries_are_counted_for_each_job_and_expire(fleet: Fleet) -> None:
    counted = [fleet.run(fleet.jobs.count_delivery(job_id)) for job_id in ("j1", "j1", "j2")]

    assert counted == [1, 2, 1]
    assert fleet.ttl_s(fleet.keys.deliveries_of("j1")) > 0


def test_what_was_forgotten_is_counted_from_the_beginning(fleet: Fleet) -> None:
    fleet.run(fleet.jobs.count_delivery("j1"))
    fleet.run(fleet.jobs.forget_deliveries("j1"))

    assert fleet.run(fleet.jobs.count_delivery("j1")) == 1
