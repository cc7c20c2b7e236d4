"""Take the body of a submit_sm or deliver_sm apart (SMPP 3.4 §4.4.1, §4.6.1).

One regular expression finds the mandatory fields of a correct body at once, in a tenth of the time that it
takes to find them one by one; that is done only for a body in which something is wrong, to tell what.
"""

from __future__ import annotations

import re
from typing import Final

from smsfleet.config.codes import ESME_RINVCMDLEN, ESME_RINVMSGLEN, ESME_RINVPARLEN
from smsfleet.config.errors import PduError
from smsfleet.smpp.constants import (
    ADDRESS_OCTETS,
    LIBERAL_ADDRESS_OCTETS,
    SERVICE_TYPE_OCTETS,
    SHORT_MESSAGE_OCTETS,
    TIME_OCTETS,
    TLV_MESSAGE_PAYLOAD,
)
from smsfleet.smpp.fields import decode_c_octets
from smsfleet.smpp.tlv import Tlv, decode_tlvs, find_tlv

Fields = tuple[
    bytes,
    int,
    int,
    bytes,
    int,
    int,
    bytes,
    int,
    int,
    int,
    bytes,
    bytes,
    int,
    int,
    int,
    int,
    bytes,
    tuple[Tlv, ...],
]
"""The fields in the order of the wire, without sm_length."""

_Mandatory = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""The strings, and between them the integers of one octet that follow each other."""


def _mandatory(octet: str, address_octets: int, time: str) -> re.Pattern[bytes]:
    """Everything up to sm_length; `octet` is one of a string, `time` an empty or whole time.

    Possessive (`+`): a string ends at its first NUL, so there is nothing to try again.
    """
    address = f"({octet}{{0,{address_octets - 1}}}+)\0"
    service_type = f"({octet}{{0,{SERVICE_TYPE_OCTETS - 1}}}+)\0"
    pattern = f"{service_type}(..){address}(..){address}(...)({time})\0({time})\0(.....)"
    return re.compile(pattern.encode("ascii"), re.DOTALL)


_LIBERAL: Final = _mandatory(r"[^\0]", LIBERAL_ADDRESS_OCTETS, rf"[^\0]{{0,{TIME_OCTETS - 1}}}+").match
_STRICT: Final = _mandatory(r"[\x01-\x7f]", ADDRESS_OCTETS, rf"(?:[\x01-\x7f]{{{TIME_OCTETS - 1}}})?+").match


def check(body: bytes, *, strict: bool) -> None:
    """Raise what `parse` would raise."""
    found = (_STRICT if strict else _LIBERAL)(body)
    if found is not None:
        end = found.end()
        sm_length = body[end - 1]
        if end + sm_length == len(body) and sm_length <= SHORT_MESSAGE_OCTETS:
            return  # nearly every body: correct, and without TLVs
    parse(body, strict=strict)


def parse(body: bytes, *, strict: bool) -> Fields:
    """The fields in the order of the wire.

    Raises PduError: 0x01 for a message or string length that cannot be, 0xC2 for a PDU or TLV that ends
    early; strict also refuses what encoding would refuse, and calls a PDU that ends early 0x02.
    """
    found = (_STRICT if strict else _LIBERAL)(body)
    mandatory: _Mandatory
    if found is not None:
        mandatory, at = found.groups(), found.end()  # type: ignore[assignment]  # as many as the pattern has
    else:
        mandatory, at = _one_by_one(body, strict=strict)
    service_type, source_type, source, dest_type, dest, classes, schedule, validity, last = mandatory
    end = at + last[4]
    if end > len(body):
        raise PduError(ESME_RINVMSGLEN, f"sm_length is {last[4]}, but {len(body) - at} octets follow")
    tlvs = decode_tlvs(body, end, len(body)) if end < len(body) else ()
    if strict:
        _check_message(last[4], tlvs)
        if found is None:
            _check_strings((service_type, source, dest), (schedule, validity))
    return (
        service_type,
        *source_type,
        source,
        *dest_type,
        dest,
        *classes,
        schedule,
        validity,
        *last[:4],
        body[at:end],
        tlvs,
    )


def registered_delivery_at(body: bytes) -> int:
    """Where the five octets from registered_delivery to sm_length start."""
    _, at = decode_c_octets("service_type", body, 0, SERVICE_TYPE_OCTETS)
    _, at = decode_c_octets("source_addr", body, at + 2, LIBERAL_ADDRESS_OCTETS)
    _, at = decode_c_octets("destination_addr", body, at + 2, LIBERAL_ADDRESS_OCTETS)
    _, at = decode_c_octets("schedule_delivery_time", body, at + 3, TIME_OCTETS)
    _, at = decode_c_octets("validity_period", body, at, TIME_OCTETS)
    if at + 5 > len(body):
        raise PduError(ESME_RINVPARLEN, "the PDU ends before sm_length")
    return at


def _one_by_one(body: bytes, *, strict: bool) -> tuple[_Mandatory, int]:
    """The mandatory fields and where they end, or the first fault in them."""
    address_octets = ADDRESS_OCTETS if strict else LIBERAL_ADDRESS_OCTETS
    try:
        service_type, at = decode_c_octets("service_type", body, 0, SERVICE_TYPE_OCTETS)
        source_type = _integers(body, at, 2)
        source, at = decode_c_octets("source_addr", body, at + 2, address_octets)
        dest_type = _integers(body, at, 2)
        dest, at = decode_c_octets("destination_addr", body, at + 2, address_octets)
        classes = _integers(body, at, 3)
        schedule, at = decode_c_octets("schedule_delivery_time", body, at + 3, TIME_OCTETS)
        validity, at = decode_c_octets("validity_period", body, at, TIME_OCTETS)
        last = _integers(body, at, 5)
    except IndexError as error:
        status = ESME_RINVCMDLEN if strict else ESME_RINVPARLEN
        raise PduError(status, "the PDU ends within its mandatory fields") from error
    except PduError as error:
        if strict and error.command_status == ESME_RINVPARLEN:
            raise PduError(ESME_RINVCMDLEN, str(error)) from error
        raise
    fields = (service_type, source_type, source, dest_type, dest, classes, schedule, validity, last)
    return fields, at + 5


def _integers(body: bytes, at: int, count: int) -> bytes:
    """So many integers of one octet. Raises IndexError where the body has fewer."""
    if at + count > len(body):
        raise IndexError
    return body[at : at + count]


def _check_message(sm_length: int, tlvs: tuple[Tlv, ...]) -> None:
    if sm_length > SHORT_MESSAGE_OCTETS:
        raise PduError(
            ESME_RINVMSGLEN, f"sm_length is {sm_length}; at most {SHORT_MESSAGE_OCTETS} is allowed"
        )
    if sm_length and find_tlv(tlvs, TLV_MESSAGE_PAYLOAD) is not None:
        raise PduError(ESME_RINVMSGLEN, "short_message and message_payload are both used (guide §11)")


def _check_strings(strings: tuple[bytes, ...], times: tuple[bytes, ...]) -> None:
    if any(len(time) not in (0, TIME_OCTETS - 1) for time in times):
        raise PduError(ESME_RINVPARLEN, f"a time that is neither empty nor {TIME_OCTETS - 1} characters long")
    if not all(string.isascii() for string in (*strings, *times)):
        raise PduError(ESME_RINVPARLEN, "a C-octet string with octets outside ASCII")
