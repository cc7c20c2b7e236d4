"""Promise 4 through the scripts themselves: any permutation and duplication of facts gives the same status."""

from __future__ import annotations

from typing import Any

import fakeredis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.store.steps import DAY, OK, TEXT_TTL_S, Fleet

from smsfleet.config.statuses import RANK, RANKED, message_status
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.facts import ReceiptFact
from smsfleet.store.queries import ANSWERED, Heard, Queries, Query

SEGMENTS = 2

Fact = tuple[str, Any, Any]

ID = st.tuples(st.integers(1, SEGMENTS), st.integers(1, 2)).map(lambda pair: b"M%d-%d" % pair)
"""Each segment was submitted twice, because its outcome was unknown, and accepted both times: it has two ids."""
RECEIPTS = st.tuples(st.just("receipt"), ID, st.sampled_from([*RANKED, None]))
QUERIES = st.tuples(st.just("query"), st.integers(1, SEGMENTS), st.sampled_from([*RANKED, None]))
ANSWERS: list[Fact] = [
    ("answer", number, attempt) for number in range(1, SEGMENTS + 1) for attempt in range(1, 3)
]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """The same facts in two orders, each with repetitions of its own; every answer is among them."""
    facts = [*ANSWERS, *draw(st.lists(RECEIPTS | QUERIES, max_size=6))]
    one, other = (
        draw(st.permutations([*facts, *draw(st.lists(st.sampled_from(facts), max_size=4))])) for _ in range(2)
    )
    return one, other


def sent_twice(store: Store) -> Fleet:
    """A job whose segments were submitted, lost, and submitted again."""
    store.run(Call(("FLUSHALL",), bool))
    fleet = Fleet(store)
    fleet.create_groups()
    fleet.lead()
    refs = fleet.send(segments=SEGMENTS, policy="resend")
    assert ["Q"] * SEGMENTS == fleet.lost(*refs)
    assert [2] * SEGMENTS == fleet.begin_backlog()
    return fleet


def told(store: Store, facts: list[Fact]) -> tuple[Any, ...]:
    """What is known of the job after the facts, but for when and how it became known."""
    fleet = sent_twice(store)
    later: list[Fact] = []
    for kind, one, other in facts:
        if kind == "answer":
            ref = b"j1#%d" % one
            fleet.settle(ref, OK, b"M%d-%d" % (one, other), other)
            fleet.apply(fleet.read_responses())
        elif kind == "receipt":
            apply_receipt(fleet, one, other)
        elif fleet.segment(one).state == "A":
            apply_query(fleet, one, other)
        else:  # only what is accepted is asked for
            later.append((kind, one, other))
    for _, one, other in later:
        apply_query(fleet, one, other)
    job = fleet.job()
    orphans = fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1)
    last_event = fleet.events()[-1]
    return job.status, [(segment.state, segment.status) for segment in job.segments], orphans, last_event


def apply_receipt(fleet: Fleet, message_id: bytes, status: int | None) -> None:
    fact = ReceiptFact(fleet.deliver(), message_id, status, "")
    words = fleet.run(fleet.facts.apply_receipts([fact], [fleet.look_up(message_id)], DAY))
    assert words[0] in {"applied", "unchanged", "parked"}


def apply_query(fleet: Fleet, number: int, status: int | None) -> None:
    queries = Queries(fleet.keys, text_ttl_s=TEXT_TTL_S, now_ms=fleet.now_ms)
    fleet.run(queries.tell(Query(b"j1#%d" % number, b"M%d-1" % number), ANSWERED, 0, 0))
    words = fleet.run(queries.apply([Heard(fact, status, "") for fact in fleet.run(queries.read(10))]))
    assert words[0] in {"applied", "unchanged"}


def expected(facts: list[Fact]) -> tuple[Any, ...]:
    """The rule of docs/semantics.md, without any script: the join of ranks, rolled up."""
    statuses = []
    for number in range(1, SEGMENTS + 1):
        said = [8]
        said += [
            other for kind, one, other in facts if kind == "receipt" and one.startswith(b"M%d-" % number)
        ]
        said += [other for kind, one, other in facts if kind == "query" and one == number]
        statuses.append(max((status for status in said if status), key=RANK.__getitem__))
    if all(message_status(status).final for status in statuses):
        failed = [status for status in statuses if status != 4]
        job = max(failed, key=RANK.__getitem__) if failed else 4
    else:
        job = min(statuses, key=RANK.__getitem__)
    return job, [("A", status) for status in statuses]


@given(story=stories())
@settings(max_examples=60, deadline=None)
def test_on_the_fake(story: tuple[list[Fact], list[Fact]]) -> None:
    store = Store(fakeredis.FakeRedis(protocol=2, server=fakeredis.FakeServer()))
    one, other = story

    first, second = told(store, one), told(store, other)

    assert expected(one) == first[:2]
    assert first == second


@pytest.mark.server
@given(story=stories())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_on_the_real_server(real_store: Store, story: tuple[list[Fact], list[Fact]]) -> None:
    one, other = story

    first, second = told(real_store, one), told(real_store, other)

    assert expected(one) == first[:2]
    assert first == second
