"""What a simulated gateway delivers: again, later, held, or never; and what its journal and its fixture say of it."""

from __future__ import annotations

import pytest
from tests.integration.test_simulator_control import Esme, esme  # noqa: F401 - a fixture

from smsfleet.simulator.handset import Message
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.rules import Outcome
from smsfleet.simulator.testing import Gateway, clickatell  # noqa: F401 - a fixture
from smsfleet.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
)
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.pdu import frame

# ruff: noqa: F811 - the fixtures are imported


def body(destination: str = "27999100001", text: bytes = b"hello") -> bytes:
    return SubmitSm(destination_addr=destination, short_message=text, registered_delivery=1).encode_body()


def stat(deliver_sm: DeliverSm) -> bytes:
    """The state word of a receipt."""
    return deliver_sm.short_message.partition(b"stat:")[2].split()[0]


def test_a_deliver_sm_that_is_not_answered_comes_again(clickatell: Gateway, esme: Esme) -> None:
    clickatell.change(deliver_timeout_s=0.05, most_attempts=2)
    clickatell.receive("STOP", source="27831234567")

    came = [esme.read() for _ in range(2)]

    assert came[0].body == came[1].body
    lines = clickatell.wait_for("deliver_sm_unanswered", 2)
    assert [(1, 1), (1, 2)] == [(line["delivery"], line["attempt"]) for line in lines]
    assert 1 == clickatell.do("status")["deliver_sm_given_up"]


def test_a_deliver_sm_that_is_refused_for_good_does_not_come_again(clickatell: Gateway, esme: Esme) -> None:
    clickatell.change(redelivery_delay_s=0.0)
    clickatell.receive("first", source="27831234567")
    esme.answer(esme.read(), 0x66)
    clickatell.wait_for("deliver_sm_resp")

    clickatell.receive("second", source="27831234567")

    assert b"second" == DeliverSm.decode_body(esme.read().body).short_message
    assert 1 == clickatell.do("status")["deliver_sm_refused"]


def test_receipts_and_messages_wait_for_a_receiver(clickatell: Gateway) -> None:
    transmitter = Esme(clickatell.port, BIND_TRANSMITTER)
    assert SUBMIT_SM_RESP == transmitter.submit(body=body()).command_id
    clickatell.receive("STOP", source="27831234567")
    assert 2 == clickatell.do("status")["deliver_sm_held"]

    receiver = Esme(clickatell.port, BIND_RECEIVER)

    came = [DeliverSm.decode_body(receiver.read().body) for _ in range(2)]
    assert [(4, b"DELIVRD"), (0, b"STOP")] == [
        (message.esm_class, stat(message) if message.esm_class else message.short_message) for message in came
    ]
    transmitter.socket.close()
    receiver.socket.close()


def test_reading_again_releases_nothing_that_is_held(clickatell: Gateway, esme: Esme) -> None:
    clickatell.do("hold")
    clickatell.do("pause")
    clickatell.receive("STOP", source="27831234567")

    clickatell.do("resume")

    esme.socket.sendall(frame(ENQUIRE_LINK, 9))
    assert ENQUIRE_LINK_RESP == esme.read().command_id
    assert 1 == clickatell.do("release")["released"]
    assert DELIVER_SM == esme.read().command_id


def test_a_gateway_that_reads_nothing_answers_when_it_reads_again(clickatell: Gateway, esme: Esme) -> None:
    clickatell.do("pause")
    esme.socket.sendall(frame(SUBMIT_SM, 2, body()))
    assert [] == clickatell.lines("submit_sm")

    clickatell.do("resume")

    assert SUBMIT_SM_RESP == esme.read().command_id


@pytest.mark.parametrize("form", ["udh8", "udh16", "sar"])
def test_the_parts_of_scheduled_messages_come_in_any_order(form: str) -> None:
    options = SimulatorOptions(seed=3, mo_every_s=0.02, mo_text="x" * 1000, mo_form=form, mo_order="any")
    with Gateway(options) as gateway:
        bound = Esme(gateway.port)
        came = [DeliverSm.decode_body(bound.read().body) for _ in range(7)]
        bound.socket.close()

    numbers = [m.tlv(0x020F) or m.short_message[m.short_message[0] : m.short_message[0] + 1] for m in came]
    assert [bytes((number,)) for number in range(1, 8)] == sorted(numbers)
    assert numbers != sorted(numbers)


def test_two_schedules_do_not_disturb_each_other(clickatell: Gateway, esme: Esme) -> None:
    clickatell.change(mo_every_s=0.02, disconnect_every_s=0.2)

    clickatell.wait_for("disconnect")

    assert len(clickatell.lines("deliver_sm")) > 1


def test_a_destination_that_is_never_answered_is_seen_in_the_journal(clickatell: Gateway, esme: Esme) -> None:
    esme.socket.sendall(frame(SUBMIT_SM, 2, body("27999190009")))

    receipt = DeliverSm.decode_body(esme.read().body)

    (line,) = clickatell.lines("submit_sm")
    assert (False, 0) == (line["answered"], line["status"])
    assert line["message_id"].encode() in receipt.short_message
    (told,) = clickatell.lines("deliver_sm")
    assert (line["message_id"], "DELIVRD") == (told["message_id"], told["stat"])


def test_a_receipt_comes_before_the_answer_where_it_is_asked_for(clickatell: Gateway, esme: Esme) -> None:
    esme.socket.sendall(frame(SUBMIT_SM, 2, body("27999190008")))

    assert [DELIVER_SM, SUBMIT_SM_RESP] == [esme.read().command_id for _ in range(2)]


def test_answers_come_in_another_order(clickatell: Gateway, esme: Esme) -> None:
    clickatell.change(response_spread_s=0.2, receipts=False)

    esme.socket.sendall(b"".join(frame(SUBMIT_SM, number, body()) for number in range(2, 12)))

    numbers = [esme.read().sequence_number for _ in range(10)]
    assert list(range(2, 12)) == sorted(numbers) != numbers


# --- the fixture -------------------------------------------------------------------------------------


def test_the_texts_that_handsets_show_can_be_asked_for(clickatell: Gateway, esme: Esme) -> None:
    clickatell.change(receipts=False)
    esme.submit(2, body(text=b"Hello"))
    esme.submit(3, body("27999100002", b"\0there"))

    ids = [line["message_id"] for line in clickatell.lines("submit_sm")]
    assert [Message("27999100001", "", "Hello", (ids[0],))] == clickatell.messages("27999100001")
    assert ["Hello", "@there"] == [message.text for message in clickatell.messages()]


def test_a_test_decides_what_becomes_of_a_number(clickatell: Gateway, esme: Esme) -> None:
    clickatell.decide("2782", Outcome(message_state=5, err="034"))
    esme.submit(2, body("27820000001"))

    receipt = DeliverSm.decode_body(esme.read().body)

    assert b"UNDELIV" == stat(receipt)
    assert b"err:034" in receipt.short_message


def test_a_reset_forgets_everything_but_who_is_bound(clickatell: Gateway, esme: Esme) -> None:
    clickatell.refuse("27999100001", 0x400)
    clickatell.change(receipts=False)
    clickatell.do("credit", left=0)
    clickatell.do("hold")
    clickatell.receive("STOP", source="27831234567")

    clickatell.reset()

    assert [] == clickatell.lines()
    assert 0 == esme.submit(2, body()).command_status
    assert b"DELIVRD" == stat(DeliverSm.decode_body(esme.read().body))
    assert None is clickatell.do("status")["credit_left"]
    assert 1 == clickatell.do("status")["bound"]


def test_two_gateways_of_one_seed_answer_alike() -> None:
    def run() -> list[tuple[int, int, bytes]]:
        with Gateway(SimulatorOptions(seed=5, error_share=0.3)) as gateway:
            bound = Esme(gateway.port)
            came = []
            for number in range(2, 32):
                answer = bound.submit(number, SubmitSm(destination_addr="27999100001").encode_body())
                came.append((number, answer.command_status, answer.body))
            bound.socket.close()
        return came

    first, second = run(), run()

    assert first == second
    assert {0, 0x58} == {status for _, status, _ in first}
