"""What a text will take and cost, before it is sent."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from smsfleet.workers import addresses, gsm0338, segments

_CREDITS_PER_SEGMENT = Fraction(1)
_CREDITS_PER_TEST_SEGMENT = Fraction(1, 3)  # guide §3


@dataclass(frozen=True, slots=True)
class NotGsm:
    """A character that the GSM alphabet lacks."""

    position: int
    """Index into the text, from 0."""
    character: str
    code_point: str
    """`U+2026`."""
    name: str
    """The Unicode name, empty where there is none."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The answer of `estimate`."""

    encoding: str
    """`gsm0338` or `ucs2`."""
    not_gsm: tuple[NotGsm, ...]
    """Why the text is UCS-2; empty for GSM, and for a GSM text that was asked to be UCS-2."""
    segments: int
    units: int
    """Septets or UTF-16 units of the whole text."""
    units_left: int
    """Units that the last segment still has room for."""
    credits: Fraction
    """Credits of one recipient, exact (guide §3)."""

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON; credits are a string, `"2"` or `"1/3"`, because a third has no exact float."""
        return {
            "encoding": self.encoding,
            "not_gsm": [
                {
                    "position": found.position,
                    "character": found.character,
                    "code_point": found.code_point,
                    "name": found.name,
                }
                for found in self.not_gsm
            ],
            "segments": self.segments,
            "units": self.units,
            "units_left": self.units_left,
            "credits": str(self.credits),
        }


def estimate(
    text: str,
    *,
    encoding: str = "auto",
    to: str | None = None,
    default_country_code: str | None = None,
    max_segments: int = segments.MAX_SEGMENTS,
) -> Estimate:
    """Encoding, segments and credits of `text` for one recipient, computed as send_sms would.

    A segment costs one credit, or a third where `to` is in the gateway's test ranges (guide §3). Networks
    where Clickatell charges more than one credit a segment are not known here.

    Raises what `segments.segment` and `addresses.destination` raise.
    """
    segmented = segments.segment(text, encoding=encoding, max_segments=max_segments)
    to_test_range = to is not None and addresses.is_test_number(
        addresses.destination(to, default_country_code=default_country_code)
    )
    per_segment = _CREDITS_PER_TEST_SEGMENT if to_test_range else _CREDITS_PER_SEGMENT
    return Estimate(
        encoding=segmented.encoding,
        not_gsm=tuple(
            NotGsm(position, character, f"U+{ord(character):04X}", unicodedata.name(character, ""))
            for position, character in gsm0338.foreign(text)
        ),
        segments=segmented.segments,
        units=segmented.units,
        units_left=segmented.units_left,
        credits=segmented.segments * per_segment,
    )
