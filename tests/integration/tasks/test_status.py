"""job_status on a store: each state as the fleet's own steps bring it about."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.store.steps import NO_CREDIT, PERMANENT, TEMPORARY, Fleet

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import UnknownJob
from smsfleet.tasks import job_status
from smsfleet.tasks.app import use_runtime
from smsfleet.workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("runtime")

Steps = Callable[[Fleet], Any]


def refuse(fleet: Fleet, reason: str, status: int) -> None:
    fleet.take_in()
    fleet.run(fleet.jobs.refuse("j1", "normal", reason, status))


def answered(fleet: Fleet, code: int = 0) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, code)


def lost(fleet: Fleet, policy: str) -> None:
    fleet.lost(*fleet.send(policy=policy))


def received(fleet: Fleet, *statuses: int) -> None:
    answered(fleet)
    for status in statuses:
        fleet.receipt(status)


@pytest.mark.parametrize(
    ("steps", "state", "status", "final"),
    [
        (lambda fleet: fleet.take_in(), "PENDING", None, False),
        (lambda fleet: refuse(fleet, "text-too-long: no", 5), "REFUSED", 5, True),
        (lambda fleet: refuse(fleet, "cancelled: revoked", 6), "CANCELLED", 6, True),
        (lambda fleet: fleet.take_in_and_admit(), "QUEUED", None, False),
        (lambda fleet: fleet.send(), "SENDING", None, False),
        (lambda fleet: answered(fleet, TEMPORARY), "QUEUED", None, False),
        (lambda fleet: answered(fleet, NO_CREDIT), "QUEUED", 12, False),
        (lambda fleet: answered(fleet, PERMANENT), "REJECTED", 9, True),
        (answered, "ACCEPTED", 8, False),
        (lambda fleet: received(fleet, 3), "ACCEPTED", 3, False),
        (lambda fleet: received(fleet, 4), "DELIVERED", 4, True),
        (lambda fleet: received(fleet, 7), "UNDELIVERED", 7, True),
        (lambda fleet: received(fleet, 7, 4, 10), "DELIVERED", 4, True),
        (lambda fleet: lost(fleet, "hold"), "HELD", None, False),
        (lambda fleet: lost(fleet, "resend"), "QUEUED", None, False),
        (lambda fleet: lost(fleet, "fail"), "FAILED_UNKNOWN", 1, True),
    ],
)
def test_every_state_is_read_from_the_store(
    fleet: Fleet, steps: Steps, state: str, status: int | None, final: bool
) -> None:
    steps(fleet)

    found = job_status("j1")

    assert (state, status, final) == (found.state, found.status, found.final)
    assert found.as_dict() == json.loads(json.dumps(found.as_dict()), object_hook=_tuples)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def test_an_expired_segment_is_expired(fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms()
    fleet.take_in_and_admit(deadline_ms=fleet.now_ms + 1)
    fleet.now_ms += 1
    fleet.take_and_begin()

    assert ("EXPIRED", 10) == (job_status("j1").state, job_status("j1").status)


def test_a_long_text_is_as_far_as_its_last_segment_and_its_time_line_names_them(fleet: Fleet) -> None:
    first, second = fleet.send(segments=2)
    fleet.answer(first, message_id=b"M1")
    fleet.receipt(4, b"M1")

    found = job_status("j1")

    assert ("SENDING", ["DELIVERED", "SENDING"]) == (found.state, [part.state for part in found.segments])
    fleet.answer(second, PERMANENT)
    assert ("REJECTED", 9) == (job_status("j1").state, job_status("j1").status)
    assert {None, 1, 2} == {entry.segment for entry in job_status("j1").timeline}


def test_the_id_of_a_repeated_key_reads_as_the_first_job(fleet: Fleet) -> None:
    fleet.take_in("first", key="order-1")
    fleet.take_in("second", key="order-1")

    assert ["first"] * 3 == [job_status(job_id).job_id for job_id in ("first", "second", "order-1")]


@pytest.mark.parametrize("job_id", ["never", "", "a#1", "ключ", "x" * 100, "a b"])
def test_no_such_job_is_said_by_its_id(job_id: str) -> None:
    with pytest.raises(UnknownJob, match=f"no job {job_id!r}"):
        job_status(job_id)


def test_an_alias_of_a_job_that_is_gone_is_no_job(fleet: Fleet, runtime: Runtime) -> None:
    fleet.take_in("first", key="order-1")
    fleet.redis("DEL", fleet.keys.job("first"))

    with pytest.raises(UnknownJob, match="order-1"):
        job_status("order-1")


def test_jobs_of_another_account_are_not_seen(fleet: Fleet, runtime: Runtime) -> None:
    fleet.take_in()
    use_runtime(Runtime(runtime.settings.model_copy(update={"account": "other"}), store=runtime.store))

    with pytest.raises(UnknownJob):
        job_status("j1")
