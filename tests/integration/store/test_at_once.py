"""apply_response.lua and apply_receipt.lua have a short way for what happens most: it writes what the long way writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.store.steps import OK, PERMANENT, TEMPORARY, Fleet, T

from smsfleet.config.errors import StoreError
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import Script, script

SHORT_WAYS = {
    "apply_response": "ok and accept_at_once(",
    "apply_receipt": "ref ~= '' and apply_at_once(",
}


def without_short_way(name: str) -> Script:
    source, short_way = script(name).source, SHORT_WAYS[name]
    assert 1 == source.count(short_way)
    return Script.of(name, source.replace(short_way, "false and " + short_way.rpartition(" ")[2]))


LONG = {name: without_short_way(name) for name in SHORT_WAYS}


class LongWay(Fleet):
    """A fleet whose scripts have the long way only."""

    def run(self, call: Call[T]) -> T:
        long = LONG.get(call.script.name) if call.script else None
        return super().run(replace(call, script=long) if long else call)


Step = tuple[str, tuple[Any, ...]]

ANSWERS = st.tuples(
    st.sampled_from((OK, OK, OK, TEMPORARY, PERMANENT)),
    st.sampled_from((b"M1", b"M1", b"M2", b"")),
    st.sampled_from((1, 1, 2)),
)
RECEIPTS = st.tuples(
    st.sampled_from((4, 4, 3, 7, 8, 1, None)),
    st.sampled_from((b"M1", b"M1", b"M2")),
    st.sampled_from(("", " DELIVRD 000")),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), ANSWERS),
        st.tuples(st.just("receipt"), RECEIPTS),
        st.just(("wait", (7,))),
    ),
    max_size=6,
)


def life(fleet: Fleet, segments: int, steps: list[Step]) -> tuple[list[str], dict[bytes, Any]]:
    """What the scripts answered, and all that they left but for names and ids that differ."""
    fleet.create_groups()
    fleet.token = fleet.run(fleet.lease.acquire("A", 10)) or ""
    refs = fleet.send(segments=segments)
    words = []
    for kind, values in steps:
        if kind == "answer":
            code, message_id, attempt = values
            words.append(fleet.answer(refs[0], code, message_id, attempt))
        elif kind == "receipt":
            status, message_id, raw = values
            words.append(fleet.receipt(status, message_id, raw))
        else:
            fleet.now_ms += values[0]
    left = {}
    for key, content in fleet.everything().items():
        if key.startswith(fleet.keys.prefix) and not key.endswith(
            (b"lease", b"fence", b"lease:number", b"inflight")
        ):
            left[key.removeprefix(fleet.keys.prefix)] = (_plain(content), fleet.ttl_s(key) > 0)
    return words, left


def _plain(content: Any) -> Any:
    if content and isinstance(content, list) and isinstance(content[0], list):  # a stream
        return [fields for _, fields in content]
    if isinstance(content, list):  # the order of a hash's fields says nothing
        return sorted(zip(content[::2], content[1::2], strict=False))
    return content


def both_ways(store: Store, segments: int, steps: list[Step]) -> tuple[Any, Any]:
    short = life(Fleet(store, keys=Keys("short")), segments, steps)
    return short, life(LongWay(store, keys=Keys("long")), segments, steps)


@given(segments=st.sampled_from((1, 1, 2)), steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_both_ways_write_the_same_whatever_happens(segments: int, steps: list[Step]) -> None:
    store = Store(fakeredis.FakeRedis(protocol=2, server=fakeredis.FakeServer()))

    short, long = both_ways(store, segments, steps)

    assert short == long


@pytest.mark.parametrize(
    "steps",
    [
        [("answer", (OK, b"M1", 1)), ("wait", (7,)), ("receipt", (4, b"M1", " DELIVRD 000"))],
        [
            ("answer", (OK, b"M1", 1)),
            ("receipt", (8, b"M1", "")),
            ("receipt", (7, b"M1", "")),
            ("receipt", (4, b"M1", "")),
        ],
        [("receipt", (4, b"M1", "")), ("answer", (OK, b"M1", 1)), ("answer", (OK, b"M2", 1))],
        [("answer", (OK, b"", 1)), ("receipt", (None, b"M1", ""))],
        [("answer", (TEMPORARY, b"", 1)), ("answer", (OK, b"M1", 1)), ("receipt", (3, b"M1", ""))],
    ],
)
def test_both_ways_write_the_same(store: Store, steps: list[Step]) -> None:
    short, long = both_ways(store, 1, steps)

    assert short == long


class ShortWay(Fleet):
    """A fleet whose scripts fail on the long way."""

    def run(self, call: Call[T]) -> T:
        if call.script and call.script.name in SHORT_WAYS:
            assert "load_job(KEYS[k]" in call.script.source
            source = call.script.source.replace("load_job(KEYS[k]", "error(KEYS[k]")
            return super().run(replace(call, script=Script.of(call.script.name, source)))
        return super().run(call)


def test_what_happens_most_goes_the_short_way(store: Store) -> None:
    steps: list[Step] = [("answer", (OK, b"M1", 1)), ("receipt", (4, b"M1", " DELIVRD 000"))]

    assert ["accepted", "applied"] == life(ShortWay(store), 1, steps)[0]


def test_the_rest_goes_the_long_way(store: Store) -> None:
    with pytest.raises(StoreError):
        life(ShortWay(store), 2, [("answer", (OK, b"M1", 1))])
