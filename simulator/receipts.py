"""Delivery receipts in the form of the one public Clickatell receipt (2014):

`id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253 done date:141023215259
stat:DELIVRD err:000 text:` - message ids of 32 hex digits, dates of 12 digits, taken as UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from smsfleet.config.statuses import MESSAGE_STATE_WORD
from smsfleet.smpp.constants import (
    ESM_RECEIPT,
    RECEIPT_ALWAYS,
    RECEIPT_ON_FAILURE,
    STATE_ACCEPTED,
    STATE_DELIVERED,
    STATE_ENROUTE,
)
from smsfleet.smpp.message import DeliverSm, SubmitSm

_ASKED: Final = 0x03
"""The bits of registered_delivery that ask for a receipt (SMPP 3.4 §5.2.17)."""

_GOOD: Final = (STATE_ENROUTE, STATE_DELIVERED, STATE_ACCEPTED)


class Receipt(NamedTuple):
    """What a receipt tells. Times are seconds since the epoch."""

    message_id: bytes
    message_state: int
    err: str
    submitted_at: float
    done_at: float


ReceiptForm = Callable[[Receipt, SubmitSm], DeliverSm]
"""How a receipt is put into a deliver_sm: other gateways' forms are other functions."""


def is_wanted(registered_delivery: int, message_state: int) -> bool:
    """Whether the ESME asked for a receipt that tells this state."""
    asked = registered_delivery & _ASKED
    return asked == RECEIPT_ALWAYS or (asked == RECEIPT_ON_FAILURE and message_state not in _GOOD)


def text_receipt(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    """The receipt as a text in short_message, from the number that the message went to."""
    delivered = 1 if receipt.message_state == STATE_DELIVERED else 0
    text = (
        f"id:{receipt.message_id.decode('latin-1')} sub:001 dlvrd:{delivered:03d}"
        f" submit date:{date(int(receipt.submitted_at))} done date:{date(int(receipt.done_at))}"
        f" stat:{MESSAGE_STATE_WORD[receipt.message_state]} err:{receipt.err} text:"
    )
    return DeliverSm(
        source_addr_ton=message.dest_addr_ton,
        source_addr_npi=message.dest_addr_npi,
        source_addr=message.destination_addr,
        dest_addr_ton=message.source_addr_ton,
        dest_addr_npi=message.source_addr_npi,
        destination_addr=message.source_addr,
        esm_class=ESM_RECEIPT,
        short_message=text.encode("latin-1"),
    )


@lru_cache(maxsize=64)
def date(at: int) -> str:
    """YYMMDDhhmmss in UTC."""
    return time.strftime("%y%m%d%H%M%S", time.gmtime(at))
