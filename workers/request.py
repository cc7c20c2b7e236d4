"""What one send_sms asks for: checked once, at the call, and stored as JSON until a worker takes it up."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import Any

from smsfleet.config.errors import InvalidArgument, InvalidText, RecordError
from smsfleet.config.quotas import CLIENT
from smsfleet.config.targets import parse_target
from smsfleet.store.keys import LANES
from smsfleet.store.records import POLICY_LETTER
from smsfleet.workers import addresses, moments
from smsfleet.workers.binary import Binary
from smsfleet.workers.options import PLAIN, TON_ALPHANUMERIC, WireOptions
from smsfleet.workers.rules import NO_RULES, Rules
from smsfleet.workers.segments import ENCODINGS, LONG_MESSAGES, Segmented, segment
from smsfleet.workers.times import When, seconds_ahead
from smsfleet.workers.transliteration import MODES

POLICIES = tuple(POLICY_LETTER)

KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""Job ids and idempotency keys; no `#`, which parts a job id from a segment number."""

_ROW = re.compile(r"C[A-Za-z0-9]{10}:[0-9]")
"""How the ids of a campaign's jobs begin: scripts count them for it, so no other job may look like one."""

DEFAULT_MAX_SEGMENTS = 10

_KINDS = {
    "to": str, "text": str, "sender": str, "lane": str, "encoding": str, "validity_s": int, "asked_ms": int,
    "on_ambiguous": str, "max_segments": int, "transliterate": str, "long_messages": str,
    "binary": dict, "options": dict, "client": str,
    "ignore_opt_out": bool, "callback": str, "due_ms": int,
}  # fmt: skip
"""The JSON types of a stored request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRequest:
    """One SMS to one recipient. Make it with `checked`, which applies every rule."""

    to: str
    text: str = ""
    sender: str = ""
    lane: str = "normal"
    encoding: str = "auto"
    validity_s: int | None = None
    """after this long it is not sent any more (and the gateway is told so)"""
    asked_ms: int | None = None
    """from when the validity counts: when it is due, or was asked for by the caller's clock; only with one"""
    on_ambiguous: str | None = None
    """None: the lane's policy of the settings"""
    max_segments: int = DEFAULT_MAX_SEGMENTS
    transliterate: str = "off"
    long_messages: str = "udh"
    binary: Binary | None = None
    """octets in place of a text"""
    options: WireOptions = PLAIN
    client: str = ""
    """the application that it is counted for; empty: none"""
    ignore_opt_out: bool = False
    """send it to a number that opted out too"""
    callback: str = ""
    """who is called about its statuses; empty: whoever the setting names"""
    due_ms: int | None = None
    """when it is to be sent (ms since the epoch); None: at once"""

    @classmethod
    def checked(  # noqa: PLR0913 - the arguments of send_sms
        cls,
        to: str,
        text: str = "",
        sender: str = "",
        *,
        lane: str = "normal",
        encoding: str = "auto",
        validity: When | None = None,
        at: When | None = None,
        on_ambiguous: str | None = None,
        max_segments: int = DEFAULT_MAX_SEGMENTS,
        transliterate: str = "off",
        long_messages: str = "udh",
        data: bytes | str | None = None,
        udh: bytes | str | None = None,
        data_coding: int | None = None,
        client: str = "",
        ignore_opt_out: bool = False,
        callback: str | None = None,
        default_country_code: str = "",
        reference_octets: int = 1,
        rules: Rules = NO_RULES,
        now_ms: int,
        **options: Any,
    ) -> SmsRequest:
        """The request, normalised: the destination in digits, times in numbers, octets as such.

        `now_ms` is when it is asked for: with `at`, by the clock of the store. Other times count from `at`.
        `options` are those of `WireOptions.checked`. Raises InvalidDestination, InvalidSender, InvalidText,
        TextTooLong or InvalidArgument, each naming the value and the rule. Nothing is stored or sent by it.
        """
        binary = _binary(text, data, udh, data_coding)
        _one_of("lane", lane, LANES)
        _one_of("encoding", encoding, ENCODINGS)
        if transliterate != "off":
            _one_of("transliterate", transliterate, MODES)
        if long_messages != "udh":
            _one_of("long_messages", long_messages, LONG_MESSAGES)
        if on_ambiguous is not None:
            _one_of("on_ambiguous", on_ambiguous, POLICIES)
        if type(max_segments) is not int:  # a bool is an int too
            raise InvalidArgument(f"max_segments {max_segments!r} is refused: it must be a whole number")
        if client and not is_client(client):
            raise InvalidArgument(f"client {client!r} is refused: it must be 1-32 of A-Z a-z 0-9 _ . -")
        if type(ignore_opt_out) is not bool:
            raise InvalidArgument(f"ignore_opt_out {ignore_opt_out!r} is refused: it must be True or False")
        due_ms = None if at is None else moments.due_ms(at, now_ms)
        begins_ms = now_ms if due_ms is None else due_ms
        validity_s = None if validity is None else int(seconds_ahead("validity", validity, begins_ms))
        if callback is not None:
            parse_target(callback)
        request = cls(
            to=addresses.destination(to, default_country_code=default_country_code or None),
            text=text,
            sender=addresses.sender(sender),
            lane=lane,
            encoding=encoding,
            validity_s=validity_s,
            asked_ms=None if validity_s is None else begins_ms,
            on_ambiguous=on_ambiguous,
            max_segments=max_segments,
            transliterate=transliterate,
            long_messages=long_messages,
            binary=binary,
            options=WireOptions.checked(now_ms=begins_ms, **options) if options else PLAIN,
            client=client,
            ignore_opt_out=ignore_opt_out,
            callback=callback or "",
            due_ms=due_ms,
        )
        if rules is not NO_RULES:
            rules.check(request.to, request.sender)
        request.segmented(reference_octets)
        return request

    def segmented(self, reference_octets: int) -> Segmented:
        """The segments of the message. Raises InvalidText, TextTooLong or InvalidArgument."""
        if self.binary is None:
            segmented = segment(
                self.text,
                encoding=self.encoding,
                transliterate=self.transliterate,
                long_messages=self.long_messages,
                reference_octets=reference_octets,
                max_segments=self.max_segments,
            )
        else:
            segmented = self.binary.segment(
                long_messages=self.long_messages,
                reference_octets=reference_octets,
                max_segments=self.max_segments,
            )
        if self.options is not PLAIN:
            self._check_options(segmented)
        return segmented

    def _check_options(self, segmented: Segmented) -> None:
        options = self.options
        if options.replace_if_present and segmented.segments > 1 and self.long_messages != "payload":
            raise InvalidArgument(
                f"replace_if_present is refused: the message is {segmented.segments} segments, and each would"
                " replace the one before it"
            )
        if self.sender and not self.sender.isdigit() and options.source_ton not in (0, TON_ALPHANUMERIC):
            raise InvalidArgument(
                f"source_ton {options.source_ton} is refused: the sender is a name, whose TON is 5 (or 0)"
            )
        scheduled, deadline = options.schedule_ms, self.deadline_ms
        if scheduled is not None and deadline is not None and deadline <= scheduled:
            raise InvalidArgument(
                f"validity of {self.validity_s} s is refused: it ends before schedule_delivery_time"
            )

    @property
    def deadline_ms(self) -> int | None:
        """When the validity ends, in ms since the epoch."""
        if self.validity_s is None or self.asked_ms is None:
            return None
        return self.asked_ms + self.validity_s * 1000

    def to_json(self) -> str:
        """The request as stored: only what differs from the defaults."""
        values: dict[str, Any] = {
            name: value for name, default in _FLAT if (value := getattr(self, name)) != default
        }
        if self.binary is not None:
            values["binary"] = self.binary.as_dict()
        if self.options is not PLAIN:
            values["options"] = self.options.as_dict()
        return _ENCODER.encode(values)

    @classmethod
    def from_json(cls, content: bytes) -> SmsRequest:
        """A stored request; raises RecordError when it is not of this version's form."""
        try:
            values = json.loads(content.decode())  # of octets it would guess the encoding first
            _check_form(values)
            if "binary" in values:
                values["binary"] = Binary.from_dict(values["binary"])
            if "options" in values:
                values["options"] = WireOptions.from_dict(values["options"])
            request = cls(**values)
        except (TypeError, ValueError, RecursionError) as error:
            raise RecordError(f"a stored request is not readable by this version: {error}") from error
        return request


_FLAT = tuple(
    (field.name, field.default) for field in fields(SmsRequest) if field.name not in {"binary", "options"}
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _check_form(values: Any) -> None:
    if not isinstance(values, dict):
        raise TypeError("it is no object")
    for name, value in values.items():
        if type(value) is not _KINDS.get(name):
            raise TypeError(f"{name!a:.40} is {type(value).__name__}")
    if not values.get("text") and "binary" not in values:
        raise TypeError("it has no text")
    if "lane" in values:
        _one_of("lane", values["lane"], LANES)
    if "on_ambiguous" in values:
        _one_of("on_ambiguous", values["on_ambiguous"], POLICIES)
    if "client" in values and not is_client(values["client"]):
        raise ValueError("'client' is no tag")


def is_key(value: Any) -> bool:
    """Whether it can be a job id or idempotency key."""
    return isinstance(value, str) and KEY.fullmatch(value) is not None


def is_client(value: Any) -> bool:
    """Whether it can be the tag of an application."""
    return isinstance(value, str) and CLIENT.fullmatch(value) is not None


def checked_key(value: str, name: str = "idempotency_key") -> str:
    """An idempotency key or job id, or InvalidArgument."""
    if not is_key(value):
        raise InvalidArgument(f"{name} {value!r} is refused: it must be 1-64 of A-Z a-z 0-9 _ . : -")
    if _ROW.match(value):
        raise InvalidArgument(
            f"{name} {value!r} is refused: it has the form of a campaign's jobs, C..........:1"
        )
    return value


def _binary(
    text: Any, data: bytes | str | None, udh: bytes | str | None, data_coding: int | None
) -> Binary | None:
    """The octets of a binary job; None for one with a text."""
    if data is not None or udh is not None:
        if text:
            raise InvalidArgument("text is given beside data or udh: give one of them")
        return Binary.checked(data or b"", udh, data_coding)
    if not isinstance(text, str):
        raise InvalidText(f"text is {type(text).__name__}: it must be a str")
    if not text:
        raise InvalidText("text is empty: give at least one character")
    if data_coding is not None:
        raise InvalidArgument(
            f"data_coding {data_coding!r} is refused: it goes with data; a text is given its own"
        )
    return None


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidArgument(f"{name} {value!r} is refused: it must be one of {', '.join(allowed)}")
