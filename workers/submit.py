"""The submit_sm bodies of a job: everything the binder needs to frame and write, decided here once."""

from __future__ import annotations

from dataclasses import dataclass

from smsfleet.config.errors import InvalidArgument
from smsfleet.smpp.constants import (
    ESM_UDHI,
    RECEIPT_ALWAYS,
    TLV_MESSAGE_PAYLOAD,
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
)
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.smpp.tlv import Tlv
from smsfleet.workers.segments import Segmented

CONCATENATIONS = ("udh", "payload", "sar")
"""How a text of several segments travels: with user data headers, whole in one message_payload TLV
(guide §11), or with the sar TLVs of SMPP 3.4 §5.3.2.22-24 in place of the headers."""

MAX_VALIDITY_S = 31 * 86_400
"""The largest number of days that the time format is sure to hold (SMPP 3.4 §7.1.1.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOptions:
    """The fields that all segments of a job have in common."""

    destination: str
    """As `addresses.destination` returns it; TON 1 and NPI 1 go with it (guide §10.1)."""
    source: str = ""
    """As `addresses.sender` returns it; TON 0 and NPI 0, because the gateway detects them (guide §10.2)."""
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    validity_period: str = ""
    """Empty (the gateway's default) or 16 characters, as `validity_period` makes them."""
    registered_delivery: int = RECEIPT_ALWAYS
    concatenation: str = "udh"
    """One of CONCATENATIONS; a text of one segment is the same in all of them."""


def bodies(options: SubmitOptions, segmented: Segmented) -> list[bytes]:
    """The submit_sm bodies (without PDU header) of one job, in the order of its segments.

    One body per segment; `payload` makes a single body of all segments. Only `udh` writes the headers of
    `segmented`, and sets the UDHI bit of esm_class for them.

    Raises EncodeError for a value that does not fit its field, InvalidArgument for an unknown concatenation.
    """
    if options.concatenation not in CONCATENATIONS:
        raise InvalidArgument(
            f"concatenation is {options.concatenation!r}: it must be one of {', '.join(CONCATENATIONS)}"
        )
    if segmented.segments > 1 and options.concatenation == "payload":
        whole = (TLV_MESSAGE_PAYLOAD, b"".join(segmented.user_data))
        return [_submit_sm(options, segmented, tlvs=(whole,)).encode_body()]
    if segmented.segments > 1 and options.concatenation == "sar":
        return [
            _submit_sm(options, segmented, short_message=octets, tlvs=_sar(segmented, number)).encode_body()
            for number, octets in enumerate(segmented.user_data, start=1)
        ]
    # Segments differ from sm_length on, the last octet of a body without a message: encode the rest once.
    esm_class = ESM_UDHI if segmented.headers[0] else 0
    common = _submit_sm(options, segmented, esm_class=esm_class).encode_body()[:-1]
    return [
        b"".join((common, bytes((len(header) + len(octets),)), header, octets))
        for header, octets in zip(segmented.headers, segmented.user_data, strict=True)
    ]


def _submit_sm(
    options: SubmitOptions,
    segmented: Segmented,
    *,
    esm_class: int = 0,
    short_message: bytes = b"",
    tlvs: tuple[Tlv, ...] = (),
) -> SubmitSm:
    return SubmitSm(
        service_type=options.service_type,
        source_addr_ton=0,
        source_addr_npi=0,
        source_addr=options.source,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=options.destination,
        esm_class=esm_class,
        protocol_id=options.protocol_id,
        priority_flag=options.priority_flag,
        validity_period=options.validity_period,
        registered_delivery=options.registered_delivery,
        data_coding=segmented.data_coding,
        short_message=short_message,
        tlvs=tlvs,
    )


def _sar(segmented: Segmented, number: int) -> tuple[Tlv, ...]:
    return (
        (TLV_SAR_MSG_REF_NUM, segmented.reference.to_bytes(2, "big")),
        (TLV_SAR_TOTAL_SEGMENTS, bytes((segmented.segments,))),
        (TLV_SAR_SEGMENT_SEQNUM, bytes((number,))),
    )


def validity_period(seconds: int) -> str:
    """`seconds` from the gateway's receipt of the message on, as SMPP writes it: `000001020304000R`.

    Raises InvalidArgument below 1 second or above 31 days. Source: SMPP 3.4 §7.1.1.2.
    """
    if not 1 <= seconds <= MAX_VALIDITY_S:
        raise InvalidArgument(f"a validity of {seconds} s: it must be 1 s to 31 days ({MAX_VALIDITY_S} s)")
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02d}{hour:02d}{minute:02d}{second:02d}000R"
