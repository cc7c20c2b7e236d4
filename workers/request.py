"""What one send_sms asks for: checked once, at the call, and stored as JSON until a worker takes it up."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from smsfleet.config.errors import InvalidArgument, InvalidText, RecordError
from smsfleet.store.keys import LANES
from smsfleet.store.records import POLICY_LETTER
from smsfleet.workers import addresses
from smsfleet.workers.segments import ENCODINGS, segment

POLICIES = tuple(POLICY_LETTER)

KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""Job ids and idempotency keys; no `#`, which parts a job id from a segment number."""

LONGEST_VALIDITY_S = 7 * 86_400
"""A receipt is held for 7 days (guide §4): nothing could be learned of a message that lives longer."""

DEFAULT_MAX_SEGMENTS = 10

_KINDS = {
    "to": str, "text": str, "sender": str, "lane": str, "encoding": str, "validity_s": int, "asked_ms": int,
    "on_ambiguous": str, "max_segments": int,
}  # fmt: skip
"""The JSON types of a stored request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRequest:
    """One SMS to one recipient. Make it with `checked`, which applies every rule."""

    to: str
    text: str
    sender: str = ""
    lane: str = "normal"
    encoding: str = "auto"
    validity_s: int | None = None
    """after this long it is not sent any more (and the gateway is told so)"""
    asked_ms: int | None = None
    """when it was asked for, by the caller's clock (ms since the epoch); only with a validity"""
    on_ambiguous: str | None = None
    """None: the lane's policy of the settings"""
    max_segments: int = DEFAULT_MAX_SEGMENTS

    @classmethod
    def checked(  # noqa: PLR0913 - the arguments of send_sms
        cls,
        to: str,
        text: str,
        sender: str = "",
        *,
        lane: str = "normal",
        encoding: str = "auto",
        validity: timedelta | float | None = None,
        on_ambiguous: str | None = None,
        max_segments: int = DEFAULT_MAX_SEGMENTS,
        default_country_code: str = "",
        now_ms: int,
    ) -> SmsRequest:
        """The request, normalised: the destination in digits, the validity in seconds.

        Raises InvalidDestination, InvalidSender, InvalidText, TextTooLong or InvalidArgument, each naming
        the value and the rule. Nothing is stored or sent by it.
        """
        if not isinstance(text, str):
            raise InvalidText(f"text is {type(text).__name__}: it must be a str")
        if not text:
            raise InvalidText("text is empty: give at least one character")
        _one_of("lane", lane, LANES)
        _one_of("encoding", encoding, ENCODINGS)
        if on_ambiguous is not None:
            _one_of("on_ambiguous", on_ambiguous, POLICIES)
        if type(max_segments) is not int:  # a bool is an int too
            raise InvalidArgument(f"max_segments {max_segments!r} is refused: it must be a whole number")
        validity_s = _seconds(validity)
        request = cls(
            to=addresses.destination(to, default_country_code=default_country_code or None),
            text=text,
            sender=addresses.sender(sender),
            lane=lane,
            encoding=encoding,
            validity_s=validity_s,
            asked_ms=None if validity_s is None else now_ms,
            on_ambiguous=on_ambiguous,
            max_segments=max_segments,
        )
        segment(text, encoding=encoding, max_segments=max_segments)
        return request

    @property
    def deadline_ms(self) -> int | None:
        """When the validity ends, in ms since the epoch."""
        if self.validity_s is None or self.asked_ms is None:
            return None
        return self.asked_ms + self.validity_s * 1000

    def to_json(self) -> str:
        """The request as stored: only what differs from the defaults."""
        given = ((name, getattr(self, name), default) for name, default in _DEFAULTS)
        return _ENCODER.encode({name: value for name, value, default in given if value != default})

    @classmethod
    def from_json(cls, content: bytes) -> SmsRequest:
        """A stored request; raises RecordError when it is not of this version's form."""
        try:
            values = json.loads(content)
            _check_form(values)
            request = cls(**values)
        except (TypeError, ValueError) as error:
            raise RecordError(f"a stored request is not readable by this version: {error}") from error
        return request


_DEFAULTS = tuple((field.name, field.default) for field in fields(SmsRequest))
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _check_form(values: Any) -> None:
    if not isinstance(values, dict):
        raise TypeError("it is no object")
    for name, value in values.items():
        if type(value) is not _KINDS.get(name):
            raise TypeError(f"{name!a:.40} is {type(value).__name__}")
    _one_of("lane", values.get("lane", "normal"), LANES)
    _one_of("on_ambiguous", values.get("on_ambiguous", POLICIES[0]), POLICIES)


def is_key(value: Any) -> bool:
    """Whether it can be a job id or idempotency key."""
    return isinstance(value, str) and KEY.fullmatch(value) is not None


def checked_key(value: str, name: str = "idempotency_key") -> str:
    """An idempotency key or job id, or InvalidArgument."""
    if not is_key(value):
        raise InvalidArgument(f"{name} {value!r} is refused: it must be 1-64 of A-Z a-z 0-9 _ . : -")
    return value


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidArgument(f"{name} {value!r} is refused: it must be one of {', '.join(allowed)}")


def _seconds(validity: timedelta | float | None) -> int | None:
    if validity is None:
        return None
    if isinstance(validity, bool) or not isinstance(validity, timedelta | int | float):
        raise InvalidArgument(f"validity {validity!r} is refused: give a timedelta or seconds")
    seconds = validity.total_seconds() if isinstance(validity, timedelta) else float(validity)
    if not 1 <= seconds <= LONGEST_VALIDITY_S:
        raise InvalidArgument(
            f"validity of {seconds:g} s is refused: it must be from 1 s to {LONGEST_VALIDITY_S} s (7 days, "
            "as long as the gateway holds receipts: guide §4)"
        )
    return int(seconds)
