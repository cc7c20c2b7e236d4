"""Reconciliation: segments without a final receipt are found, asked for once at each age, and closed at 003."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import Fleet

from smsfleet.config.clock import epoch_ms
from smsfleet.store import keys as keys_module
from smsfleet.store.keys import DAY_MS
from smsfleet.store.queries import ANSWERED, NACKED, SILENT, Queries, Query
from smsfleet.workers import walk as module
from smsfleet.workers.reconciliation import SILENT_MOST, WAITING, Reconciliation
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

HOUR_MS = 3_600_000
BUCKETS = 32


@pytest.fixture(autouse=True)
def a_walk_of_few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day in one turn of few buckets: a pass is a few quick steps."""
    monkeypatch.setattr(module, "INDEX_BUCKETS", BUCKETS)
    monkeypatch.setattr(keys_module, "INDEX_BUCKETS", BUCKETS)


@pytest.fixture
def reconciliation(runtime: Runtime) -> Reconciliation:
    return Reconciliation(runtime, pause_ms=0)


@pytest.fixture
def queries(runtime: Runtime) -> Queries:
    return runtime.queries


def accepted(
    fleet: Fleet, age_ms: int, job_id: str = "j1", message_id: bytes = b"M1", segments: int = 1
) -> bytes:
    """The first segment of a job, accepted so long ago by the server's clock."""
    fleet.now_ms = epoch_ms() - age_ms
    day = fleet.now_ms // DAY_MS
    refs = fleet.send(job_id, segments=segments)
    for number, ref in enumerate(refs, start=1):
        fleet.answer(ref, message_id=message_id if number == 1 else b"%s-%d" % (message_id, number), day=day)
    return refs[0]


def a_binder_asks(fleet: Fleet, per_s: float = 1.0) -> None:
    fleet.run(fleet.wire.report(json.dumps({"queries_per_s": per_s}), 60.0))


def a_pass(reconciliation: Reconciliation) -> None:
    for _ in range(10):
        reconciliation.step()


def taken(fleet: Fleet, queries: Queries) -> list[Query]:
    found = iter(lambda: fleet.run(queries.take()), None)
    return [query for query in found if query is not None]


def test_what_got_no_receipt_is_asked_for_and_what_got_one_is_not(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    a_binder_asks(fleet)
    waits = accepted(fleet, HOUR_MS + 1_000, "waits", b"M1")
    accepted(fleet, HOUR_MS + 1_000, "came", b"M2")
    fleet.receipt(4, b"M2", day=fleet.now_ms // DAY_MS)
    accepted(fleet, HOUR_MS // 2, "young", b"M3")

    a_pass(reconciliation)

    assert [Query(waits, b"M1")] == taken(fleet, queries)


def test_a_segment_is_not_asked_for_again_before_its_next_age(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    a_binder_asks(fleet)
    accepted(fleet, 2 * HOUR_MS)
    a_pass(reconciliation)
    assert 1 == len(taken(fleet, queries))
    fleet.redis("HSET", fleet.keys.walk_query, "b", epoch_ms() - HOUR_MS // 2)

    a_pass(reconciliation)

    assert [] == taken(fleet, queries)


def test_one_pass_goes_through_the_days_of_all_ages(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    a_binder_asks(fleet)
    for number, hours in enumerate((2, 50, 100)):  # on three days, whatever time it is
        accepted(fleet, hours * HOUR_MS, f"j{number}", b"M%d" % number)

    a_pass(reconciliation)

    # Sorted: from 01:00 to 02:00 UTC the first two are of one day.
    assert [b"j0#1", b"j1#1", b"j2#1"] == sorted(query.ref for query in taken(fleet, queries))


def test_a_bucket_of_more_than_a_turn_may_have_is_a_turn_of_its_own(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENTS", 1)
    for place in (module, keys_module):
        monkeypatch.setattr(place, "INDEX_BUCKETS", 1)
    a_binder_asks(fleet)
    accepted(fleet, 7 * HOUR_MS, segments=3)

    a_pass(reconciliation)

    assert 3 == len(taken(fleet, queries))


def test_every_segment_of_a_job_is_asked_for(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    a_binder_asks(fleet)
    accepted(fleet, 7 * HOUR_MS, segments=3)

    a_pass(reconciliation)

    assert {b"j1#1", b"j1#2", b"j1#3"} == {query.ref for query in taken(fleet, queries)}


def test_a_question_has_the_source_of_its_submit_sm(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    a_binder_asks(fleet)
    accepted(fleet, HOUR_MS)
    request = SmsRequest.checked("27999100001", "x", "Shop", source_ton=5, source_npi=1, now_ms=epoch_ms())
    fleet.redis("SET", fleet.keys.content("j1"), request.to_json())

    a_pass(reconciliation)

    assert [("Shop", 5, 1)] == [query[2:5] for query in taken(fleet, queries)]


def test_many_are_found_in_bounded_turns(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_binder_asks(fleet)
    monkeypatch.setattr(module, "SEGMENTS", 10)
    for number in range(60):
        accepted(fleet, HOUR_MS, f"j{number}", b"M%d" % number)

    for _ in range(4):
        reconciliation.step()
    after_some = fleet.run(queries.waiting())
    for _ in range(30):
        reconciliation.step()

    assert after_some <= 40
    assert {f"j{number}#1".encode() for number in range(60)} == {query.ref for query in taken(fleet, queries)}


@pytest.mark.parametrize(
    "why",
    [
        "no binder",
        "a binder that asks nothing",
        "a record that cannot be read",
        "switched off",
        "too many wait",
    ],
)
def test_the_walk_waits_while_nobody_would_ask_and_catches_up(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries, why: str
) -> None:
    accepted(fleet, HOUR_MS)
    if why == "a binder that asks nothing":
        a_binder_asks(fleet, 0.0)
    elif why == "a record that cannot be read":
        fleet.run(fleet.wire.report("[1]", 60.0))
    elif why != "no binder":
        a_binder_asks(fleet)
    if why == "switched off":
        fleet.run(queries.switch_off("refused"))
    if why == "too many wait":
        fleet.run(queries.ask([Query(b"x#1", b"X")] * (WAITING + 1)))

    a_pass(reconciliation)
    meanwhile = {query.ref for query in taken(fleet, queries)}
    a_binder_asks(fleet)
    fleet.run(queries.resume())
    a_pass(reconciliation)

    assert b"j1#1" not in meanwhile
    assert [b"j1#1"] == [query.ref for query in taken(fleet, queries)]


def test_an_answer_delivers_the_job(fleet: Fleet, reconciliation: Reconciliation, queries: Queries) -> None:
    ref = accepted(fleet, HOUR_MS)
    fleet.run(queries.tell(Query(ref, b"M1"), ANSWERED, 0, 2, 0))

    reconciliation.step()

    line = fleet.job().history[-1]
    assert 4 == fleet.job().status
    assert ("I", 4, "DELIVRD 000") == (line.letter, line.code, line.raw)


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [(NACKED, 0x03, "generic_nack"), (NACKED, 0, "generic_nack"), (ANSWERED, 0x03, "query_sm_resp")],
)
def test_a_gateway_that_does_not_know_query_sm_is_asked_no_more_with_one_alert(  # noqa: PLR0917 - fixtures
    fleet: Fleet,
    reconciliation: Reconciliation,
    queries: Queries,
    kind: str,
    status: int,
    reason: str,
) -> None:
    ref = accepted(fleet, HOUR_MS)
    with capture_logs() as lines:
        for _ in range(2):
            fleet.run(queries.tell(Query(ref, b"M1"), kind, status))
            reconciliation.step()

    off = fleet.run(queries.off())
    assert off is not None
    assert off.startswith(reason)
    assert 1 == sum("nothing is asked any more" in line["event"] for line in lines)
    assert ("A", 8) == (fleet.states(), fleet.job().status)


def test_an_id_that_the_gateway_does_not_know_switches_nothing_off(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    ref = accepted(fleet, HOUR_MS)
    fleet.run(queries.tell(Query(ref, b"M1"), ANSWERED, 0x0C))

    reconciliation.step()

    assert (None, "A") == (fleet.run(queries.off()), fleet.states())


def test_only_silence_upon_silence_switches_off(
    fleet: Fleet, reconciliation: Reconciliation, queries: Queries
) -> None:
    ref = accepted(fleet, HOUR_MS)

    def say(*kinds: str) -> str | None:
        for kind in kinds:
            fleet.run(queries.tell(Query(ref, b"M1"), kind, 0, 1))
            reconciliation.step()
        return fleet.run(queries.off())

    assert say(*[SILENT] * (SILENT_MOST - 1), ANSWERED, *[SILENT] * (SILENT_MOST - 1)) is None
    assert say(SILENT) is not None


def test_what_stays_at_003_is_closed_though_nobody_asks(fleet: Fleet, reconciliation: Reconciliation) -> None:
    accepted(fleet, 73 * HOUR_MS, "old", b"M1")
    fleet.receipt(3, b"M1", day=fleet.now_ms // DAY_MS)
    accepted(fleet, 71 * HOUR_MS, "young", b"M2")
    fleet.receipt(3, b"M2", day=fleet.now_ms // DAY_MS)

    a_pass(reconciliation)

    assert ("N", "A") == (fleet.states("old"), fleet.states("young"))
