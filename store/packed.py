"""Short forms of what is stored for each segment: message ids, and what receipts say.

Both are exact: what was packed is read as it was, octet by octet. What has not the usual form stays as it is.
"""

from __future__ import annotations

from binascii import Error, hexlify, unhexlify
from types import MappingProxyType

from smsfleet.config.statuses import RECEIPT_STATUS

_HEX_DIGITS = 32
"""This gateway's message ids, as the one receipt of it that is public has them (2014)."""

_MARK = b"\x00"
"""Stands before a packed id. A message id itself is a C-Octet String (SMPP 3.4 §5.2.23): it holds no NUL."""

_WORDS = MappingProxyType({status: f" {word}" for word, status in RECEIPT_STATUS.items()})
"""What a receipt of a status usually says. Operators may give words another meaning; these stay."""

_NO_ERR = " 000"


def pack_id(message_id: bytes) -> bytes:
    """The form in which a message id is stored: 17 octets in place of 32 digits in lower case."""
    if len(message_id) != _HEX_DIGITS:
        return message_id
    try:
        octets = unhexlify(message_id)
    except Error:
        return message_id
    return _MARK + octets if hexlify(octets) == message_id else message_id


def unpack_id(stored: bytes) -> bytes:
    """The message id that is stored in this form."""
    return hexlify(stored[1:]) if stored[:1] == _MARK else stored


def pack_said(status: int | None, said: str) -> str:
    """What a receipt says, for the history: `*` is its status' usual word, and ` 000` where that is all."""
    word = _WORDS.get(status or 0)
    if word is None or not said.startswith(word + " "):
        return said
    rest = said[len(word) :]
    return "*" if rest == _NO_ERR else "*" + rest


def unpack_said(status: int | None, stored: str) -> str:
    """What the receipt says; what is not packed is empty or begins with a blank."""
    if not stored.startswith("*"):
        return stored
    return _WORDS.get(status or 0, "") + (stored[1:] or _NO_ERR)
