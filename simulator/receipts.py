"""Delivery receipts in the form of the one public Clickatell receipt (2014), and in those of other gateways.

`id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253 done date:141023215259
stat:DELIVRD err:000 text:` - message ids of 32 hex digits, dates of 12 digits, taken as UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from smsfleet.config.errors import EncodeError
from smsfleet.config.statuses import MESSAGE_STATE_WORD
from smsfleet.smpp.constants import (
    ESM_INTERMEDIATE,
    ESM_RECEIPT,
    RECEIPT_ALWAYS,
    RECEIPT_ON_FAILURE,
    SHORT_MESSAGE_OCTETS,
    STATE_ACCEPTED,
    STATE_DELIVERED,
    STATE_ENROUTE,
    TLV_MESSAGE_PAYLOAD,
    TLV_MESSAGE_STATE,
    TLV_NETWORK_ERROR_CODE,
    TLV_RECEIPTED_MESSAGE_ID,
)
from smsfleet.smpp.tlv import Tlv, encode_tlvs

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


ReceiptForm = Callable[[Receipt, bytes], bytes]
"""The body of the deliver_sm that tells a receipt, and goes the way that an `Envelope` says."""

_TEXT: Final = b"id:%b sub:001 dlvrd:%03d submit date:%b done date:%b stat:%b err:%b text:"

_BETWEEN: Final = bytes(8)
"""protocol_id to sm_default_msg_id: nothing of it is used in a receipt."""


def is_wanted(registered_delivery: int, message_state: int) -> bool:
    """Whether the ESME asked for a receipt that tells this state."""
    asked = registered_delivery & _ASKED
    return asked == RECEIPT_ALWAYS or (asked == RECEIPT_ON_FAILURE and message_state not in _GOOD)


def text_receipt(receipt: Receipt, way: bytes) -> bytes:
    """The receipt as a text in short_message, from the number that the message went to."""
    return _deliver_sm(way, ESM_RECEIPT, _text(receipt, 12))


def _text(receipt: Receipt, digits: int) -> bytes:
    message_id, state, err, submitted_at, done_at, word = receipt
    return _TEXT % (
        message_id,
        state == STATE_DELIVERED,
        date(int(submitted_at))[:digits],
        date(int(done_at))[:digits],
        (word or MESSAGE_STATE_WORD[state]).encode("latin-1"),
        err.encode("latin-1"),
    )


def _deliver_sm(way: bytes, esm_class: int, short_message: bytes, tlvs: tuple[Tlv, ...] = ()) -> bytes:
    """What DeliverSm would encode, from octets that need no check: there is one for each message."""
    size = len(short_message)
    if size > SHORT_MESSAGE_OCTETS:
        raise EncodeError(
            f"a receipt of {size} octets; at most {SHORT_MESSAGE_OCTETS} fit into short_message"
        )
    body = b"\0%b%c%b%c%b" % (way, esm_class, _BETWEEN, size, short_message)
    return body + encode_tlvs(tlvs) if tlvs else body


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


def _short_dates(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_RECEIPT, _text(receipt, 10))


def _text_and_tlvs(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_RECEIPT, _text(receipt, 12), _tlvs(receipt))


def _tlvs_only(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_RECEIPT, b"", _tlvs(receipt))


def _payload(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_RECEIPT, b"", ((TLV_MESSAGE_PAYLOAD, _text(receipt, 12)),))


def _unflagged(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, 0, _text(receipt, 12))


def _intermediate(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_INTERMEDIATE, _text(receipt, 12))


def _lower_case(receipt: Receipt, way: bytes) -> bytes:
    return _deliver_sm(way, ESM_RECEIPT, _text(receipt, 12).lower())


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
def date(at: int) -> bytes:
    """YYMMDDhhmmss in UTC."""
    return time.strftime("%y%m%d%H%M%S", time.gmtime(at)).encode("ascii")
