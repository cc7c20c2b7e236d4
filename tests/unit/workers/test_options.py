"""The fields of submit_sm that a job may set."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsfleet.config.errors import InvalidArgument
from smsfleet.workers.options import NPIS, PLAIN, REGISTERED_DELIVERY, WireOptions

NOW_MS = 1_800_000_000_000


def checked(**options: Any) -> WireOptions:
    return WireOptions.checked(now_ms=NOW_MS, **options)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("priority_flag", [0, 3]),
        ("protocol_id", [0, 0x41, 255]),
        ("source_ton", [0, 5, 6]),
        ("source_npi", list(NPIS)),
        ("service_type", ["", "CMT", "12345"]),
        ("registered_delivery", list(REGISTERED_DELIVERY)),
        ("replace_if_present", [True, False]),
    ],
)
def test_a_value_within_its_rule_is_taken(name: str, values: list[Any]) -> None:
    assert values == [getattr(checked(**{name: value}), name) for value in values]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("priority_flag", -1), ("priority_flag", 4), ("priority_flag", True), ("priority_flag", "2"),
        ("protocol_id", 256), ("protocol_id", 1.0),
        ("source_ton", 7), ("source_npi", 2), ("source_npi", 19), ("source_npi", None),
        ("service_type", "TOOLONG"), ("service_type", "ключ"), ("service_type", "a\0"), ("service_type", 5),
        ("registered_delivery", "all"), ("registered_delivery", 1), ("registered_delivery", ""),
        ("replace_if_present", 1), ("replace_if_present", "yes"),
    ],
)  # fmt: skip
def test_any_other_is_refused_by_name_and_value(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name} {re.escape(repr(value))} is refused"):
        checked(**{name: value})


def test_the_receipts_that_are_asked_for_are_the_bits_of_smpp() -> None:
    # SMPP 3.4 §5.2.17: bits 1-0 final receipt, bit 4 intermediate notification
    assert {"none": 0b00000, "final": 0b00001, "failure-only": 0b00010, "intermediate": 0b10001} == (
        REGISTERED_DELIVERY
    )


@pytest.mark.parametrize(
    "value", [timedelta(hours=2), 7200, datetime.fromtimestamp(NOW_MS / 1000 + 7200, UTC)]
)
def test_a_time_of_delivery_is_kept_as_a_moment(value: Any) -> None:
    assert NOW_MS + 7_200_000 == checked(schedule_delivery_time=value).schedule_ms


def test_a_time_of_delivery_without_its_zone_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"schedule_delivery_time.*no time zone"):
        checked(schedule_delivery_time=datetime(2027, 1, 31, 8, 0))  # noqa: DTZ001 - that is the point


def test_a_name_that_is_none_is_a_wrong_argument() -> None:
    with pytest.raises(TypeError, match=r"send_sms\(\) got an unexpected keyword argument 'colour'"):
        checked(colour=1)


def test_options_that_are_all_defaults_are_plain() -> None:
    assert checked(priority_flag=0, registered_delivery="final") is PLAIN
    assert WireOptions.from_dict({}) is PLAIN


def test_only_what_differs_is_stored_and_it_is_read_back() -> None:
    options = checked(priority_flag=2, replace_if_present=True, schedule_delivery_time=60)

    stored = options.as_dict()

    assert {"priority_flag": 2, "replace_if_present": True, "schedule_ms": NOW_MS + 60_000} == stored
    assert options == WireOptions.from_dict(stored)


@pytest.mark.parametrize(
    "values", [{"priority_flag": "2"}, {"colour": 1}, {"schedule_ms": 1.5}, {"registered_delivery": "all"}]
)
def test_stored_options_of_another_form_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        WireOptions.from_dict(values)
