"""What a gateway does beside its rules: errors, limits, receipts in every form and any order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.unit.simulator.test_behaviour import NOW, body

from smsfleet.simulator.behaviour import Smsc, SubmitAnswer
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.receipts import FORMS
from smsfleet.simulator.rules import Outcome, Rule
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.workers.receipts import Receipt, parse_receipt

LATER = NOW + 1000


def smsc(**options: Any) -> Smsc:
    return Smsc(SimulatorOptions(**{"seed": 1, "receipt_delay_s": 6.0, **options}))


def submit(gateway: Smsc, count: int, now: float = NOW) -> list[SubmitAnswer]:
    return [gateway.submit(body(), now=now) for _ in range(count)]


def receipts(gateway: Smsc, now: float = LATER) -> list[tuple[float, Receipt]]:
    """When each was due, and what it says as a worker reads it, in the order of delivery."""
    found = []
    while (delivery := gateway.mailbox.take(1e9, now=now)) is not None:
        receipt = parse_receipt(DeliverSm.decode_body(delivery.body))
        assert receipt is not None
        found.append((delivery.due - NOW, receipt))
    return found


def test_a_share_of_messages_is_refused() -> None:
    statuses = Counter(a.command_status for a in submit(smsc(error_share=0.3, error_status=0x14), 1000))

    assert {0, 0x14} == set(statuses)
    assert 250 < statuses[0x14] < 350


def test_messages_above_a_rate_are_throttled_until_a_second_has_passed() -> None:
    gateway = smsc(throttle_per_s=5)

    statuses = [a.command_status for at in (0.0, 0.5, 0.99) for a in submit(gateway, 3, NOW + at)]

    assert [0, 0, 0, 0, 0, 0x58, 0x58, 0x58, 0x58] == statuses
    assert [0, 0, 0, 0x58] == [a.command_status for a in submit(gateway, 4, NOW + 1.2)]


def test_the_queue_is_full_at_the_end_of_each_while() -> None:
    gateway = smsc(queue_full_every_s=10.0, queue_full_for_s=2.0)

    statuses = [submit(gateway, 1, NOW + at)[0].command_status for at in (0.0, 7.9, 8.1, 9.9, 10.1, 18.1)]

    assert [0, 0, 0x14, 0x14, 0, 0x14] == statuses


def test_nothing_is_answered_at_the_end_of_each_while() -> None:
    gateway = smsc(unanswered_every_s=10.0, unanswered_for_s=1.0)

    delays = [submit(gateway, 1, NOW + at)[0].delay_s for at in (0.0, 9.5, 10.5)]

    assert [0.0, None, 0.0] == delays
    assert 3 == gateway.counts.accepted


def test_answers_are_spread_over_a_time() -> None:
    delays = [answer.delay_s for answer in submit(smsc(response_spread_s=2.0), 50)]

    assert all(delay_s is not None and 0.0 <= delay_s <= 2.0 for delay_s in delays)
    assert 50 == len(set(delays))


def test_other_options_leave_the_throttle_as_it_is() -> None:
    gateway = smsc(throttle_per_s=2)
    submit(gateway, 2)

    gateway.adopt(SimulatorOptions(seed=1, throttle_per_s=2, receipt_delay_s=1.0))

    assert [0x58] == [answer.command_status for answer in submit(gateway, 1)]


def test_credit_is_used_up_and_topped_up() -> None:
    gateway = smsc(credit=2)

    assert [0, 0, 0x401] == [answer.command_status for answer in submit(gateway, 3)]
    assert 0 == gateway.credit_left

    gateway.adopt(SimulatorOptions(seed=1, credit=1))
    assert [0, 0x401] == [answer.command_status for answer in submit(gateway, 2)]


def test_other_options_leave_the_credit_as_it_is() -> None:
    gateway = smsc(credit=2)
    submit(gateway, 1)

    gateway.adopt(SimulatorOptions(seed=1, credit=2, error_share=0.0))

    assert 1 == gateway.credit_left


def test_a_share_is_never_answered() -> None:
    delays = Counter(answer.delay_s for answer in submit(smsc(unanswered_share=0.5), 400))

    assert {0.0, None} == set(delays)
    assert 150 < delays[None] < 250


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_receipt_says_the_same(form: str) -> None:
    gateway = smsc(receipt_form=form)
    (answer,) = submit(gateway, 1)

    ((_, receipt),) = receipts(gateway)

    assert (answer.message_id.decode(), 4, form == "intermediate", form != "unflagged") == (
        receipt.message_id,
        receipt.status,
        receipt.intermediate,
        receipt.flagged,
    )


@pytest.mark.parametrize(
    ("err", "octets"), [("034", b"\x03\x00\x22"), ("0A1", b"\x03\0\0"), ("99999", b"\x03\0\0")]
)
def test_an_err_that_is_no_number_is_told_as_none(err: str, octets: bytes) -> None:
    gateway = smsc(receipt_form="tlvs_only", rules=(Rule(Outcome(0, 5, err)),))
    submit(gateway, 1)

    delivery = gateway.mailbox.take(1e9, now=LATER)

    assert delivery is not None
    assert octets == DeliverSm.decode_body(delivery.body).tlv(0x0423)


def test_forms_differ() -> None:
    bodies = set()
    for form in FORMS:
        gateway = smsc(receipt_form=form)
        submit(gateway, 1)
        delivery = gateway.mailbox.take(1e9, now=LATER)
        assert delivery is not None
        bodies.add(delivery.body)

    assert len(FORMS) == len(bodies)


def test_any_form_comes_by_chance() -> None:
    gateway = smsc(receipt_form="any")
    submit(gateway, 200)

    read = [receipt for _, receipt in receipts(gateway)]

    assert 200 == len({receipt.message_id for receipt in read})
    assert {True, False} == {receipt.flagged for receipt in read}
    assert {None, 2} == {receipt.message_state for receipt in read}


def test_receipts_come_in_another_order() -> None:
    gateway = smsc(receipt_spread_s=10.0)
    ids = [answer.message_id.decode() for answer in submit(gateway, 50)]

    found = receipts(gateway)

    assert sorted(ids) == sorted(receipt.message_id for _, receipt in found)
    assert ids != [receipt.message_id for _, receipt in found]
    assert all(6.0 <= due <= 16.0 for due, _ in found)


def test_a_receipt_that_comes_first_is_due_before_its_answer() -> None:
    gateway = smsc(receipt_first_share=1.0)

    (answer,) = submit(gateway, 1)

    ((due, _),) = receipts(gateway)
    assert due == 0.0
    assert answer.delay_s == 0.2


def test_a_receipt_comes_twice_contradicted_and_beside_one_of_nobody() -> None:
    gateway = smsc(receipt_twice_share=1.0, receipt_contradicted_share=1.0, receipt_unknown_share=1.0)
    (answer,) = submit(gateway, 1)

    found = [receipt for _, receipt in receipts(gateway)]

    own = answer.message_id.decode()
    assert [(own, 7), (own, 4), (own, 4)] == [(receipt.message_id, receipt.status) for receipt in found[:3]]
    assert own != found[3].message_id


def test_receipts_that_come_again_come_as_often_as_is_said_and_each_by_itself() -> None:
    gateway = smsc(receipt_twice_share=1.0, receipt_repeats=2, receipt_spread_s=5.0)
    submit(gateway, 1)

    found = receipts(gateway)

    assert ["DELIVRD"] * 3 == [receipt.stat for _, receipt in found]
    assert 3 == len({due for due, _ in found})
    assert all(6.0 <= due <= 11.0 for due, _ in found)


def test_a_receipt_is_denied_after_it_came() -> None:
    gateway = smsc(receipt_denied_share=1.0, receipt_spread_s=5.0)
    (answer,) = submit(gateway, 1)

    (first_due, first), (second_due, second) = receipts(gateway)

    assert (answer.message_id.decode(), "DELIVRD") == (first.message_id, first.stat)
    assert (answer.message_id.decode(), "UNDELIV") == (second.message_id, second.stat)
    assert first_due < second_due <= first_due + 5.0


def test_only_what_was_delivered_is_denied() -> None:
    expired = Rule(Outcome(0, 3, "001"), suffix="")
    gateway = smsc(receipt_denied_share=1.0, rules=(expired,))
    submit(gateway, 1)

    assert ["EXPIRED"] == [receipt.stat for _, receipt in receipts(gateway)]


def test_an_intermediate_receipt_comes_in_between() -> None:
    gateway = smsc(receipt_intermediate_share=1.0)
    submit(gateway, 1)

    found = [(due, receipt.stat, receipt.intermediate) for due, receipt in receipts(gateway)]

    assert [(3.0, "ENROUTE", True), (6.0, "DELIVRD", False)] == found


def test_an_odd_word_is_one_that_no_table_has() -> None:
    gateway = smsc(receipt_odd_share=1.0)
    submit(gateway, 1)

    ((_, receipt),) = receipts(gateway)

    assert ("BUFFRED", None) == (receipt.stat, receipt.status)


def test_the_same_seed_gives_the_same_whims() -> None:
    options = {
        "error_share": 0.2, "receipt_spread_s": 5.0, "receipt_twice_share": 0.3, "receipt_form": "any",
        "response_spread_s": 1.0, "unanswered_share": 0.1, "receipt_first_share": 0.2, "throttle_per_s": 90,
        "receipt_intermediate_share": 0.2, "receipt_unknown_share": 0.1, "receipt_contradicted_share": 0.2,
    }  # fmt: skip
    first, second, other = smsc(**options), smsc(**options), smsc(**options, seed=2)

    ran = [(submit(gateway, 100), receipts(gateway)) for gateway in (first, second, other)]

    assert ran[0] == ran[1]
    assert ran[0] != ran[2]
