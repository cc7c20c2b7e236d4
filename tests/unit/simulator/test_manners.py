"""What a destination can ask for beside its status: other receipts, more of them, or no answer."""

from __future__ import annotations

import pytest
from tests.unit.simulator.test_behaviour import NOW, body
from tests.unit.simulator.test_whims import receipts, smsc

from smsfleet.simulator.behaviour import SubmitAnswer
from smsfleet.simulator.envelope import opened
from smsfleet.simulator.manners import MANNERS
from smsfleet.simulator.receipts import FORMS, Receipt
from smsfleet.simulator.rules import RuleBook, default_rules


def told(ending: str) -> tuple[SubmitAnswer, list[tuple[float, str | None, bool]]]:
    """The answer to a message, and of each receipt of its id: when it is due, its word, whether it is 0x20."""
    gateway = smsc()
    answer = gateway.submit(body(f"279991{ending}"), now=NOW)
    own = answer.message_id.decode()
    return answer, [
        (due, receipt.stat, receipt.intermediate)
        for due, receipt in receipts(gateway)
        if receipt.message_id == own
    ]


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("90001", [(6.0, "DELIVRD", False), (6.0, "DELIVRD", False)]),
        ("90002", [(3.0, "UNDELIV", False), (6.0, "DELIVRD", False)]),
        ("90003", [(3.0, "DELIVRD", False), (6.0, "UNDELIV", False)]),
        ("90004", [(6.0, "BUFFRED", False)]),
        ("90005", [(6.0, "DELIVRD", False)]),
        ("90006", [(3.0, "ENROUTE", True), (6.0, "DELIVRD", False)]),
        ("90007", [(3.0, "ACCEPTD", False), (6.0, "DELIVRD", False)]),
        ("90008", [(0.0, "DELIVRD", False)]),
        ("90009", [(6.0, "DELIVRD", False)]),
        ("90016", [(6.0, "DELIVRD", True)]),
    ],
)
def test_a_destination_asks_for_its_receipts(ending: str, expected: list[tuple[float, str, bool]]) -> None:
    _, found = told(ending)

    assert expected == found


@pytest.mark.parametrize(("ending", "delay_s"), [("90001", 0.0), ("90008", 0.2), ("90009", None)])
def test_a_destination_asks_for_a_late_answer_or_none(ending: str, delay_s: float | None) -> None:
    answer, _ = told(ending)

    assert (0, delay_s) == (answer.command_status, answer.delay_s)


def test_a_further_receipt_is_for_an_id_that_nobody_was_given() -> None:
    gateway = smsc()
    answer = gateway.submit(body("27999190005"), now=NOW)

    ids = [receipt.message_id for _, receipt in receipts(gateway)]

    assert [answer.message_id.decode()] == ids[:1]
    assert 2 == len(set(ids))


@pytest.mark.parametrize(("number", "form"), list(enumerate(FORMS, start=10)))
def test_a_destination_asks_for_the_form_of_its_receipt(number: int, form: str) -> None:
    gateway = smsc()
    message = body(f"2799919{number:04d}")
    answer = gateway.submit(message, now=NOW)

    delivery = gateway.mailbox.take(1e9, now=NOW + 6)

    receipt = Receipt(answer.message_id, 2, "000", NOW, NOW + 6)
    assert delivery is not None
    assert FORMS[form](receipt, opened(message).way) == delivery.body


def test_every_manner_has_its_destination() -> None:
    rules = RuleBook(default_rules())

    found = {ending: rules.outcome(b"2799919" + ending.encode()).manner for ending in MANNERS}

    assert MANNERS == found


def test_messages_without_manners_cost_no_chance() -> None:
    plain, with_manners = smsc(), smsc()
    ids = [gateway.submit(body("27999190002"), now=NOW).message_id for gateway in (plain, with_manners)]

    with_manners.submit(body("27999190003"), now=NOW)
    plain.submit(body(), now=NOW)

    assert ids[0] == ids[1]
    after = [gateway.submit(body(), now=NOW).message_id for gateway in (plain, with_manners)]
    assert after[0] == after[1]
