"""What receipts mean: `SMSFLEET_RECEIPT_STATUS` and `SMSFLEET_RECEIPT_ERR`, both `NAME=STATUS,...`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from smsfleet.config.statuses import APPENDIX_B, RECEIPT_STATUS

_NAME = re.compile(r"[\x21-\x7e\xa1-\xff]{1,40}")


class ReceiptTables(NamedTuple):
    """The statuses of what receipts say."""

    words: Mapping[str, int] = MappingProxyType(RECEIPT_STATUS)
    """by the word of `stat:` in capitals"""
    errs: Mapping[str, int] = MappingProxyType({})
    """by `err:` in capitals; none unless an operator gives them, because gateways differ in their meanings"""


DEFAULT = ReceiptTables()


@lru_cache(maxsize=8)
def receipt_tables(words: str, errs: str) -> ReceiptTables:
    """The tables of the two settings; the words are added to the default ones. Raises ValueError."""
    changed = {**RECEIPT_STATUS, **parse_table(words)}
    known = {word: status for word, status in changed.items() if status}
    return ReceiptTables(MappingProxyType(known), MappingProxyType(parse_table(errs)))


def parse_table(text: str) -> dict[str, int]:
    """Names in capitals with their statuses; 0 for `NAME=-`, which has none. Raises ValueError."""
    table = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, equals, status = item.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{item!r} is refused: write NAME=STATUS, for example BUFFERED=8")
        if status != "-" and not (status.isascii() and status.isdigit() and int(status) in APPENDIX_B):
            listed = ", ".join(str(number) for number in APPENDIX_B)
            raise ValueError(f"{item!r}: {status!r} is no status of Appendix B: {listed}; or - for none")
        table[name.upper()] = 0 if status == "-" else int(status)
    return table
