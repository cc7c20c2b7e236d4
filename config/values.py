"""What the value of a setting may be, where that is more than a bound: read once, named in the refusal.

Each type is a text; its validator gives back the form that is kept, with the contents of an `@file` in
place of its name.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from smsfleet.config.files import LIST_OCTETS, read_bounded
from smsfleet.config.mo_routes import parse_routes
from smsfleet.config.opt_out import parse_words
from smsfleet.config.quotas import read_quotas
from smsfleet.config.receipt_tables import parse_table
from smsfleet.config.redis_urls import check_url
from smsfleet.config.targets import parse_target

HOURS = 3600
DAYS = 24 * HOURS

_SENDER = re.compile(r"[ -+\--?A-Za-z]{1,21}")
_PREFIX = re.compile(r"[1-9][0-9]{0,14}")


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if value and not (host and colon and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError("is no host:port")
    return value


def _text(value: str) -> str:
    """A text, or that of the `@file` that it names.

    A file is read once, here, so that a reload hands its contents to processes on other machines.
    """
    if not value.startswith("@"):
        return value
    try:
        return read_bounded(value[1:], LIST_OCTETS)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, too long, a NUL
        raise ValueError(f"the file cannot be read: {error.__class__.__name__}") from None


def _listed(value: str, item: re.Pattern[str], what: str) -> str:
    """Items parted by commas or line ends, or `@file` that holds them; in the end parted by commas."""
    lines = (line for line in _text(value).splitlines() if not line.lstrip().startswith("#"))
    items = [part.strip() for line in lines for part in line.split(",")]
    kept = [part for part in items if part]
    for part in kept:
        if not item.fullmatch(part):
            raise ValueError(f"{part!r} is no {what}")
    return ",".join(dict.fromkeys(kept))


def _senders(value: str) -> str:
    return _listed(value, _SENDER, "sender: a number, or a name of ASCII letters, digits and spaces")


def _prefixes(value: str) -> str:
    return _listed(value, _PREFIX, "prefix: 1-15 digits, country code first, no +")


def _quotas(value: str) -> str:
    read_quotas(value)
    return value


def _routes(value: str) -> str:
    text = _text(value)
    parse_routes(text)
    return text


def _table(value: str) -> str:
    parse_table(value)
    return value


def _words(value: str) -> str:
    text = _text(value)
    parse_words(text)
    return text


def _callback(value: str) -> str:
    if value:
        parse_target(value)
    return value


def _ages(value: str) -> str:
    ages = [part.strip() for part in value.split(",")]
    for age in ages:
        if not age.isascii() or not age.isdecimal() or not 1 <= int(age) <= 7 * DAYS:
            raise ValueError(f"{age!r} is no whole number of seconds from 1 to {7 * DAYS}")
    return ",".join(map(str, sorted({int(age) for age in ages})))


RedisUrl = Annotated[str, AfterValidator(check_url)]
Senders = Annotated[str, AfterValidator(_senders)]
Prefixes = Annotated[str, AfterValidator(_prefixes)]
MoRoutes = Annotated[str, AfterValidator(_routes)]
ReceiptTable = Annotated[str, AfterValidator(_table)]
OptOutWords = Annotated[str, AfterValidator(_words)]
Ages = Annotated[str, AfterValidator(_ages)]
Quotas = Annotated[str, AfterValidator(_quotas)]
Callback = Annotated[str, AfterValidator(_callback)]
Address = Annotated[str, AfterValidator(_address)]
