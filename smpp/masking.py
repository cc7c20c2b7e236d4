"""One PDU for other people's eyes: the password blanked, numbers and texts masked, every length kept."""

from __future__ import annotations

import struct

from smsfleet.config.errors import PduError
from smsfleet.config.masking import mask_number
from smsfleet.smpp.constants import (
    BIND_COMMANDS,
    COMMAND_NAMES,
    DELIVER_SM,
    ESM_RECEIPT,
    ESM_TYPE_MASK,
    ESM_UDHI,
    HEADER_OCTETS,
    LIBERAL_ADDRESS_OCTETS,
    MESSAGE_ID_OCTETS,
    PASSWORD_OCTETS,
    QUERY_SM,
    RESP,
    SERVICE_TYPE_OCTETS,
    SUBMIT_SM,
    SYSTEM_ID_OCTETS,
    TIME_OCTETS,
    TLV_MESSAGE_PAYLOAD,
    TLV_MESSAGE_STATE,
    TLV_MORE_MESSAGES_TO_SEND,
    TLV_NETWORK_ERROR_CODE,
    TLV_RECEIPTED_MESSAGE_ID,
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
    TLV_SC_INTERFACE_VERSION,
    TLV_USER_MESSAGE_REFERENCE,
)
from smsfleet.smpp.fields import decode_c_octets

_COMMAND = struct.Struct(">II")
_TAG_AND_LENGTH = struct.Struct(">HH")
_BINDS = frozenset(BIND_COMMANDS.values())
_MESSAGES = frozenset({SUBMIT_SM, DELIVER_SM})
_HARMLESS_TLVS = frozenset(
    {
        TLV_RECEIPTED_MESSAGE_ID,
        TLV_USER_MESSAGE_REFERENCE,
        TLV_SAR_MSG_REF_NUM,
        TLV_SAR_TOTAL_SEGMENTS,
        TLV_SAR_SEGMENT_SEQNUM,
        TLV_SC_INTERFACE_VERSION,
        TLV_NETWORK_ERROR_CODE,
        TLV_MORE_MESSAGES_TO_SEND,
        TLV_MESSAGE_STATE,
    }
)
_RECEIPT_TEXT = b" text:"


def masked(pdu: bytes, *, show_content: bool = False) -> bytes:
    """A whole PDU as it may be shown; it has as many octets as before, at the same places.

    The password of a bind is always blanked (`*`). Unless `show_content`, numbers keep two digits at each
    end, texts become `x` (a user data header and the fields of a receipt stay), and of anything that is not
    known or cannot be read only the header stays.
    """
    _, command_id = _COMMAND.unpack_from(pdu)
    if command_id & RESP and command_id in COMMAND_NAMES:
        return pdu  # ids and states
    octets = bytearray(pdu)
    if command_id in _BINDS:
        _blank_password(octets)
        return bytes(octets)
    if show_content:
        return pdu
    try:
        if command_id in _MESSAGES:
            _mask_message(octets)
        elif command_id == QUERY_SM:
            _, at = _string(octets, HEADER_OCTETS, MESSAGE_ID_OCTETS)
            _mask_address(octets, at + 2)
        else:
            _blank(octets, HEADER_OCTETS)
    except (PduError, IndexError, struct.error):
        return pdu[:HEADER_OCTETS] + bytes(len(pdu) - HEADER_OCTETS)
    return bytes(octets)


def _blank_password(octets: bytearray) -> None:
    try:
        _, start = _string(octets, HEADER_OCTETS, SYSTEM_ID_OCTETS)
        password, _ = _string(octets, start, PASSWORD_OCTETS)
    except PduError:  # none of ours: the password could be anywhere
        _blank(octets, HEADER_OCTETS)
        return
    octets[start : start + len(password)] = b"*" * len(password)


def _mask_message(octets: bytearray) -> None:
    _, at = _string(octets, HEADER_OCTETS, SERVICE_TYPE_OCTETS)
    at = _mask_address(octets, at + 2)
    at = _mask_address(octets, at + 2)
    esm_class = octets[at]
    _, at = _string(octets, at + 3, TIME_OCTETS)
    _, at = _string(octets, at, TIME_OCTETS)
    sm_length = octets[at + 4]
    start, end = at + 5, at + 5 + sm_length
    if end > len(octets):
        raise IndexError("sm_length runs past the PDU")
    _mask_text(octets, start, end, esm_class)
    while end < len(octets):
        tag, length = _TAG_AND_LENGTH.unpack_from(octets, end)
        start = end + _TAG_AND_LENGTH.size
        end = start + length
        if end > len(octets):
            raise IndexError("a TLV runs past the PDU")
        if tag == TLV_MESSAGE_PAYLOAD:
            _mask_text(octets, start, end, esm_class)
        elif tag not in _HARMLESS_TLVS:
            _blank(octets, start, end)


def _mask_text(octets: bytearray, start: int, end: int, esm_class: int) -> None:
    """Mask a text; what precedes ` text:` in a receipt and a user data header are no content."""
    if esm_class & ESM_UDHI and start < end:
        start += min(1 + octets[start], end - start)
    elif esm_class & ESM_TYPE_MASK == ESM_RECEIPT and octets.startswith(b"id:", start, end):
        label = octets.lower().find(_RECEIPT_TEXT, start, end)
        start = end if label < 0 else label + len(_RECEIPT_TEXT)
    octets[start:end] = b"x" * (end - start)


def _mask_address(octets: bytearray, at: int) -> int:
    address, end = _string(octets, at, LIBERAL_ADDRESS_OCTETS)
    octets[at : at + len(address)] = mask_number(address.decode("latin-1")).encode("latin-1")
    return end


def _string(octets: bytearray, at: int, size: int) -> tuple[bytes, int]:
    return decode_c_octets("a string", bytes(octets), at, size)


def _blank(octets: bytearray, start: int, end: int | None = None) -> None:
    stop = len(octets) if end is None else end
    octets[start:stop] = bytes(stop - start)
