"""Whole PDUs: the header, and the bodies of guide §8 that are not messages.

Bodies of submit_sm and deliver_sm are in `message` and can be imported from here. Decoded values are ints
and bytes exactly as they came. PDUs without a body (enquire_link, unbind, their responses, generic_nack)
are `frame(command_id, sequence_number)`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from smsfleet.config.codes import ESME_RINVPARLEN
from smsfleet.config.errors import EncodeError, PduError
from smsfleet.smpp.constants import (
    ADDRESS_OCTETS,
    ADDRESS_RANGE_OCTETS,
    BIND_TRANSCEIVER,
    HEADER_OCTETS,
    LIBERAL_ADDRESS_OCTETS,
    MESSAGE_ID_OCTETS,
    PASSWORD_OCTETS,
    SMPP_3_4,
    SYSTEM_ID_OCTETS,
    SYSTEM_TYPE_OCTETS,
    TIME_OCTETS,
    TLV_SC_INTERFACE_VERSION,
)
from smsfleet.smpp.fields import (
    Text,
    check_octet,
    decode_c_octets,
    encode_c_octets,
    encode_time,
    leading_c_octets,
)
from smsfleet.smpp.message import DeliverSm, SubmitSm
from smsfleet.smpp.tlv import Tlv, decode_tlvs, encode_tlvs, find_tlv

__all__ = [
    "Bind",
    "BindResp",
    "DeliverSm",
    "QuerySm",
    "QuerySmResp",
    "SubmitSm",
    "SubmitSmResp",
    "decode_bind",
    "decode_bind_resp",
    "decode_query_sm",
    "decode_query_sm_resp",
    "decode_submit_sm_resp",
    "encode_bind",
    "encode_bind_resp",
    "encode_deliver_sm_resp",
    "encode_query_sm",
    "encode_query_sm_resp",
    "encode_submit_sm_resp",
    "frame",
]

_HEADER = struct.Struct(">IIII")


def frame(command_id: int, sequence_number: int, body: bytes = b"", command_status: int = 0) -> bytes:
    """One PDU, ready to be sent (SMPP 3.4 §3.2)."""
    return _HEADER.pack(HEADER_OCTETS + len(body), command_id, command_status, sequence_number) + body


class Bind(NamedTuple):
    """A decoded bind_transmitter, bind_receiver or bind_transceiver (SMPP 3.4 §4.1)."""

    system_id: bytes
    password: bytes
    system_type: bytes
    interface_version: int
    addr_ton: int
    addr_npi: int
    address_range: bytes

    def __repr__(self) -> str:
        return f"Bind(system_id={self.system_id!r}, system_type={self.system_type!r}, password hidden)"


def encode_bind(  # noqa: PLR0913 - the fields of the PDU
    command_id: int,
    *,
    system_id: Text,
    password: Text,
    system_type: Text = b"",
    interface_version: int = SMPP_3_4,
    addr_ton: int = 0,
    addr_npi: int = 0,
    address_range: Text = b"",
) -> bytes:
    """The body of a bind. For Clickatell: user name, password of at most 8 octets, API ID (guide §9).

    Raises EncodeError for a field that does not fit, and for a transceiver in SMPP 3.3, which has none.
    """
    if command_id == BIND_TRANSCEIVER and interface_version < SMPP_3_4:
        raise EncodeError("SMPP 3.3 has no bind_transceiver: bind a transmitter and a receiver")
    return b"".join(
        (
            encode_c_octets("system_id", system_id, SYSTEM_ID_OCTETS),
            encode_c_octets("password", password, PASSWORD_OCTETS),
            encode_c_octets("system_type", system_type, SYSTEM_TYPE_OCTETS),
            bytes(
                (
                    check_octet("interface_version", interface_version),
                    check_octet("addr_ton", addr_ton),
                    check_octet("addr_npi", addr_npi),
                )
            ),
            encode_c_octets("address_range", address_range, ADDRESS_RANGE_OCTETS),
        )
    )


def decode_bind(body: bytes) -> Bind:
    """Raises PduError with the command_status to answer (0x01 or 0xC2)."""
    system_id, at = decode_c_octets("system_id", body, 0, SYSTEM_ID_OCTETS)
    password, at = decode_c_octets("password", body, at, PASSWORD_OCTETS)
    system_type, at = decode_c_octets("system_type", body, at, SYSTEM_TYPE_OCTETS)
    address_range, end = decode_c_octets("address_range", body, at + 3, ADDRESS_RANGE_OCTETS)
    _expect_end(body, end)
    return Bind(system_id, password, system_type, body[at], body[at + 1], body[at + 2], address_range)


class BindResp(NamedTuple):
    """A decoded bind response (SMPP 3.4 §4.1.2); `interface_version` is None when the TLV is absent."""

    system_id: bytes
    interface_version: int | None


def encode_bind_resp(system_id: Text, tlvs: Iterable[Tlv] = ()) -> bytes:
    """The body of a bind response. Raises EncodeError."""
    return encode_c_octets("system_id", system_id, SYSTEM_ID_OCTETS) + encode_tlvs(tlvs)


def decode_bind_resp(body: bytes) -> BindResp:
    """An absent body is an empty system_id. Raises PduError 0xC2 for a broken TLV."""
    system_id = leading_c_octets(body)
    version = find_tlv(decode_tlvs(body, len(system_id) + 1, len(body)), TLV_SC_INTERFACE_VERSION)
    return BindResp(system_id, version[0] if version else None)


class SubmitSmResp(NamedTuple):
    """A decoded submit_sm_resp (SMPP 3.4 §4.4.2); the id is opaque, and empty when the body is absent."""

    message_id: bytes


def encode_submit_sm_resp(message_id: Text) -> bytes:
    """The body of a submit_sm_resp. Raises EncodeError."""
    return encode_c_octets("message_id", message_id, MESSAGE_ID_OCTETS)


def decode_submit_sm_resp(body: bytes) -> SubmitSmResp:
    """Never fails: the message_id is what precedes the first NUL, exactly as it came."""
    return SubmitSmResp(leading_c_octets(body))


def encode_deliver_sm_resp() -> bytes:
    """The body of a deliver_sm_resp: an unused message_id, set to NULL (SMPP 3.4 §4.6.2)."""
    return b"\0"


class QuerySm(NamedTuple):
    """A decoded query_sm (SMPP 3.4 §4.8.1)."""

    message_id: bytes
    source_addr_ton: int
    source_addr_npi: int
    source_addr: bytes


def encode_query_sm(
    message_id: Text, *, source_addr_ton: int = 0, source_addr_npi: int = 0, source_addr: Text = b""
) -> bytes:
    """The body of a query_sm; the source must be the one of the submit_sm. Raises EncodeError."""
    return (
        encode_c_octets("message_id", message_id, MESSAGE_ID_OCTETS)
        + bytes(
            (
                check_octet("source_addr_ton", source_addr_ton),
                check_octet("source_addr_npi", source_addr_npi),
            )
        )
        + encode_c_octets("source_addr", source_addr, ADDRESS_OCTETS)
    )


def decode_query_sm(body: bytes) -> QuerySm:
    """Raises PduError with the command_status to answer (0x01 or 0xC2)."""
    message_id, at = decode_c_octets("message_id", body, 0, MESSAGE_ID_OCTETS)
    source, end = decode_c_octets("source_addr", body, at + 2, LIBERAL_ADDRESS_OCTETS)
    _expect_end(body, end)
    return QuerySm(message_id, body[at], body[at + 1], source)


class QuerySmResp(NamedTuple):
    """A decoded query_sm_resp (SMPP 3.4 §4.8.2); final_date is empty while the message is not final."""

    message_id: bytes
    final_date: bytes
    message_state: int
    error_code: int


def encode_query_sm_resp(message_id: Text, final_date: Text, message_state: int, error_code: int) -> bytes:
    """The body of a query_sm_resp. Raises EncodeError."""
    return (
        encode_c_octets("message_id", message_id, MESSAGE_ID_OCTETS)
        + encode_time("final_date", final_date, TIME_OCTETS)
        + bytes((check_octet("message_state", message_state), check_octet("error_code", error_code)))
    )


def decode_query_sm_resp(body: bytes) -> QuerySmResp:
    """Raises PduError (0x01 or 0xC2) for a body that tells no state."""
    message_id, at = decode_c_octets("message_id", body, 0, MESSAGE_ID_OCTETS)
    final_date, at = decode_c_octets("final_date", body, at, TIME_OCTETS)
    if at + 2 > len(body):
        raise PduError(ESME_RINVPARLEN, "the PDU ends before error_code")
    return QuerySmResp(message_id, final_date, body[at], body[at + 1])


def _expect_end(body: bytes, end: int) -> None:
    if end < len(body):
        raise PduError(ESME_RINVPARLEN, f"{len(body) - end} octets follow the last field")
