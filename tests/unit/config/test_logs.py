"""Logs: numbers, texts and secrets never reach a line; ids and times do."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from smsfleet.config.errors import InvalidDestination
from smsfleet.config.logs import configure, logger, mask_event

NUMBER = "27999100001"
MASKED = "27*******01"


def masked(**values: Any) -> dict[str, Any]:
    return dict(mask_event(None, "info", dict(values)))


# --- numbers ------------------------------------------------------------------------------------


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
def lines() -> io.StringIO:
    """Where a configured process logs to."""
    stream = io.StringIO()
    configure("INFO", "json", stream)
    return stream


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
    stream = io.StringIO()
    configure("INFO", "console", stream)

    logger("smsfleet.test").info("job refused", to=NUMBER, error=ValueError(NUMBER))

    assert NUMBER not in stream.getvalue()
    assert "job refused" in stream.getvalue()


def test_in_an_application_that_configured_nothing_lines_go_to_its_own_logging_with_masks(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    logger("smsfleet.test").warning("settings reloaded", routes=f"{NUMBER} * stream")
    logger("smsfleet.test").debug("quiet")

    assert ["event='settings reloaded' routes='27*******01 * stream'"] == caplog.messages
    assert ["smsfleet.test"] == [record.name for record in caplog.records]
    assert ("", "") == capsys.readouterr()


def test_a_line_goes_where_the_latest_configuration_sends_it() -> None:
    earlier, later = io.StringIO(), io.StringIO()
    log = logger("smsfleet.test")
    configure("INFO", "json", earlier)
    log.info("first")
    configure("INFO", "json", later)
    log.info("second")
    with structlog.testing.capture_logs() as captured:
        log.info("third")

    assert (1, 1, ["third"]) == (
        earlier.getvalue().count("\n"), later.getvalue().count("\n"), [line["event"] for line in captured],
    )  # fmt: skip
    assert "second" in later.getvalue()
