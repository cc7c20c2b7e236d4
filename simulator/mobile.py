"""Messages from a handset (MO): a text as the deliver_sm that carry it, in every form that gateways use."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Final

from smsfleet.config.errors import ConfigError
from smsfleet.simulator import gsm
from smsfleet.smpp.constants import (
    ESM_UDHI,
    TLV_MESSAGE_PAYLOAD,
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
)
from smsfleet.smpp.message import DeliverSm
from smsfleet.smpp.tlv import Tlv

GSM, UCS2 = 0, 8
"""data_coding (guide §11)."""

ENCODINGS: Final = ("auto", "gsm", "ucs2")
"""`auto` is GSM where the text permits it, else UCS-2."""

ORDERS: Final = ("first_to_last", "last_to_first", "any")
"""In which order the parts of a text come; `any` is by chance."""

_SINGLE: Final = {GSM: 160, UCS2: 140}
_PART: Final = {GSM: {"udh8": 153, "udh16": 152, "sar": 153}, UCS2: {"udh8": 134, "udh16": 132, "sar": 134}}
"""Octets of one part beside its header."""

_Part = tuple[int, bytes, tuple[Tlv, ...]]
"""esm_class, short_message, TLVs."""


def mobile_originated(  # noqa: PLR0913 - what there is to a message
    text: str,
    *,
    source: str,
    destination: str = "",
    encoding: str = "auto",
    form: str = "udh8",
    reference: int = 1,
) -> list[bytes]:
    """The deliver_sm bodies of a text, in order; `form` (of FORMS) is that of a text of several parts.

    Raises ConfigError for what cannot be.
    """
    require_one_of("form", form, FORMS)
    require_one_of("encoding", encoding, ENCODINGS)
    coding = UCS2 if encoding == "ucs2" or (encoding == "auto" and not gsm.is_gsm(text)) else GSM
    octets = gsm.encode(text) if coding == GSM else text.encode("utf-16-be", "surrogatepass")
    if len(octets) <= _SINGLE[coding] and form != "payload":
        parts: list[_Part] = [(0, octets, ())]
    elif form == "payload":
        parts = [(0, b"", ((TLV_MESSAGE_PAYLOAD, octets),))]
    else:
        parts = _numbered(_cut(octets, _PART[coding][form], coding), FORMS[form], reference)
    return [
        DeliverSm(
            source_addr=source,
            destination_addr=destination,
            esm_class=esm_class,
            data_coding=coding,
            short_message=short_message,
            tlvs=tlvs,
        ).encode_body()
        for esm_class, short_message, tlvs in parts
    ]


def in_order(bodies: list[bytes], order: str, chance: random.Random) -> list[bytes]:
    """The same bodies in another order, one of ORDERS. Raises ConfigError for a word that is none."""
    require_one_of("order", order, ORDERS)
    if order == "any":
        return chance.sample(bodies, len(bodies))
    return bodies if order == "first_to_last" else bodies[::-1]


def require_one_of(name: str, value: str, words: Iterable[str]) -> None:
    """Raise ConfigError that names the words that are possible."""
    if value not in words:
        raise ConfigError(f"{name} {value!r} of a message must be one of {', '.join(words)}")


def _cut(octets: bytes, size: int, coding: int) -> list[bytes]:
    """Pieces of at most `size` octets, no surrogate pair and no escaped character apart."""
    pieces = []
    while octets:
        piece = octets[:size]
        if coding == UCS2 and len(piece) == size and 0xD8 <= piece[-2] <= 0xDB:
            piece = piece[:-2]
        if coding == GSM and len(piece) == size and piece[-1] == gsm.ESCAPE:
            piece = piece[:-1]
        pieces.append(piece)
        octets = octets[len(piece) :]
    return pieces


_Number = Callable[[int, int, int, bytes], _Part]


def _numbered(pieces: list[bytes], number: _Number, reference: int) -> list[_Part]:
    if len(pieces) > 255:
        raise ConfigError(f"a message of {len(pieces)} parts is too long: at most 255")
    return [number(reference, len(pieces), at, piece) for at, piece in enumerate(pieces, start=1)]


def _udh8(reference: int, total: int, at: int, piece: bytes) -> _Part:
    return ESM_UDHI, bytes((5, 0, 3, reference & 0xFF, total, at)) + piece, ()


def _udh16(reference: int, total: int, at: int, piece: bytes) -> _Part:
    return ESM_UDHI, bytes((6, 8, 4, reference >> 8 & 0xFF, reference & 0xFF, total, at)) + piece, ()


def _sar(reference: int, total: int, at: int, piece: bytes) -> _Part:
    return (
        0,
        piece,
        (
            (TLV_SAR_MSG_REF_NUM, (reference & 0xFFFF).to_bytes(2)),
            (TLV_SAR_TOTAL_SEGMENTS, bytes((total,))),
            (TLV_SAR_SEGMENT_SEQNUM, bytes((at,))),
        ),
    )


def _whole(_reference: int, _total: int, _at: int, piece: bytes) -> _Part:
    return 0, b"", ((TLV_MESSAGE_PAYLOAD, piece),)


FORMS: Final[dict[str, _Number]] = {"udh8": _udh8, "udh16": _udh16, "sar": _sar, "payload": _whole}
"""User data headers with references of 8 or 16 bits (TS 23.040 §9.2.3.24), sar TLVs, message_payload."""
