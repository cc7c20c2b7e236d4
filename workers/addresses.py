"""Destination and source addresses: what people write, and the one form that goes to the gateway.

A wrong digit is a wrong recipient, so nothing is guessed: a value that needs guessing is refused, and the
message says how to write it.
"""

from __future__ import annotations

import re

from smsfleet.config.errors import InvalidArgument, InvalidDestination, InvalidSender
from smsfleet.workers import numbering

MAX_ALPHANUMERIC = 11
"""Characters of an alphanumeric sender: 20 semi-octets hold 11 septets (TS 23.040 §9.1.2.5)."""

MAX_NUMERIC = 16
"""Digits of a numeric sender (Clickatell's sender ID guide)."""

_SEPARATORS = str.maketrans("", "", " -().")
# [0-9] and fullmatch: \d takes digits of other scripts, $ matches before a last line feed.
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
_COUNTRY_CODE = re.compile(r"[1-9][0-9]{0,2}")
_TRUNK_ZERO = re.compile(r"[0-9][ .-]*\( *0 *\)")
_TEST_RANGES = re.compile(r"(279991)[0-9]{5}|(1999)[0-9]{7}")
_DIGITS = re.compile(r"[0-9]+")
# The printable ASCII characters with the same code in ASCII and in TS 23.038's basic table: the address reads
# the same whichever of the two the gateway takes it for. `@` would even be the NUL that ends the field.
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 !\"#%&'()*+,\-./:;<=>?]+")


def destination(value: str, *, default_country_code: str | None = None) -> str:
    """The international number of `value`: 7 to 15 digits, country code first, no `+` (guide §16).

    Spaces, `-`, `(`, `)`, `.` and a leading `+` or `00` are removed. A leading 0 (a national number) is
    refused, or replaced by `default_country_code` (1-3 digits, such as `"27"`) where that is given.

    Raises InvalidDestination, which names the value and the rule, and InvalidArgument for a
    `default_country_code` of another form.
    """
    if not isinstance(value, str):
        raise InvalidDestination(
            f"destination is {value!r} of type {type(value).__name__}: pass a string such as '27821234567'"
        )
    if default_country_code is not None and not _COUNTRY_CODE.fullmatch(default_country_code):
        raise InvalidArgument(
            f"default_country_code is {default_country_code!r}: it must be 1 to 3 digits such as '27'"
        )
    if _INTERNATIONAL.fullmatch(plain := value.removeprefix("+")):  # most are written like this
        return plain
    if _TRUNK_ZERO.search(value):
        meant = _hint(value, default_country_code)
        raise InvalidDestination(
            f"destination {value!r} holds a '(0)' that is dialled only inside the country:"
            f" leave it out{meant}"
        )

    number = value.translate(_SEPARATORS)
    if number.startswith("+"):
        number = number[1:]
    elif number.startswith("00"):
        number = number[2:]
    elif number.startswith("0") and default_country_code is not None:
        number = default_country_code + number[1:]

    if _INTERNATIONAL.fullmatch(number):
        return number
    raise InvalidDestination(
        f"destination {value!r} {_broken_rule(number)}{_hint(value, default_country_code)}"
    )


def _hint(value: str, default_country_code: str | None) -> str:
    number = numbering.meant(value, default_country_code)
    return f"; perhaps {number!r} is meant" if number else ""


def _broken_rule(number: str) -> str:
    if not number:
        return "holds no digit: pass an international number such as '27821234567'"
    other = [character for character in number if not "0" <= character <= "9"]
    if other:
        return (
            f"holds {other[0]!a} (U+{ord(other[0]):04X}): only the digits 0-9, spaces, - ( ) . and"
            " a leading + or 00 are accepted"
        )
    if number.startswith("0"):
        return (
            "has a leading 0 where its country code should be: write it in international form,"
            " or set SMSFLEET_DEFAULT_COUNTRY_CODE for numbers that begin with one 0"
        )
    return f"has {len(number)} digits: an international number has 7 to 15, country code included"


def sender(value: str) -> str:
    """The source address of `value`: `""` (the account's default), a number, or a name.

    A number, once spaces, `-`, `(`, `)`, `.` and a leading `+` are removed, is 1 to 16 digits; a leading 0 is
    kept, because short codes and national numbers are sender IDs too. Anything else is a name: 1 to 11 of the
    ASCII letters, digits, space and ``!"#%&'()*+,-./:;<=>?``, at least one of them a letter; outer spaces are
    removed. Some networks show letters and digits only, and some replace the sender altogether (guide §10.2).
    TON and NPI stay 0: the gateway detects them (guide §10.2).

    Raises InvalidSender, which names the value and the rule.
    """
    if not isinstance(value, str):
        raise InvalidSender(
            f"sender is {value!r} of type {type(value).__name__}: pass a string, '' for the account's default"
        )
    if not value:
        return ""
    number = value.translate(_SEPARATORS).removeprefix("+")
    return _numeric(value, number) if _DIGITS.fullmatch(number) else _name(value)


def sender_key(value: str) -> str:
    """How sender IDs are compared: without case (Clickatell's guide to them), numbers without separators."""
    number = value.translate(_SEPARATORS).removeprefix("+")
    return number if _DIGITS.fullmatch(number) else value.strip(" ").lower()


def _numeric(value: str, number: str) -> str:
    if len(number) > MAX_NUMERIC:
        raise InvalidSender(
            f"sender {value!r} has {len(number)} digits: a numeric sender has at most {MAX_NUMERIC}"
        )
    return number


def _name(value: str) -> str:
    name = value.strip(" ")
    if not _ALPHANUMERIC.fullmatch(name) or not any(character.isalpha() for character in name):
        raise InvalidSender(
            f"sender {value!r} must be a number, or a name of ASCII letters, digits, spaces and"
            " !\"#%&'()*+,-./:;<=>? with at least one letter"
        )
    if len(name) > MAX_ALPHANUMERIC:
        raise InvalidSender(
            f"sender {value!r} has {len(name)} characters:"
            f" an alphanumeric sender has at most {MAX_ALPHANUMERIC}"
        )
    return name


def is_test_number(destination: str) -> bool:
    """Whether a normalised destination is in the test ranges 279991xxxxx or 1999xxxxxxx (guide §3).

    A message to them costs a third of a credit and its statuses are returned.
    """
    return _TEST_RANGES.fullmatch(destination) is not None


def test_range(destination: str) -> str:
    """What the test numbers like this one begin with; empty when it is none."""
    match = _TEST_RANGES.fullmatch(destination)
    return (match[1] or match[2]) if match else ""
