"""Delivery receipts in the form of the one public Clickatell receipt (2014), and in those of other gateways.

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
    ESM_INTERMEDIATE,
    ESM_RECEIPT,
    RECEIPT_ALWAYS,
    RECEIPT_ON_FAILURE,
    STATE_ACCEPTED,
    STATE_DELIVERED,
    STATE_ENROUTE,
    TLV_MESSAGE_PAYLOAD,
    TLV_MESSAGE_STATE,
    TLV_NETWORK_ERROR_CODE,
    TLV_RECEIPTED_MESSAGE_ID,
)
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.tlv import Tlv

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
    word: str = ""
    """the stat word, where it is not the state's own"""

    @property
    def stat(self) -> str:
        """The stat word."""
        return self.word or MESSAGE_STATE_WORD[self.message_state]


ReceiptForm = Callable[[Receipt, SubmitSm], DeliverSm]
"""How a receipt is put into a deliver_sm."""


def is_wanted(registered_delivery: int, message_state: int) -> bool:
    """Whether the ESME asked for a receipt that tells this state."""
    asked = registered_delivery & _ASKED
    return asked == RECEIPT_ALWAYS or (asked == RECEIPT_ON_FAILURE and message_state not in _GOOD)


def text_receipt(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    """The receipt as a text in short_message, from the number that the message went to."""
    return _deliver_sm(message, ESM_RECEIPT, _text(receipt, 12))


def _text(receipt: Receipt, digits: int) -> bytes:
    delivered = 1 if receipt.message_state == STATE_DELIVERED else 0
    submitted, done = date(int(receipt.submitted_at))[:digits], date(int(receipt.done_at))[:digits]
    text = (
        f"id:{receipt.message_id.decode('latin-1')} sub:001 dlvrd:{delivered:03d}"
        f" submit date:{submitted} done date:{done}"
        f" stat:{receipt.stat} err:{receipt.err} text:"
    )
    return text.encode("latin-1")


def _deliver_sm(
    message: SubmitSm, esm_class: int, short_message: bytes, tlvs: tuple[Tlv, ...] = ()
) -> DeliverSm:
    return DeliverSm(
        source_addr_ton=message.dest_addr_ton,
        source_addr_npi=message.dest_addr_npi,
        source_addr=message.destination_addr,
        dest_addr_ton=message.source_addr_ton,
        dest_addr_npi=message.source_addr_npi,
        destination_addr=message.source_addr,
        esm_class=esm_class,
        short_message=short_message,
        tlvs=tlvs,
    )


def _tlvs(receipt: Receipt) -> tuple[Tlv, ...]:
    """Those of SMPP 3.4 §4.6.1; network_error_code on failures only, as this gateway's later pages say."""
    tlvs: tuple[Tlv, ...] = (
        (TLV_RECEIPTED_MESSAGE_ID, receipt.message_id + b"\0"),
        (TLV_MESSAGE_STATE, bytes((receipt.message_state,))),
    )
    if receipt.message_state not in _GOOD:
        tlvs += ((TLV_NETWORK_ERROR_CODE, b"\x03" + error_number(receipt.err, 2).to_bytes(2)),)
    return tlvs


def error_number(err: str, octets: int) -> int:
    """`err:` where a number of so many octets is told; 0 for what is none or does not fit."""
    number = int(err) if err.isascii() and err.isdecimal() else 0
    return number if number < 1 << 8 * octets else 0


def _short_dates(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_RECEIPT, _text(receipt, 10))


def _text_and_tlvs(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_RECEIPT, _text(receipt, 12), _tlvs(receipt))


def _tlvs_only(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_RECEIPT, b"", _tlvs(receipt))


def _payload(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_RECEIPT, b"", ((TLV_MESSAGE_PAYLOAD, _text(receipt, 12)),))


def _unflagged(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, 0, _text(receipt, 12))


def _intermediate(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_INTERMEDIATE, _text(receipt, 12))


def _lower_case(receipt: Receipt, message: SubmitSm) -> DeliverSm:
    return _deliver_sm(message, ESM_RECEIPT, _text(receipt, 12).lower())


FORMS: Final[dict[str, ReceiptForm]] = {
    "text": text_receipt,
    "short_dates": _short_dates,
    "text_and_tlvs": _text_and_tlvs,
    "tlvs_only": _tlvs_only,
    "payload": _payload,
    "unflagged": _unflagged,
    "intermediate": _intermediate,
    "lower_case": _lower_case,
}
"""By the names that `receipt_form` takes: the real one; dates of 10 digits (SMPP 3.4 Appendix B); with TLVs;
without a text; in message_payload; without the bits of esm_class; with those of an intermediate notification;
in lower case."""


@lru_cache(maxsize=64)
def date(at: int) -> str:
    """YYMMDDhhmmss in UTC."""
    return time.strftime("%y%m%d%H%M%S", time.gmtime(at))
