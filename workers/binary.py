"""Binary messages: octets of the caller's own, with a user data header and a data_coding of its own.

For those who know what a handset makes of them (ringtones, WAP push, SIM toolkit). Nothing is encoded here;
what is too long for one segment is cut and numbered as a text would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smsfleet.config.errors import InvalidArgument, InvalidText, TextTooLong
from smsfleet.smpp.constants import CODING_BINARY, TLV_VALUE_OCTETS
from smsfleet.workers import segments
from smsfleet.workers.segments import GSM, UCS2, Alphabet, Segmented

USER_DATA_OCTETS = 140
"""User data of one short message, header included (TS 23.040 §9.2.3.24)."""

_OCTETS = Alphabet("octets", CODING_BINARY, 1, 140, (134, 133), b"")
_CONCATENATIONS = (0x00, 0x08)  # elements of the header (TS 23.040 §9.2.3.24.1 and .8)


@dataclass(frozen=True, slots=True)
class Binary:
    """What a binary job sends. Make it with `checked`."""

    data: bytes
    udh: bytes = b""
    """user data header, its length octet first"""
    data_coding: int = CODING_BINARY

    @classmethod
    def checked(
        cls, data: bytes | str, udh: bytes | str | None = None, data_coding: int | None = None
    ) -> Binary:
        """Octets, or text of hexadecimal digits as JSON has them. Raises InvalidArgument, InvalidText."""
        coding = CODING_BINARY if data_coding is None else data_coding
        if type(coding) is not int or not 0 <= coding <= 0xFF:
            raise InvalidArgument(
                f"data_coding {coding!r} is refused: it must be 0 to 255 (SMPP 3.4 §5.2.19)"
            )
        binary = cls(_octets("data", data), _octets("udh", udh or b""), coding)
        if not binary.data and not binary.udh:
            raise InvalidText("data is empty: give at least one octet, or a user data header")
        _elements(binary.udh)
        alphabet = _alphabet(coding)
        if alphabet is GSM and not binary.data.isascii():
            raise InvalidText(
                f"data with data_coding {coding} is septets, one for each octet: none may be above 0x7F"
            )
        if len(binary.data) % alphabet.unit_octets:
            raise InvalidText(
                f"data with data_coding {coding} is UTF-16: it must have an even number of octets"
            )
        return binary

    def as_dict(self) -> dict[str, Any]:
        """For JSON: octets as hexadecimal digits."""
        return {"data": self.data.hex(), "udh": self.udh.hex(), "data_coding": self.data_coding}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Binary:
        """A stored one. Raises TypeError or ValueError (InvalidArgument is one) for another form."""
        return cls.checked(**values)

    def segment(
        self,
        *,
        long_messages: str = "udh",
        reference: int = 0,
        reference_octets: int = 1,
        max_segments: int = segments.MAX_SEGMENTS,
    ) -> Segmented:
        """Cut it as `segments.segment` cuts a text; every segment has the elements of `udh`.

        Raises TextTooLong, and InvalidArgument where no header can be added.
        """
        segments.check_limits(long_messages, reference, reference_octets, max_segments)
        alphabet = _alphabet(self.data_coding)
        units = len(self.data) // alphabet.unit_octets
        room = _room(len(self.udh), alphabet)
        if units <= room:
            return Segmented("binary", self.data_coding, [self.data], [self.udh], units, room - units)

        if self.udh and long_messages != "udh":
            raise InvalidArgument(
                f"{units} units with a udh of its own need several segments: long_messages must be 'udh' then"
            )
        elements = _elements(self.udh)
        if any(element[0] in _CONCATENATIONS for element in elements):
            raise TextTooLong(
                f"{units} units do not fit beside a udh that numbers segments itself: {room} do"
            )
        own = b"".join(elements)
        size = _room(1 + len(own) + 4 + reference_octets, alphabet)
        if size < 1:
            raise TextTooLong(f"a udh of {len(self.udh)} octets leaves no room for data in several segments")
        pieces = segments.cut(self.data, size * alphabet.unit_octets, alphabet)
        segments.check_segments(len(pieces), max_segments, f"{units} units of data")
        if long_messages == "payload":
            if len(self.data) > TLV_VALUE_OCTETS:
                raise TextTooLong(
                    f"data has {len(self.data)} octets: a message_payload has at most 65,535 (guide §11)"
                )
            headers, reference_octets = [b""] * len(pieces), 0
        else:
            headers = segments.concatenation(len(pieces), reference, reference_octets, own)
        left = size - len(pieces[-1]) // alphabet.unit_octets
        return Segmented("binary", self.data_coding, pieces, headers, units, left, reference_octets)


def _octets(name: str, value: bytes | str) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"{name} is refused: it must be bytes, or hexadecimal digits such as '0605040b8423f0'"
        ) from error


def _elements(udh: bytes) -> list[bytes]:
    """The elements of a user data header, each with its identifier and length; raises InvalidArgument."""
    if not udh:
        return []
    found, at = [], 1
    while at + 1 < len(udh) and at + 2 + udh[at + 1] <= len(udh):
        end = at + 2 + udh[at + 1]
        found.append(udh[at:end])
        at = end
    if udh[0] != len(udh) - 1 or at != len(udh) or len(udh) > USER_DATA_OCTETS:
        raise InvalidArgument(
            f"udh {udh.hex()!r} is refused: it must be a length octet and whole elements of identifier,"
            f" length and value, {USER_DATA_OCTETS} octets at most (TS 23.040 §9.2.3.24)"
        )
    return found


def _room(header_octets: int, alphabet: Alphabet) -> int:
    """Units beside a header: septets begin at a septet boundary behind it (TS 23.040 §9.2.3.24)."""
    octets = USER_DATA_OCTETS - header_octets
    return octets * 8 // 7 if alphabet is GSM else octets // alphabet.unit_octets


def _alphabet(data_coding: int) -> Alphabet:
    """How the octets are counted: as septets, UTF-16 units or octets.

    Values below 0x10 are SMPP's list (3.4 §5.2.19), where only 0 is surely septets on the air; the others are
    TS 23.038 §4's groups.
    """
    high, low = data_coding >> 4, data_coding & 0x0C
    if data_coding == 0x00 or (1 <= high <= 7 and low == 0x00) or high in (0xC, 0xD):
        return GSM
    if data_coding == 0x08 or (1 <= high <= 7 and low == 0x08) or high == 0xE:
        return UCS2
    return GSM if high == 0xF and not data_coding & 0x04 else _OCTETS
