"""What has passed since the bind, as the journal is told."""

from __future__ import annotations

import pytest
from tests.unit.smpp.support import BODY, bound_session

from smsfleet.config.codes import ESME_ROK, ESME_RTHROTTLED, ESME_RX_T_APPN
from smsfleet.config.errors import NotBound
from smsfleet.smpp.constants import DELIVER_SM, GENERIC_NACK, QUERY_SM_RESP, SUBMIT_SM_RESP
from smsfleet.smpp.message import DeliverSm
from smsfleet.smpp.pdu import encode_query_sm_resp, frame

NOTHING = {"submit_sm": 0, "accepted": 0, "deliver_sm": 0, "taken": 0, "sent_back": 0, "refused": 0}
MO = DeliverSm(source_addr="27999100001", short_message=b"yes").encode_body()


def test_a_new_bind_has_seen_nothing() -> None:
    assert NOTHING == bound_session().traffic()


def test_submits_are_counted_and_of_the_answers_those_without_an_error() -> None:
    session = bound_session()
    numbers = [session.submit(token, BODY, now=0.0) for token in range(4)]

    session.receive(frame(SUBMIT_SM_RESP, numbers[0], b"a1\0"), now=0.1)
    session.receive(frame(SUBMIT_SM_RESP, numbers[1], b"\0", ESME_RTHROTTLED), now=0.1)
    session.receive(frame(GENERIC_NACK, numbers[2]), now=0.1)

    assert NOTHING | {"submit_sm": 4, "accepted": 1} == session.traffic()


def test_a_query_is_no_submit() -> None:
    session = bound_session()
    number = session.query(0, "a1", now=0.0)
    session.receive(frame(QUERY_SM_RESP, number, encode_query_sm_resp("a1", "", 2, 0)), now=0.1)

    assert NOTHING == session.traffic()


@pytest.mark.parametrize(
    ("status", "name"),
    [(ESME_ROK, "taken"), (ESME_RX_T_APPN, "sent_back"), (0x65, "refused"), (0x08, "refused")],
)
def test_deliveries_are_counted_with_their_answers(status: int, name: str) -> None:
    session = bound_session()
    session.receive(frame(DELIVER_SM, 1, MO) + frame(DELIVER_SM, 2, MO), now=0.1)

    session.deliver_resp(2, status)

    assert NOTHING | {"deliver_sm": 2, name: 1} == session.traffic()


def test_a_delivery_that_the_session_refuses_itself_is_refused() -> None:
    session = bound_session()

    session.receive(frame(DELIVER_SM, 1, b"no deliver_sm"), now=0.1)

    assert NOTHING | {"deliver_sm": 1, "refused": 1} == session.traffic()


def test_an_answer_that_cannot_be_sent_any_more_is_none() -> None:
    session = bound_session()
    session.receive(frame(DELIVER_SM, 1, MO), now=0.1)
    session.connection_lost(now=0.2)

    with pytest.raises(NotBound):
        session.deliver_resp(1)
    assert NOTHING | {"deliver_sm": 1} == session.traffic()
