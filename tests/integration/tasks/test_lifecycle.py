"""Scheduling, cancelling and the conflicts of idempotency keys, as applications meet them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.store.steps import TEMPORARY, Fleet

from smsfleet.config.errors import IdempotencyConflict, InvalidArgument, UnknownJob
from smsfleet.store.server import server_time_ms
from smsfleet.tasks import Cancellation, acancel, cancel, job_status, send_sms
from smsfleet.tasks.work import work
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("runtime")

TO, TEXT = "27999100001", "Hello"
HOUR = timedelta(hours=1)


def content(fleet: Fleet, job_id: str) -> SmsRequest:
    return SmsRequest.from_json(fleet.redis("GET", fleet.keys.content(job_id)))


# --- scheduled ---------------------------------------------------------------------------------------


def test_a_scheduled_job_waits_and_says_for_when(fleet: Fleet) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + HOUR

    job = send_sms.delay(TO, TEXT, at=at)

    found = job_status(job.id)
    assert ("SCHEDULED", False, at) == (found.state, found.final, found.at)
    assert ([job.id.encode()], []) == (fleet.scheduled(), fleet.intake())
    assert at.isoformat() == json.loads(json.dumps(found.as_dict()))["at"]


@pytest.mark.parametrize("word", ["countdown", "eta"])
def test_celerys_own_words_schedule_it_too(fleet: Fleet, word: str) -> None:
    options: dict[str, Any] = {"countdown": 3600, "eta": datetime.now(UTC) + HOUR}

    job = send_sms.apply_async((TO, TEXT), **{word: options[word]})

    due = job_status(job.id).at
    assert due is not None
    assert abs(due - datetime.now(UTC) - HOUR) < timedelta(minutes=5)
    assert b"" == (fleet.redis("HGET", fleet.keys.job(job.id), "o") or b"")


def test_a_span_counts_by_the_clock_of_the_store(fleet: Fleet, runtime: Runtime) -> None:
    before = runtime.store.run(server_time_ms())

    job = send_sms.delay(TO, TEXT, at=HOUR)

    due_ms = fleet.job(job.id).due_ms
    assert due_ms is not None
    assert before <= due_ms - 3_600_000 <= runtime.store.run(server_time_ms())


def test_a_validity_counts_from_when_it_is_due(fleet: Fleet) -> None:
    job = send_sms.delay(TO, TEXT, at=HOUR, validity=60)

    assert fleet.job(job.id).due_ms + 60_000 == content(fleet, job.id).deadline_ms  # type: ignore[operator]


def test_what_was_due_before_is_in_line_at_once(fleet: Fleet) -> None:
    job = send_sms.apply_async((TO, TEXT), eta=datetime.now(UTC) - HOUR, retry=False)

    assert ("PENDING", None) == (job_status(job.id).state, job_status(job.id).at)


def test_expires_is_a_validity(fleet: Fleet) -> None:
    job = send_sms.apply_async((TO, TEXT), expires=90)

    assert 90 == content(fleet, job.id).validity_s


@pytest.mark.parametrize(
    ("kwargs", "options"),
    [
        ({"at": datetime(2030, 1, 1)}, {}),  # noqa: DTZ001 - that is what is refused
        ({"at": timedelta(days=31)}, {}),
        ({"at": HOUR}, {"countdown": 5}),
        ({"validity": 60}, {"expires": 60}),
        ({}, {"eta": "2030-01-01"}),
        ({}, {"countdown": 10, "expires": 5}),
        ({"at": HOUR}, {"headers": {"odd": object()}}),
    ],
)
def test_what_cannot_be_scheduled_is_refused_and_nothing_is_stored(
    fleet: Fleet, kwargs: dict[str, Any], options: dict[str, Any]
) -> None:
    before = fleet.everything()

    with pytest.raises(InvalidArgument):
        send_sms.apply_async((TO, TEXT), kwargs, **options)

    assert before == fleet.everything()


def test_a_task_by_name_may_be_scheduled_and_is_not_admitted_before(fleet: Fleet) -> None:
    at = (datetime.now(UTC) + HOUR).isoformat()

    assert ["scheduled"] * 2 == [work("by-name", TO, TEXT, at=at) for _ in range(2)]
    assert ("SCHEDULED", [b"by-name"], []) == (
        job_status("by-name").state, fleet.scheduled(), fleet.outbound(),
    )  # fmt: skip


# --- cancelled ---------------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_whole(fleet: Fleet) -> None:
    jobs = [send_sms.delay(TO, TEXT, at=HOUR).id, "pending"]
    fleet.take_in("pending")

    assert [Cancellation(job_id, True, (), (), (), ()) for job_id in jobs] == [cancel(j) for j in jobs]
    assert [("CANCELLED", 6, True)] * 2 == [
        (found.state, found.status, found.final) for found in map(job_status, jobs)
    ]
    assert "unknown" != work("pending")
    assert [] == fleet.outbound()


def test_it_is_told_which_segments_had_gone(fleet: Fleet) -> None:
    fleet.take_in_and_admit(segments=3)
    fleet.take_and_begin(1)

    assert Cancellation("j1", False, (2, 3), (1,), (), ()) == cancel("j1")
    assert "SENDING" == job_status("j1").state


def test_what_may_have_been_delivered_is_not_called_cancelled(fleet: Fleet) -> None:
    fleet.lost(*fleet.send(policy="hold"))

    assert Cancellation("j1", False, (), (), (1,), ()) == cancel("j1")
    assert ("FAILED_UNKNOWN", 1) == (job_status("j1").state, job_status("j1").ambiguous)


def test_a_job_is_cancelled_by_its_idempotency_key(fleet: Fleet) -> None:
    fleet.take_in("first", key="order-1")

    assert ("first", True) == (cancel("order-1").job_id, cancel("first").complete)


async def test_asyncio_applications_await_it(fleet: Fleet) -> None:
    fleet.take_in("j1")

    assert (await acancel("j1")).complete


def test_a_job_that_had_ended_was_not_cancelled(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.run(fleet.jobs.refuse("j1", "normal", "invalid-text: no", 5))

    assert not cancel("j1").complete


@pytest.mark.parametrize("job_id", ["never", "", "a#1", "ключ"])
def test_no_such_job_is_said_by_its_id(job_id: str) -> None:
    with pytest.raises(UnknownJob, match=f"no job {job_id!r}"):
        cancel(job_id)


def test_the_time_line_says_that_it_was_cancelled_and_what_came_of_it(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    cancel("j1")
    fleet.answer(ref, TEMPORARY)
    cancel("j1")

    lines = [(entry.source, entry.event.partition(":")[0]) for entry in job_status("j1").timeline]
    assert [("application", "cancelled"), ("response", "refused")] == lines[-2:]
    assert "CANCELLED" == job_status("j1").state


# --- set aside ---------------------------------------------------------------------------------------


def test_a_job_that_is_set_aside_waits_and_says_why(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.run(fleet.lifecycle.set_aside("j1", "normal", "poison: 3 workers ended"))

    found = job_status("j1")
    assert ("SET_ASIDE", False, "poison: 3 workers ended") == (found.state, found.final, found.error)
    assert ("worker", "set aside") == (found.timeline[-1].source, found.timeline[-1].event)


# --- idempotency keys --------------------------------------------------------------------------------


def test_the_same_key_for_something_else_is_refused_and_names_what_differs(fleet: Fleet) -> None:
    send_sms.delay(TO, TEXT, idempotency_key="order-1", validity=60)
    before = fleet.everything()

    with pytest.raises(IdempotencyConflict, match=r"'order-1'.*\(text, to, validity\)") as refused:
        send_sms.delay("27999100002", "secret words", idempotency_key="order-1", validity=61)

    assert before == fleet.everything()
    assert not any(part in str(refused.value) for part in ("secret", TO, "27999100002"))


def test_the_same_key_for_the_same_is_the_first_job_at_any_time(fleet: Fleet) -> None:
    jobs = [
        send_sms.delay(to, TEXT, idempotency_key="order-1", validity=60, at=HOUR).id
        for to in (TO, "+27 99 910 0001")
    ]

    assert ["order-1"] * 2 == jobs


def test_the_text_is_compared_when_it_is_forgotten_too(fleet: Fleet) -> None:
    send_sms.delay(TO, TEXT, idempotency_key="order-1")
    fleet.redis("DEL", fleet.keys.content("order-1"))

    with pytest.raises(IdempotencyConflict, match="text"):
        send_sms.delay(TO, "another", idempotency_key="order-1")


def test_a_task_by_name_with_a_used_key_becomes_a_refused_job_of_its_own(fleet: Fleet) -> None:
    assert "admitted" == work("first", TO, TEXT, idempotency_key="order-1")

    assert "refused" == work("second", TO, "another", idempotency_key="order-1")

    found = job_status("second")
    assert ("second", "REFUSED") == (found.job_id, found.state)
    assert (found.error or "").startswith("idempotency-conflict: ")
    assert "first" == job_status("order-1").job_id
