"""How a call of send_sms is read, before anything is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import fakeredis
import pytest

from smsfleet.config.errors import DestinationDenied, InvalidArgument, SenderDenied, TextTooLong
from smsfleet.config.settings import load
from smsfleet.store.client import Store
from smsfleet.store.live import Live
from smsfleet.tasks import estimate, sms
from smsfleet.tasks.app import runtime as runtime_of_tasks
from smsfleet.tasks.app import use_runtime
from smsfleet.tasks.sms import bind, new_job_id
from smsfleet.workers.runtime import Runtime

TO = "27999100001"


@pytest.fixture(autouse=True)
def runtime() -> Iterator[None]:
    """Settings of this process; no server is there, and none is needed."""
    use_runtime(Runtime(load({"SMSFLEET_MAX_SEGMENTS": "2", "SMSFLEET_DEFAULT_COUNTRY_CODE": "27"})))
    yield
    use_runtime(None)


def test_a_call_is_read_by_position_and_by_name_alike() -> None:
    assert bind(TO, "Hello", "Shop") == bind(sender="Shop", text="Hello", to=TO)


def test_the_key_comes_beside_the_request() -> None:
    asked = bind(TO, "Hello", idempotency_key="order:1")

    assert ("Hello", "order:1") == (asked.request.text, asked.key)


def test_settings_fill_in_what_the_call_leaves_out() -> None:
    request, key, mark = bind("0999100001", "Hello")

    assert (TO, 2, None, None) == (request.to, request.max_segments, key, mark)


def test_the_call_beats_the_setting() -> None:
    text = "x" * 400

    assert 3 == bind(TO, text, max_segments=3).request.max_segments
    with pytest.raises(TextTooLong, match="3 segments"):
        bind(TO, text)


def test_the_ways_of_the_text_are_the_settings_or_the_calls() -> None:
    use_runtime(Runtime(load({"SMSFLEET_TRANSLITERATE": "typographic", "SMSFLEET_LONG_MESSAGES": "payload"})))

    by_settings, by_call = bind(TO, "“")[0], bind(TO, "“", transliterate="off", long_messages="sar")[0]

    assert ("typographic", "payload") == (by_settings.transliterate, by_settings.long_messages)
    assert ("off", "sar") == (by_call.transliterate, by_call.long_messages)


def test_times_become_numbers_so_that_the_job_is_json() -> None:
    at = datetime.now(UTC) + timedelta(hours=1)

    request = bind(TO, "Hello", schedule_delivery_time=at, validity=timedelta(hours=2)).request

    stored = json.loads(request.to_json())
    assert 7200 == stored["validity_s"]
    assert abs(stored["options"]["schedule_ms"] - at.timestamp() * 1000) < 2


def test_lists_that_were_reloaded_since_are_asked_before_a_refusal() -> None:
    store = Store(fakeredis.FakeRedis())
    own = Runtime(load({"SMSFLEET_SENDERS": "Old"}), store=store)
    use_runtime(own)
    with pytest.raises(SenderDenied):
        bind(TO, "Hello", "New")
    store.run(Live(own.keys).publish(load({"SMSFLEET_SENDERS": "New"}).live()))
    use_runtime(Runtime(load({"SMSFLEET_SENDERS": "Old"}), store=store))

    assert "New" == bind(TO, "Hello", "New")[0].sender
    with pytest.raises(SenderDenied, match="'Old'"):
        bind(TO, "Hello", "Old")


def test_without_a_store_the_own_lists_decide() -> None:
    use_runtime(
        Runtime(load({"SMSFLEET_DENY_PREFIXES": "2799", "SMSFLEET_REDIS_URL": "redis://127.0.0.1:1/0"}))
    )

    with pytest.raises(DestinationDenied, match="2799"):
        bind(TO, "Hello")


def test_an_estimate_has_the_settings_of_the_process() -> None:
    assert "27" == runtime_of_tasks().settings.default_country_code
    assert ["refused: more segments than SMSFLEET_MAX_SEGMENTS=2"] == list(estimate("x" * 400).remarks)
    assert Fraction(1, 3) == estimate("x", to="0999112345").credits


@pytest.mark.parametrize(
    ("args", "kwargs", "named"),
    [
        ((), {}, "missing.*'to'"),
        ((TO,), {}, "text is empty"),
        ((TO, "Hello", "Shop", "high"), {}, "positional"),
        ((TO, "Hello"), {"to": TO}, "multiple values.*'to'"),
        ((TO, "Hello"), {"colour": "red"}, "colour"),
        ((TO, "Hello"), {"idempotency_key": ""}, "idempotency_key ''"),
        ((TO, "Hello"), {"idempotency_key": "a#1"}, "idempotency_key 'a#1'"),
        ((TO, "Hello"), {"idempotency_key": 21}, "idempotency_key 21"),
        ((TO, "Hello"), {"max_segments": "2"}, "max_segments '2'"),
        ((TO, "Hello"), {"priority_flag": "2"}, "priority_flag '2'"),
        ((TO, "Hello"), {"now_ms": 1}, r"send_sms\(\) got multiple values.*'now_ms'"),
    ],
)
def test_a_call_of_another_form_is_refused_in_the_words_of_send_sms(
    args: tuple[Any, ...], kwargs: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidArgument, match=named) as refused:
        bind(*args, **kwargs)

    assert "_bind" not in str(refused.value)


def test_a_job_id_is_128_random_bits_that_a_shell_takes_for_no_option() -> None:
    ids = {new_job_id() for _ in range(2_000)}

    assert 2_000 == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", job_id) for job_id in ids)


def test_a_random_id_with_a_leading_dash_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["-" + "a" * 21, "-" + "b" * 21, "c" * 22])
    monkeypatch.setattr(sms.secrets, "token_urlsafe", lambda _octets: next(drawn))

    assert "c" * 22 == new_job_id()
