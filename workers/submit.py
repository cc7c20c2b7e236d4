"""The submit_sm bodies of a job: everything the binder needs to frame and write, decided here once."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from smsfleet.config.errors import InvalidArgument
from smsfleet.smpp.constants import (
    ADDRESS_OCTETS,
    ESM_UDHI,
    TLV_MESSAGE_PAYLOAD,
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
)
from smsfleet.smpp.fields import encode_c_octets
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.smpp.tlv import Tlv
from smsfleet.workers.options import PLAIN, REGISTERED_DELIVERY, WireOptions
from smsfleet.workers.segments import LONG_MESSAGES, Segmented


class SubmitOptions(NamedTuple):
    """The fields that all segments of a job have in common."""

    destination: str
    """As `addresses.destination` returns it; TON 1 and NPI 1 go with it (guide §10.1)."""
    source: str = ""
    """As `addresses.sender` returns it; TON 0 and NPI 0 mean that the gateway detects them (guide §10.2)."""
    validity_period: str = ""
    """Empty (the gateway's default) or 16 characters, as `times.validity_period` makes them."""
    schedule_delivery_time: str = ""
    """Empty (at once) or 16 characters, as `times.absolute_time` makes them."""
    long_messages: str = "udh"
    """One of LONG_MESSAGES; a text of one segment is the same in all of them."""
    wire: WireOptions = PLAIN


def bodies(options: SubmitOptions, segmented: Segmented) -> list[bytes]:
    """The submit_sm bodies (without PDU header) of one job, in the order of its segments.

    One body per segment; `payload` makes a single body of all segments. Only `udh` writes the headers of
    `segmented`, and sets the UDHI bit of esm_class for them.

    Raises EncodeError for a value that does not fit its field, InvalidArgument for unknown long_messages.
    """
    if options.long_messages not in LONG_MESSAGES:
        raise InvalidArgument(
            f"long_messages is {options.long_messages!r}: it must be one of {', '.join(LONG_MESSAGES)}"
        )
    if segmented.segments > 1 and options.long_messages == "payload":
        whole = (TLV_MESSAGE_PAYLOAD, b"".join(segmented.user_data))
        return [_submit_sm(options, segmented.data_coding, tlvs=(whole,)).encode_body()]
    if segmented.segments > 1 and options.long_messages == "sar":
        return [
            _submit_sm(
                options, segmented.data_coding, short_message=octets, tlvs=_sar(segmented, number)
            ).encode_body()
            for number, octets in enumerate(segmented.user_data, start=1)
        ]
    esm_class = ESM_UDHI if segmented.headers[0] else 0
    before, behind = _around(options[1:], esm_class, segmented.data_coding)
    destination = encode_c_octets("destination_addr", options.destination, ADDRESS_OCTETS)
    return [
        b"".join((before, destination, behind, bytes((len(header) + len(octets),)), header, octets))
        for header, octets in zip(segmented.headers, segmented.user_data, strict=True)
    ]


@lru_cache(maxsize=256)
def _around(
    common: tuple[str, str, str, str, WireOptions], esm_class: int, data_coding: int
) -> tuple[bytes, bytes]:
    """What is before the destination in a body and behind it, up to sm_length; `common`: the other options.

    The jobs of an application differ in destination and text, so nearly all find theirs here: encoding each
    field of each job was a fifth of what a worker does to admit it.
    """
    source, wire = common[0], common[-1]
    body = _submit_sm(SubmitOptions("", *common), data_coding, esm_class=esm_class).encode_body()
    # service_type and its NUL, TON and NPI, source_addr and its NUL, TON and NPI (SMPP 3.4 §4.4.1); then the
    # NUL of no destination. sm_length is the last octet of a body without a message.
    at = len(wire.service_type) + 1 + 2 + len(source) + 1 + 2
    return body[:at], body[at + 1 : -1]


def _submit_sm(
    options: SubmitOptions,
    data_coding: int,
    *,
    esm_class: int = 0,
    short_message: bytes = b"",
    tlvs: tuple[Tlv, ...] = (),
) -> SubmitSm:
    wire = options.wire
    return SubmitSm(
        service_type=wire.service_type,
        source_addr_ton=wire.source_ton,
        source_addr_npi=wire.source_npi,
        source_addr=options.source,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=options.destination,
        esm_class=esm_class,
        protocol_id=wire.protocol_id,
        priority_flag=wire.priority_flag,
        schedule_delivery_time=options.schedule_delivery_time,
        validity_period=options.validity_period,
        registered_delivery=REGISTERED_DELIVERY[wire.registered_delivery],
        replace_if_present_flag=int(wire.replace_if_present),
        data_coding=data_coding,
        short_message=short_message,
        tlvs=tlvs,
    )


def _sar(segmented: Segmented, number: int) -> tuple[Tlv, ...]:
    return (
        (TLV_SAR_MSG_REF_NUM, segmented.reference.to_bytes(2, "big")),
        (TLV_SAR_TOTAL_SEGMENTS, bytes((segmented.segments,))),
        (TLV_SAR_SEGMENT_SEQNUM, bytes((number,))),
    )
