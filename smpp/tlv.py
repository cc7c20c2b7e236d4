"""Optional parameters: tag, length, value (SMPP 3.4 §3.2.4.1).

A TLV is a plain `(tag, value)` pair. Unknown tags, repeated tags and any order are kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from smsfleet.config.codes import ESME_RINVPARLEN
from smsfleet.config.errors import EncodeError, PduError
from smsfleet.smpp.constants import TLV_VALUE_OCTETS

Tlv = tuple[int, bytes]

_TAG_AND_LENGTH = struct.Struct(">HH")


def encode_tlvs(tlvs: Iterable[Tlv]) -> bytes:
    """The octets of `tlvs`, in the given order.

    Raises EncodeError for a tag outside 0-0xFFFF or a value above 65,535 octets.
    """
    parts = []
    for tag, value in tlvs:
        if not 0 <= tag <= 0xFFFF:
            raise EncodeError(f"TLV tag {tag} does not fit two octets (0-65535)")
        if len(value) > TLV_VALUE_OCTETS:
            raise EncodeError(
                f"TLV 0x{tag:04X} has a value of {len(value)} octets; at most {TLV_VALUE_OCTETS} are allowed"
            )
        parts.append(_TAG_AND_LENGTH.pack(tag, len(value)) + value)
    return b"".join(parts)


def decode_tlvs(octets: bytes, offset: int, end: int) -> tuple[Tlv, ...]:
    """The TLVs between `offset` and `end`.

    Raises PduError 0xC2 when one of them runs past `end`.
    """
    tlvs = []
    while offset < end:
        start = offset + _TAG_AND_LENGTH.size
        if start > end:
            raise PduError(ESME_RINVPARLEN, f"{end - offset} octets are left over where a TLV should be")
        tag, length = _TAG_AND_LENGTH.unpack_from(octets, offset)
        offset = start + length
        if offset > end:
            raise PduError(
                ESME_RINVPARLEN,
                f"TLV 0x{tag:04X} announces {length} octets, but the PDU ends {offset - end} octets earlier",
            )
        tlvs.append((tag, octets[start:offset]))
    return tuple(tlvs)


def find_tlv(tlvs: Iterable[Tlv], tag: int) -> bytes | None:
    """The value of the first TLV with this tag, or None."""
    for found, value in tlvs:
        if found == tag:
            return value
    return None
