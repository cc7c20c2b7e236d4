"""Delivery receipts: what a deliver_sm says about an earlier submit_sm.

Only one receipt of this gateway is public, so every form in use is accepted: the esm_class bits, the TLVs of
SMPP 3.4 §4.6.1, and the text of SMPP 3.4 Appendix B in short_message or message_payload. Nothing that the
gateway wrote is lost: what decides is beside what it was decided from.
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple

from smsfleet.config.errors import SmsfleetError
from smsfleet.config.receipt_tables import DEFAULT, ReceiptTables
from smsfleet.config.statuses import MESSAGE_STATE_WORD, message_status
from smsfleet.smpp.constants import (
    CODING_UCS2,
    ESM_INTERMEDIATE,
    ESM_RECEIPT,
    ESM_SME_ACK,
    ESM_TYPE_MASK,
    ESM_USER_ACK,
    TLV_MESSAGE_PAYLOAD,
    TLV_MESSAGE_STATE,
    TLV_NETWORK_ERROR_CODE,
    TLV_RECEIPTED_MESSAGE_ID,
)
from smsfleet.smpp.pdu import DeliverSm

_RECEIVED = 4

MAX_MESSAGE_ID_OCTETS = 65
"""SMPP 3.4 §5.2.23. A longer id cannot have come from a submit_sm_resp."""

# The message type is bits 5-2 of esm_class as one number (SMPP 3.4 §5.2.12), not four flags: 0x08, 0x10 and
# 0x18 come from the recipient's side. Both bits of a receipt at once are reserved, but can mean nothing else.
_RECEIPT_TYPES = (ESM_RECEIPT, ESM_INTERMEDIATE, ESM_RECEIPT | ESM_INTERMEDIATE)
_RECIPIENT_TYPES = (ESM_SME_ACK, ESM_USER_ACK, 0x18)

# A key stands after a blank (or the last octet of a user data header); one is put before the text. A value
# ends at a space, because an id may hold anything else; and at NUL, because an id is a C-Octet String and
# holds none.
_KEY = rb"(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):"
# A space between a key and its value is taken for one, unless the next key follows: then there is no value.
_FIELD = re.compile(rb"[\x00-\x20]" + _KEY + rb"(?: (?!" + _KEY + rb"))?([^ \x00]*)", re.IGNORECASE)


# The form of nearly all receipts, read in one go; values hold no blank, so that nothing else can be meant.
_USUAL = re.compile(
    rb"id:([^ \x00]*) sub:[^ \x00]* dlvrd:[^ \x00]* submit date:([^ \x00]*) done date:([^ \x00]*)"
    rb" stat:([^ \x00]*) err:([^ \x00]*) text:",
    re.IGNORECASE,
)
_USUAL_KEYS = (b"id", b"submitdate", b"donedate", b"stat", b"err")


class ReceiptError(SmsfleetError):
    """A deliver_sm that is flagged as a receipt and names no message: for the dead-letter stream."""

    code: ClassVar[str] = "receipt"


class Receipt(NamedTuple):
    """One receipt. Strings are the gateway's octets as Latin-1, so `.encode("latin-1")` gives them back."""

    message_id: str
    """The id of the message, opaque, at most 65 octets: the TLV's, else the text's."""
    status: int | None
    """Appendix B number of `stat` (or of `err`, by an operator's table); None for an unlisted word."""
    stat: str | None
    """The state in capitals, one of SMPP's words: of message_state if that is listed, else of the text."""
    stat_raw: str | None
    """`stat:` of the text as it was written."""
    message_state: int | None
    """The TLV 0x0427 as it was sent."""
    err: str | None
    """`err:` of the text as it was written. No Appendix B number: later gateways give 1-22 other meanings."""
    submit_date: str | None
    """As it was written: YYMMDDhhmm (SMPP 3.4 Appendix B) or YYMMDDhhmmss (this gateway), zone unknown."""
    done_date: str | None
    """As `submit_date`."""
    network_error: str | None
    """The TLV 0x0423 in hexadecimal: network type, then two octets of error code (SMPP 3.4 §5.3.2.31)."""
    intermediate: bool
    """An intermediate notification: the final receipt is still to come."""
    flagged: bool
    """esm_class says that this is a receipt. If not, and the id is unknown, it may be a person's message."""
    text_message_id: str | None
    """`id:` of the text, which may differ from `message_id` where the TLV is present."""


def parse_receipt(deliver: DeliverSm, tables: ReceiptTables = DEFAULT) -> Receipt | None:
    """The receipt that `deliver` is, or None where it is a message (MO) or a recipient's acknowledgement.

    A receipt is what esm_class flags as one; or, unflagged, what carries receipted_message_id and
    message_state, or a text with `id:`, `stat:` and one of the two dates. Keys are found in any order and
    case; `text:` ends the search, because anything may follow it. Where TLVs and text disagree, the TLVs win.
    `tables` says which words, and which of the gateway's error codes, stand for which status.

    Raises ReceiptError where esm_class flags a receipt and neither TLV nor text holds an id of 1-65 octets;
    no octets make it raise anything else. Source: SMPP 3.4 §4.6.1, §5.2.12 and Appendix B.
    """
    message_type = deliver.esm_class & ESM_TYPE_MASK
    if message_type in _RECIPIENT_TYPES:
        return None
    flagged = message_type in _RECEIPT_TYPES

    fields = _fields(deliver.short_message) if deliver.short_message else {}
    if b"id" not in fields:
        fields = _unusual_fields(deliver) or fields
    text_id = _usable_id(fields.get(b"id"))
    tlv_id = _usable_id((deliver.tlv(TLV_RECEIPTED_MESSAGE_ID) or b"").partition(b"\x00")[0])
    state = deliver.tlv(TLV_MESSAGE_STATE)
    message_state = state[0] if state is not None and len(state) == 1 else None

    message_id = tlv_id or text_id
    if not flagged:
        by_tlvs = tlv_id is not None and message_state is not None
        by_text = b"stat" in fields and (b"submitdate" in fields or b"donedate" in fields)
        if message_id is None or not (by_tlvs or by_text):
            return None
    if message_id is None:
        raise ReceiptError(
            f"esm_class 0x{deliver.esm_class:02X} says receipt, but there is no message id of 1 to"
            f" {MAX_MESSAGE_ID_OCTETS} octets in receipted_message_id or in the text"
        )

    stat_raw, err = fields.get(b"stat"), fields.get(b"err")
    word = MESSAGE_STATE_WORD.get(message_state) if message_state is not None else None
    if word is None and stat_raw is not None:
        word = stat_raw.upper().decode("latin-1")  # upper() of bytes: ASCII letters only
    network_error = deliver.tlv(TLV_NETWORK_ERROR_CODE)
    return Receipt(
        message_id=message_id.decode("latin-1"),
        status=_status(word, err, tables),
        stat=word,
        stat_raw=_latin(stat_raw),
        message_state=message_state,
        err=_latin(err),
        submit_date=_latin(fields.get(b"submitdate")),
        done_date=_latin(fields.get(b"donedate")),
        network_error=network_error.hex() if network_error is not None else None,
        intermediate=flagged and message_type & ESM_INTERMEDIATE != 0,
        flagged=flagged,
        text_message_id=_latin(text_id),
    )


def _status(word: str | None, err: bytes | None, tables: ReceiptTables) -> int | None:
    """The word's; `err` may say it better by an operator's table, but takes no delivery back."""
    status = tables.words.get(word) if word is not None else None
    if tables.errs and err is not None and status != _RECEIVED:
        return tables.errs.get(err.decode("latin-1").upper(), 0) or status
    return status


def oddities(receipt: Receipt) -> list[str]:
    """Why a receipt is to be kept as it came: what it means is not plain from what the time-line keeps."""
    found = []
    if receipt.status is None:
        found.append("no status" if receipt.stat is None else "unknown word")
    if receipt.text_message_id not in (None, receipt.message_id):
        found.append("two message ids")
    if receipt.stat_raw is not None and receipt.stat not in (None, receipt.stat_raw.upper()):
        found.append("state and text disagree")
    if receipt.intermediate and receipt.status is not None and message_status(receipt.status).final:
        found.append("intermediate and final")
    if not receipt.flagged:
        found.append("not flagged as a receipt")
    return found


def _unusual_fields(deliver: DeliverSm) -> dict[bytes, bytes]:
    """Those of message_payload, or of a text in UCS-2."""
    text = deliver.short_message or deliver.tlv(TLV_MESSAGE_PAYLOAD) or b""
    if deliver.data_coding == CODING_UCS2:
        text = text.decode("utf-16-be", "replace").encode("latin-1", "replace")
        return _fields(text)
    return _fields(deliver.tlv(TLV_MESSAGE_PAYLOAD) or b"")


def _fields(text: bytes) -> dict[bytes, bytes]:
    """The non-empty values before `text:`, by lower-case key; the first of a repeated key counts."""
    usual = _USUAL.match(text)
    if usual:
        return {key: value for key, value in zip(_USUAL_KEYS, usual.groups(), strict=True) if value}
    fields: dict[bytes, bytes] = {}
    for found in _FIELD.finditer(b" " + text):
        key = found[1].lower().replace(b"_", b"").replace(b" ", b"")
        if key == b"text":
            break
        if found[3]:
            fields.setdefault(key, found[3])
    return fields


def _latin(octets: bytes | None) -> str | None:
    return octets.decode("latin-1") if octets is not None else None


def _usable_id(octets: bytes | None) -> bytes | None:
    return octets if octets and len(octets) <= MAX_MESSAGE_ID_OCTETS else None
