"""A request for a capture and its reply: for one binder and one command, gone after seconds."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import RecordError
from smsfleet.store.capture import ASK_TTL_MS, REPLY_TTL_MS, CaptureBox, CaptureRequest
from smsfleet.store.client import Call, Store
from smsfleet.store.keys import Keys

KEYS = Keys("main")
BOX = CaptureBox(KEYS)
REQUEST = CaptureRequest("0123abcd", 50, show_content=True)


def ttl_ms(store: Store, key: bytes) -> int:
    return store.run(Call(("PTTL", key), int))


def test_only_one_binder_gets_a_request(store: Store) -> None:
    store.run(BOX.ask(REQUEST))

    assert 0 < ttl_ms(store, KEYS.capture) <= ASK_TTL_MS
    assert [REQUEST, None] == [store.run(BOX.take()) for _ in range(2)]


def test_only_the_command_that_asked_gets_the_reply_and_only_once(store: Store) -> None:
    store.run(BOX.reply(REQUEST, "[1]"))

    assert 0 < ttl_ms(store, KEYS.captured(REQUEST.reply)) <= REPLY_TTL_MS
    assert store.run(BOX.fetch(CaptureRequest("other", 50))) is None
    assert ["[1]", None] == [store.run(BOX.fetch(REQUEST)) for _ in range(2)]


def test_a_later_request_replaces_an_earlier_one(store: Store) -> None:
    store.run(BOX.ask(REQUEST))
    store.run(BOX.ask(CaptureRequest("later", 1)))

    assert CaptureRequest("later", 1, show_content=False) == store.run(BOX.take())


@pytest.mark.parametrize(
    "text", ["x", "[]", "{}", '{"r": "a", "n": "many", "c": true}', '{"r": "a", "n": null}']
)
def test_a_request_of_another_form_is_told_once(store: Store, text: str) -> None:
    store.run(Call(("SET", KEYS.capture, text), bool))

    with pytest.raises(RecordError, match="for a capture"):
        store.run(BOX.take())
    assert store.run(BOX.take()) is None
