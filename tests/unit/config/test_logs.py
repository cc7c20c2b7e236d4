"""Logs: numbers, texts and secrets never reach a line; ids and times do."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from smsfleet.config.errors import InvalidDestination
from smsfleet.config.logs import configure, logger, mask_event, mask_number, mask_string

NUMBER = "27999100001"
MASKED = "27*******01"


def masked(**values: Any) -> dict[str, Any]:
    return dict(mask_event(None, "info", dict(values)))


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "shown"), [(NUMBER, MASKED), ("12345", "12*45"), ("1234", "****"), ("1", "*"), ("", "")]
)
def test_a_number_shows_its_ends_only(number: str, shown: str) -> None:
    assert shown == mask_number(number)


@pytest.mark.parametrize(
    "text",
    [
        f"to {NUMBER} refused", f"to=+{NUMBER}, again", f"destination '{NUMBER}' has", f"({NUMBER})", NUMBER,
        f"{{'to': '{NUMBER}'}}", f"first\n{NUMBER}\nlast", f"tel:+{NUMBER}",
    ],
)  # fmt: skip
def test_a_number_inside_a_text_is_masked(text: str) -> None:
    found = mask_string(text)

    assert NUMBER not in found
    assert MASKED in found


@pytest.mark.parametrize("written", ["+27 99 910 0001", "+27-99-910-0001", "+27 (99) 910.0001"])
def test_a_number_with_separators_is_masked(written: str) -> None:
    assert f"destination '{MASKED}' is refused" == mask_string(f"destination '{written}' is refused")


@pytest.mark.parametrize(
    "kept",
    [
        "3646b1eba9e5e90541903f9f29ffc9d6",  # a message id
        "8f2ffaf2-6d94-460e-a41b-665f0bf7306d",  # a Celery task id
        "E0iDsfl7lEUymQPu6vehTA#3",  # a ref
        "1:1795344955371:host-4e67c96ace2d",  # a lease token
        "1795344955371-0",  # the id of a stream entry
        "2026-11-22T10:55:55.356280Z",
        "submit date:141023215253 done date:141023215259 stat:DELIVRD err:000",
        "127.0.0.1:38773",
        "0x00000058 ESME_RTHROTTLED",
        "1234567890123456",  # longer than any number
        "SMSFLEET_RATE=100000",
    ],
)
def test_ids_and_times_are_not_taken_for_numbers(kept: str) -> None:
    # A stream entry's id stands alone in a text nowhere; behind a name it is 13 digits and a dash.
    expected = kept if kept != "1795344955371-0" else "17*********71-0"

    assert expected == mask_string(kept)


@pytest.mark.parametrize(
    "key", ["to", "destination", "destination_addr", "source", "source_addr", "sender", "number"]
)
@pytest.mark.parametrize("value", [NUMBER, f"+{NUMBER}", NUMBER.encode(), int(NUMBER)])
def test_a_number_under_its_own_key_is_masked_whatever_its_type(key: str, value: object) -> None:
    assert {key: MASKED} == masked(**{key: value})


def test_the_number_of_a_segment_is_no_phone_number() -> None:
    assert {"number": 3} == masked(number=3)


def test_a_name_as_sender_is_masked_too() -> None:
    assert {"sender": "Cl******ll"} == masked(sender="Clickatell")


def test_integers_under_other_keys_are_counts_and_times() -> None:
    values = {"since_ms": 1795344955371, "jobs": 12345678, "elapsed_s": 0.25, "ok": True, "why": None}

    assert values == masked(**values)


def test_the_time_of_a_line_is_left_alone() -> None:
    assert {"timestamp": "20261122105555"} == masked(timestamp="20261122105555")


# --- texts and secrets --------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["text", "short_message", "body", "message_payload", "content"])
def test_a_text_shows_its_length_only(key: str) -> None:
    assert {key: "<5 hidden>"} == masked(**{key: "Hello"})
    assert {key: "<5 hidden>"} == masked(**{key: b"Hello"})
    assert {key: "<hidden>"} == masked(**{key: ["Hello"]})


@pytest.mark.parametrize(
    "key",
    ["password", "Password", "smpp_password", "SMSFLEET_SMPP_PASSWORD", "secret", "token", "authorization",
     "redis_url", "broker_url"],
)  # fmt: skip
def test_a_secret_shows_nothing(key: str) -> None:
    assert {key: "***"} == masked(**{key: "Zx9q7Kd"})


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:{}@redis.example:6379/0",
        "redis://:{}@redis.example/0",
        "amqp://user:{}@broker.example//",
    ],
)
@pytest.mark.parametrize("password", ["Zx9q7Kd", "p@ss/w:rd", NUMBER])
def test_the_password_in_a_url_is_hidden(url: str, password: str) -> None:
    found = mask_string(f"cannot connect to {url.format(password)}: refused")

    assert password not in found
    assert ":***@" in found
    assert found.startswith("cannot connect to ")
    assert found.endswith(": refused")


def test_a_url_without_a_password_stays() -> None:
    text = "redis://redis.example:6379/0 and https://example.org/a@b"

    assert text == mask_string(text)


# --- structures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: [value],
        lambda value: (value,),
        lambda value: {value},
        lambda value: {"any": value},
        lambda value: {value: 1},
        lambda value: {"to": value},
        lambda value: [{"deep": [{"deeper": (f"to {value}",)}]}],
        lambda value: value.encode(),
        lambda value: ValueError(f"to {value}"),
        lambda value: structlog.testing.CapturedCall("send", (value,), {}),
    ],
    ids=["list", "tuple", "set", "value", "key", "number key", "nested", "bytes", "exception", "object"],
)
def test_a_number_is_masked_however_deep_it_is(wrap: Callable[[str], object]) -> None:
    found = masked(detail=wrap(NUMBER))

    assert NUMBER not in json.dumps(found, default=repr)


def test_a_secret_in_a_nested_structure_is_hidden() -> None:
    assert {"request": [{"password": "***", "text": "<5 hidden>"}]} == masked(
        request=[{"password": "Zx9q7Kd", "text": "Hello"}]
    )


def test_what_was_given_is_not_changed() -> None:
    given = {"to": [NUMBER]}

    masked(detail=given)

    assert {"to": [NUMBER]} == given


# --- a whole line -------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where a configured process logs to; the configuration of this process comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", "json", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_is_json_with_level_logger_and_time(lines: io.StringIO) -> None:
    logger("smsfleet.test").info("job refused", job_id="abc", to=NUMBER)

    line = json.loads(lines.getvalue())

    assert ("job refused", "info", "smsfleet.test", "abc", MASKED) == (
        line["event"], line["level"], line["logger"], line["job_id"], line["to"],
    )  # fmt: skip
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_masked_with_its_chain(lines: io.StringIO) -> None:
    def fail() -> None:
        raise InvalidDestination(f"destination '{NUMBER}' is refused")

    try:
        try:
            fail()
        except InvalidDestination as error:
            raise RuntimeError("redis://user:Zx9q7Kd@redis.example is away") from error
    except RuntimeError as error:
        logger("smsfleet.test").exception("it failed", error=error)

    assert NUMBER not in lines.getvalue()
    assert "Zx9q7Kd" not in lines.getvalue()
    assert MASKED in lines.getvalue()


def test_the_logs_of_libraries_are_masked_too(lines: io.StringIO) -> None:
    logging.getLogger("a.library").warning("sent to %s", NUMBER)

    line = json.loads(lines.getvalue())

    assert (f"sent to {MASKED}", "warning", "a.library") == (line["event"], line["level"], line["logger"])


def test_below_the_level_nothing_is_logged(lines: io.StringIO) -> None:
    logger("smsfleet.test").debug("quiet")
    logging.getLogger("a.library").debug("quiet")

    assert "" == lines.getvalue()


def test_the_console_form_is_masked_as_well() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("INFO", "console", stream)
    try:
        logger("smsfleet.test").info("job refused", to=NUMBER, error=ValueError(NUMBER))
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()

    assert NUMBER not in stream.getvalue()
    assert "job refused" in stream.getvalue()
