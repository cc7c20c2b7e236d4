"""From job ids to segments in the outbound streams, in batches that one bad job never fails."""
# ruff: noqa: RUF001 - look-alikes are what some of these tests are about

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import Fleet
from tests.integration.waiting import wait_until
from tests.integration.workers.conftest import Outage, Stopping

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import StoreError
from smsfleet.config.settings import load
from smsfleet.smpp.pdu import SubmitSm
from smsfleet.store.client import Store
from smsfleet.store.live import Live
from smsfleet.tasks.status import of_record
from smsfleet.workers.outgoing import MOST_DEATHS, PATIENCE_S, RETRY_MOST_S, RETRY_S, Outcome, Outgoing
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

TO, OTHER = "27999100001", "27999100002"
HELLO = {"to": TO, "text": "Hello"}
THREE_SEGMENTS = "x" * 400
NOW_MS = 1_700_000_000_000


def outgoing(runtime: Runtime) -> Outgoing:
    assert isinstance(runtime.stopping, Stopping)
    return Outgoing(runtime, clock=runtime.stopping.clock)


def take_in(runtime: Runtime, *job_ids: str, **more: Any) -> None:
    for job_id in job_ids:
        take_in_raw(runtime, job_id, json.dumps(HELLO | more), more.get("lane", "normal"))


def take_in_raw(runtime: Runtime, job_id: str, content: str, lane: str = "normal") -> None:
    runtime.store.run(runtime.jobs.take_in(job_id, lane=lane, destination=TO, content=content))


def submits(fleet: Fleet, lane: str = "normal") -> list[SubmitSm]:
    rows = fleet.redis("XRANGE", fleet.keys.outbound[lane], "-", "+")
    return [SubmitSm.decode_body(fields[3]) for _, fields in rows]


def intake(fleet: Fleet, lane: str = "normal") -> list[bytes]:
    return list(fleet.redis("ZRANGE", fleet.keys.intake[lane], 0, -1))


# --- what becomes of a job -------------------------------------------------------------------------


def test_a_job_becomes_a_segment_in_its_lane(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1", lane="high", sender="Shop")

    assert {"j1": Outcome.ADMITTED} == outgoing(runtime).handle(["j1"])

    (submit,) = submits(fleet, "high")
    assert (TO.encode(), b"Shop", b"Hello", b"") == (
        submit.destination_addr, submit.source_addr, submit.short_message, submit.validity_period,
    )  # fmt: skip
    assert ("Q", []) == (fleet.states("j1"), intake(fleet, "high"))


def test_a_repeated_message_changes_nothing(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")
    outgoing(runtime).handle(["j1"])

    assert {"j1": Outcome.KNOWN} == outgoing(runtime).handle(["j1"])
    assert [b"j1#1"] == fleet.outbound()


def test_the_same_id_twice_in_a_batch_is_one_job(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")

    assert {"j1": Outcome.ADMITTED} == outgoing(runtime).handle(["j1", "j1"])
    assert [b"j1#1"] == fleet.outbound()


@pytest.mark.parametrize("job_id", ["never", "", "a#1", "ключ", "x" * 65])
def test_an_id_that_is_no_job_is_unknown(runtime: Runtime, job_id: str) -> None:
    take_in(runtime, "j1")

    assert {job_id: Outcome.UNKNOWN, "j1": Outcome.ADMITTED} == outgoing(runtime).handle([job_id, "j1"])
    assert Outcome.UNKNOWN == outgoing(runtime).handle_suspect(job_id, "normal")
    assert {job_id: Outcome.UNKNOWN} == outgoing(runtime).handle_redelivered([job_id])


@pytest.mark.parametrize("content", [json.dumps(HELLO), "no JSON"])
def test_a_damaged_job_is_left_out_with_a_line_and_its_neighbours_go(
    runtime: Runtime, fleet: Fleet, content: str
) -> None:
    take_in(runtime, "j1", "j3")
    take_in_raw(runtime, "j2", content)
    fleet.redis("SET", fleet.keys.job("j2"), "no hash")

    with capture_logs() as said:
        outcomes = outgoing(runtime).handle(["j1", "j2", "j3"])

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.UNKNOWN, "j3": Outcome.ADMITTED} == outcomes
    assert ["j2"] == [line["job_id"] for line in said if "damaged" in line["event"]]


def test_no_jobs_are_no_work(runtime: Runtime) -> None:
    assert {} == outgoing(runtime).handle([])


def test_a_job_that_was_cancelled_is_closed(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")

    assert Outcome.CANCELLED == outgoing(runtime).cancel("j1", "revoked")
    assert Outcome.CANCELLED == outgoing(runtime).cancel("j1", "revoked")
    assert {"j1": Outcome.CLOSED} == outgoing(runtime).handle(["j1"])
    assert ("cancelled: revoked", 6, [], []) == (
        fleet.job().refusal, fleet.job().status, fleet.outbound(), intake(fleet),
    )  # fmt: skip


def test_a_job_is_cancelled_by_its_key_and_its_later_ids(runtime: Runtime, fleet: Fleet) -> None:
    for job_id in ("first", "second"):
        fleet.take_in(job_id, key="order-1")

    assert Outcome.CANCELLED == outgoing(runtime).cancel("second", "revoked")
    assert "cancelled: revoked" == fleet.job("first").refusal


def test_segments_that_wait_are_cancelled_and_those_that_are_gone_are_not(
    runtime: Runtime, fleet: Fleet
) -> None:
    take_in(runtime, "j1", "j2")
    outgoing(runtime).handle(["j1"])
    fleet.take_and_begin()
    outgoing(runtime).handle(["j2"])

    words = [outgoing(runtime).cancel(job_id, "revoked") for job_id in ("j1", "j2", "never", "a#1")]

    assert [Outcome.KNOWN, Outcome.CANCELLED, Outcome.UNKNOWN, Outcome.UNKNOWN] == words
    assert ("S", "C") == (fleet.states("j1"), fleet.states("j2"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "record"),
        ("[]", "record"),
        ('{"to":"27999100001"}', "record"),
        ('{"to":"27999100001","text":"x","colour":"red"}', "record"),
        ('{"to":"27999100001","text":"x","\\ud800":1}', "record"),
        ('{"to":"27999100001","text":"x","lane":"vip"}', "record"),
        ('{"to":"27999100001","text":"x","on_ambiguous":"guess"}', "record"),
        ('{"to":"27999100001","text":"x","max_segments":"3"}', "record"),
        ('{"to":"27999100001","text":5}', "record"),
        ('{"to":"27999100001","text":"\\u0007"}', "invalid-text"),
        ('{"to":"27999100001","text":"\\ud800"}', "invalid-text"),
        ('{"to":"27999100001","text":"🎂","encoding":"gsm"}', "invalid-text"),
        ('{"to":"27999100001","text":"x","encoding":"utf-8"}', "invalid-argument"),
        ('{"to":"27999100001","text":"x","validity_s":-5,"asked_ms":1}', "invalid-argument"),
        (json.dumps({"to": TO, "text": "x" * 161, "max_segments": 1}), "text-too-long"),
        (json.dumps({"to": "2" * 30, "text": "x"}), "encode"),
        (json.dumps({"to": "ключ", "text": "x"}), "encode"),
        (json.dumps({"to": "\ud800", "text": "x"}), "encode"),
        (json.dumps({"to": TO, "text": "x", "sender": "a" * 40}), "encode"),
    ],
)
@pytest.mark.parametrize("lane", ["high", "normal"])
def test_a_job_that_cannot_be_sent_is_refused_with_its_reason_and_its_neighbours_go(
    runtime: Runtime, fleet: Fleet, content: str, reason: str, lane: str
) -> None:
    take_in(runtime, "before", "after")
    take_in_raw(runtime, "bad", content, lane)

    outcomes = outgoing(runtime).handle(["before", "bad", "after"])

    assert {"before": Outcome.ADMITTED, "bad": Outcome.REFUSED, "after": Outcome.ADMITTED} == outcomes
    bad = fleet.job("bad")
    assert bad.refusal is not None
    assert (reason, 5) == (bad.refusal.partition(":")[0], bad.status)
    assert [] == intake(fleet, lane)  # else it would be published again and again
    assert {"bad": Outcome.REFUSED} == outgoing(runtime).handle(["bad"])


# --- what the segments say -------------------------------------------------------------------------


def test_the_texts_to_one_destination_have_references_of_their_own(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "a1", "a2", text=THREE_SEGMENTS)
    take_in(runtime, "b1", text=THREE_SEGMENTS, to=OTHER)
    take_in(runtime, "single")

    outgoing(runtime).handle(["a1", "single", "b1", "a2"])

    seen: dict[str, list[int]] = {TO: [], OTHER: []}
    for submit in submits(fleet):
        if submit.esm_class == 0x40:
            assert b"\x05\x00\x03" == submit.short_message[:3]
            seen[submit.destination_addr.decode()].append(submit.short_message[3])
    first, second, other = seen[TO][0], seen[TO][3], seen[OTHER][0]
    assert {TO: [first] * 3 + [second] * 3, OTHER: [other] * 3} == seen
    assert (first + 1) % 256 == second


def test_a_reference_of_two_octets_is_what_the_setting_asks_for(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(reference_octets="2")
    take_in(runtime, "j1", text=THREE_SEGMENTS)
    fleet.redis("SET", fleet.keys.reference(TO), 0x1233)

    outgoing(runtime).handle(["j1"])

    headers = {submit.short_message[:5] for submit in submits(fleet)}
    assert [b"\x06\x08\x04\x12"] == [header[:4] for header in headers]


@pytest.mark.parametrize(
    ("lane", "asked", "policy"),
    [
        ("high", {}, "resend"), ("normal", {}, "hold_then_resend"), ("bulk", {}, "fail"),
        ("bulk", {"on_ambiguous": "hold"}, "hold"),
    ],
)  # fmt: skip
def test_the_policy_is_the_jobs_own_or_its_lanes(
    runtime: Runtime, fleet: Fleet, lane: str, asked: dict[str, str], policy: str
) -> None:
    take_in(runtime, "j1", lane=lane, **asked)

    outgoing(runtime).handle(["j1"])

    assert policy == fleet.job().policy


def test_a_validity_is_told_to_the_gateway_and_to_the_binder(runtime: Runtime, fleet: Fleet) -> None:
    asked_ms = epoch_ms()
    request = SmsRequest.checked(TO, "Hello", validity=90, now_ms=asked_ms)
    take_in_raw(runtime, "j1", request.to_json())

    outgoing(runtime).handle(["j1"])

    assert [b"000000000130000R"] == [submit.validity_period for submit in submits(fleet)]
    assert asked_ms + 90_000 == fleet.job().deadline_ms


def test_a_job_whose_validity_was_over_before_a_worker_met_it_expires(runtime: Runtime, fleet: Fleet) -> None:
    late = SmsRequest.checked(TO, "Hello", validity=90, now_ms=epoch_ms() - 90_000)
    take_in_raw(runtime, "late", late.to_json())
    take_in(runtime, "j1")

    outcomes = outgoing(runtime).handle(["late", "j1"])

    assert {"late": Outcome.EXPIRED, "j1": Outcome.ADMITTED} == outcomes
    found = of_record(fleet.job("late"))
    assert ("EXPIRED", 10, True, ()) == (found.state, found.status, found.final, found.segments)
    assert ([b"j1#1"], []) == (fleet.outbound(), intake(fleet))
    assert {"late": Outcome.CLOSED} == outgoing(runtime).handle(["late"])


def test_a_job_that_waits_for_its_rate_expires_there(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="0.01")
    request = SmsRequest.checked(TO, "Hello", validity=90, now_ms=epoch_ms() - 89_000)
    take_in(runtime, "j1")
    take_in_raw(runtime, "late", request.to_json())
    assert isinstance(runtime.stopping, Stopping)
    asked_ms = epoch_ms()
    # The wait for a token is over at once here: until the second of validity that is left is over too.
    runtime.stopping.meanwhile = lambda: wait_until(lambda: epoch_ms() > asked_ms + 1_000, "it is late")

    assert {"j1": Outcome.ADMITTED, "late": Outcome.EXPIRED} == outgoing(runtime).handle(["j1", "late"])


def test_every_option_reaches_the_wire(runtime: Runtime, fleet: Fleet) -> None:
    request = SmsRequest.checked(
        TO, "Hello", "27123", now_ms=NOW_MS, schedule_delivery_time=3600, priority_flag=3, service_type="CMT",
        protocol_id=0x41, registered_delivery="failure-only", replace_if_present=True, source_ton=2, source_npi=1,
    )  # fmt: skip
    take_in_raw(runtime, "j1", request.to_json())

    Outgoing(runtime, clock_ms=lambda: NOW_MS).handle(["j1"])

    (submit,) = submits(fleet)
    assert SubmitSm(
        service_type="CMT", source_addr_ton=2, source_addr_npi=1, source_addr="27123", destination_addr=TO,
        protocol_id=0x41, priority_flag=3, schedule_delivery_time="231114231320000+", registered_delivery=2,
        replace_if_present_flag=1, short_message=b"Hello",
    ) == submit  # fmt: skip
    assert fleet.job().receipts


@pytest.mark.parametrize(("later_s", "scheduled"), [(0, True), (3589, True), (3590, False), (7200, False)])
def test_a_time_of_delivery_that_is_due_or_over_is_left_out(
    runtime: Runtime, fleet: Fleet, later_s: int, scheduled: bool
) -> None:
    request = SmsRequest.checked(TO, "Hello", now_ms=NOW_MS, schedule_delivery_time=3600)
    take_in_raw(runtime, "j1", request.to_json())

    Outgoing(runtime, clock_ms=lambda: NOW_MS + later_s * 1000).handle(["j1"])

    assert [scheduled] == [bool(submit.schedule_delivery_time) for submit in submits(fleet)]


def test_what_transliteration_replaced_is_counted_in_the_job(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1", text="“Hello” – you", transliterate="typographic")

    outgoing(runtime).handle(["j1"])

    assert [(0, b'"Hello" - you')] == [
        (submit.data_coding, submit.short_message) for submit in submits(fleet)
    ]
    assert 3 == fleet.job().replaced


def test_a_job_that_asks_for_no_receipt_says_so(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1", options={"registered_delivery": "none"})

    outgoing(runtime).handle(["j1"])

    assert ([0], False) == ([submit.registered_delivery for submit in submits(fleet)], fleet.job().receipts)


def test_a_payload_is_one_segment_and_takes_no_reference(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1", text=THREE_SEGMENTS, long_messages="payload")

    outgoing(runtime).handle(["j1"])

    (submit,) = submits(fleet)
    assert (b"", b"x" * 400) == (submit.short_message, submit.tlv(0x0424))
    assert ("Q", 0) == (fleet.states(), fleet.redis("EXISTS", fleet.keys.reference(TO)))


def test_sar_segments_have_the_reference_of_their_destination(runtime: Runtime, fleet: Fleet) -> None:
    fleet.redis("SET", fleet.keys.reference(TO), 41)
    take_in(runtime, "j1", text=THREE_SEGMENTS, long_messages="sar")

    outgoing(runtime).handle(["j1"])

    assert [(b"\0\x2a", b"\x03", bytes((number,))) for number in (1, 2, 3)] == [
        (submit.tlv(0x020C), submit.tlv(0x020E), submit.tlv(0x020F)) for submit in submits(fleet)
    ]


def test_octets_of_ones_own_go_as_they_are(runtime: Runtime, fleet: Fleet) -> None:
    request = SmsRequest.checked(TO, data=b"\x01\x02", udh="0605040b8423f0", data_coding=0xF5, now_ms=NOW_MS)
    take_in_raw(runtime, "j1", request.to_json())

    outgoing(runtime).handle(["j1"])

    assert [(0x40, 0xF5, bytes.fromhex("0605040b8423f0") + b"\x01\x02")] == [
        (submit.esm_class, submit.data_coding, submit.short_message) for submit in submits(fleet)
    ]


def test_the_worker_asks_the_lists_of_the_last_reload_again(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1", "j2", sender="Shop")
    assert {"j1": Outcome.ADMITTED} == outgoing(runtime).handle(["j1"])
    lists = {"SMSFLEET_SENDERS": "Bank", "SMSFLEET_RATE": "100000"}
    runtime.store.run(Live(runtime.keys).publish(load(lists).live()))
    runtime._followed_at = -math.inf  # a second later

    assert {"j2": Outcome.REFUSED} == outgoing(runtime).handle(["j2"])

    refusal = fleet.job("j2").refusal
    assert refusal is not None
    assert refusal.startswith("sender-denied: sender 'Shop' is not in the list")


def test_a_destination_of_a_denied_prefix_is_refused_and_its_number_is_not_kept_twice(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="100000", deny_prefixes="2799")
    take_in(runtime, "j1")

    assert {"j1": Outcome.REFUSED} == outgoing(runtime).handle(["j1"])

    refusal = fleet.job().refusal
    assert refusal is not None
    assert refusal.startswith("destination-denied: ")
    assert TO not in refusal


# --- waiting ---------------------------------------------------------------------------------------


def test_what_gets_no_rate_token_in_time_is_given_back(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="0.01")
    take_in(runtime, "j1", text=THREE_SEGMENTS)
    take_in(runtime, "j2", "j3")

    outcomes = outgoing(runtime).handle(["j1", "j2", "j3"])

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.GIVEN_BACK, "j3": Outcome.GIVEN_BACK} == outcomes
    assert PATIENCE_S < runtime.stopping.clock()  # type: ignore[attr-defined]
    assert [b"j2", b"j3"] == intake(fleet)


def test_it_waits_as_long_as_the_rate_asks_for_and_goes_on(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="1")
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = lambda: fleet.redis("DEL", fleet.keys.rate)  # the bucket is full again
    take_in(runtime, "j1", text=THREE_SEGMENTS)
    take_in(runtime, "j2")

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.ADMITTED} == outgoing(runtime).handle(["j1", "j2"])
    assert 1 == len(stopping.waits)
    assert 1.5 < stopping.waits[0] <= 2.0


def test_a_full_outbound_stream_is_waited_for(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime = make_runtime(rate="20", outbound_limit="10")
    for number in range(9):
        fleet.redis("XADD", fleet.keys.outbound["normal"], "*", "r", f"old#{number}", "b", "")
    take_in(runtime, "fits")
    take_in(runtime, "too-much", text=THREE_SEGMENTS)
    take_in(runtime, "other-lane", lane="high")

    assert {"fits": Outcome.ADMITTED} == outgoing(runtime).handle(["fits"])
    assert {"too-much": Outcome.GIVEN_BACK} == outgoing(runtime).handle(["too-much"])
    runtime.stopping = Stopping()
    assert {"other-lane": Outcome.ADMITTED} == outgoing(runtime).handle(["other-lane"])
    assert 10 == len(fleet.outbound())


def test_bulk_that_waits_for_the_reserve_leaves_it_to_the_others(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="0.01", bulk_reserve="0.99")
    take_in(runtime, "spent", lane="high", text="Hello")
    fleet.redis("HSET", fleet.keys.rate, "v", "0.5", "t", str(4_000_000_000_000))
    take_in(runtime, "sale", lane="bulk")

    assert {"sale": Outcome.GIVEN_BACK} == outgoing(runtime).handle(["sale"])
    assert {"spent": Outcome.ADMITTED} == outgoing(runtime).handle(["spent"])


def test_a_stopping_process_gives_everything_back_at_once(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")
    runtime.stopping.set()

    assert {"j1": Outcome.GIVEN_BACK} == outgoing(runtime).handle(["j1"])
    assert ([], [b"j1"]) == (fleet.outbound(), intake(fleet))


def test_a_process_that_stops_while_jobs_wait_gives_them_back(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="1")
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = stopping.set
    take_in(runtime, "j1", text=THREE_SEGMENTS)
    take_in(runtime, "j2")

    outcomes = outgoing(runtime).handle(["j1", "j2"])

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.GIVEN_BACK} == outcomes
    assert 1 == len(stopping.waits)


def test_another_stopping_than_the_runtimes_may_be_given(runtime: Runtime) -> None:
    take_in(runtime, "j1")
    closing = Stopping()
    closing.set()

    assert {"j1": Outcome.GIVEN_BACK} == Outgoing(runtime, closing, clock=closing.clock).handle(["j1"])


def test_while_the_store_is_away_it_tries_again_and_nothing_is_sent_twice(
    runtime: Runtime, fleet: Fleet, outage: Outage
) -> None:
    take_in(runtime, "j1", "j2")
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = lambda: outage.end() if len(stopping.waits) == 3 else None
    outage.begin()

    outcomes = outgoing(runtime).handle(["j1", "j2"])

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.ADMITTED} == outcomes
    assert [RETRY_S, RETRY_S * 2, RETRY_S * 4] == stopping.waits
    assert [b"j1#1", b"j2#1"] == fleet.outbound()


def test_when_the_store_stays_away_the_jobs_are_given_back(runtime: Runtime, outage: Outage) -> None:
    take_in(runtime, "j1")
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    outage.begin()

    assert {"j1": Outcome.GIVEN_BACK} == outgoing(runtime).handle(["j1"])
    assert RETRY_MOST_S == max(stopping.waits)
    assert PATIENCE_S < stopping.clock() <= PATIENCE_S + RETRY_MOST_S


# --- redelivered -----------------------------------------------------------------------------------


def test_a_suspect_is_handled_and_its_count_forgotten(runtime: Runtime, fleet: Fleet, store: Store) -> None:
    take_in(runtime, "j1")
    store.run(runtime.jobs.count_delivery("j1"))

    assert Outcome.ADMITTED == outgoing(runtime).handle_suspect("j1", "normal")
    assert 0 == fleet.redis("EXISTS", fleet.keys.deliveries_of("j1"))


def test_a_job_that_ended_its_workers_is_set_aside(runtime: Runtime, fleet: Fleet, store: Store) -> None:
    take_in(runtime, "poison", "healthy")
    for _ in range(MOST_DEATHS):
        store.run(runtime.jobs.count_delivery("poison"))  # a worker takes it up, and ends

    assert Outcome.SET_ASIDE == outgoing(runtime).handle_suspect("poison", "normal")
    assert Outcome.ADMITTED == outgoing(runtime).handle_suspect("healthy", "normal")
    assert (f"aside: poison: {MOST_DEATHS} workers ended while they handled it", []) == (
        fleet.job("poison").refusal, intake(fleet),
    )  # fmt: skip


def test_one_death_fewer_and_the_job_has_another_try(runtime: Runtime, store: Store) -> None:
    take_in(runtime, "j1")
    for _ in range(MOST_DEATHS - 1):
        store.run(runtime.jobs.count_delivery("j1"))

    assert Outcome.ADMITTED == outgoing(runtime).handle_suspect("j1", "normal")


def test_a_suspect_that_waits_for_its_rate_has_ended_nobody(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="1")
    take_in(runtime, "first", text=THREE_SEGMENTS)
    take_in(runtime, "j1")
    outgoing(runtime).handle(["first"])
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    counted = []

    def look() -> None:
        counted.append(fleet.redis("EXISTS", fleet.keys.deliveries_of("j1")))
        fleet.redis("DEL", fleet.keys.rate)

    stopping.meanwhile = look
    outcome = outgoing(runtime).handle_suspect("j1", "normal")

    assert Outcome.ADMITTED == outcome
    assert [0] == counted


def test_a_suspect_that_is_given_back_was_no_death(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")
    runtime.stopping.set()

    outcomes = [outgoing(runtime).handle_suspect("j1", "normal") for _ in range(MOST_DEATHS + 2)]

    assert [Outcome.GIVEN_BACK] * (MOST_DEATHS + 2) == outcomes
    assert (None, ()) == (fleet.job().refusal, fleet.job().segments)


def test_redelivered_jobs_are_handled_together_and_counted_meanwhile(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="100000")
    ids = [f"j{n}" for n in range(64)]
    take_in(runtime, "first", *ids)
    outgoing(runtime).handle_redelivered(["first"])  # the server knows the scripts now, whatever ran before
    before = _calls_of_scripts(fleet)

    outcomes = outgoing(runtime).handle_redelivered(ids)

    assert dict.fromkeys(ids, Outcome.ADMITTED) == outcomes
    assert 0 == sum(fleet.redis("EXISTS", fleet.keys.deliveries_of(job_id)) for job_id in ids)
    if before is not None:
        assert 3 == (_calls_of_scripts(fleet) or 0) - before  # counted, admitted, remembered for replies


def _calls_of_scripts(fleet: Fleet) -> int | None:
    """How often scripts were run by their SHA; None on fakeredis, which does not count."""
    try:
        info = fleet.redis("INFO", "commandstats").decode()
    except StoreError:
        return None
    lines = [line for line in info.split() if line.startswith("cmdstat_evalsha:")]
    return int(lines[0].partition("calls=")[2].partition(",")[0]) if lines else None


def test_redelivered_jobs_that_a_worker_ended_with_are_suspects_and_their_neighbours_are_not(
    runtime: Runtime, fleet: Fleet, store: Store
) -> None:
    take_in(runtime, "poison", "near", "later")
    store.run(runtime.jobs.take_up(["poison", "near"]))  # a worker takes them up, and ends

    outcomes = outgoing(runtime).handle_redelivered(["poison", "near", "later"])

    assert {"poison": Outcome.SUSPECT, "near": Outcome.SUSPECT, "later": Outcome.ADMITTED} == outcomes
    assert [Outcome.ADMITTED] * 2 == [
        outgoing(runtime).handle_suspect(job_id, "normal") for job_id in ("poison", "near")
    ]
    assert 0 == fleet.redis(
        "EXISTS", *(fleet.keys.deliveries_of(job_id) for job_id in ("poison", "near", "later"))
    )


def test_workers_that_end_set_the_job_aside_whether_it_was_handled_together_or_alone(
    runtime: Runtime, fleet: Fleet, store: Store
) -> None:
    take_in(runtime, "poison")
    store.run(runtime.jobs.take_up(["poison"]))
    for _ in range(MOST_DEATHS - 1):
        store.run(runtime.jobs.count_delivery("poison"))

    assert {"poison": Outcome.SUSPECT} == outgoing(runtime).handle_redelivered(["poison"])
    assert Outcome.SET_ASIDE == outgoing(runtime).handle_suspect("poison", "normal")
    assert f"aside: poison: {MOST_DEATHS} workers ended while they handled it" == fleet.job("poison").refusal


def test_redelivered_jobs_that_wait_for_their_rate_have_ended_nobody(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="1")
    take_in(runtime, "first", text=THREE_SEGMENTS)
    take_in(runtime, "j1")
    outgoing(runtime).handle(["first"])
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    counted = []

    def look() -> None:
        counted.append(fleet.redis("EXISTS", fleet.keys.deliveries_of("j1")))
        fleet.redis("DEL", fleet.keys.rate)

    stopping.meanwhile = look

    assert {"j1": Outcome.ADMITTED} == outgoing(runtime).handle_redelivered(["j1"])
    assert [0] == counted


def test_redelivered_jobs_are_waited_for_while_the_store_is_away(
    runtime: Runtime, fleet: Fleet, outage: Outage
) -> None:
    take_in(runtime, "j1", "j2")
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = outage.end
    outage.begin()

    assert dict.fromkeys(["j1", "j2"], Outcome.ADMITTED) == outgoing(runtime).handle_redelivered(["j1", "j2"])
    assert [RETRY_S] == stopping.waits


def test_redelivered_jobs_that_are_given_back_were_no_death(runtime: Runtime, fleet: Fleet) -> None:
    take_in(runtime, "j1")
    runtime.stopping.set()

    outcomes = [outgoing(runtime).handle_redelivered(["j1"]) for _ in range(MOST_DEATHS + 2)]

    assert [{"j1": Outcome.GIVEN_BACK}] * (MOST_DEATHS + 2) == outcomes
    assert 0 == fleet.redis("EXISTS", fleet.keys.deliveries_of("j1"))


# --- quotas ----------------------------------------------------------------------------------------


def test_a_job_above_the_quota_of_its_client_is_refused_and_says_why(
    make_runtime: Callable[..., Runtime], fleet: Fleet
) -> None:
    runtime = make_runtime(rate="100000", quotas="billing=1,marketing=5")
    noon_ms = 1_700_049_600_000  # 2023-11-15 12:00 UTC
    take_in(runtime, "j1", "j2", "j3", "j4", client="billing")
    take_in(runtime, "other", client="marketing")
    take_in(runtime, "free")

    handler = Outgoing(runtime, clock_ms=lambda: noon_ms)
    outcomes = handler.handle(["j1", "j2", "j3", "j4", "other", "free"])

    # a third of a credit for each: they go to test numbers
    admitted = dict.fromkeys(("j1", "j2", "j3", "other", "free"), Outcome.ADMITTED)
    assert {**admitted, "j4": Outcome.REFUSED} == outcomes
    assert fleet.job("j4").refusal == (
        "quota-exceeded: billing has used 1 of 1 credits today and asks for 1/3 more; the day ends at "
        "2023-11-16 00:00 UTC (SMSFLEET_QUOTAS)"
    )
    assert ([], 5) == (intake(fleet), fleet.job("j4").status)


def test_the_next_day_has_a_quota_of_its_own(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime(rate="100000", quotas="billing=1")
    take_in(runtime, "j1", "j2", client="billing", to="2782000001", text="x" * 100)

    first = Outgoing(runtime, clock_ms=lambda: 1_700_049_600_000).handle(["j1"])
    second = Outgoing(runtime, clock_ms=lambda: 1_700_049_600_000 + 86_400_000).handle(["j2"])

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.ADMITTED} == first | second


def test_a_client_without_a_quota_is_not_bounded(make_runtime: Callable[..., Runtime], fleet: Fleet) -> None:
    runtime = make_runtime(rate="100000", quotas="billing=0")
    take_in(runtime, "j1", client="marketing")
    take_in(runtime, "j2", client="billing")

    assert {"j1": Outcome.ADMITTED, "j2": Outcome.REFUSED} == Outgoing(runtime).handle(["j1", "j2"])
    assert "marketing" == fleet.job("j1").client
