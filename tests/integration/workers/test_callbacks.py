"""Callbacks: each event is handed on at least once, to the right side, and says no more than it may."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import TO, Fleet, admission
from tests.integration.workers.conftest import Outage, Stopping

from smsfleet.config.errors import StoreUnavailable
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.outbox import Outbox
from smsfleet.workers.callbacks import Callbacks, TaskCall
from smsfleet.workers.consuming import RETRY_S
from smsfleet.workers.runtime import Runtime

TASK = "task:billing.on_sms@billing"
HOOK = "https://billing.example/sms"
NOW_MS = 1_800_000_000_000


@dataclass
class Recorder:
    """A broker, and what is called on it."""

    called: list[TaskCall] = field(default_factory=list)
    most: int = 1_000
    """after so many calls the broker is away"""

    def call(self, calls: Sequence[TaskCall]) -> None:
        for call in calls:
            if len(self.called) >= self.most:
                raise StoreUnavailable("the broker does not answer")
            self.called.append(call)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, event in self.called]


@pytest.fixture
def broker() -> Recorder:
    return Recorder()


@pytest.fixture
def make(runtime: Runtime, broker: Recorder) -> Callable[..., Callbacks]:
    runtime.store.run(Outbox(runtime.keys).create_group())

    def make(consumer: str = "w1", at: Runtime = runtime, claim_idle_ms: int = 0) -> Callbacks:
        return Callbacks(at, consumer, broker, clock_ms=lambda: NOW_MS, claim_idle_ms=claim_idle_ms)

    return make


@pytest.fixture
def callbacks(make: Callable[..., Callbacks]) -> Callbacks:
    return make()


def delivered(fleet: Fleet, callback: str, job_id: str = "j1") -> None:
    """Two changes: accepted and delivered."""
    fleet.take_in(job_id)
    fleet.admit(admission(job_id)._replace(callback=callback))
    fleet.take_and_begin()
    fleet.answer(f"{job_id}#1".encode(), message_id=job_id.encode())
    fleet.receipt(4, job_id.encode())


def postings(fleet: Fleet, host: str = "billing.example:443") -> list[Posting]:
    return fleet.run(Hooks(fleet.keys).claim(host, NOW_MS, 1, 100))


def waiting(fleet: Fleet) -> int:
    return fleet.run(Outbox(fleet.keys).waiting())


def test_an_application_task_is_called_by_name_with_each_change(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder
) -> None:
    delivered(fleet, TASK)

    assert 2 == callbacks.step(1)

    assert [("billing.on_sms", "billing")] * 2 == [(name, queue) for name, queue, _ in broker.called]
    assert [("ACCEPTED", 8, False), ("DELIVERED", 4, True)] == [
        (event["state"], event["status"], event["final"]) for event in broker.events
    ]
    assert 0 == waiting(fleet)


def test_an_event_says_what_happened_to_which_job_and_neither_number_nor_text(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder
) -> None:
    delivered(fleet, TASK)
    callbacks.step(1)

    (first, second) = broker.events
    assert ["event_id", "kind", "job_id", "state", "status", "final", "at"] == list(first)
    assert ("status", "j1") == (first["kind"], first["job_id"])
    assert first["event_id"] != second["event_id"]
    assert first["event_id"].startswith("main-")
    assert datetime.fromisoformat(first["at"]).tzinfo is not None
    assert TO not in json.dumps(broker.events)


def test_an_event_for_a_webhook_goes_to_its_schedule(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder
) -> None:
    delivered(fleet, HOOK)

    callbacks.step(1)

    found = postings(fleet)
    assert [HOOK] * 2 == [one.url for one in found]
    assert ["ACCEPTED", "DELIVERED"] == [json.loads(one.body)["state"] for one in found]
    assert [one.event_id for one in found] == [json.loads(one.body)["event_id"] for one in found]
    assert ([], 0) == (broker.called, waiting(fleet))


def test_a_damaged_schedule_of_a_host_holds_up_no_other_event(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder
) -> None:
    delivered(fleet, "https://bad.example/sms", "j1")
    delivered(fleet, HOOK, "j2")
    delivered(fleet, TASK, "j3")
    fleet.redis("SET", fleet.keys.hook("bad.example:443"), "x")

    callbacks.step(1)

    assert {"j2"} == {json.loads(posting.body)["job_id"] for posting in postings(fleet)}
    assert {"j3"} == {event["job_id"] for event in broker.events}
    assert 0 < waiting(fleet)


@pytest.mark.parametrize("calls_webhooks", [True, False])
def test_a_worker_without_the_secret_says_once_that_events_wait(
    fleet: Fleet, runtime: Runtime, broker: Recorder, *, calls_webhooks: bool
) -> None:
    runtime.store.run(Outbox(runtime.keys).create_group())
    callbacks = Callbacks(runtime, "w1", broker, calls_webhooks=calls_webhooks)
    said = []

    for job_id in ("j1", "j2"):
        delivered(fleet, HOOK, job_id)
        with capture_logs() as lines:
            callbacks.step(0)
        said.append(["SMSFLEET_WEBHOOK_SECRET" in line["event"] for line in lines])

    assert ([[], []] if calls_webhooks else [[True], []]) == said
    assert 4 == len(postings(fleet))


def test_the_accounts_callback_is_that_of_the_setting(
    fleet: Fleet,
    make_runtime: Callable[..., Runtime],
    make: Callable[..., Callbacks],
    broker: Recorder,
) -> None:
    delivered(fleet, "*")

    make(at=make_runtime(callback="task:new.name")).step(1)

    assert [("new.name", "celery")] * 2 == [(name, queue) for name, queue, _ in broker.called]


def test_without_the_setting_its_events_are_for_nobody_any_more(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder
) -> None:
    delivered(fleet, "*")
    delivered(fleet, TASK, "j2")

    callbacks.step(1)

    assert ({"j2"}, 0) == ({event["job_id"] for event in broker.events}, waiting(fleet))


def test_a_message_from_a_handset_is_handed_on_as_it_is(fleet: Fleet, callbacks: Callbacks) -> None:
    entry_id = fleet.run(Outbox(fleet.keys).put(HOOK, '{"kind":"mo","text":"é"}'))

    callbacks.step(1)

    (found,) = postings(fleet)
    assert {"event_id": f"main-{entry_id.decode()}", "kind": "mo", "text": "é"} == json.loads(found.body)


@pytest.mark.parametrize("body", ["{", "[]", "7", "[" * 100_000])
def test_what_cannot_be_read_holds_up_no_other(
    fleet: Fleet, callbacks: Callbacks, broker: Recorder, body: str
) -> None:
    fleet.run(Outbox(fleet.keys).put(TASK, body))
    fleet.redis("XADD", fleet.keys.outbox, "*", "j", "j", "s", "8", "f", "0", "l", "Z8", "b", TASK)
    fleet.redis("XADD", fleet.keys.outbox, "*", "x", "y")
    delivered(fleet, TASK)

    callbacks.step(1)

    assert (["j1", "j1"], 0) == ([event["job_id"] for event in broker.events], waiting(fleet))


def test_what_the_broker_does_not_take_stays_and_comes_again_under_its_id(
    fleet: Fleet, make: Callable[..., Callbacks], broker: Recorder
) -> None:
    delivered(fleet, TASK)
    delivered(fleet, HOOK, "j2")
    broker.most = 1

    with pytest.raises(StoreUnavailable):
        make().step(1)

    assert (2, 2) == (waiting(fleet), len(postings(fleet)))
    broker.most = 10
    make("w2").step(1)
    first, again, last = broker.events
    assert (first, ["ACCEPTED", "DELIVERED"]) == (again, [again["state"], last["state"]])
    assert 0 == waiting(fleet)


def test_an_event_that_was_published_and_not_noted_comes_again_under_its_id(
    fleet: Fleet, make: Callable[..., Callbacks], broker: Recorder, outage: Outage
) -> None:
    delivered(fleet, TASK)
    broker_call = broker.call

    def call_and_lose_the_store(calls: Sequence[TaskCall]) -> None:
        broker_call(calls)
        outage.begin()

    broker.call = call_and_lose_the_store  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        make().step(1)
    outage.end()
    broker.call = broker_call  # type: ignore[method-assign]
    make("w2").step(1)

    ids = [event["event_id"] for event in broker.events]
    assert (4, 2, 0) == (len(ids), len(set(ids)), waiting(fleet))


def test_events_of_a_living_worker_are_left_to_it(
    fleet: Fleet, make: Callable[..., Callbacks], broker: Recorder
) -> None:
    delivered(fleet, TASK)
    fleet.run(Outbox(fleet.keys).read("w1", 100, 1))

    make("w2", claim_idle_ms=60_000).step(1)

    assert ([], 2) == (broker.called, waiting(fleet))


def test_it_runs_until_it_is_stopped_and_waits_for_a_server_that_is_away(
    fleet: Fleet, callbacks: Callbacks, runtime: Runtime, broker: Recorder, outage: Outage
) -> None:
    delivered(fleet, TASK)
    outage.begin()
    stopping = runtime.stopping
    assert isinstance(stopping, Stopping)
    stopping.meanwhile = outage.end
    taken = broker.call

    def last(calls: Sequence[TaskCall]) -> None:
        taken(calls)
        if calls[-1].event["final"]:
            stopping.set()

    broker.call = last  # type: ignore[method-assign]
    callbacks.run()

    assert (2, RETRY_S) == (len(broker.called), stopping.waits[0])
    assert [] == fleet.redis("XINFO CONSUMERS", fleet.keys.outbox, "callbacks")


def test_an_emptied_server_gets_its_group_again(
    fleet: Fleet, callbacks: Callbacks, runtime: Runtime, broker: Recorder
) -> None:
    fleet.redis("DEL", fleet.keys.outbox)
    taken = broker.call

    def last(calls: Sequence[TaskCall]) -> None:
        taken(calls)
        runtime.stopping.set()

    broker.call = last  # type: ignore[method-assign]
    fleet.run(Outbox(fleet.keys).put(TASK, '{"kind":"test"}'))
    callbacks.run()

    assert ["test"] == [event["kind"] for event in broker.events]
