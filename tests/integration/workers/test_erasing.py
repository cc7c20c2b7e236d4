"""A number is erased from everything that is kept, as far as nothing is on its way."""

from __future__ import annotations

import json

import pytest
from tests.integration.store.steps import TO, Fleet
from tests.integration.workers.test_relay import arrive, relay

from smsfleet.config.clock import epoch_ms
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.outbox import Outbox
from smsfleet.workers.chunks import Chunks
from smsfleet.workers.erasing import Eraser
from smsfleet.workers.runtime import Runtime


def message(fleet: Fleet, source: str) -> None:
    fleet.redis("XADD", fleet.keys.mo, "*", "m", json.dumps({"from": source, "to": "555", "text": "Bonjour"}))


def test_after_it_the_number_is_nowhere(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send("done")
    fleet.answer(ref)
    fleet.receipt(4)
    fleet.take_in("pending")
    fleet.take_in_later("later", epoch_ms() + 3_600_000)
    fleet.take_in("aside")
    fleet.run(fleet.lifecycle.set_aside("aside", "normal", "poison: 3"))
    fleet.take_in("theirs", to="27999100002")
    message(fleet, TO)
    message(fleet, "27999100002")
    fleet.run(Outbox(fleet.keys).put("https://a.example/", f'{{"from":"{TO}"}}'))
    fleet.run(fleet.jobs.next_references([TO], 256))
    looked: list[int] = []

    erased = Eraser(runtime, TO).run(looked.append)

    assert (4, 3, [], []) == (erased.jobs, erased.cancelled, erased.open, erased.named)
    assert [0, 0] == fleet.store.run_all(fleet.lifecycle.kept_back())
    assert {"messages": 1, "events": 1} == dict(erased.entries)
    assert not any(TO in str((key, value)) for key, value in fleet.everything().items())
    assert ("27999100002", 1) == (fleet.job("theirs").destination, fleet.redis("XLEN", fleet.keys.mo))
    assert looked


def test_rows_of_campaigns_that_wait_or_are_kept_are_refused_in_its_place(
    runtime: Runtime, fleet: Fleet
) -> None:
    calls, campaign = runtime.campaigns, "Cabcdefghij"
    content = '{"to":"","text":"Hello","lane":"bulk"}'
    fleet.run(calls.open(campaign, lane="bulk", content=content, fingerprint="f", chunk_rows=4))
    rows = json.dumps({"r": [f"+{TO}", [TO, "Ann"], "27999100002", {"e": "x", "m": "y"}]})
    fleet.run(calls.put(campaign, 1, 4, rows, kind="last"))
    ttl_s = fleet.ttl_s(fleet.keys.chunk(campaign, 1))

    erased = Eraser(runtime, TO).run()

    kept = json.loads(fleet.redis("GET", fleet.keys.chunk(campaign, 1)))["r"]
    gone = {"e": "erased", "m": "the number was erased"}
    assert [gone, gone, "27999100002", {"e": "x", "m": "y"}] == kept
    assert (2, True) == (erased.entries["rows"], fleet.ttl_s(fleet.keys.chunk(campaign, 1)) >= ttl_s - 60)
    assert not any(TO in str((key, value)) for key, value in fleet.everything().items())
    assert Chunks(runtime).handle(campaign, 1).word == "done"
    assert [b"Cabcdefghij:3#1"] == fleet.outbound("bulk")


@pytest.mark.parametrize(("source", "left"), [(TO, 0), ("27999100002", 1)])
def test_parts_that_wait_for_others_are_forgotten(
    runtime: Runtime, fleet: Fleet, source: str, left: int
) -> None:
    first = DeliverSm(
        source_addr=source,
        destination_addr="27821234567",
        esm_class=0x40,
        short_message=b"\5\0\3\7\2\1Bonjour",
    )
    arrive(fleet, first.encode_body())
    relay(runtime).step(1)
    assert 1 == fleet.redis("ZCARD", fleet.keys.collecting)

    erased = Eraser(runtime, TO).run()

    assert {"messages": 1 - left} == {"messages": erased.entries["messages"]}
    assert left == fleet.redis("ZCARD", fleet.keys.collecting)
    assert left == sum(key.startswith(fleet.keys.parts("")) for key in fleet.everything())


def test_a_job_on_its_way_is_named_and_erased_later(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send("flying")

    first = Eraser(runtime, TO).run()
    fleet.answer(ref)
    second = Eraser(runtime, TO).run()

    assert (0, ["flying"]) == (first.jobs, first.open)
    assert (1, []) == (second.jobs, second.open)


def test_ids_that_hold_the_number_are_told(runtime: Runtime, fleet: Fleet) -> None:
    fleet.take_in(f"otp:{TO}")

    assert [f"otp:{TO}"] == Eraser(runtime, TO).run().named
