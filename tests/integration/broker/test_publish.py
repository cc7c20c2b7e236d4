"""`send_sms.delay` publishes what Celery would, in the same step as the intake."""

from __future__ import annotations

import asyncio
import base64
import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery, Task, group, signals
from tests.integration.broker.conftest import messages

from smsfleet.tasks import job_status, send_sms
from smsfleet.tasks.publisher import CeleryPublisher

pytestmark = pytest.mark.server

TO, TEXT = "27999100001", "Hello"
HIGHEST_IN_REDIS = "sms.normal\x06\x169"


def stock(options: dict[str, Any]) -> None:
    """Publish as Celery does, without the fleet's own way."""
    Task.apply_async(send_sms, (), {}, **({"queue": "sms.normal"} | options))


def comparable(text: str) -> dict[str, Any]:
    """A message without what is random in every message."""
    message: dict[str, Any] = json.loads(text)
    del message["properties"]["delivery_tag"]
    return message


@pytest.mark.parametrize(
    ("options", "queue"),
    [
        ({}, "sms.normal"),
        ({"queue": "sms.bulk"}, "sms.bulk"),
        ({"priority": 9}, HIGHEST_IN_REDIS),
        ({"headers": {"tenant": "shop"}}, "sms.normal"),
        ({"shadow": "sms.otp"}, "sms.normal"),
        ({"link": Celery("other", set_as_current=False).signature("other.task")}, "sms.normal"),
        ({"group_id": "g-1", "group_index": 3, "root_id": "r-1", "parent_id": "p-1"}, "sms.normal"),
        ({"chord": {"task": "other.done", "args": [], "kwargs": {}, "options": {}}}, "sms.normal"),
        ({"time_limit": 30, "soft_time_limit": 20}, "sms.normal"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_the_message_is_celerys_own_field_by_field(
    fleet_app: Celery, raw: redis.Redis, options: dict[str, Any], queue: str
) -> None:
    stock({"task_id": "the-job", **options})
    expected = comparable(raw.rpop(queue))

    send_sms.apply_async((TO, TEXT), task_id="the-job", **options)

    assert [expected] == [comparable(text) for text in messages(raw, queue)]


def test_a_second_message_made_from_the_template_is_celerys_own_too(
    fleet_app: Celery, raw: redis.Redis
) -> None:
    send_sms.apply_async((TO, TEXT), task_id="first")
    send_sms.apply_async((TO, TEXT), task_id="second")
    made = messages(raw, "sms.normal")
    raw.delete("sms.normal")

    stock({"task_id": "second"})

    assert comparable(messages(raw, "sms.normal")[0]) == comparable(made[1])
    tags = {json.loads(text)["properties"]["delivery_tag"] for text in made}
    assert 2 == len(tags)


def test_who_listens_to_celerys_publish_signals_hears_every_job(fleet_app: Celery, raw: redis.Redis) -> None:
    heard = []

    def listen(headers: dict[str, Any], **_: Any) -> None:
        headers["trace"] = "t-1"
        heard.append(headers["id"])

    send_sms.delay(TO, TEXT)  # a template exists
    signals.before_task_publish.connect(listen)
    try:
        job = send_sms.delay(TO, TEXT)
    finally:
        signals.before_task_publish.disconnect(listen)

    assert [job.id] == heard
    assert "t-1" == json.loads(messages(raw, "sms.normal")[-1])["headers"]["trace"]


def test_the_bell_of_the_queue_is_rung_once_however_many_jobs_come(
    fleet_app: Celery, raw: redis.Redis
) -> None:
    for _ in range(3):
        send_sms.delay(TO, TEXT, lane="high")

    assert 3 == raw.llen("sms.high")
    assert 1 == raw.llen("smsfleet.bell.sms.high")


def test_a_known_idempotency_key_publishes_nothing(fleet_app: Celery, raw: redis.Redis) -> None:
    first = send_sms.delay(TO, TEXT, idempotency_key="order-1")

    second = send_sms.delay(TO, TEXT, idempotency_key="order-1")

    assert first.id == second.id
    assert 1 == raw.llen("sms.normal")


def test_members_of_a_group_are_jobs_with_the_ids_that_celery_gave_them(
    fleet_app: Celery, raw: redis.Redis
) -> None:
    result = group(send_sms.s(TO, f"text {number}") for number in range(3)).apply_async()

    published = [json.loads(text)["headers"] for text in messages(raw, "sms.normal")]
    assert [job.id for job in result.results] == [headers["id"] for headers in published]
    assert {result.id} == {headers["group"] for headers in published}
    assert ["PENDING"] * 3 == [job_status(job.id).state for job in result.results]


def test_threads_share_the_task(fleet_app: Celery, raw: redis.Redis) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda number: send_sms.delay(TO, f"text {number}").id, range(200)))

    published = [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.normal")]
    assert sorted(jobs) == sorted(published)


async def test_asyncio_applications_await_it(fleet_app: Celery, raw: redis.Redis) -> None:
    jobs = await asyncio.gather(*(send_sms.adelay(TO, f"text {number}") for number in range(20)))

    assert 20 == len({job.id for job in jobs})
    assert 20 == raw.llen("sms.normal")


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on(fleet_app: Celery, raw: redis.Redis) -> None:
    send_sms.delay(TO, "before the fork")
    url = os.environ.get("SMSFLEET_REDIS_URL")
    os.environ["SMSFLEET_REDIS_URL"] = f"redis://127.0.0.1:{raw.connection_pool.connection_kwargs['port']}/0"
    try:
        child = multiprocessing.get_context("fork").Process(target=send_sms.delay, args=(TO, "in the child"))
        child.start()
        child.join(30)
    finally:
        os.environ.pop("SMSFLEET_REDIS_URL") if url is None else os.environ.update(SMSFLEET_REDIS_URL=url)

    send_sms.delay(TO, "in the parent")

    assert 0 == child.exitcode
    assert 3 == raw.llen("sms.normal")


def test_a_connection_that_the_server_closed_is_made_again(fleet_app: Celery, raw: redis.Redis) -> None:
    send_sms.delay(TO, TEXT)
    for client in raw.client_list():
        if client["name"] == "smsfleet-client":
            raw.client_kill_filter(_id=client["id"])

    send_sms.delay(TO, TEXT)

    assert 2 == raw.llen("sms.normal")


def test_a_message_from_a_handset_is_handed_over_on_the_fleets_broker(
    fleet_app: Celery, raw: redis.Redis
) -> None:
    CeleryPublisher(fleet_app).hand_over("polls.vote", "polls", "17-0")

    (text,) = messages(raw, "polls")
    message = json.loads(text)
    assert ("polls.vote", "mo:17-0") == (message["headers"]["task"], message["headers"]["id"])
    assert [[], {"mo_id": "17-0"}] == json.loads(base64.b64decode(message["body"]))[:2]
