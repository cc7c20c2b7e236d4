"""A worker's side of one message, among them those that were published by name with plain arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery.app.trace import build_tracer
from celery.exceptions import Reject
from tests.integration.store.steps import Fleet
from tests.integration.workers.conftest import Outage

from smsfleet.config.errors import InvalidArgument, StoreUnavailable, UnknownJob
from smsfleet.store.client import Store
from smsfleet.tasks import app, job_status, send_sms
from smsfleet.tasks.app import runtime as app_runtime
from smsfleet.tasks.sms import bind, take_in
from smsfleet.tasks.work import work
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("runtime")

TO, TEXT = "27999100001", "Hello"


@pytest.fixture
def outage(store: Store) -> Iterator[Outage]:
    outage = Outage(store)
    yield outage
    outage.end()


def test_a_job_that_was_taken_in_is_admitted_once(fleet: Fleet) -> None:
    take_in("j1", *bind(TO, TEXT))

    assert ["admitted", "known"] == [work("j1"), work("j1")]
    assert [b"j1#1"] == fleet.outbound()


def test_a_message_of_a_job_that_is_not_there_is_unknown(fleet: Fleet) -> None:
    assert ["unknown", "unknown"] == [work("never"), work("ключ")]
    assert [] == fleet.outbound()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((TO, TEXT), {"lane": "high"}), ((), {"to": "+27 99 910 0001", "text": TEXT, "lane": "high"})],
)
def test_a_task_by_name_is_taken_in_and_admitted(
    fleet: Fleet, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    assert "admitted" == work("by-name", *args, **kwargs)
    assert [b"by-name#1"] == fleet.outbound("high")
    assert (TO, "QUEUED") == (job_status("by-name").to, job_status("by-name").state)


def test_a_task_by_name_that_is_delivered_again_is_sent_once(fleet: Fleet) -> None:
    assert ["admitted", "known"] == [work("by-name", TO, TEXT) for _ in range(2)]
    assert [b"by-name#1"] == fleet.outbound()


def test_tasks_by_name_with_the_same_key_are_one_job(fleet: Fleet) -> None:
    words = [work(task_id, TO, TEXT, idempotency_key="order-1") for task_id in ("first", "second")]

    assert ["admitted", "known"] == words
    assert [b"first#1"] == fleet.outbound()
    assert ["first", "first"] == [job_status(job_id).job_id for job_id in ("second", "order-1")]


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        (("0999100001", TEXT), {}, "invalid-destination"),
        ((TO, ""), {}, "invalid-text"),
        ((TO, TEXT), {"lane": "vip"}, "invalid-argument"),
        ((TO, TEXT), {"colour": "red"}, "invalid-argument"),
        ((TO, TEXT), {"max_segments": "3"}, "invalid-argument"),
        ((), {"text": TEXT}, "invalid-argument"),
    ],
)
def test_a_task_by_name_that_can_never_be_sent_becomes_a_job_with_the_reason(
    fleet: Fleet, args: tuple[Any, ...], kwargs: dict[str, Any], reason: str
) -> None:
    assert "refused" == work("by-name", *args, **kwargs)
    assert ("smsfleet_worker_jobs_total", ("refused",), 1) in app_runtime().counts.readings()

    found = job_status("by-name")
    assert found.error is not None
    assert ("REFUSED", 5, reason) == (found.state, found.status, found.error.partition(":")[0])
    assert "0999100001" not in found.error
    assert 0 == fleet.redis("ZCARD", fleet.keys.intake["normal"])


@pytest.mark.parametrize("task_id", ["a#1", "ключ", "x" * 65])
def test_a_task_by_name_with_an_id_that_can_be_no_job_is_refused(fleet: Fleet, task_id: str) -> None:
    assert "refused" == work(task_id, TO, TEXT)

    assert [] == fleet.outbound()
    with pytest.raises(UnknownJob):
        job_status(task_id)


def test_what_is_not_admitted_in_time_goes_back_to_the_queue(runtime: Runtime, fleet: Fleet) -> None:
    runtime.stopping.set()

    with pytest.raises(Reject) as given_back:
        work("by-name", TO, TEXT)

    assert given_back.value.requeue
    assert "PENDING" == job_status("by-name").state


def test_a_task_by_name_that_cannot_be_taken_in_is_delivered_again(fleet: Fleet, outage: Outage) -> None:
    outage.begin()

    with pytest.raises(StoreUnavailable):
        work("by-name", TO, TEXT)


def test_an_eager_app_admits_at_once_and_needs_no_broker(fleet: Fleet) -> None:
    app.conf.task_always_eager = True
    try:
        job = send_sms.delay(TO, TEXT)
    finally:
        app.conf.task_always_eager = False

    assert "QUEUED" == job_status(job.id).state


# --- many jobs as one task of Celery's ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "ask"),
    [
        ("map", lambda: send_sms.map([TO])),
        ("starmap", lambda: send_sms.starmap([(TO, TEXT)])),
        ("chunks", lambda: send_sms.chunks([(TO, TEXT)], 10)),
    ],
)
def test_many_jobs_as_one_task_are_refused_where_they_are_asked(how: str, ask: Callable[[], Any]) -> None:
    with pytest.raises(InvalidArgument, match=rf"send_sms\.{how} is refused: .*use group\(.*start_campaign"):
        ask()


@pytest.mark.parametrize(
    ("name", "items"), [("map", [TO]), ("starmap", [(TO, TEXT), (TO, TEXT)]), ("chunks", [[(TO, TEXT)]])]
)
def test_a_worker_that_runs_one_all_the_same_stores_the_reason(
    fleet: Fleet, name: str, items: list[Any]
) -> None:
    task = app.tasks["celery." + ("starmap" if name == "chunks" else name)]
    kwargs = {"task": dict(send_sms.s()), "it": items[0] if name == "chunks" else items}

    ended = as_a_worker(task, "of-celery", kwargs)

    assert "InvalidArgument" in repr(ended)
    found = job_status("of-celery")
    assert "REFUSED" == found.state
    assert "use group(send_sms.s(...), ...)" in str(found.error)
    assert [] == fleet.outbound()


def test_a_plain_call_is_refused_and_says_what_is_meant() -> None:
    with pytest.raises(InvalidArgument, match=r"use send_sms\.delay\("):
        send_sms(TO, TEXT)


def as_a_worker(task: Any, task_id: str, kwargs: dict[str, Any]) -> Any:
    """What a worker's tracer does with a message."""
    trace = build_tracer(task.name, task, app=app)
    return trace(task_id, (), kwargs, {"called_directly": False, "id": task_id}).retval
