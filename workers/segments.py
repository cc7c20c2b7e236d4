"""From text to segments: the encoding, where the text is cut, and the concatenation headers.

Sizes are TS 23.040's: 140 octets of user data, that is 160 septets or 70 UTF-16 units, less the user data
header of a concatenated message (§9.2.3.24.1 with an 8-bit reference, §9.2.3.24.8 with a 16-bit one).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from smsfleet.config.errors import InvalidArgument, InvalidText, TextTooLong
from smsfleet.smpp.constants import TLV_VALUE_OCTETS
from smsfleet.workers import gsm0338, transliteration

LONGEST_TEXT = 2 * 65_536
"""Characters of a text, twice what any message can carry: transliteration may leave some out."""

MAX_SEGMENTS = 255
"""Total and number of a segment are one octet each in the header (TS 23.040 §9.2.3.24.1)."""

MAX_PAYLOAD_SEGMENTS = 512
"""More than the longest message_payload (65,535 octets, guide §11) can need: the gateway cuts it."""

ENCODINGS = ("auto", "gsm", "ucs2")
"""What `segment` may be asked for; `auto` is GSM where the text permits it, else UCS-2."""

LONG_MESSAGES = ("udh", "payload", "sar")
"""How a text of several segments travels: with user data headers, whole in one message_payload TLV
(guide §11), or with the sar TLVs of SMPP 3.4 §5.3.2.22-24 in place of the headers."""

# Controls other than LF, CR and FF show as anything or nothing on a phone; a lone surrogate is no character.
_FORBIDDEN = re.compile("[\x00-\x09\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Alphabet(NamedTuple):
    """How much of something a segment holds, and where it must not be cut."""

    name: str
    data_coding: int  # SMPP 3.4 §5.2.19: 0 is the SMSC default alphabet (GSM, guide §4), 8 is UCS-2
    unit_octets: int
    single: int  # units of a text that is one segment
    concatenated: tuple[int, int]  # units per segment with an 8-bit and with a 16-bit reference
    first_of_pair: bytes  # first octets of a unit that must not be parted from the next one


GSM = Alphabet("gsm0338", 0, 1, 160, (153, 152), bytes((gsm0338.ESCAPE,)))
UCS2 = Alphabet("ucs2", 8, 2, 70, (67, 66), bytes(range(0xD8, 0xDC)))  # the high surrogates


class Segmented(NamedTuple):
    """One message, ready to be put into submit_sm."""

    encoding: str
    """`gsm0338`, `ucs2` or `binary`."""
    data_coding: int
    """The SMPP field: 0 for gsm0338, 8 for ucs2."""
    user_data: list[bytes]
    """The octets of each segment without its header; GSM unpacked, UCS-2 big-endian."""
    headers: list[bytes]
    """The user data header of each segment; empty ones when a text is a single segment or a payload."""
    units: int
    """Septets (an extension character is two), UTF-16 units (an astral character is two) or octets in all."""
    units_left: int
    """Units that the last segment still has room for."""
    reference_octets: int = 0
    """Octets of the concatenation reference in each header; 0: there is none."""
    replaced: int = 0
    """Places of the text where transliteration changed it."""

    @property
    def segments(self) -> int:
        """How many segments a handset gets, at least 1."""
        return len(self.user_data)

    @property
    def reference(self) -> int:
        """The number that the headers carry; 0 where they have none."""
        return int.from_bytes(self.headers[0][-2 - self.reference_octets : -2], "big")

    def with_reference(self, reference: int) -> Segmented:
        """The same segments under another reference of the same size; without one they stay as they are.

        Raises OverflowError when the number does not fit.
        """
        octets = self.reference_octets
        if not octets:
            return self
        number = reference.to_bytes(octets, "big")
        return self._replace(
            headers=[header[: -2 - octets] + number + header[-2:] for header in self.headers]
        )


def segment(  # noqa: PLR0913 - what decides the segments of a text
    text: str,
    *,
    encoding: str = "auto",
    transliterate: str = "off",
    long_messages: str = "udh",
    reference: int = 0,
    reference_octets: int = 1,
    max_segments: int = MAX_SEGMENTS,
) -> Segmented:
    """Encode `text` and cut it into as few segments as its encoding permits.

    An escape pair or a surrogate pair is never cut. An empty text is one empty segment. `reference` is
    written into the headers as 1 octet (0-255) or 2 (0-65535) and has no effect on a single segment.
    `transliterate` is kept only if all of the text becomes GSM by it, and (with `auto`) if that needs no more
    segments than UCS-2; it has no effect with `ucs2`. With `payload` there are no headers, and at most
    65,535 octets.

    Raises InvalidText (control characters other than LF, CR and FF; lone surrogates; characters outside GSM
    with encoding `gsm`), TextTooLong (more than `max_segments`: 1-255, with `payload` 1-512), InvalidArgument
    (any other argument). Source: TS 23.038 §6.2, TS 23.040 §9.2.3.24.
    """
    if reference_octets not in (1, 2) or not 0 <= reference < 256 or not 1 <= max_segments <= MAX_SEGMENTS:
        check_limits(long_messages, reference, reference_octets, max_segments)
    alphabet, octets, replaced = _encode(text, encoding, transliterate, reference_octets)
    units = len(octets) // alphabet.unit_octets
    if units <= alphabet.single:
        left = alphabet.single - units
        return Segmented(alphabet.name, alphabet.data_coding, [octets], [b""], units, left, 0, replaced)

    size = alphabet.concatenated[reference_octets - 1]
    user_data = cut(octets, size * alphabet.unit_octets, alphabet)
    units_left = size - len(user_data[-1]) // alphabet.unit_octets
    check_segments(len(user_data), max_segments, f"{units} units of {alphabet.name}")
    if long_messages == "payload":
        if len(octets) > TLV_VALUE_OCTETS:
            raise TextTooLong(
                f"the text has {len(octets)} octets: a message_payload has at most 65,535 (guide §11)"
            )
        headers, reference_octets = [b""] * len(user_data), 0
    else:
        headers = concatenation(len(user_data), reference, reference_octets)
    return Segmented(
        alphabet.name, alphabet.data_coding, user_data, headers, units, units_left, reference_octets, replaced
    )


def check_limits(long_messages: str, reference: int, reference_octets: int, max_segments: int) -> None:
    """Raise InvalidArgument for what no message can be cut by."""
    if reference_octets not in (1, 2):
        raise InvalidArgument(f"reference_octets is {reference_octets!r}: it must be 1 or 2")
    if not 0 <= reference < 1 << 8 * reference_octets:
        raise InvalidArgument(
            f"reference is {reference!r}: with {reference_octets} octet(s) it must be"
            f" 0 to {(1 << 8 * reference_octets) - 1}"
        )
    if not 1 <= max_segments <= MAX_SEGMENTS and (
        long_messages != "payload" or not 1 <= max_segments <= MAX_PAYLOAD_SEGMENTS
    ):
        most = MAX_PAYLOAD_SEGMENTS if long_messages == "payload" else MAX_SEGMENTS
        raise InvalidArgument(f"max_segments is {max_segments!r}: it must be 1 to {most}")


def check_segments(total: int, max_segments: int, size: str) -> None:
    """Raise TextTooLong for more segments than `max_segments`."""
    if total > max_segments:
        raise TextTooLong(
            f"the text needs {total} segments ({size}), max_segments is {max_segments}:"
            f" shorten it, or raise max_segments (at most {MAX_SEGMENTS})"
        )


def concatenation(total: int, reference: int, reference_octets: int, elements: bytes = b"") -> list[bytes]:
    """The user data headers of `total` segments; `elements` of the caller's own come first in each.

    Length of the header, then element 00 (8-bit reference) or 08 (16-bit), its length, reference, total and
    number (TS 23.040 §9.2.3.24.1 and .8).
    """
    element = b"\x00\x03" if reference_octets == 1 else b"\x08\x04"
    length = len(elements) + 2 + element[1]
    start = bytes((length,)) + elements + element + reference.to_bytes(reference_octets, "big")
    return [start + bytes((total, number)) for number in range(1, total + 1)]


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InvalidText(f"the text is of type {type(text).__name__}: it must be a str")
    if len(text) > LONGEST_TEXT:  # before work is done that grows with it
        raise TextTooLong(f"the text has {len(text)} characters: at most {LONGEST_TEXT} are looked at")


def _encode(
    text: str, encoding: str, transliterate: str, reference_octets: int
) -> tuple[Alphabet, bytes, int]:
    """The alphabet, the octets, and how many places of the text were changed."""
    _check_text(text)
    if encoding not in ENCODINGS:
        raise InvalidArgument(f"encoding is {encoding!r}: it must be one of {', '.join(ENCODINGS)}")
    if encoding != "ucs2":
        octets = gsm0338.encode_or_none(text)
        if octets is not None:
            return GSM, octets, 0
    if _FORBIDDEN.search(text):
        found = [(match.start(), match[0]) for match in _FORBIDDEN.finditer(text)]
        raise InvalidText(
            f"forbidden in a text: {gsm0338.describe(found)}; control characters other than line feed,"
            " carriage return and form feed, and lone surrogates, must be removed or replaced"
        )
    if transliterate not in transliteration.MODES:
        raise InvalidArgument(
            f"transliterate is {transliterate!r}: it must be one of {', '.join(transliteration.MODES)}"
        )
    wide = text.encode("utf-16-be")
    if encoding != "ucs2" and transliterate != "off":
        changed, replaced = transliteration.transliterate(text, transliterate)
        octets = gsm0338.encode_or_none(changed)
        if octets and (
            encoding == "gsm" or _count(octets, GSM, reference_octets) <= _count(wide, UCS2, reference_octets)
        ):
            return GSM, octets, replaced
    if encoding == "gsm":
        raise InvalidText(_not_gsm(text, transliterate))
    return UCS2, wide, 0


def _not_gsm(text: str, transliterate: str) -> str:
    foreign = gsm0338.foreign(text)
    if transliterate != "off":
        left = [
            found
            for found in foreign
            if not gsm0338.is_gsm(transliteration.transliterate(found[1], transliterate).text)
        ]
        foreign = left or foreign
    return (
        f"not in the GSM alphabet: {gsm0338.describe(foreign)}; replace them, or let the encoding be 'auto'"
    )


def _count(octets: bytes, alphabet: Alphabet, reference_octets: int) -> int:
    """How many segments the octets take."""
    if len(octets) <= alphabet.single * alphabet.unit_octets:
        return 1
    size = alphabet.concatenated[reference_octets - 1] * alphabet.unit_octets
    return len(cut(octets, size, alphabet))


def cut(octets: bytes, size: int, alphabet: Alphabet) -> list[bytes]:
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
