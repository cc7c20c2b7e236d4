"""What a text will take and cost, before it is sent."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from smsfleet.config.errors import DestinationDenied
from smsfleet.workers import addresses, gsm0338, numbering, segments
from smsfleet.workers.rules import Rules
from smsfleet.workers.tariff import segment_credits
from smsfleet.workers.transliteration import MODES

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings


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
class Saving:
    """What a transliteration that was not asked for would make of the text."""

    transliterate: str
    """`typographic` or `lossy`."""
    replaced: int
    """Places of the text that it changes."""
    segments: int
    credits: Fraction


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
    replaced: int = 0
    """Places of the text that the transliteration changes."""
    savings: tuple[Saving, ...] = ()
    """The gentlest transliteration that would save segments of a UCS-2 text; empty where none would."""
    remarks: tuple[str, ...] = ()
    """What else there is to know; only what begins with `refused` keeps the message from being sent."""

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON; credits are a string, `"2"` or `"1/3"`, because a third has no exact float."""
        return {
            "encoding": self.encoding,
            "not_gsm": [asdict(found) for found in self.not_gsm],
            "segments": self.segments,
            "units": self.units,
            "units_left": self.units_left,
            "credits": str(self.credits),
            "replaced": self.replaced,
            "savings": [asdict(saving) | {"credits": str(saving.credits)} for saving in self.savings],
            "remarks": list(self.remarks),
        }


def estimate(  # noqa: PLR0913 - what decides the segments of a text
    text: str,
    *,
    encoding: str = "auto",
    transliterate: str = "off",
    long_messages: str = "udh",
    to: str | None = None,
    default_country_code: str | None = None,
    reference_octets: int = 1,
    max_segments: int | None = None,
    tariff: str = "",
) -> Estimate:
    """Encoding, segments and credits of `text` for one recipient, computed as send_sms would.

    `max_segments` is the highest there is when not given, so that a text too long is told of too.
    What a segment costs is `tariff.segment_credits`; `tariff` is a table as `SMSFLEET_TARIFF`.

    Raises what `segments.segment` and `addresses.destination` raise.
    """
    most = segments.MAX_PAYLOAD_SEGMENTS if long_messages == "payload" else segments.MAX_SEGMENTS

    def cut(mode: str) -> segments.Segmented:
        return segments.segment(
            text,
            encoding=encoding,
            transliterate=mode,
            long_messages=long_messages,
            reference_octets=reference_octets,
            max_segments=most if max_segments is None else max_segments,
        )

    segmented = cut(transliterate)
    number = None if to is None else addresses.destination(to, default_country_code=default_country_code)
    each = segment_credits(number, tariff)
    savings: list[Saving] = []
    if encoding == "auto" and segmented.encoding == "ucs2":
        for mode in MODES[MODES.index(transliterate) + 1 :]:
            other = cut(mode)
            if other.segments < segmented.segments and not savings:
                savings.append(Saving(mode, other.replaced, other.segments, other.segments * each))
    return Estimate(
        encoding=segmented.encoding,
        not_gsm=tuple(
            NotGsm(position, character, f"U+{ord(character):04X}", unicodedata.name(character, ""))
            for position, character in gsm0338.foreign(text)
        ),
        segments=segmented.segments,
        units=segmented.units,
        units_left=segmented.units_left,
        credits=segmented.segments * each,
        replaced=segmented.replaced,
        savings=tuple(savings),
        remarks=()
        if number is None or addresses.is_test_number(number)
        else tuple(f"{number} is {remark}" for remark in numbering.remarks(number)),
    )


def as_configured(  # noqa: PLR0913 - the arguments of send_sms that matter here
    settings: Settings,
    text: str,
    *,
    encoding: str = "auto",
    transliterate: str | None = None,
    long_messages: str | None = None,
    to: str | None = None,
) -> Estimate:
    """`estimate` with the settings for what is not given; what they would refuse is among the remarks."""
    found = estimate(
        text,
        encoding=encoding,
        transliterate=settings.transliterate if transliterate is None else transliterate,
        long_messages=settings.long_messages if long_messages is None else long_messages,
        to=to,
        default_country_code=settings.default_country_code or None,
        reference_octets=settings.reference_octets,
        tariff=settings.tariff,
    )
    remarks = list(found.remarks)
    if found.segments > settings.max_segments:
        remarks.append(f"refused: more segments than SMSFLEET_MAX_SEGMENTS={settings.max_segments}")
    if to is not None:
        number = addresses.destination(to, default_country_code=settings.default_country_code or None)
        try:
            Rules.of(settings).check(number, "")
        except DestinationDenied as error:
            remarks.append(f"refused: {error}")
    return replace(found, remarks=tuple(remarks))
