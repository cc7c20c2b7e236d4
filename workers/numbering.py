"""What phonenumberslite says of a number, if it is installed (`smsfleet[numbers]`): hints, no verdict.

Its tables lag behind new prefixes and refuse both of the guide's test ranges (279991xxxxx, 1999xxxxxxx), so
nothing is refused and nothing is changed by them.
"""

from __future__ import annotations

from typing import Any


def _library() -> Any:
    try:
        import phonenumbers  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        return None
    return phonenumbers


def meant(value: str, default_country_code: str | None = None) -> str | None:
    """The valid international number that a refused `value` may mean, for the message; None if none does."""
    library = _library()
    if library is None:
        return None
    region = library.region_code_for_country_code(int(default_country_code)) if default_country_code else None
    try:
        number = library.parse(value, region)
    except library.NumberParseException:
        return None
    if not library.is_valid_number(number):
        return None
    return str(library.format_number(number, library.PhoneNumberFormat.E164)).removeprefix("+")


def remarks(destination: str) -> tuple[str, ...]:
    """What is odd about a normalised destination, in words; empty where nothing is, or nobody knows."""
    library = _library()
    if library is None:
        return ()
    try:
        number = library.parse("+" + destination, None)
    except library.NumberParseException:
        return ("of no country: nobody has its country code",)
    reasons = {
        library.ValidationResult.TOO_SHORT: "shorter than the numbers of its country",
        library.ValidationResult.TOO_LONG: "longer than the numbers of its country",
        library.ValidationResult.INVALID_LENGTH: "of a length that its country does not have",
    }
    reason = reasons.get(library.is_possible_number_with_reason(number))
    if reason:
        return (reason,)
    if not library.is_valid_number(number):
        return ("of a range that was not in use when the tables were made",)
    if library.number_type(number) == library.PhoneNumberType.FIXED_LINE:
        return ("a fixed line",)
    return ()
