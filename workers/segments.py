"""From text to segments: the encoding, where the text is cut, and the concatenation headers.

Sizes are TS 23.040's: 140 octets of user data, that is 160 septets or 70 UTF-16 units, less the user data
header of a concatenated message (§9.2.3.24.1 with an 8-bit reference, §9.2.3.24.8 with a 16-bit one).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from smsfleet.config.errors import InvalidArgument, InvalidText, TextTooLong
from smsfleet.workers import gsm0338

MAX_SEGMENTS = 255
"""Total and number of a segment are one octet each in the header (TS 23.040 §9.2.3.24.1)."""

ENCODINGS = ("auto", "gsm", "ucs2")
"""What `segment` may be asked for; `auto` is GSM where the text permits it, else UCS-2."""

# Controls other than LF, CR and FF show as anything or nothing on a phone; a lone surrogate is no character.
_FORBIDDEN = re.compile("[\x00-\x09\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class _Alphabet(NamedTuple):
    name: str
    data_coding: int  # SMPP 3.4 §5.2.19: 0 is the SMSC default alphabet (GSM, guide §4), 8 is UCS-2
    unit_octets: int
    single: int  # units of a text that is one segment
    concatenated: tuple[int, int]  # units per segment with an 8-bit and with a 16-bit reference
    first_of_pair: bytes  # first octets of a unit that must not be parted from the next one


_GSM = _Alphabet("gsm0338", 0, 1, 160, (153, 152), bytes((gsm0338.ESCAPE,)))
_UCS2 = _Alphabet("ucs2", 8, 2, 70, (67, 66), bytes(range(0xD8, 0xDC)))  # the high surrogates


@dataclass(frozen=True, slots=True)
class Segmented:
    """One text, ready to be put into one submit_sm per segment."""

    encoding: str
    """`gsm0338` or `ucs2`."""
    data_coding: int
    """The SMPP field: 0 for gsm0338, 8 for ucs2."""
    user_data: list[bytes]
    """The octets of each segment without its header; GSM unpacked, UCS-2 big-endian."""
    headers: list[bytes]
    """The user data header of each segment; one empty header when the text is a single segment."""
    units: int
    """Septets (an extension character is two) or UTF-16 units (an astral character is two) of the text."""
    units_left: int
    """Units that the last segment still has room for."""

    @property
    def segments(self) -> int:
        """How many segments the text takes, at least 1."""
        return len(self.user_data)

    @property
    def reference(self) -> int:
        """The number that the headers carry; 0 for a single segment, which has none."""
        return int.from_bytes(self.headers[0][3:-2], "big")

    def with_reference(self, reference: int) -> Segmented:
        """The same segments under another reference of the same size; a single segment stays as it is.

        Raises OverflowError when the number does not fit.
        """
        octets = len(self.headers[0]) - 5
        if octets < 0:
            return self
        number = reference.to_bytes(octets, "big")
        return replace(self, headers=[header[:3] + number + header[-2:] for header in self.headers])


def segment(
    text: str,
    *,
    encoding: str = "auto",
    reference: int = 0,
    reference_octets: int = 1,
    max_segments: int = MAX_SEGMENTS,
) -> Segmented:
    """Encode `text` and cut it into as few segments as its encoding permits.

    An escape pair or a surrogate pair is never cut. An empty text is one empty segment. `reference` is
    written into the headers as 1 octet (0-255) or 2 (0-65535) and has no effect on a single segment.

    Raises InvalidText (control characters other than LF, CR and FF; lone surrogates; characters outside GSM
    with encoding `gsm`), TextTooLong (more than `max_segments`, 1-255), InvalidArgument (any other argument).
    Source: TS 23.038 §6.2, TS 23.040 §9.2.3.24.
    """
    if reference_octets not in (1, 2):
        raise InvalidArgument(f"reference_octets is {reference_octets!r}: it must be 1 or 2")
    if not 0 <= reference < 1 << 8 * reference_octets:
        raise InvalidArgument(
            f"reference is {reference!r}: with {reference_octets} octet(s) it must be"
            f" 0 to {(1 << 8 * reference_octets) - 1}"
        )
    if not 1 <= max_segments <= MAX_SEGMENTS:
        raise InvalidArgument(f"max_segments is {max_segments!r}: it must be 1 to {MAX_SEGMENTS}")

    alphabet, octets = _encode(text, encoding)
    units = len(octets) // alphabet.unit_octets
    if units <= alphabet.single:
        return Segmented(alphabet.name, alphabet.data_coding, [octets], [b""], units, alphabet.single - units)

    size = alphabet.concatenated[reference_octets - 1]
    user_data = _cut(octets, size * alphabet.unit_octets, alphabet)
    total = len(user_data)
    if total > max_segments:
        raise TextTooLong(
            f"the text needs {total} segments ({units} units of {alphabet.name}), max_segments is"
            f" {max_segments}: shorten it, or raise max_segments (at most {MAX_SEGMENTS})"
        )
    # Length of the header, element 00 (8-bit reference) or 08 (16-bit), length of the element, reference.
    start = (b"\x05\x00\x03" if reference_octets == 1 else b"\x06\x08\x04") + reference.to_bytes(
        reference_octets, "big"
    )
    headers = [start + bytes((total, number)) for number in range(1, total + 1)]
    units_left = size - len(user_data[-1]) // alphabet.unit_octets
    return Segmented(alphabet.name, alphabet.data_coding, user_data, headers, units, units_left)


def _encode(text: str, encoding: str) -> tuple[_Alphabet, bytes]:
    if not isinstance(text, str):
        raise InvalidText(f"the text is of type {type(text).__name__}: it must be a str")
    if encoding not in ENCODINGS:
        raise InvalidArgument(f"encoding is {encoding!r}: it must be one of {', '.join(ENCODINGS)}")
    if encoding != "ucs2":
        octets = gsm0338.encode_or_none(text)
        if octets is not None:
            return _GSM, octets
    if _FORBIDDEN.search(text):
        found = [(match.start(), match[0]) for match in _FORBIDDEN.finditer(text)]
        raise InvalidText(
            f"forbidden in a text: {gsm0338.describe(found)}; control characters other than line feed,"
            " carriage return and form feed, and lone surrogates, must be removed or replaced"
        )
    if encoding == "gsm":
        gsm0338.encode(text)  # raises, because the text is not GSM, and says why
    return _UCS2, text.encode("utf-16-be")


def _cut(octets: bytes, size: int, alphabet: _Alphabet) -> list[bytes]:
    """Cut into pieces of at most `size` octets, each as long as it can be without cutting a pair."""
    pieces = []
    start = 0
    while start < len(octets):
        end = start + size
        if end < len(octets) and octets[end - alphabet.unit_octets] in alphabet.first_of_pair:
            end -= alphabet.unit_octets
        pieces.append(octets[start:end])
        start = end
    return pieces
