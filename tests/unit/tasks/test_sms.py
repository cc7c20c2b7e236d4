"""How a call of send_sms is read, before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from smsfleet.config.errors import InvalidArgument, TextTooLong
from smsfleet.config.settings import load
from smsfleet.tasks import sms
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
    request, key = bind(TO, "Hello", idempotency_key="order:1")

    assert ("Hello", "order:1") == (request.text, key)


def test_settings_fill_in_what_the_call_leaves_out() -> None:
    request, key = bind("0999100001", "Hello")

    assert (TO, 2, None) == (request.to, request.max_segments, key)


def test_the_call_beats_the_setting() -> None:
    text = "x" * 400

    assert 3 == bind(TO, text, max_segments=3)[0].max_segments
    with pytest.raises(TextTooLong, match="3 segments"):
        bind(TO, text)


@pytest.mark.parametrize(
    ("args", "kwargs", "named"),
    [
        ((), {}, "to.*text"),
        ((TO,), {}, "text"),
        ((TO, "Hello", "Shop", "high"), {}, "positional"),
        ((TO, "Hello"), {"to": TO}, "multiple values.*'to'"),
        ((TO, "Hello"), {"colour": "red"}, "colour"),
        ((TO, "Hello"), {"idempotency_key": ""}, "idempotency_key ''"),
        ((TO, "Hello"), {"idempotency_key": "a#1"}, "idempotency_key 'a#1'"),
        ((TO, "Hello"), {"idempotency_key": 21}, "idempotency_key 21"),
        ((TO, "Hello"), {"max_segments": "2"}, "max_segments '2'"),
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
