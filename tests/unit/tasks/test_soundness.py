"""Messages that would end a worker are told from those that kombu and Celery can take."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from smsfleet.tasks import soundness
from smsfleet.tasks.app import configuration
from smsfleet.tasks.strategy import EMPTY_BODY

DEEP = "[" * 100_000 + "]" * 100_000


def sound(**properties: Any) -> dict[str, Any]:
    """A message as kombu writes it."""
    return {
        "body": soundness.EMPTY_BODY,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"task": "sms.send_sms", "id": "job"},
        "properties": {
            "delivery_info": {"exchange": "", "routing_key": "t.bulk"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "tag",
            **properties,
        },
    }


def lacking(*names: str) -> dict[str, Any]:
    message = sound()
    for name in names:
        message["properties"].pop(name)
    return message


def packed(body: bytes, kind: Any = soundness.GZIP) -> dict[str, Any]:
    headers = {"task": "sms.send_sms", "id": "job", "compression": kind}
    return sound() | {"body": base64.b64encode(zlib.compress(body)).decode(), "headers": headers}


UNSOUND: dict[str, Any] = {
    "no JSON": "{",
    "no object": "5",
    "nothing": "null",
    "no UTF-8": b"\xff\xfe",
    "too deep, and cut": DEEP[:100_000],
    "too deep": DEEP,
    "a tag that is too deep": json.dumps(sound()).replace('"tag"', DEEP),
    "a tag that is a list": sound(delivery_tag=["x"]),
    "a tag that is an object": sound(delivery_tag={}),
    "a tag that is a number": sound(delivery_tag=5),
    "a tag without end": sound(delivery_tag="x" * 513),
    "no delivery info": lacking("delivery_info"),
    "a delivery info that is a text": sound(delivery_info="x"),
    "a routing key that is a list": sound(delivery_info={"exchange": "", "routing_key": []}),
    "properties that are a list": sound() | {"properties": []},
    "a body of no base64": sound() | {"body": "abcde"},
    "a body that is a number": sound() | {"body": 5},
    "an encoding that nobody knows": sound(body_encoding="rot13"),
    "headers that are a list": sound() | {"headers": [1]},
    "a task that is a list": sound() | {"headers": {"task": [], "id": "x"}},
    "a task without an id": sound() | {"headers": {"task": "sms.send_sms"}},
    "an id that is an object": sound() | {"headers": {"task": "sms.send_sms", "id": {}}},
    "stamped headers that are a number": sound()
    | {"headers": {"task": "sms.send_sms", "id": "x", "stamped_headers": 9}},
    "a stamped header that is an object": sound()
    | {"headers": {"task": "sms.send_sms", "id": "x", "stamped_headers": [{}]}},
    "stamps that are a number": sound() | {"headers": {"task": "sms.send_sms", "id": "x", "stamps": 7}},
    "a body that unpacks to 30 MB": packed(b"x" * 30_000_000),
    "a packed body of no zlib": packed(b"x") | {"body": base64.b64encode(b"no zlib").decode()},
    "a body that is packed otherwise": packed(b"x", "application/x-lzma"),
    "a packing that is a list": packed(b"x", [1]),
    "a type that is a list": sound() | {"content-type": ["a"]},
    "an encoding that is an object": sound() | {"content-encoding": {"a": 1}},
}


def octets(message: Any) -> bytes:
    text = message if isinstance(message, (bytes, str)) else json.dumps(message)
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize("name", UNSOUND)
def test_a_message_that_would_end_a_worker_is_refused(name: str) -> None:
    with pytest.raises(soundness.UNSOUND):
        soundness.read(octets(UNSOUND[name]))


@pytest.mark.parametrize(
    "message",
    [
        sound(),
        sound() | {"headers": {}},
        sound() | {"headers": {"hostname": "worker", "clock": 1}},
        sound() | {"headers": None},
        packed(b'[[], {"text": "x"}, {}]'),
        sound() | {"body": base64.b64encode(b'{"text": "x"}').decode()},
        lacking("body_encoding") | {"body": '{"text": "x"}'},
    ],
)
def test_what_kombu_can_take_is_taken(message: dict[str, Any]) -> None:
    assert (message, "tag") == soundness.read(octets(message))


def test_nothing_but_json_is_read_or_written() -> None:
    found = {
        name: value
        for name, value in configuration().items()
        if "serializer" in name or "accept_content" in name
    }

    assert {
        "task_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
    } == found


def test_the_body_that_is_not_read_again_is_that_of_a_job() -> None:
    assert EMPTY_BODY == base64.b64decode(soundness.EMPTY_BODY)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sound(), True),
        (sound() | {"headers": {}}, True),
        (sound() | {"headers": None}, False),
        (sound(delivery_info="x"), False),
        (lacking("delivery_info"), False),
        (5, False),
    ],
)
def test_only_a_message_with_headers_and_delivery_info_can_be_marked_as_redelivered(
    message: Any, expected: bool
) -> None:
    assert expected == soundness.can_be_marked(message)
