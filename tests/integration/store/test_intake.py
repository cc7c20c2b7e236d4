"""intake.lua: once and only once, before anything is published."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import JOB_TTL_S, NOW_MS, Fleet

from smsfleet.store.jobs import TakenIn


def test_a_new_job_is_taken_in_with_all_that_is_known_of_it(fleet: Fleet) -> None:
    taken_in = fleet.take_in("j1", "high")

    assert taken_in == TakenIn(True, "j1")
    assert fleet.job().created_ms == NOW_MS
    assert (fleet.job().destination, fleet.job().lane) == ("27999100001", "high")
    assert fleet.job().segments == ()
    assert fleet.run(fleet.jobs.contents(["j1", "never"])) == [b"{}", None]
    assert fleet.redis("ZRANGE", fleet.keys.intake["high"], 0, -1) == [b"j1"]


def test_a_known_id_is_not_taken_in_again(fleet: Fleet) -> None:
    fleet.take_in("j1")
    before = fleet.everything()

    taken_in = fleet.take_in("j1")

    assert taken_in == TakenIn(False, "j1")
    assert fleet.everything() == before


def test_a_known_idempotency_key_gives_the_first_job_and_an_alias_for_the_later_id(fleet: Fleet) -> None:
    fleet.take_in("j1", key="order-7")

    taken_in = fleet.take_in("j2", key="order-7")

    assert taken_in == TakenIn(False, "j1")
    assert fleet.run(fleet.jobs.read("j2")) == "j1"
    assert fleet.redis("ZRANGE", fleet.keys.intake["normal"], 0, -1) == [b"j1"]


def test_the_idempotency_key_itself_reads_as_the_first_job(fleet: Fleet) -> None:
    fleet.take_in("j1", key="order-7")

    assert fleet.run(fleet.jobs.read("order-7")) == "j1"


def test_an_alias_of_an_alias_is_the_first_job(fleet: Fleet) -> None:
    fleet.take_in("j1", key="order-7")
    fleet.take_in("j2", key="order-7")

    again = [fleet.take_in("j2"), fleet.take_in("j3", key="j2")]

    assert again == [TakenIn(False, "j1"), TakenIn(False, "j1")]
    assert fleet.run(fleet.jobs.read("j3")) == "j1"


def test_a_job_id_is_a_key_too(fleet: Fleet) -> None:
    fleet.take_in("order-7")

    taken_in = fleet.take_in("j2", key="order-7")

    assert taken_in == TakenIn(False, "order-7")


def test_jobs_contents_and_aliases_expire(fleet: Fleet) -> None:
    fleet.take_in("j1", key="order-7")
    fleet.take_in("j2", key="order-7")

    keys = [fleet.keys.job("j1"), fleet.keys.content("j1"), fleet.keys.job("order-7"), fleet.keys.job("j2")]

    assert all(JOB_TTL_S - 5 <= fleet.ttl_s(key) <= JOB_TTL_S for key in keys)


def test_the_servers_clock_is_used_when_no_moment_is_given(fleet: Fleet) -> None:
    fleet.now_ms = 0

    fleet.take_in("j1")

    assert fleet.job().created_ms > NOW_MS


@pytest.mark.parametrize("job_id", ["k", "j1"])
def test_a_key_that_was_used_for_something_else_is_told_and_nothing_is_written(
    fleet: Fleet, job_id: str
) -> None:
    def ask(new_id: str, mark: str | None) -> TakenIn:
        call = fleet.jobs.take_in(
            new_id, lane="normal", destination="1", content="{}", idempotency_key="k", fingerprint=mark
        )
        return fleet.run(call)

    ask(job_id, "first")
    before = fleet.everything()

    assert [ask("k", "second"), ask("j2", "second")] == [TakenIn(False, job_id, "first")] * 2
    assert fleet.everything() == before
    assert [ask("k", "first"), ask("j3", "first")] == [TakenIn(False, job_id)] * 2
    assert fleet.run(fleet.jobs.read("j3")) == job_id


def test_a_key_of_a_job_without_a_fingerprint_conflicts_with_nothing(fleet: Fleet) -> None:
    fleet.take_in("j1")
    call = fleet.jobs.take_in(
        "j2", lane="normal", destination="1", content="{}", idempotency_key="j1", fingerprint="x"
    )

    assert fleet.run(call) == TakenIn(False, "j1")
