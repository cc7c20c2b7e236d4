"""What a deliver_sm of a person carries: its text or data, and whether it is a part of a longer message.

The guide says nothing of how two-way messages are coded, so every form of SMPP 3.4 and of GSM's own data
coding schemes is read. Nothing is lost: what cannot be read as text is kept as octets.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from smsfleet.smpp.constants import (
    ESM_TYPE_MASK,
    ESM_UDHI,
    TLV_MESSAGE_PAYLOAD,
    TLV_SAR_MSG_REF_NUM,
    TLV_SAR_SEGMENT_SEQNUM,
    TLV_SAR_TOTAL_SEGMENTS,
)
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.workers import gsm0338

# Python's codec and our name for each data_coding that has one (SMPP 3.4 §5.2.19).
_CODECS = {
    1: ("ascii", "ascii"), 3: ("latin-1", "latin-1"), 5: ("shift_jis", "jis"), 6: ("iso8859-5", "cyrillic"),
    7: ("iso8859-8", "hebrew"), 8: ("utf-16-be", "ucs2"), 10: ("iso2022_jp", "iso-2022-jp"),
    13: ("euc_jp", "jis-x-0212"), 14: ("euc_kr", "ks-c-5601"),
}  # fmt: skip
_BINARY = (2, 4)

# Information elements of TS 23.040 §9.2.3.24 -> octets of their reference.
_CONCATENATIONS = {0x00: 1, 0x08: 2}

_WORD = re.compile(r"\w+", re.UNICODE)


class Part(NamedTuple):
    """The place of a part in its message."""

    kind: str
    """`udh8`, `udh16` or `sar`: messages of different kinds may have one reference"""
    reference: int
    total: int
    number: int
    """from 1"""


class Piece(NamedTuple):
    """The contents of one deliver_sm."""

    octets: bytes
    """without a user data header"""
    data_coding: int
    header: bytes
    """a user data header with more in it than the place of a part (ports, for one), else empty"""
    part: Part | None


class Decoded(NamedTuple):
    """Octets as text."""

    encoding: str
    """`gsm`, `latin-1`, `ucs2` ..., or `binary`"""
    text: str | None
    """None for binary; octets that are no text of the encoding are shown as U+FFFD"""
    exact: bool
    """False: the octets say more than the text, and are to be kept beside it"""


def piece_of(deliver: DeliverSm) -> Piece:
    """The contents of a deliver_sm. Never raises: a header that cannot be read is left among the octets."""
    octets = deliver.short_message or deliver.tlv(TLV_MESSAGE_PAYLOAD) or b""
    header, part = b"", None
    if deliver.esm_class & ESM_UDHI and octets and len(octets) > octets[0]:
        read = _elements(octets[1 : octets[0] + 1])
        if read is not None:
            part, only_the_place = read
            header = b"" if only_the_place else octets[: octets[0] + 1]
            octets = octets[octets[0] + 1 :]
    return Piece(octets, deliver.data_coding, header, part or _sar(deliver))


def is_acknowledgement(deliver: DeliverSm) -> bool:
    """Whether it acknowledges a message (SMPP 3.4 §5.2.12), and no person wrote it."""
    return deliver.esm_class & ESM_TYPE_MASK != 0


def _elements(octets: bytes) -> tuple[Part | None, bool] | None:
    """The place that a header's information elements tell, and whether they tell nothing else."""
    part, only_the_place, at = None, True, 0
    while at < len(octets):
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            return None
        element, value = octets[at], octets[at + 2 : at + 2 + octets[at + 1]]
        size = _CONCATENATIONS.get(element)
        if size is not None and len(value) == size + 2:
            part = _place(f"udh{8 * size}", value[:size], value[size], value[size + 1])
        else:
            only_the_place = False
        at += 2 + len(value)
    return part, only_the_place


def _sar(deliver: DeliverSm) -> Part | None:
    """The place in the TLVs of SMPP 3.4 §5.3.2.22-24: all three, or none."""
    reference = deliver.tlv(TLV_SAR_MSG_REF_NUM)
    total, number = deliver.tlv(TLV_SAR_TOTAL_SEGMENTS), deliver.tlv(TLV_SAR_SEGMENT_SEQNUM)
    if not reference or not total or not number:
        return None
    return _place("sar", reference, total[-1], number[-1])


def _place(kind: str, reference: bytes, total: int, number: int) -> Part | None:
    """None for the only part of a message, and for a place that cannot be (TS 23.040: then ignored)."""
    if total < 2 or not 1 <= number <= total:
        return None
    return Part(kind, int.from_bytes(reference, "big"), total, number)


def decode(octets: bytes, data_coding: int, alphabet: str = "gsm") -> Decoded:
    """The text of octets by their data_coding; `alphabet` is that of data_coding 0: `gsm` or `latin-1`.

    Never raises. A message is decoded as a whole: a pair may be cut between two of its parts.
    Source: SMPP 3.4 §5.2.19; TS 23.038 §4 for the schemes of GSM, which some gateways hand through.
    """
    coding = _scheme(data_coding)
    if coding in _BINARY:
        return Decoded("binary", None, exact=False)
    if coding == 0 and alphabet == "gsm":
        text = gsm0338.decode(octets)
        return Decoded("gsm", text, "\ufffd" not in text)
    codec, name = _CODECS.get(coding or 3, ("", "binary"))
    if not codec:
        return Decoded("binary", None, exact=False)
    if name == "ucs2" and octets.startswith((b"\xfe\xff", b"\xff\xfe")):
        codec = "utf-16"  # a byte order mark, where there should be none
    try:
        return Decoded(name, octets.decode(codec), exact=True)
    except UnicodeDecodeError:
        return Decoded(name, octets.decode(codec, "replace"), exact=False)


def _scheme(data_coding: int) -> int:
    """A data coding scheme of GSM as the SMPP value of the same alphabet; an SMPP value as it is."""
    group, alphabet = data_coding >> 4, data_coding >> 2 & 0x03
    if group in (0x1, 0x4, 0x5):  # general, uncompressed (§4); compressed ones (0x2, 0x3) stay unknown
        return {0: 0, 1: 4, 2: 8}.get(alphabet, data_coding)
    if group in (0xC, 0xD):  # message waiting
        return 0
    if group == 0xE:  # message waiting, UCS-2
        return 8
    if group == 0xF:  # message class
        return 4 if data_coding & 0x04 else 0
    return data_coding


def keyword(text: str | None) -> str:
    """The first word of a text in capitals, without the signs around it; empty when there is none."""
    found = _WORD.search(text or "")
    return found[0].upper() if found else ""
