"""Receipts are put together from octets: each form is what DeliverSm would have encoded."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import EncodeError
from smsfleet.simulator.envelope import opened
from smsfleet.simulator.receipts import FORMS, Receipt
from smsfleet.smpp.message import DeliverSm, SubmitSm

AT = 1_414_101_173.75
TEXT = (
    b"id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253"
    b" done date:141023215259 stat:DELIVRD err:000 text:"
)
FAILED = TEXT.replace(b"dlvrd:001", b"dlvrd:000").replace(b"stat:DELIVRD err:000", b"stat:UNDELIV err:001")
SHORT = TEXT.replace(b"215253", b"2152").replace(b"215259", b"2152")
ID_TLV = (0x001E, b"a29f6845555647139e5c8f3b817f2c9a\0")
EXPECTED: dict[str, dict[str, Any]] = {
    "text": {"esm_class": 0x04, "short_message": TEXT},
    "short_dates": {"esm_class": 0x04, "short_message": SHORT},
    "text_and_tlvs": {"esm_class": 0x04, "short_message": TEXT, "tlvs": (ID_TLV, (0x0427, b"\x02"))},
    "tlvs_only": {"esm_class": 0x04, "tlvs": (ID_TLV, (0x0427, b"\x02"))},
    "payload": {"esm_class": 0x04, "tlvs": ((0x0424, TEXT),)},
    "unflagged": {"esm_class": 0, "short_message": TEXT},
    "intermediate": {"esm_class": 0x20, "short_message": TEXT},
    "lower_case": {"esm_class": 0x04, "short_message": TEXT.lower()},
}


def receipt(message_state: int = 2, err: str = "000") -> Receipt:
    """Of the one public receipt."""
    return Receipt(b"a29f6845555647139e5c8f3b817f2c9a", message_state, err, AT, AT + 6)


address = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=20)
octet = st.integers(0, 255)


@given(source=address, destination=address, types=st.tuples(octet, octet, octet, octet))
@pytest.mark.parametrize("form", FORMS)
def test_a_receipt_goes_the_way_of_its_message_back(
    form: str, source: str, destination: str, types: tuple[int, int, int, int]
) -> None:
    message = SubmitSm("CMT", *types[:2], source, *types[2:], destination, short_message=b"hello\0")

    body = FORMS[form](receipt(), opened(message.encode_body()).way)

    back = DeliverSm(b"", *types[2:], destination, *types[:2], source, **EXPECTED[form])
    assert back.encode_body() == body


def test_a_failure_tells_its_error_in_text_and_tlvs() -> None:
    body = FORMS["text_and_tlvs"](receipt(5, "001"), b"\1\1to\0\0\0from\0")

    told = DeliverSm.decode_body(body)
    assert (FAILED, b"\x05", b"\x03\x00\x01") == (told.short_message, told.tlv(0x0427), told.tlv(0x0423))


def test_a_receipt_that_does_not_fit_is_never_cut() -> None:
    with pytest.raises(EncodeError, match="at most 254"):
        FORMS["text"](receipt(err="x" * 200), b"\1\1to\0\0\0from\0")


@given(
    registered_delivery=octet,
    destination=address,
    times=st.sampled_from([("", ""), ("0" * 16, ""), ("", "000001000000000R")]),
)
def test_an_envelope_tells_what_the_message_says(
    registered_delivery: int, destination: str, times: tuple[str, str]
) -> None:
    message = SubmitSm(
        "12345",
        destination_addr=destination,
        schedule_delivery_time=times[0],
        validity_period=times[1],
        registered_delivery=registered_delivery,
        data_coding=7,
    )

    envelope = opened(message.encode_body())

    assert (destination.encode(), registered_delivery) == envelope[:2]


def test_a_body_that_was_never_checked_has_no_envelope() -> None:
    with pytest.raises(ValueError, match="not checked"):
        opened(SubmitSm(destination_addr="27").encode_body()[:8])
