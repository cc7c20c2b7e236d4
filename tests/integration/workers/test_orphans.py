"""A gateway that sends receipts for messages that nobody sent: what waits is bounded, what goes is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_duties import Recorder
from tests.integration.workers.test_relay import nothing_is_left, relay

from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.client import Store
from smsfleet.store.facts import KEPT_STRAYS
from smsfleet.workers.duties import Duties
from smsfleet.workers.runtime import Runtime

LIMIT = 1_000
ALARM = "too many receipts wait"


def orphan(number: int, destinations: int) -> bytes:
    text = f"id:{number:032x} sub:001 dlvrd:001 submit date:231114221300 done date:231114221400 stat:DELIVRD err:000 text:"
    source = f"27999{number % destinations:06d}"
    return DeliverSm(esm_class=0x04, source_addr=source, short_message=text.encode()).encode_body()


def flood(fleet: Fleet, runtime: Runtime, count: int, destinations: int) -> None:
    """Receipts without a response, applied as they come."""
    ours = relay(runtime)
    for at in range(0, count, LIMIT):
        bodies = [orphan(number, destinations) for number in range(at, min(at + LIMIT, count))]
        fleet.store.run_all([fleet.wire.deliver(body, 1) for body in bodies])
        while ours.step(1):
            pass


def test_the_oldest_are_given_up_with_an_alarm(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime, count = make_runtime(orphan_limit=str(LIMIT)), LIMIT + 250

    with capture_logs() as lines:
        flood(fleet, runtime, count, destinations=50)

    waiting = fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1)
    assert LIMIT == len(waiting)
    assert 250 == fleet.redis("XLEN", fleet.keys.strays)
    youngest = [b"%032x" % number for number in range(count - 100, count)]
    assert set() == set(youngest) - set(waiting)
    (line,) = [line for line in lines if line["event"].startswith(ALARM)]
    assert ("error", LIMIT) == (line["log_level"], line["limit"])


def test_up_to_the_limit_none_is_given_up(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    with capture_logs() as lines:
        flood(fleet, make_runtime(orphan_limit=str(LIMIT)), LIMIT, destinations=50)

    assert [LIMIT, 0] == [fleet.redis("ZCARD", fleet.keys.orphans), fleet.redis("XLEN", fleet.keys.strays)]
    assert [] == [line for line in lines if line["event"].startswith(ALARM)]


@pytest.mark.server
def test_twenty_thousand_orphans_leave_no_more_than_the_bounds(real_store: Store) -> None:
    from smsfleet.config.settings import load

    runtime = Runtime(load({"SMSFLEET_ORPHAN_LIMIT": str(LIMIT)}), store=real_store)
    fleet = Fleet(real_store)
    fleet.create_groups()

    flood(fleet, runtime, 20_000, destinations=400)

    keys = fleet.keys
    lists = fleet.redis("EVAL", "return #redis.call('KEYS', ARGV[1])", 0, keys.orphan(b"*"))
    assert [LIMIT, LIMIT, 400] == [
        fleet.redis("ZCARD", keys.orphans),
        lists,
        fleet.redis("HLEN", keys.doubts),
    ]
    assert KEPT_STRAYS <= fleet.redis("XLEN", keys.strays) < KEPT_STRAYS + 200
    assert nothing_is_left(fleet)


def test_a_response_in_the_midst_of_a_flood_still_finds_its_receipt(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(orphan_limit=str(LIMIT))
    flood(fleet, runtime, LIMIT + 50, destinations=50)
    (ref,) = fleet.send()
    newest = b"%032x" % (LIMIT + 49)

    fleet.settle(ref, message_id=newest)
    relay(runtime).step(1)

    assert 4 == fleet.job().status


def test_when_too_many_numbers_are_in_doubt_the_duties_say_so_once(runtime: Runtime, fleet: Fleet) -> None:
    now_ms = int(fleet.redis("TIME")[0]) * 1000
    fleet.redis("HSET", fleet.keys.doubts, "", b"X0,%d:" % now_ms)
    ours = Duties(runtime, Recorder())

    with capture_logs() as lines:
        assert [0, 0] == [ours.match(), ours.match()]

    assert ["error"] == [
        line["log_level"] for line in lines if "unknown outcomes are not resolved" in line["event"]
    ]
