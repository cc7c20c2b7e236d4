"""What handsets would show: the texts of accepted messages, put together from their segments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from smsfleet.simulator import gsm
from smsfleet.simulator.journal import Line
from smsfleet.smpp.constants import ESM_UDHI

UCS2 = 8

_REFERENCES = {0x00: 1, 0x08: 2}
"""Information elements of concatenation, and the octets of their references (TS 23.040 §9.2.3.24)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One text as its handset shows it, as soon as all of its segments are there."""

    to: str
    sender: str
    text: str
    message_ids: tuple[str, ...]
    """one for each segment, in their order"""


class _Part(NamedTuple):
    reference: int
    total: int
    number: int
    octets: bytes


def messages(lines: Iterable[Line]) -> list[Message]:
    """The complete texts among the journal's lines, in the order in which they became complete."""
    waiting: dict[tuple[str, str, int, int], dict[int, tuple[Line, bytes]]] = {}
    complete = []
    for line in lines:
        if line["event"] != "submit_sm" or line["status"]:
            continue
        part = _part(line)
        key = (line["destination"], line["source"], part.reference, part.total)
        parts = waiting.setdefault(key, {})
        parts.setdefault(part.number, (line, part.octets))  # a segment that came twice shows once
        if len(parts) == part.total:
            complete.append(_message([parts[number] for number in sorted(parts)]))
            del waiting[key]
    return complete


def _message(parts: list[tuple[Line, bytes]]) -> Message:
    line = parts[0][0]
    octets = b"".join(part for _, part in parts)
    is_ucs2 = line["data_coding"] == UCS2
    text = octets.decode("utf-16-be", "replace") if is_ucs2 else gsm.decode(octets)
    return Message(line["destination"], line["source"], text, tuple(part["message_id"] for part, _ in parts))


def _part(line: Line) -> _Part:
    """What one segment is part of; a text of one segment is part 1 of 1."""
    octets = bytes.fromhex(line["short_message"])
    if "sar" in line:
        reference, total, number = line["sar"]
        return _Part(reference, total, number, octets)
    if not line["esm_class"] & ESM_UDHI or not octets:
        return _Part(0, 1, 1, octets)
    end = octets[0] + 1
    at, text = 1, octets[end:]
    while at + 2 <= end:
        element, size = octets[at], octets[at + 1]
        value = octets[at + 2 : at + 2 + size]
        width = _REFERENCES.get(element)
        if width is not None and len(value) == width + 2:
            return _Part(int.from_bytes(value[:width]), value[width], value[width + 1], text)
        at += 2 + size
    return _Part(0, 1, 1, text)
