"""The field types of SMPP 3.4 §3.1: integers of one octet and C-octet strings.

Encoding refuses what does not fit; nothing is ever cut, because a cut address is a wrong recipient.
"""

from __future__ import annotations

from smsfleet.config.codes import ESME_RINVMSGLEN, ESME_RINVPARLEN
from smsfleet.config.errors import EncodeError, PduError

Text = str | bytes
"""A string field as a caller may give it; decoded fields are always bytes."""

_SECRET_FIELDS = frozenset({"password", "short_message"})


def ascii_octets(field: str, value: Text) -> bytes:
    """`value` as octets. Raises EncodeError for a str with characters outside ASCII."""
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("ascii")
    except UnicodeEncodeError as error:
        raise EncodeError(f"{field}{_shown(field, value)} has characters outside ASCII") from error


def encode_c_octets(field: str, value: Text, size: int) -> bytes:
    """`value` with its NUL, in at most `size` octets in all (SMPP 3.4 §3.1).

    Raises EncodeError for a value that is too long, not ASCII, or holds a NUL of its own.
    """
    octets = ascii_octets(field, value)
    if len(octets) >= size:
        raise EncodeError(
            f"{field}{_shown(field, value)} has {len(octets)} octets; at most {size - 1} are allowed"
        )
    if 0 in octets:
        raise EncodeError(f"{field}{_shown(field, value)} holds a NUL octet")
    if not octets.isascii():
        raise EncodeError(f"{field}{_shown(field, value)} has octets outside ASCII")
    return octets + b"\0"


def encode_time(field: str, value: Text, size: int) -> bytes:
    """A time with its NUL: empty, or exactly `size` octets (SMPP 3.4 §7.1.1).

    Raises EncodeError for anything else.
    """
    octets = encode_c_octets(field, value, size)
    if len(octets) not in (1, size):
        raise EncodeError(f"{field}{_shown(field, value)} must be empty or {size - 1} characters long")
    return octets


def check_octet(field: str, value: int) -> int:
    """`value` if it fits an integer of one octet. Raises EncodeError otherwise."""
    if 0 <= value <= 0xFF:
        return value
    raise EncodeError(f"{field} {value} does not fit one octet (0-255)")


def decode_c_octets(field: str, octets: bytes, offset: int, size: int) -> tuple[bytes, int]:
    """The string that starts at `offset`, without its NUL, and the offset behind it.

    Raises PduError: 0x01 when it does not end within `size` octets, 0xC2 when the PDU ends before it does.
    """
    end = octets.find(0, offset, offset + size)
    if end >= 0:
        return octets[offset:end], end + 1
    if len(octets) - offset >= size:
        raise PduError(ESME_RINVMSGLEN, f"{field} is longer than {size} octets")
    raise PduError(ESME_RINVPARLEN, f"the PDU ends within {field}")


def leading_c_octets(body: bytes) -> bytes:
    """The first string of a response, taken as it is: absent -> empty, without a NUL -> all of it.

    A response must never be lost for its form: it carries the only proof of what became of a request.
    """
    return body.partition(b"\0")[0]


def _shown(field: str, value: Text) -> str:
    return "" if field in _SECRET_FIELDS else f" {value!r}"
