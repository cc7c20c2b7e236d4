"""intake_publish.lua: taken in and published in one step."""

from __future__ import annotations

from tests.integration.store.steps import Fleet

from smsfleet.store.jobs import Envelope, TakenIn


def publish(fleet: Fleet, job_id: str, key: str | None = None, mark: str | None = None) -> TakenIn:
    call = fleet.jobs.take_in_and_publish(
        job_id,
        lane="bulk",
        destination="27999100001",
        content="{}",
        idempotency_key=key,
        fingerprint=mark,
        message=Envelope("sms.bulk", "bell.bulk", f"m-{job_id}"),
    )
    return fleet.run(call)


def queue(fleet: Fleet) -> list[bytes]:
    return fleet.redis("LRANGE", "sms.bulk", 0, -1)


def test_a_new_job_is_taken_in_and_its_message_is_in_the_queue(fleet: Fleet) -> None:
    taken_in = [publish(fleet, "j1"), publish(fleet, "j2")]

    assert taken_in == [TakenIn(True, "j1"), TakenIn(True, "j2")]
    assert queue(fleet) == [b"m-j2", b"m-j1"]
    assert fleet.job("j1").lane == "bulk"
    assert fleet.store.run_all(fleet.jobs.waiting_intake()) == [0, 0, 2]


def test_a_known_id_is_not_published_again(fleet: Fleet) -> None:
    publish(fleet, "j1")
    before = fleet.everything()

    assert publish(fleet, "j1") == TakenIn(False, "j1")
    assert fleet.everything() == before


def test_a_known_key_publishes_nothing_and_gives_the_first_job(fleet: Fleet) -> None:
    publish(fleet, "j1", key="order-7")

    assert publish(fleet, "j2", key="order-7") == TakenIn(False, "j1")
    assert queue(fleet) == [b"m-j1"]
    assert fleet.run(fleet.jobs.read("j2")) == "j1"


def test_the_bell_rings_when_the_queue_was_empty(fleet: Fleet) -> None:
    publish(fleet, "j1")
    publish(fleet, "j2")
    rung = fleet.redis("LLEN", "bell.bulk")
    fleet.redis("DEL", "bell.bulk")
    publish(fleet, "j2")  # known: nothing is published
    publish(fleet, "j3")  # whoever heard the bell finds it too
    silent = fleet.redis("LLEN", "bell.bulk")
    fleet.redis("DEL", "sms.bulk")
    publish(fleet, "j4")

    assert (rung, silent, fleet.redis("LLEN", "bell.bulk")) == (1, 0, 1)


def test_a_bell_that_nobody_heard_is_not_rung_twice(fleet: Fleet) -> None:
    publish(fleet, "j1")
    fleet.redis("DEL", "sms.bulk")
    publish(fleet, "j2")

    assert fleet.redis("LLEN", "bell.bulk") == 1


def test_a_key_that_was_used_for_something_else_publishes_nothing(fleet: Fleet) -> None:
    publish(fleet, "j1", key="order-7", mark="first")
    before = fleet.everything()

    assert publish(fleet, "j2", key="order-7", mark="second") == TakenIn(False, "j1", "first")
    assert fleet.everything() == before
