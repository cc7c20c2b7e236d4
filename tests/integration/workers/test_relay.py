"""The relay: raw facts in, statuses out, whatever their order, and whatever else a gateway sends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.integration.store.steps import DAY, NO_CREDIT, PERMANENT, TEMPORARY, Fleet
from tests.integration.workers.conftest import Outage, Stopping

from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.keys import DAY_MS
from smsfleet.workers.consuming import RETRY_S
from smsfleet.workers.relay import BATCH, Relay
from smsfleet.workers.runtime import Runtime

RECEIPT, PLAIN = 0x04, 0x00
RECEIVED_MS = 123_456


def relay(runtime: Runtime, *, day: int = DAY, claim_idle_ms: int = 60_000) -> Relay:
    return Relay(
        runtime,
        "this-relay",
        clock_ms=lambda: day * DAY_MS,
        uniform=lambda low, high: (low + high) / 2,
        claim_idle_ms=claim_idle_ms,
    )


def receipt(message_id: str = "M1", stat: str = "DELIVRD", esm_class: int = RECEIPT) -> bytes:
    text = f"id:{message_id} sub:001 dlvrd:001 submit date:2311142213 done date:2311142214 stat:{stat} err:000 text:"
    return DeliverSm(esm_class=esm_class, short_message=text.encode()).encode_body()


def message(text: bytes = b"STOP") -> bytes:
    return DeliverSm(source_addr="27999100001", short_message=text).encode_body()


def arrive(fleet: Fleet, *bodies: bytes) -> None:
    for body in bodies:
        fleet.run(fleet.wire.deliver(body, RECEIVED_MS))


def kept(fleet: Fleet, stream: bytes) -> list[dict[bytes, bytes]]:
    rows = fleet.redis("XRANGE", stream, "-", "+")
    return [dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in rows]


def nothing_is_left(fleet: Fleet) -> bool:
    """No fact waits."""
    return [0, 0] == [fleet.redis("XLEN", key) for key in (fleet.keys.responses, fleet.keys.deliveries)]


def test_the_responses_of_a_batch_are_applied_before_its_receipts(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    arrive(fleet, receipt())
    fleet.settle(ref)

    assert 2 == relay(runtime).step(1)

    assert (4, "Q S A8 D4", "DELIVRD 000") == (
        fleet.job().status,
        fleet.letters(),
        fleet.job().history[-1].raw,
    )
    assert 0 == fleet.redis("ZCARD", fleet.keys.orphans)
    assert nothing_is_left(fleet)


def test_a_receipt_that_comes_first_is_joined_by_its_response(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    arrive(fleet, receipt())
    relay(runtime).step(1)
    assert [b"M1"] == fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1)

    fleet.settle(ref)
    relay(runtime).step(1)

    assert (4, 0) == (fleet.job().status, fleet.redis("ZCARD", fleet.keys.orphans))
    assert nothing_is_left(fleet)


def test_facts_that_come_again_change_nothing(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    for _ in range(2):
        fleet.settle(ref)
        arrive(fleet, receipt(), receipt(stat="ACCEPTD"))
        relay(runtime).step(1)

    assert (4, "Q S A8 D4 D3", 0) == (fleet.job().status, fleet.letters(), fleet.segment().duplicates)


@pytest.mark.parametrize(
    ("code", "state", "delay_ms"), [(TEMPORARY, "W", 1_000), (NO_CREDIT, "W", 1_000), (PERMANENT, "R", None)]
)
def test_a_refusal_has_the_verdict_of_its_code(
    runtime: Runtime, fleet: Fleet, code: int, state: str, delay_ms: int | None
) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref, code)

    before = int(fleet.redis("TIME")[0]) * 1000
    relay(runtime).step(1)

    assert (state, code) == (fleet.states(), fleet.segment().error)
    due = fleet.redis("ZSCORE", fleet.keys.delayed, ref)
    assert (delay_ms is None) == (due is None)
    if delay_ms is not None:
        assert delay_ms <= float(due) - before <= delay_ms + 5_000


@pytest.mark.parametrize("age", [0, 1, 2, 7])
def test_a_receipt_finds_its_message_for_seven_days(runtime: Runtime, fleet: Fleet, age: int) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    relay(runtime, day=DAY - age).step(1)

    arrive(fleet, receipt())
    relay(runtime, day=DAY).step(1)

    assert 4 == fleet.job().status


def test_the_receipts_of_old_and_new_messages_come_in_one_batch(runtime: Runtime, fleet: Fleet) -> None:
    days = {"j1": DAY - 5, "j2": DAY, "j3": DAY - 1, "j4": DAY - 3}
    for job_id, day in days.items():
        (ref,) = fleet.send(job_id)
        fleet.settle(ref, message_id=job_id.encode())
        relay(runtime, day=day).step(1)

    arrive(fleet, receipt("j1"), receipt("j2", "UNDELIV"), receipt("j3", "EXPIRED"), receipt("j4", "REJECTD"))
    relay(runtime).step(1)

    assert [4, 7, 10, 9] == [fleet.job(job_id).status for job_id in days]


def test_a_persons_message_goes_to_the_stream_mo(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, message())

    relay(runtime).step(1)

    ((found,),) = [[json.loads(entry[b"m"]) for entry in kept(fleet, fleet.keys.mo)]]
    assert ("27999100001", "STOP", "1970-01-01T00:02:03.456+00:00") == (
        found["from"], found["text"], found["received"],
    )  # fmt: skip
    assert nothing_is_left(fleet)


@pytest.mark.parametrize(
    "body", [b"", b"\x00", message()[:-3], DeliverSm(esm_class=RECEIPT, short_message=b"no id").encode_body()]
)
def test_what_cannot_be_read_goes_to_the_stream_dead_with_the_reason(
    runtime: Runtime, fleet: Fleet, body: bytes
) -> None:
    arrive(fleet, body)

    relay(runtime).step(1)

    (dead,) = kept(fleet, fleet.keys.dead)
    assert (body, b"%d" % RECEIVED_MS) == (dead[b"p"], dead[b"t"])
    assert dead[b"why"]
    assert nothing_is_left(fleet)


def test_what_only_looks_like_a_receipt_of_an_unknown_id_is_kept_as_a_message(
    runtime: Runtime, fleet: Fleet
) -> None:
    arrive(fleet, receipt("M9", esm_class=PLAIN))

    relay(runtime).step(1)

    (entry,) = kept(fleet, fleet.keys.mo)
    assert json.loads(entry[b"m"])["text"].startswith("id:M9 sub:001 dlvrd:001 submit date:")
    assert 0 == fleet.redis("ZCARD", fleet.keys.orphans)
    assert nothing_is_left(fleet)


def test_an_unflagged_receipt_of_a_known_id_is_a_receipt(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, receipt(esm_class=PLAIN))

    relay(runtime).step(1)

    assert (4, []) == (fleet.job().status, kept(fleet, fleet.keys.mo))


def test_one_batch_may_hold_everything(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, b"", receipt("M9"), message(), receipt("M8", esm_class=PLAIN), receipt(), b"\x01")

    assert 7 == relay(runtime).step(1)

    assert (4, 2, 2, [b"M9"]) == (
        fleet.job().status, len(kept(fleet, fleet.keys.mo)), len(kept(fleet, fleet.keys.dead)),
        fleet.redis("ZRANGE", fleet.keys.orphans, 0, -1),
    )  # fmt: skip
    assert nothing_is_left(fleet)


def test_a_semicolon_in_a_receipt_does_not_break_the_history(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, receipt(stat="DELIVRD;9Z"))

    relay(runtime).step(1)

    assert ("Q S A8 D", "DELIVRD,9Z 000") == (fleet.letters(), fleet.job().history[-1].raw)


def test_what_a_dead_relay_read_is_taken_over_in_batches(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    arrive(fleet, *[message()] * (BATCH + 5), receipt())
    fleet.run(fleet.facts.read("dead-relay", 1_000, 1))

    assert 0 == relay(runtime, claim_idle_ms=0).step(1)

    assert (4, BATCH + 5) == (fleet.job().status, len(kept(fleet, fleet.keys.mo)))
    assert nothing_is_left(fleet)


def test_what_another_relay_has_just_read_is_left_to_it(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, message())
    fleet.run(fleet.facts.read("other-relay", 10, 1))

    assert 0 == relay(runtime).step(1)
    assert [] == kept(fleet, fleet.keys.mo)


# --- the loop --------------------------------------------------------------------------------------


def running(runtime: Runtime, *turns: Callable[[], object]) -> Relay:
    """A relay for `run`; its clock, asked once for each batch of responses, is when something happens."""
    left = iter(turns)

    def clock_ms() -> int:
        next(left)()
        return DAY * DAY_MS

    return Relay(runtime, "this-relay", clock_ms=clock_ms)


def test_it_makes_its_groups_applies_what_came_before_and_leaves(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    for stream in (fleet.keys.responses, fleet.keys.deliveries):
        fleet.redis("XGROUP DESTROY", stream, "workers")

    running(runtime, runtime.stopping.set).run()

    assert "A" == fleet.states()
    assert [] == fleet.redis("XINFO CONSUMERS", fleet.keys.responses, "workers")


def test_after_the_server_was_emptied_it_makes_its_groups_again(runtime: Runtime, fleet: Fleet) -> None:
    def empty_the_server() -> None:
        fleet.redis("FLUSHALL")
        later = "9999999999999-0"  # in the same millisecond it could have the id of the entry that is gone
        fleet.redis("XADD", fleet.keys.responses, later, "r", "new#1", "a", "1,0,M2", "b", "")

    (ref,) = fleet.send()
    fleet.settle(ref)

    running(runtime, empty_the_server, runtime.stopping.set).run()

    assert 0 == fleet.redis("XLEN", fleet.keys.responses)


def test_while_the_store_is_away_it_tries_again(runtime: Runtime, fleet: Fleet, outage: Outage) -> None:
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)

    def come_back_with_another_answer() -> None:
        if len(stopping.waits) == 2:
            outage.end()
            fleet.settle(ref)

    stopping.meanwhile = come_back_with_another_answer
    (ref,) = fleet.send()
    fleet.settle(ref)

    running(runtime, outage.begin, stopping.set).run()

    assert [RETRY_S, RETRY_S * 2] == stopping.waits
    assert "A" == fleet.states()


def test_a_store_that_is_away_from_the_start_is_waited_for(
    runtime: Runtime, fleet: Fleet, outage: Outage
) -> None:
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = lambda: outage.end() if len(stopping.waits) == 2 else None
    (ref,) = fleet.send()
    fleet.settle(ref)
    outage.begin()

    running(runtime, stopping.set).run()

    assert [RETRY_S, RETRY_S * 2] == stopping.waits
    assert "A" == fleet.states()


def test_facts_of_another_form_hold_up_no_other(runtime: Runtime, fleet: Fleet) -> None:
    """Written by hand, or by another version; the answer's job stays in flight where the binder finds it."""
    (ref,) = fleet.send()
    for stream in (fleet.keys.responses, fleet.keys.deliveries):
        fleet.redis("XADD", stream, "*", "x", "y")
    fleet.redis("XADD", fleet.keys.responses, "*", "r", b"\xff#1", "a", "1,2,")
    fleet.settle(ref)

    relay(runtime).step(1)

    assert "A" == fleet.states()
    assert nothing_is_left(fleet)
    assert 1 == fleet.redis("XLEN", fleet.keys.dead)
