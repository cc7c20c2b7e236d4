"""Fields of submit_sm that a job may set, checked against SMPP 3.4 at the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from smsfleet.config.errors import InvalidArgument
from smsfleet.smpp.constants import (
    RECEIPT_ALWAYS,
    RECEIPT_INTERMEDIATE,
    RECEIPT_NONE,
    RECEIPT_ON_FAILURE,
    SERVICE_TYPE_OCTETS,
)
from smsfleet.workers.times import When, seconds_ahead

REGISTERED_DELIVERY = {
    "none": RECEIPT_NONE,
    "final": RECEIPT_ALWAYS,
    "failure-only": RECEIPT_ON_FAILURE,
    "intermediate": RECEIPT_ALWAYS | RECEIPT_INTERMEDIATE,
}
"""Which receipts are asked for (SMPP 3.4 §5.2.17); `intermediate` asks for the final one too."""

MAX_PRIORITY = 3
"""priority_flag runs from 0 (normal for GSM) to 3 (SMPP 3.4 §5.2.14)."""

TONS = range(7)
"""Types of number (SMPP 3.4 §5.2.5)."""

NPIS = (0, 1, 3, 4, 6, 8, 9, 10, 14, 18)
"""Numbering plans (SMPP 3.4 §5.2.6)."""

TON_ALPHANUMERIC = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOptions:
    """The options of one job, PLAIN for most. Make it with `checked`, which applies every rule."""

    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    registered_delivery: str = "final"
    """a word of REGISTERED_DELIVERY"""
    replace_if_present: bool = False
    source_ton: int = 0
    """0: the gateway detects it (guide §10.2)"""
    source_npi: int = 0
    schedule_ms: int | None = None
    """when the gateway is to deliver it (ms since the epoch); None: at once"""

    @classmethod
    def checked(
        cls,
        *,
        now_ms: int,
        schedule_delivery_time: When | None = None,
        registered_delivery: str = "final",
        service_type: str = "",
        replace_if_present: bool = False,
        **numbers: int,
    ) -> WireOptions:
        """The options, each within its rule.

        Raises InvalidArgument, which names the value and the rule, and TypeError for a name that is none.
        """
        for name, value in numbers.items():
            allowed = _NUMBERS.get(name)
            if allowed is None:
                raise TypeError(f"send_sms() got an unexpected keyword argument {name!r}")
            if type(value) is not int or value not in allowed:
                raise InvalidArgument(f"{name} {value!r} is refused: it must be {_RULES[name]}")
        if registered_delivery not in REGISTERED_DELIVERY:
            raise InvalidArgument(
                f"registered_delivery {registered_delivery!r} is refused: it must be one of "
                + ", ".join(REGISTERED_DELIVERY)
            )
        if (
            not isinstance(service_type, str)
            or len(service_type) >= SERVICE_TYPE_OCTETS
            or not (service_type.isascii() and service_type.isprintable())
        ):
            raise InvalidArgument(
                f"service_type {service_type!r} is refused: it must be at most 5 printable ASCII characters,"
                " such as 'CMT' or 'WAP' (SMPP 3.4 §5.2.11)"
            )
        if type(replace_if_present) is not bool:
            raise InvalidArgument(f"replace_if_present {replace_if_present!r} is refused: give True or False")
        schedule_ms = None
        if schedule_delivery_time is not None:
            ahead = seconds_ahead("schedule_delivery_time", schedule_delivery_time, now_ms)
            schedule_ms = now_ms + round(ahead * 1000)
        options = cls(
            service_type=service_type,
            registered_delivery=registered_delivery,
            replace_if_present=replace_if_present,
            schedule_ms=schedule_ms,
            **numbers,
        )
        return PLAIN if options == PLAIN else options

    def as_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for JSON."""
        return {name: value for name, value in asdict(self).items() if value != _DEFAULTS[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> WireOptions:
        """Stored options. Raises TypeError or ValueError for another form."""
        for name, value in values.items():
            if type(value) is not _KINDS.get(name):
                raise TypeError(f"option {name!a:.40} is {type(value).__name__}")
        options = cls(**values)
        if options.registered_delivery not in REGISTERED_DELIVERY:
            raise ValueError(f"registered_delivery is {options.registered_delivery!a:.40}")
        return PLAIN if options == PLAIN else options


_DEFAULTS = {field.name: field.default for field in fields(WireOptions)}
_KINDS = {name: type(default) for name, default in _DEFAULTS.items()} | {"schedule_ms": int}
_NUMBERS = {
    "protocol_id": range(256), "priority_flag": range(MAX_PRIORITY + 1),
    "source_ton": TONS, "source_npi": NPIS,
}  # fmt: skip
_RULES = {
    "protocol_id": "0 to 255 (SMPP 3.4 §5.2.13, TS 23.040 §9.2.3.9)",
    "priority_flag": f"0 to {MAX_PRIORITY} (SMPP 3.4 §5.2.14)",
    "source_ton": "0 to 6 (SMPP 3.4 §5.2.5)",
    "source_npi": f"one of {', '.join(map(str, NPIS))} (SMPP 3.4 §5.2.6)",
}

PLAIN = WireOptions()
"""What most jobs ask for."""
