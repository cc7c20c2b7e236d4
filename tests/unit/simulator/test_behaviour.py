"""Answers, receipts and queries of the simulated gateway, without sockets."""

from __future__ import annotations

import re
from typing import Any

import pytest

from smsfleet.simulator.behaviour import QueryAnswer, Smsc
from smsfleet.simulator.mailbox import Delivery
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.rules import Outcome, Rule
from smsfleet.smpp.pdu import DeliverSm, SubmitSm

NOW = 1_414_101_173.0  # 2014-10-23 21:52:53 UTC, when the public receipt's message was submitted


def smsc(**options: Any) -> Smsc:
    return Smsc(SimulatorOptions(**{"seed": 1, "receipt_delay_s": 6.0, **options}))


def body(destination: str = "27999100001", **fields: Any) -> bytes:
    fields = {"source_addr": "27820000001", "short_message": b"hello", "registered_delivery": 1, **fields}
    return SubmitSm(destination_addr=destination, **fields).encode_body()


def next_delivery(gateway: Smsc, now: float) -> Delivery | None:
    return gateway.mailbox.take(gateway.options.held_s, now=now)


def test_a_message_is_accepted_with_an_id_of_32_hex_digits() -> None:
    gateway = smsc()

    answers = [gateway.submit(body(), now=NOW) for _ in range(100)]

    assert {answer.command_status for answer in answers} == {0}
    assert len({answer.message_id for answer in answers}) == 100
    assert all(re.fullmatch(rb"[0-9a-f]{32}", answer.message_id) for answer in answers)


def test_the_same_seed_gives_the_same_ids() -> None:
    first, second, other = smsc(seed=7), smsc(seed=7), smsc(seed=8)

    ids = [gateway.submit(body(), now=NOW).message_id for gateway in (first, second, other)]

    assert ids[0] == ids[1] != ids[2]


def test_a_destination_can_be_refused_and_has_no_receipt_then() -> None:
    gateway = smsc()

    answer = gateway.submit(body("27999181024"), now=NOW)

    assert (0x400, b"") == answer[:2]
    assert len(gateway.mailbox) == 0


def test_a_receipt_has_the_form_of_the_public_one() -> None:
    gateway = smsc()
    message_id = gateway.submit(body(), now=NOW).message_id.decode()

    delivery = next_delivery(gateway, NOW + 6)

    assert delivery is not None
    receipt = DeliverSm.decode_body(delivery.body)
    assert receipt.short_message.decode() == (
        f"id:{message_id} sub:001 dlvrd:001 submit date:141023215253 done date:141023215259 "
        "stat:DELIVRD err:000 text:"
    )
    assert (receipt.esm_class, receipt.source_addr, receipt.destination_addr) == (
        0x04,
        b"27999100001",
        b"27820000001",
    )


def test_a_receipt_waits_for_its_delay() -> None:
    gateway = smsc()
    gateway.submit(body(), now=NOW)

    delivery = next_delivery(gateway, NOW + 5.9)

    assert delivery is None
    assert gateway.mailbox.next_due == NOW + 6


@pytest.mark.parametrize(
    ("registered_delivery", "destination", "stat"),
    [
        (0, "27999100001", None),
        (1, "27999100001", b"stat:DELIVRD err:000"),
        (1, "27999170005", b"stat:UNDELIV err:001"),
        (2, "27999100001", None),
        (2, "27999170003", b"stat:EXPIRED err:001"),
        (0x10, "27999100001", None),
        (1, "27999170000", None),
    ],
)
def test_a_receipt_comes_only_when_it_was_asked_for(
    registered_delivery: int, destination: str, stat: bytes | None
) -> None:
    gateway = smsc()
    gateway.submit(body(destination, registered_delivery=registered_delivery), now=NOW)

    delivery = next_delivery(gateway, NOW + 6)

    assert (stat is None) == (delivery is None)
    if delivery is not None and stat is not None:
        assert stat in delivery.body


@pytest.mark.parametrize(
    ("fields", "destination"),
    [
        ({"service_type": "WAP", "validity_period": "000001000000000R"}, "27999100001"),
        ({"source_addr": "", "schedule_delivery_time": "141024000000000+"}, "1"),
        ({"dest_addr_ton": 0, "dest_addr_npi": 0, "source_addr": "BRAND"}, ""),
    ],
)
def test_the_judged_fields_are_found_in_any_body(fields: dict[str, Any], destination: str) -> None:
    gateway = smsc(receipt_delay_s=0.0)
    gateway.submit(body(destination, registered_delivery=1, **fields), now=NOW)

    delivery = next_delivery(gateway, NOW)

    assert delivery is not None
    assert DeliverSm.decode_body(delivery.body).source_addr == destination.encode()


def test_a_query_tells_the_state_of_a_known_message() -> None:
    gateway = smsc()
    message_id = gateway.submit(body("27999170005"), now=NOW).message_id

    answers = [gateway.query(message_id, now=NOW + elapsed) for elapsed in (5.9, 6.0)]

    assert answers == [QueryAnswer(0, 1), QueryAnswer(0, 5, b"141023215259000+", 1)]


@pytest.mark.parametrize(
    ("ending", "answer"),
    [
        ("00001", QueryAnswer(0, 2, b"141023215259000+", 0)),
        ("70003", QueryAnswer(0, 3, b"141023215259000+", 1)),
        ("70001", QueryAnswer(0, 1)),
        ("70000", QueryAnswer(0, 6)),
        ("90002", QueryAnswer(0, 2, b"141023215259000+", 0)),
        ("90003", QueryAnswer(0, 5, b"141023215259000+", 1)),
    ],
)
def test_a_query_is_answered_as_the_last_receipt_is(ending: str, answer: QueryAnswer) -> None:
    gateway = smsc()
    message_id = gateway.submit(body(f"279991{ending}", registered_delivery=0), now=NOW).message_id

    assert answer == gateway.query(message_id, now=NOW + 6)


@pytest.mark.parametrize(("err", "error_code"), [("034", 34), ("0A1", 0), ("999", 0)])
def test_the_error_code_of_a_query_is_one_octet(err: str, error_code: int) -> None:
    gateway = smsc(rules=(Rule(Outcome(0, 5, err)),))
    message_id = gateway.submit(body(), now=NOW).message_id

    assert error_code == gateway.query(message_id, now=NOW + 6).error_code


def test_a_query_for_an_unknown_message_is_refused() -> None:
    gateway = smsc(known_messages=1)
    forgotten = gateway.submit(body(), now=NOW).message_id
    gateway.submit(body(), now=NOW)

    answers = [gateway.query(message_id, now=NOW) for message_id in (forgotten, b"never given")]

    assert answers == [QueryAnswer(0x0C), QueryAnswer(0x0C)]
