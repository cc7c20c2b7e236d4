"""Phone numbers and passwords in words that others wrote: an exception, a log line, the gateway's reason.

What is masked is found by its form, because an error quotes what it was given: `+27 99 910 0001`,
`27-999-100-001`, `0027999100001x`. Ids, times and addresses have forms of their own and stay readable.
"""

from __future__ import annotations

import ipaddress
import re

FEWEST_DIGITS = 7
"""An international number has 7 to 15 digits (guide §16); less is nobody's."""

LONGEST_REASON = 500
"""Characters of an error's words that are kept: it may quote all that it was given."""

_QUOTED_MOST = 24
"""Characters of a quoted word that may be a number written wrongly; ids of the gateway have 32."""

# What has digits enough and is no number, as it begins: the longest first.
_LEFT_ALONE = (
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # a UUID
    r"(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?![\d-])",  # a time
    r"1[5-9]\d{11}-\d{1,6}(?![\d-])",  # an entry of a stream
    r"\d{1,3}\.\d+(?![\d.()-]| \d)",  # a decimal fraction
)
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"

# Behind a colon are tokens, ports and the dates of receipts, unless the word before it names a number.
# `\x00` is how Python shows an octet before it.
_BEGINS = (
    r"(?:(?<![0-9A-Za-z_.:-])|(?<=\bto:)|(?<=\btel:)|(?<=\bfrom:)|(?<=\bnumber:)|(?<=\bsource:)"
    r"|(?<=\bdestination:)|(?<=\\x[0-9a-f]{2}))"
)
_GAP = r"(?:[ .()/\u00a0\u2009\u2010-\u2013\u202f-]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\t){0,3}"
_RUN = rf"\d(?:{_GAP}\d){{{FEWEST_DIGITS - 1},14}}"
_FORM = re.compile(
    rf"(?<![0-9A-Za-z_.:-])(?P<alone>{'|'.join(_LEFT_ALONE)})"
    rf"|(?<![0-9A-Za-z_.:-])(?P<address>{_ADDRESS})"
    rf"|(?:{_BEGINS}|\+)(?P<number>{_RUN})(?![0-9A-Za-z_])"
)
_QUOTED = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}|\\u[0-9a-f]{4}")
_ALONE = re.compile("|".join(_LEFT_ALONE[:3]))
_URL_PASSWORD = re.compile(r"(?<!\w)(\w+://[^:/@\s]*):\S+@")  # to the last @: a password may hold one


def mask_number(number: str) -> str:
    """A number with all but its first two and last two digits hidden: `27*******67`."""
    return number[:2] + "*" * (len(number) - 4) + number[-2:] if len(number) > 4 else "*" * len(number)


def mask_string(value: str) -> str:
    """Any string with the numbers and URL passwords in it masked."""
    if any(letter.isdigit() for letter in value):
        value = _FORM.sub(_unless_an_id, _QUOTED.sub(_if_a_number, value))
    return _URL_PASSWORD.sub(r"\1:***@", value)


def mask_reason(words: str) -> str:
    """What is kept and logged of an error about a value that others gave: masked, and no longer than that."""
    if len(words) > LONGEST_REASON:
        words = words[:LONGEST_REASON]
        quotes = "".join(quote for quote in "'\"" if words.count(quote) % 2)
        words += f"...{quotes}"  # what is quoted is masked as a whole
    return mask_string(words)


def _unless_an_id(found: re.Match[str]) -> str:
    """Masked, whatever stands between the digits; an address whose parts are too large is a number."""
    if found["alone"] or (found["address"] and _is_address(found["address"])):
        return found[0]
    if found["address"] and len(_digits(found[0])) < FEWEST_DIGITS:
        return found[0]
    return mask_number(_digits(found["number"] or found["address"]))


def _if_a_number(quoted: re.Match[str]) -> str:
    """What a message quotes may be a number that is too long, or has a letter in it."""
    word = _ESCAPE.sub(" ", quoted[1] if quoted[1] is not None else quoted[2])
    digits = _digits(word)
    letters = sum(letter.isalpha() for letter in word)
    if len(digits) < FEWEST_DIGITS or letters * 3 > len(digits) or (letters and len(word) > _QUOTED_MOST):
        return quoted[0]
    if _ALONE.fullmatch(word) or _is_address(word) or _is_address(word.rpartition(":")[0]):
        return quoted[0]
    return f"{quoted[0][0]}{mask_number(digits)}{quoted[0][-1]}"


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _digits(written: str) -> str:
    return "".join(letter for letter in _ESCAPE.sub("", written) if letter.isdigit())
