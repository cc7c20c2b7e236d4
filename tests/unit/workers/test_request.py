"""What one send_sms asks for: refused at the call, or stored and read back as it was."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import (
    DestinationDenied,
    InvalidArgument,
    InvalidDestination,
    InvalidSender,
    InvalidText,
    RecordError,
    SenderDenied,
    TextTooLong,
)
from smsfleet.workers.request import SmsRequest, checked_key, is_key
from smsfleet.workers.rules import Rules
from smsfleet.workers.times import LONGEST_S

NOW_MS = 1_700_000_000_000
WEEK = timedelta(days=7)


def checked(to: Any = "27999100001", text: Any = "Hello", sender: Any = "", **options: Any) -> SmsRequest:
    return SmsRequest.checked(to, text, sender, now_ms=NOW_MS, **options)


def test_what_is_not_said_takes_its_default() -> None:
    assert SmsRequest(to="27999100001", text="Hello", max_segments=10) == checked()


def test_addresses_are_normalised() -> None:
    request = checked("+27 (99) 910-0001", sender="+1 800-555")

    assert ("27999100001", "1800555") == (request.to, request.sender)


def test_a_national_number_gets_the_country_code_of_the_settings() -> None:
    assert "27999100001" == checked("0999100001", default_country_code="27").to


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"to": "0800-FLOWERS"}, InvalidDestination, "0800-FLOWERS"),
        ({"to": "0999100001"}, InvalidDestination, "leading 0"),
        ({"to": None}, InvalidDestination, "None"),
        ({"text": ""}, InvalidText, "empty"),
        ({"data": b"x"}, InvalidArgument, "text is given beside data"),
        ({"udh": "03700100"}, InvalidArgument, "text is given beside data"),
        ({"text": "", "data": b""}, InvalidText, "data is empty"),
        ({"text": "", "data": "0g"}, InvalidArgument, "data is refused"),
        ({"data_coding": 8}, InvalidArgument, "data_coding 8 is refused: it goes with data"),
        ({"transliterate": "on"}, InvalidArgument, "transliterate 'on'.*off, typographic, lossy"),
        ({"transliterate": ["off"]}, InvalidArgument, "transliterate"),
        ({"long_messages": "tlv"}, InvalidArgument, "long_messages 'tlv'.*udh, payload, sar"),
        ({"text": "x" * 153, "max_segments": 1, "encoding": "ucs2"}, TextTooLong, "3 segments"),
        ({"text": "x" * 65_536, "long_messages": "payload", "max_segments": 512}, TextTooLong, "65,535"),
        ({"max_segments": 513, "long_messages": "payload"}, InvalidArgument, "max_segments is 513.*1 to 512"),
        ({"text": "x" * 161, "replace_if_present": True}, InvalidArgument, "each would replace"),
        ({"sender": "Shop", "source_ton": 1}, InvalidArgument, "source_ton 1.*a name"),
        ({"validity": 60, "schedule_delivery_time": 60}, InvalidArgument, "ends before schedule"),
        ({"schedule_delivery_time": "tomorrow"}, InvalidArgument, "schedule_delivery_time 'tomorrow'"),
        ({"text": b"octets"}, InvalidText, "bytes"),
        ({"text": "bell\a"}, InvalidText, "U\\+0007"),
        ({"text": "\ud800"}, InvalidText, "U\\+D800"),
        ({"text": "x" * 161, "max_segments": 1}, TextTooLong, "2 segments"),
        ({"text": "🎂", "encoding": "gsm"}, InvalidText, "U\\+1F382"),
        ({"sender": "twelve chars"}, InvalidSender, "12 characters"),
        ({"lane": "vip"}, InvalidArgument, "lane 'vip'.*high, normal, bulk"),
        ({"lane": ["high"]}, InvalidArgument, "lane"),
        ({"encoding": "utf-8"}, InvalidArgument, "encoding 'utf-8'.*auto, gsm, ucs2"),
        ({"on_ambiguous": "guess"}, InvalidArgument, "on_ambiguous 'guess'"),
        ({"on_ambiguous": ""}, InvalidArgument, "on_ambiguous ''"),
        ({"max_segments": 0}, InvalidArgument, "max_segments"),
        ({"max_segments": 256}, InvalidArgument, "max_segments"),
        ({"max_segments": "3"}, InvalidArgument, "max_segments '3'"),
        ({"max_segments": 2.5}, InvalidArgument, "max_segments 2.5"),
        ({"max_segments": True}, InvalidArgument, "max_segments True"),
    ],
)
def test_what_can_never_be_sent_is_refused_by_name_and_rule(
    changed: dict[str, Any], error: type[InvalidArgument], named: str
) -> None:
    with pytest.raises(error, match=named):
        checked(**changed)


@pytest.mark.parametrize(
    ("validity", "seconds"),
    [(1, 1), (1.9, 1), (90, 90), (timedelta(minutes=5), 300), (WEEK, LONGEST_S)],
)
def test_a_validity_is_kept_in_seconds_from_the_call_on(validity: Any, seconds: int) -> None:
    request = checked(validity=validity)

    assert (seconds, NOW_MS) == (request.validity_s, request.asked_ms)
    assert NOW_MS + seconds * 1000 == request.deadline_ms


@pytest.mark.parametrize(
    "validity",
    [0, -1, 0.5, LONGEST_S + 1, WEEK + timedelta(seconds=1), float("nan"), float("inf"), True, "60"],
)
def test_a_validity_outside_its_limits_is_refused(validity: Any) -> None:
    with pytest.raises(InvalidArgument, match="validity"):
        checked(validity=validity)


def test_without_a_validity_there_is_no_deadline() -> None:
    assert (None, None) == (checked().deadline_ms, checked().asked_ms)


def test_only_what_differs_from_the_defaults_is_stored() -> None:
    assert {"to": "27999100001", "text": "Hello"} == json.loads(checked().to_json())
    assert {"to", "text", "validity_s", "asked_ms"} == set(json.loads(checked(validity=60).to_json()))


@given(
    text=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60),
    sender=st.sampled_from(["", "Shop", "12345"]),
    lane=st.sampled_from(["high", "normal", "bulk"]),
    validity=st.none() | st.integers(1, LONGEST_S),
    on_ambiguous=st.none() | st.sampled_from(["resend", "hold", "hold_then_resend", "fail"]),
    max_segments=st.integers(2, 255),
    transliterate=st.sampled_from(["off", "typographic", "lossy"]),
    long_messages=st.sampled_from(["udh", "payload", "sar"]),
    priority_flag=st.integers(0, 3),
    registered_delivery=st.sampled_from(["none", "final", "failure-only", "intermediate"]),
)
def test_a_stored_request_is_read_back_as_it_was(text: str, sender: str, **options: Any) -> None:
    request = checked(text=text, sender=sender, **options)

    assert request == SmsRequest.from_json(request.to_json().encode())


def test_a_binary_job_is_stored_and_read_back() -> None:
    request = checked(text="", data=b"\x00\xff", udh="03700100", data_coding=0xF5)

    assert request == SmsRequest.from_json(request.to_json().encode())
    assert ("", [b"\x00\xff"]) == (request.text, request.segmented(1).user_data)


def test_a_payload_may_be_replaced_and_may_have_more_segments_than_a_header_counts() -> None:
    request = checked(text="x" * 40_000, long_messages="payload", max_segments=300, replace_if_present=True)

    assert 262 == request.segmented(1).segments


def test_a_validity_that_outlives_the_time_of_delivery_is_taken() -> None:
    request = checked(validity=timedelta(hours=2), schedule_delivery_time=timedelta(hours=1))

    assert (7_200, NOW_MS + 3_600_000) == (request.validity_s, request.options.schedule_ms)


def test_the_callers_lists_are_asked() -> None:
    with pytest.raises(DestinationDenied, match="2799"):
        checked(rules=Rules(deny_prefixes="2799"))
    with pytest.raises(SenderDenied, match="Bank"):
        checked(sender="Bank", rules=Rules(senders="Shop"))


def test_the_segments_are_those_of_the_reference_that_is_used() -> None:
    assert checked(text="x" * 306, max_segments=2)
    with pytest.raises(TextTooLong, match="3 segments"):
        checked(text="x" * 306, max_segments=2, reference_octets=2)


GOOD: dict[str, Any] = {"to": "27999100001", "text": "Hello"}
WRONG_TYPES = [GOOD | {field.name: [1]} for field in fields(SmsRequest)]
"""No field of a request is a list."""


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"5", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000, b'{"to":"27999100001"}',
        *(
            json.dumps(wrong).encode()
            for wrong in (
                *WRONG_TYPES,
                GOOD | {"colour": "red"}, GOOD | {"lane": "vip"}, GOOD | {"on_ambiguous": "guess"},
                GOOD | {"options": {"priority_flag": "2"}}, GOOD | {"options": {"colour": 1}},
                GOOD | {"options": {"registered_delivery": "all"}},
                GOOD | {"binary": {}}, GOOD | {"binary": {"data": "0g"}}, GOOD | {"binary": {"data": 5}},
                GOOD | {"max_segments": "3"}, GOOD | {"validity_s": 1.5}, GOOD | {"max_segments": True},
            )
        ),
    ],
)  # fmt: skip
def test_a_stored_request_of_another_form_is_a_record_error(content: bytes) -> None:
    with pytest.raises(RecordError, match="not readable by this version"):
        SmsRequest.from_json(content)


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(SmsRequest)]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=1),
    )
)
def test_no_stored_object_raises_anything_but_a_record_error(values: dict[str, Any]) -> None:
    try:
        request = SmsRequest.from_json(json.dumps(GOOD | values).encode())
    except RecordError:
        return

    assert request == SmsRequest.from_json(request.to_json().encode())


@pytest.mark.parametrize("key", ["a", "order:21", "A-Z_a.z:0-9", "x" * 64])
def test_a_key_is_1_to_64_plain_characters(key: str) -> None:
    assert key == checked_key(key)
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "x" * 65, "a#1", "a b", "ключ", "a\n", b"octets", None, 5])
def test_any_other_key_is_refused_by_the_name_of_its_argument(key: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"task_id.*1-64"):
        checked_key(key, "task_id")
    assert not is_key(key)
