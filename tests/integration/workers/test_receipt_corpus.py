"""Every receipt of the corpus end to end: from the deliver_sm to the status, the stream `mo` or the stream `dead`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.data import deliver_of, receipts
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_relay import arrive, kept, nothing_is_left, relay

from smsfleet.config.statuses import RANKED
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.tasks.status import of_record
from smsfleet.workers.runtime import Runtime

ALL = receipts()


def test_the_one_public_receipt_makes_a_job_delivered(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref, message_id=ALL[0]["expected"]["message_id"].encode())
    arrive(fleet, deliver_of(ALL[0]).encode_body())

    relay(runtime).step(1)

    status = of_record(fleet.job())
    assert ("DELIVERED", True, 4, "received by recipient") == (
        status.state, status.final, status.status, status.status_name,
    )  # fmt: skip
    assert ("receipt", "receipt: 004 received by recipient (DELIVRD 000)") == (
        status.timeline[-1].source, status.timeline[-1].event,
    )  # fmt: skip
    assert ([], []) == (kept(fleet, fleet.keys.receipts), kept(fleet, fleet.keys.dead))


@pytest.mark.parametrize("row", ALL, ids=lambda row: row["name"])
def test_it_ends_where_it_should_and_is_never_lost(
    runtime: Runtime, fleet: Fleet, row: dict[str, Any]
) -> None:
    expected = row["expected"]
    message_id = expected["message_id"].encode("latin-1") if isinstance(expected, dict) else b"a1"
    (ref,) = fleet.send()
    fleet.settle(ref, message_id=message_id)
    body = raw_body(row)
    arrive(fleet, body)

    relay(runtime).step(1)

    assert nothing_is_left(fleet)
    mo, dead, raw = (kept(fleet, key) for key in (fleet.keys.mo, fleet.keys.dead, fleet.keys.receipts))
    if isinstance(expected, str):
        assert (8, expected) == (fleet.job().status, "dead" if dead else "message")
        assert 1 == len(mo) + len(dead)
        assert [] == [entry for entry in dead if entry[b"p"] != body]
        return
    assert ([], []) == (mo, dead)
    assert max(8, expected["status"] or 8, key=RANKED.index) == fleet.job().status
    assert [(body, message_id, ", ".join(expected["odd"]).encode())] * bool(expected["odd"]) == [
        (entry[b"p"], entry[b"i"], entry[b"why"]) for entry in raw
    ]


def raw_body(row: dict[str, Any]) -> bytes:
    """Also with short_message and message_payload at once, which our own encoding refuses."""
    deliver = deliver_of(row)
    without = DeliverSm(
        source_addr=deliver.source_addr, esm_class=deliver.esm_class, data_coding=deliver.data_coding,
        short_message=deliver.short_message,
    ).encode_body()  # fmt: skip
    tlvs = DeliverSm(tlvs=deliver.tlvs).encode_body().removeprefix(DeliverSm().encode_body())
    return without + tlvs


@pytest.mark.parametrize(("setting", "count"), [("all", 1), ("none", 0), ("odd", 0)])
def test_all_receipts_may_be_kept_as_they_came_or_none(
    make_runtime: Callable[..., Runtime], fleet: Fleet, setting: str, count: int
) -> None:
    arrive(fleet, deliver_of(ALL[0]).encode_body())

    relay(make_runtime(raw_receipts=setting)).step(1)

    found = fleet.run(fleet.facts.raw_receipts(10))
    assert [(deliver_of(ALL[0]).encode_body(), 123_456, "")] * count == [
        (entry.body, entry.received_ms, entry.why) for entry in found
    ]


def test_the_tables_of_a_reload_are_followed(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime = make_runtime(receipt_status="BUFFERED=11")
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, DeliverSm(esm_class=4, short_message=b"id:M1 stat:BUFFERED").encode_body())

    relay(runtime).step(1)

    assert 11 == fleet.job().status


def test_octets_outside_ascii_are_in_the_time_line_as_they_came(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, DeliverSm(esm_class=4, short_message=b"id:M1 stat:D\xe9j\xe0").encode_body())

    relay(runtime).step(1)

    assert "Déjà" == fleet.job().history[-1].raw
