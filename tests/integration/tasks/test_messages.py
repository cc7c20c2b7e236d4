"""Messages that are made and not sent: where the seam in kombu could break."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from celery import Celery
from tests.integration.broker.conftest import fleet_app, raw  # noqa: F401 - fixtures

from smsfleet.config.errors import SmsfleetError
from smsfleet.store.jobs import Envelope
from smsfleet.tasks import send_sms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.messages import Messages, bell

pytestmark = pytest.mark.server

ALL_CHARACTERS = "AZaz09_.:-"


def make(messages: Messages, job_id: str, queue: str = "sms.normal", **options: Any) -> Envelope:
    return messages.make(send_sms._publish, job_id, queue, options)


@pytest.fixture
def messages(fleet_app: Celery) -> Messages:  # noqa: F811
    return Messages(fleet_app, runtime)


def test_nothing_is_sent(messages: Messages, raw: redis.Redis) -> None:  # noqa: F811
    make(messages, "j1")

    assert set() == {key for key in raw.scan_iter() if not key.startswith("_kombu.binding")}


@pytest.mark.parametrize("job_id", [ALL_CHARACTERS, "smsfleet-template-job-id", "T", "I", "x" * 64])
def test_any_job_id_is_put_where_celery_puts_it(messages: Messages, job_id: str) -> None:
    make(messages, "the template")

    said = json.loads(make(messages, job_id).text)

    assert (job_id, job_id, job_id) == (
        said["headers"]["id"], said["headers"]["root_id"], said["properties"]["correlation_id"],
    )  # fmt: skip


def test_every_queue_has_a_template_of_its_own(messages: Messages) -> None:
    made = [make(messages, f"j{number}", f"sms.{lane}") for number in range(2) for lane in ("high", "bulk")]

    assert ["sms.high", "sms.bulk"] * 2 == [message.queue for message in made]
    assert ["sms.high", "sms.bulk"] * 2 == [
        json.loads(message.text)["properties"]["delivery_info"]["routing_key"] for message in made
    ]


def test_every_thread_is_answered_where_it_listens(messages: Messages, fleet_app: Celery) -> None:  # noqa: F811
    make(messages, "the template")
    with ThreadPoolExecutor(1) as pool:
        text, listens = pool.submit(lambda: (make(messages, "j1").text, fleet_app.thread_oid)).result()

    assert listens == json.loads(text)["properties"]["reply_to"]


def test_nothing_in_place_of_a_push_says_what_to_do(messages: Messages) -> None:
    with pytest.raises(SmsfleetError, match=r"by \[\] in place of one lpush: set SMSFLEET_BROKER_URL"):
        messages.make(lambda *_args, **_options: None, "j1", "sms.normal", {})


def test_more_than_one_push_is_refused(messages: Messages) -> None:
    def twice(job_id: str, **options: Any) -> None:
        send_sms._publish(job_id, **options)
        send_sms._publish(job_id, **options)

    with pytest.raises(SmsfleetError, match="lpush"):
        messages.make(twice, "j1", "sms.normal", {"priority": 0})


def test_after_a_failure_the_next_message_is_made(messages: Messages) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("a signal's receiver failed")

    with pytest.raises(RuntimeError):
        messages.make(fail, "j1", "sms.normal", {})

    assert "j2" == json.loads(make(messages, "j2").text)["headers"]["id"]


@pytest.mark.parametrize("queue", ["sms.high", "sms.high\x06\x163"])
def test_the_lists_of_all_priorities_share_the_bell_of_their_queue(queue: str) -> None:
    assert "smsfleet.bell.sms.high" == bell(queue)
