"""Whether a broker's message has the form that kombu and Celery rely on: else it would end the worker.

Whoever may publish can put anything into a queue. Kombu and Celery read some fields without looking, in the
worker's own loop: a tag that is a list, a body that is no base64, brackets nested 100,000 deep. Such a
message is kept aside (tasks/transport.py), and the next one is served.
"""

from __future__ import annotations

import binascii
import json
import zlib
from typing import Any

from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

LONGEST_NAME = 512
"""Characters of a tag, an id, the name of a task: ours have at most 64."""

GZIP = "application/x-gzip"
"""Kombu's name for what it packs by zlib: the one kind of packing that can be bounded."""

MOST_UNPACKED_OCTETS = 2 * 1024 * 1024
"""Of a packed body: 300 KB may unpack to 300 MB, and no text that is looked at has more."""

UNSOUND = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What `read` raises: UnicodeDecodeError and JSON's own error are ValueErrors."""

EMPTY_BODY = (
    "W1tdLCB7fSwgeyJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAiY2hhaW4iOiBudWxsLCAiY2hvcmQiOiBudWxsfV0="
)
"""The body of a job that `send_sms.delay` took in: most messages are this, and need no second reading."""

EMPTY_OCTETS = binascii.a2b_base64(EMPTY_BODY)


def read(raw: bytes) -> tuple[dict[str, Any], str]:
    """The message and its delivery tag; raises one of UNSOUND."""
    # Kombu's reading looks at each object for types of its own, which are rare. Decoded first: of octets
    # json would guess the encoding.
    text = bytes_to_str(raw)
    message = loads(text) if '"__type__"' in text else json.loads(text)
    properties = message["properties"]
    tag = properties["delivery_tag"]
    if type(tag) is not str or len(tag) > LONGEST_NAME:
        raise TypeError("the delivery tag is no short text")
    info = properties["delivery_info"]
    if type(info["routing_key"]) is not str or type(info["exchange"]) is not str:
        raise TypeError("the delivery info is not of text")
    for name in ("content-type", "content-encoding"):
        if type(message.get(name, "")) is not str:
            raise TypeError(f"the {name} is no text")
    _check_body(message.get("body"), properties.get("body_encoding"))
    headers = message.get("headers")
    if headers:
        _check_headers(headers)
        if headers.get("compression"):
            _check_packed(message.get("body"), properties.get("body_encoding"), headers["compression"])
    elif headers is not None and type(headers) is not dict:
        raise TypeError("the headers are no object")
    return message, tag


def can_be_marked(message: Any) -> bool:
    """Whether kombu can mark a message as redelivered, in its headers and its delivery info."""
    try:
        return type(message["headers"]) is dict and type(message["properties"]["delivery_info"]) is dict
    except UNSOUND:
        return False


def _check_body(body: Any, encoding: Any) -> None:
    if body == EMPTY_BODY and encoding == "base64":
        return
    if body is not None and type(body) is not str:
        raise TypeError("the body is no text")
    if encoding == "base64":
        binascii.a2b_base64(body or "")
    elif encoding is not None:
        raise ValueError("the body has an unknown encoding")


def _check_headers(headers: Any) -> None:
    if type(headers) is not dict:
        raise TypeError("the headers are no object")
    task = headers.get("task")
    if task is None:
        return  # no task: remote control, events
    for value in (task, headers["id"]):
        if type(value) is not str or len(value) > LONGEST_NAME:
            raise TypeError("the task's name or id is no short text")
    stamped = headers.get("stamped_headers") or []
    if type(stamped) is not list or any(type(name) is not str for name in stamped):
        raise TypeError("the stamped headers are no list of names")
    if type(headers.get("stamps") or {}) is not dict:
        raise TypeError("the stamps are no object")


def _check_packed(body: Any, encoding: Any, kind: Any) -> None:
    """Kombu would unpack it whole, in the worker's loop."""
    if kind != GZIP or encoding != "base64":
        raise ValueError("the body is packed in a way that cannot be bounded")
    try:
        unpacked = zlib.decompressobj().decompress(binascii.a2b_base64(body or ""), MOST_UNPACKED_OCTETS + 1)
    except zlib.error as error:
        raise ValueError("the body cannot be unpacked") from error
    if len(unpacked) > MOST_UNPACKED_OCTETS:
        raise ValueError(f"the body unpacks to more than {MOST_UNPACKED_OCTETS} octets")
