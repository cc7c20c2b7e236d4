"""A key that holds another type ends no duty but those that need it, and no relay; what is broken is named."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import DAY, NOW_MS, TEMPORARY, Fleet
from tests.integration.workers.conftest import Outage
from tests.integration.workers.test_duties import Recorder
from tests.integration.workers.test_inbox import kept, parts, waits_no_longer
from tests.integration.workers.test_relay import arrive, receipt, relay

from smsfleet.config.errors import StoreUnavailable
from smsfleet.workers.duties import Duties
from smsfleet.workers.runtime import Runtime

SHARED = [
    "scheduled", "delayed", "waiting", "doubts", "doubted", "held", "collecting", "routing",
    "campaigns:parked", "campaigns:chunks", "campaigns:stopped", "campaigns", "intake:high", "watermark:bulk",
    "answers", "query:off", "queries", "walk:query", "credits", "status:counts", "inflight", "rate",
]  # fmt: skip
"""Keys that some duty needs."""


@pytest.fixture
def broker() -> Recorder:
    return Recorder()


@pytest.fixture
def said() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def spoil(fleet: Fleet, name: str) -> bytes:
    key = fleet.keys.prefix + name.encode()
    fleet.redis("DEL", key)
    fleet.redis("SADD", key, "x")
    return key


def errors(said: list[Any]) -> list[str]:
    return [str(line.get("error", "")) for line in said if line["log_level"] == "error"]


@pytest.mark.parametrize("name", SHARED)
def test_the_duties_that_do_not_need_it_are_done(
    runtime: Runtime, broker: Recorder, fleet: Fleet, said: list[Any], name: str
) -> None:
    fleet.answer(*fleet.send("j0"))
    fleet.take_in_later("j1", NOW_MS)
    (ref,) = fleet.send("j2")
    fleet.answer(ref, TEMPORARY)
    fleet.take_in("j3", "normal")
    fleet.redis("DEL", fleet.keys.status_counts)
    spoil(fleet, name)

    Duties(runtime, broker).step()

    published = [job_id for _, job_id, _ in broker.kept]
    assert (["j1"] if name != "scheduled" else []) == published
    promotes = name not in {"delayed", "waiting", "rate"}
    assert ("Q" if promotes else "W") == fleet.states("j2")
    if name != "status:counts":
        assert fleet.redis("HGET", fleet.keys.status_counts, "cursor")
    assert all(f":{name} is a set, not a" in error for error in errors(said))


@pytest.mark.parametrize("name", ["scheduled", "routing", "campaigns:parked", "status:counts"])
def test_a_duty_that_fails_is_named_once_with_the_key_and_what_to_do(
    runtime: Runtime, broker: Recorder, fleet: Fleet, said: list[Any], name: str
) -> None:
    spoil(fleet, name)
    duties = Duties(runtime, broker)

    duties.step()
    duties.step()

    (line,) = [line for line in said if line["log_level"] == "error"]
    assert line["duty"]
    assert f"the key {{main}}:{name} is a set, not a" in str(line["error"])
    assert "RENAME or DEL it" in str(line["error"])


def test_they_are_done_again_when_it_is_mended(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, TEMPORARY)
    fleet.redis("RENAME", fleet.keys.delayed, "{main}:kept")
    fleet.redis("SET", fleet.keys.delayed, "x")
    duties = Duties(runtime, broker)
    duties.step()
    fleet.redis("RENAME", "{main}:kept", fleet.keys.delayed)

    duties.step()

    assert [ref] == fleet.outbound()


def test_a_store_that_is_away_ends_the_round(runtime: Runtime, broker: Recorder, outage: Outage) -> None:
    outage.begin()

    with pytest.raises(StoreUnavailable):
        Duties(runtime, broker).step()


def test_a_damaged_scheduled_job_does_not_hold_up_those_behind_it(
    runtime: Runtime, broker: Recorder, fleet: Fleet, said: list[Any]
) -> None:
    for job_id in ("bad", "good"):
        fleet.take_in_later(job_id, NOW_MS)
    fleet.redis("SET", fleet.keys.job("bad"), "no hash")

    Duties(runtime, broker).step()

    assert ["good"] == [job_id for _, job_id, _ in broker.kept]
    assert [] == fleet.scheduled()
    assert ["bad"] == [line["job_id"] for line in said if "damaged" in line["event"]]


def test_damaged_parts_do_not_hold_up_other_messages(
    runtime: Runtime, broker: Recorder, fleet: Fleet, said: list[Any]
) -> None:
    arrive(fleet, parts("a" * 200, "udh8")[0])
    relay(runtime).step(1)
    fleet.redis("ZADD", fleet.keys.collecting, 1, "bad")
    fleet.redis("SET", fleet.keys.parts("bad"), "no hash")
    waits_no_longer(fleet)

    Duties(runtime, broker).step()

    assert ["a" * 153] == [found["text"] for found in kept(fleet)]
    assert 0 == fleet.redis("ZCARD", fleet.keys.collecting)
    assert any(":parts:bad is a string, not a hash" in error for error in errors(said))


def test_a_job_of_no_lane_goes_on_in_the_normal_one(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, TEMPORARY)
    fleet.redis("HDEL", fleet.keys.job("j1"), "l")

    Duties(runtime, broker).step()

    assert [ref] == fleet.outbound("normal")


# --- the relay -----------------------------------------------------------------------------------


def test_receipts_are_applied_while_the_rate_is_broken_and_answers_wait(
    runtime: Runtime, fleet: Fleet
) -> None:
    (first,), (second,) = fleet.send("j1"), fleet.send("j2")
    fleet.answer(first, message_id=b"M1")
    fleet.settle(second, message_id=b"M2")
    arrive(fleet, receipt("M1"), receipt("M2", esm_class=0))
    spoil(fleet, "rate")
    one = relay(runtime)

    with pytest.raises(StoreUnavailable, match=":rate is a set, not a hash"):
        one.step(1)

    assert (4, "S") == (fleet.job("j1").status, fleet.states("j2"))
    assert [1, 1] == [fleet.redis("XLEN", key) for key in (fleet.keys.responses, fleet.keys.deliveries)]
    assert 0 == fleet.redis("XLEN", fleet.keys.mo), "a receipt without a flag is no message"


def test_receipts_wait_while_the_book_of_the_day_is_broken(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    arrive(fleet, receipt())
    ((entry_id, _),) = fleet.redis("XRANGE", fleet.keys.deliveries, "-", "+")
    day = time.strftime("%Y%m%d", time.gmtime(int(entry_id.partition(b"-")[0]) / 1000))
    spoil(fleet, f"credits:{day}")

    with pytest.raises(StoreUnavailable, match=f":credits:{day} is a set, not a hash"):
        relay(runtime).step(1)

    assert [1, 0] == [fleet.redis("XLEN", key) for key in (fleet.keys.deliveries, fleet.keys.dead)]


@pytest.mark.parametrize("what", ["orphan", "index"])
def test_a_fact_whose_record_is_damaged_holds_up_no_other(
    runtime: Runtime, fleet: Fleet, said: list[Any], what: str
) -> None:
    (good,) = fleet.send("good")
    fleet.answer(good, message_id=b"M2")
    if what == "orphan":
        fleet.redis("SET", fleet.keys.orphan(b"M1"), "no list")
        arrive(fleet, receipt("M1"), receipt("M2"))
    else:
        (bad,) = fleet.send("bad")
        fleet.redis("SET", fleet.keys.index(b"M1", DAY), "no hash")
        fleet.settle(bad, message_id=b"M1")
        arrive(fleet, receipt("M2"))

    relay(runtime).step(1)

    assert 4 == fleet.job("good").status
    left = [
        fleet.redis("XLEN", key) for key in (fleet.keys.responses, fleet.keys.deliveries, fleet.keys.dead)
    ]
    assert ([0, 0, 1] if what == "orphan" else [1, 0, 0]) == left
    assert any("M1 is a string, not a list" in e or ":index:" in e for e in errors(said))
