"""intake_later.lua, due.lua, publish_kept.lua: jobs that wait for their time, by the server's clock."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import JOB_TTL_S, NOW_MS, Fleet, admission

from smsfleet.store.jobs import Envelope, TakenIn

DUE_MS = NOW_MS + 60_000
MESSAGE = Envelope("sms.normal", "bell.normal", "m-j1")


def publish(fleet: Fleet, job_id: str = "j1", message: Envelope | None = MESSAGE) -> int:
    return fleet.run(fleet.lifecycle.publish_due(job_id, "normal", message))


def due(fleet: Fleet) -> list[str]:
    return fleet.run(fleet.lifecycle.due(10))


def queue(fleet: Fleet) -> list[bytes]:
    return fleet.redis("LRANGE", "sms.normal", 0, -1)


def test_a_scheduled_job_is_stored_and_in_no_line(fleet: Fleet) -> None:
    assert fleet.take_in_later("j1", DUE_MS) == TakenIn(True, "j1")

    assert (fleet.scheduled(), fleet.intake(), fleet.job().due_ms) == ([b"j1"], [], DUE_MS)


def test_it_and_its_text_live_as_long_after_its_time_as_others_after_their_intake(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS, idempotency_key="k")

    for key in (fleet.keys.job("j1"), fleet.keys.content("j1"), fleet.keys.job("k")):
        assert JOB_TTL_S < fleet.ttl_s(key) <= JOB_TTL_S + 60


def test_a_known_id_or_key_is_the_first_job_and_changes_nothing(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS, idempotency_key="k")
    before = fleet.everything()

    again = [
        fleet.take_in_later("j1", DUE_MS + 1, idempotency_key="k"),
        fleet.take_in_later("k", DUE_MS + 1),
    ]

    assert again == [TakenIn(False, "j1"), TakenIn(False, "j1")]
    assert fleet.everything() == before


def test_it_is_due_when_the_clock_of_the_server_says_so_and_not_before(fleet: Fleet) -> None:
    fleet.take_in_later("late", DUE_MS)
    fleet.take_in_later("early", DUE_MS - 10)
    found = []
    for _ in range(3):
        found.append(due(fleet))
        fleet.now_ms = DUE_MS if found[-1] else DUE_MS - 10

    assert found == [[], ["early"], ["early", "late"]]


def test_a_due_job_is_in_line_and_published_once(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS, options='{"queue":"q"}')
    fleet.now_ms = DUE_MS

    assert [publish(fleet), publish(fleet)] == [1, 0]
    assert (fleet.scheduled(), fleet.intake(), queue(fleet)) == ([], [b"j1"], [b"m-j1"])
    assert fleet.redis("LLEN", "bell.normal") == 1
    assert (fleet.letters(), fleet.redis("HEXISTS", fleet.keys.job("j1"), "o")) == ("P", 0)


def test_its_time_line_goes_on_when_it_is_admitted(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS)
    fleet.now_ms = DUE_MS
    publish(fleet)

    assert fleet.admit(admission("j1")).results == [1]
    assert fleet.letters() == "P Q"


def test_where_the_broker_is_another_server_it_is_in_line_for_the_sweeper(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS)
    fleet.now_ms = DUE_MS

    assert publish(fleet, message=None) == 1
    assert fleet.intake() == [b"j1"]
    fleet.now_ms += 1000
    call = fleet.jobs.overtaken("normal", margin_s=0.5, queue_is_empty=True, limit=9)
    assert fleet.run(call) == ["j1"]


def test_a_worker_whose_look_was_too_early_publishes_nothing(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS)
    before = fleet.everything()

    assert publish(fleet) == -1
    assert fleet.everything() == before


def test_a_clock_that_steps_back_after_it_was_found_due_waits_for_it_again(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS)
    fleet.now_ms = DUE_MS
    assert due(fleet) == ["j1"]
    fleet.now_ms -= 1000

    assert (publish(fleet), due(fleet)) == (-1, [])
    fleet.now_ms += 1000
    assert publish(fleet) == 1


@pytest.mark.parametrize("gone", ["job", "scheduled"])
def test_what_is_gone_is_forgotten(fleet: Fleet, gone: str) -> None:
    fleet.take_in_later("j1", DUE_MS)
    fleet.redis("DEL", fleet.keys.job("j1") if gone == "job" else fleet.keys.scheduled)
    fleet.now_ms = DUE_MS

    assert (publish(fleet), fleet.scheduled(), queue(fleet)) == (0, [], [])
    if gone == "job":
        assert fleet.redis("EXISTS", fleet.keys.job("j1")) == 0


def test_how_it_is_to_be_published_is_kept_with_it(fleet: Fleet) -> None:
    fleet.take_in_later("j1", DUE_MS, lane="bulk", options='{"queue":"q"}')
    fleet.take_in_later("j2", DUE_MS)

    found = [fleet.run(fleet.lifecycle.kept(job_id)) for job_id in ("j1", "j2", "never")]

    assert found == [("j1", "bulk", '{"queue":"q"}'), ("j2", "normal", ""), None]
    assert fleet.store.run_all(fleet.lifecycle.kept_back()) == [2, 0]
