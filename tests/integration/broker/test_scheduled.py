"""A scheduled job is published when it is due as it would have been at once: by the fleet's own transport."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import redis
from celery import Celery, group
from tests.integration.broker.conftest import messages
from tests.integration.broker.test_publish import TEXT, TO, comparable
from tests.integration.waiting import wait_until

from smsfleet.config.errors import IdempotencyConflict
from smsfleet.tasks import app, cancel, job_status, publisher, send_sms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.publisher import CeleryPublisher
from smsfleet.workers.duties import Duties

pytestmark = pytest.mark.server

SOON = timedelta(milliseconds=50)
OTHER = Celery("other", set_as_current=False)


def publish_due(job_id: str) -> None:
    """Do the duty until the job is in line."""
    duties = Duties(runtime(), CeleryPublisher(app))

    def is_published() -> bool:
        duties.publish_due()
        return job_status(job_id).state == "PENDING"

    wait_until(is_published, "it is due")


@pytest.mark.parametrize(
    ("options", "queue"),
    [
        ({}, "sms.normal"),
        ({"queue": "sms.bulk"}, "sms.bulk"),
        ({"priority": 9}, "sms.normal\x06\x169"),
        ({"headers": {"tenant": "shop"}}, "sms.normal"),
        ({"link": OTHER.signature("other.task", ("a",))}, "sms.normal"),
        ({"link_error": [OTHER.signature("other.failed")]}, "sms.normal"),
        ({"group_id": "g-1", "group_index": 3, "root_id": "r-1", "parent_id": "p-1"}, "sms.normal"),
        ({"chord": {"task": "other.done", "args": [], "kwargs": {}, "options": {}}}, "sms.normal"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_its_message_is_the_one_that_it_would_have_had_at_once(
    fleet_app: Celery, raw: redis.Redis, options: dict[str, Any], queue: str
) -> None:
    send_sms.apply_async((TO, TEXT), task_id="the-job", **options)
    (expected,) = messages(raw, queue)
    raw.flushall()

    send_sms.apply_async((TO, TEXT), {"at": SOON}, task_id="the-job", **options)
    before = messages(raw, queue)
    publish_due("the-job")

    assert [] == before
    assert [comparable(expected)] == [comparable(text) for text in messages(raw, queue)]


def test_members_of_a_group_may_be_scheduled(fleet_app: Celery, raw: redis.Redis) -> None:
    result = group(send_sms.s(TO, f"text {number}", at=SOON) for number in range(3)).apply_async()

    for job in result.results:
        publish_due(job.id)
    published = [json.loads(text)["headers"] for text in messages(raw, "sms.normal")]
    assert sorted(job.id for job in result.results) == sorted(headers["id"] for headers in published)
    assert {result.id} == {headers["group"] for headers in published}


def test_a_member_of_a_chord_keeps_what_follows_it(fleet_app: Celery, raw: redis.Redis) -> None:
    member = send_sms.s(TO, TEXT).set(countdown=0.05)

    job = member.apply_async(chord=OTHER.signature("other.done"))
    publish_due(job.id)

    (text,) = messages(raw, "sms.normal")
    embedded = json.loads(base64.b64decode(json.loads(text)["body"]))[2]
    assert "other.done" == embedded["chord"]["task"]


def test_two_workers_that_do_the_duty_publish_it_once(fleet_app: Celery, raw: redis.Redis) -> None:
    jobs = [send_sms.delay(TO, TEXT, at=SOON).id for _ in range(150)]
    both = [Duties(runtime(), CeleryPublisher(app)) for _ in range(2)]
    published = 0

    def are_published() -> bool:
        nonlocal published
        published += sum(duties.publish_due() for duties in both)
        return published >= len(jobs)

    wait_until(are_published, "all are due")

    found = [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.normal")]
    assert sorted(jobs) == sorted(found)
    assert 1 == raw.llen("smsfleet.bell.sms.normal")


def test_a_cancelled_one_is_never_published(fleet_app: Celery, raw: redis.Redis) -> None:
    job = send_sms.delay(TO, TEXT, at=SOON)
    kept = send_sms.delay(TO, TEXT, at=SOON)

    assert cancel(job.id).complete
    publish_due(kept.id)

    assert [kept.id] == [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.normal")]


def test_a_used_key_publishes_and_schedules_nothing_else(fleet_app: Celery, raw: redis.Redis) -> None:
    send_sms.delay(TO, TEXT, idempotency_key="order-1")

    for at in (None, SOON):
        with pytest.raises(IdempotencyConflict, match="text"):
            send_sms.delay(TO, "another", idempotency_key="order-1", at=at)

    assert 1 == raw.llen("sms.normal")
    assert 0 == raw.exists("{main}:scheduled")


def test_options_that_celery_does_not_take_are_refused_at_the_call(
    fleet_app: Celery, raw: redis.Redis
) -> None:
    with pytest.raises((TypeError, ValueError)):
        send_sms.apply_async((TO, TEXT), {"at": SOON}, headers="tenant")

    assert [] == raw.keys("{main}:*")


@pytest.mark.parametrize("options", ['{"headers": "tenant"}', '{"link": 5}', "{", "[1]"])
@pytest.mark.parametrize("shares", [True, False], ids=["one server", "two servers"])
def test_options_that_cannot_be_published_stop_no_duty_and_no_sms(
    fleet_app: Celery, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, options: str, shares: bool
) -> None:
    monkeypatch.setattr(publisher, "shares_a_server", lambda: shares)
    send_sms.apply_async((TO, TEXT), {"at": SOON}, task_id="the-job")
    raw.hset("{main}:job:the-job", "o", options)

    publish_due("the-job")

    assert ["the-job"] == [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.normal")]
