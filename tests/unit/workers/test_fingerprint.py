"""The fingerprint of what was asked: the same for the same, and it names what differs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smsfleet.workers.fingerprint import differences, fingerprint
from smsfleet.workers.request import SmsRequest

TO, TEXT = "27999100001", "Your code is 482913"


def mark(to: str = TO, text: str = TEXT, now_ms: int = 1_000, **more: Any) -> str:
    request = SmsRequest.checked(to, text, now_ms=now_ms, **more)
    return fingerprint(request, more)


def test_the_same_words_at_another_time_have_the_same_fingerprint() -> None:
    given: dict[str, Any] = {"sender": "Shop", "validity": 300, "at": timedelta(hours=1)}

    assert mark(**given) == mark("+27 99 910 0001", now_ms=9_000_000, **given)


def test_what_is_not_sent_is_no_part_of_it() -> None:
    assert mark() == mark(max_segments=3) == mark(client="shop", callback="task:a@b", encoding="auto")


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"text": "Hello"}, ["text"]),
        ({"to": "27999100002"}, ["to"]),
        ({"lane": "high"}, ["lane"]),
        ({"sender": "Shop"}, ["sender"]),
        ({"encoding": "ucs2"}, ["encoding"]),
        ({"on_ambiguous": "fail"}, ["on_ambiguous"]),
        ({"validity": 60}, ["validity"]),
        ({"at": timedelta(hours=1)}, ["at"]),
        ({"transliterate": "lossy"}, ["transliterate"]),
        ({"priority_flag": 3}, ["priority_flag"]),
        ({"schedule_delivery_time": 60}, ["schedule_delivery_time"]),
        ({"text": "", "data": b"\x01"}, ["text"]),
        ({"text": "Hello", "lane": "bulk", "validity": 60}, ["text", "lane", "validity"]),
    ],
)
def test_what_differs_is_named(other: dict[str, Any], named: list[str]) -> None:
    assert named == differences(mark(), mark(**other)) == differences(mark(**other), mark())


def test_an_option_with_another_value_is_named_once() -> None:
    assert ["validity"] == differences(mark(validity=60), mark(validity=61))


def test_it_is_short_and_holds_neither_number_nor_text() -> None:
    found = mark()

    assert 11 == len(found)
    assert not any(part in found for part in (TO, "482913", "code"))
