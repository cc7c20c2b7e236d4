"""A callback reaches a worker of another Celery application, and a call that names one is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker
from tests.integration.waiting import eventually

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.errors import InvalidArgument, StoreUnavailable
from smsfleet.tasks import send_sms
from smsfleet.tasks.app import runtime
from smsfleet.tasks.publisher import CeleryCaller
from smsfleet.tasks.work import work
from smsfleet.workers.callbacks import TaskCall
from smsfleet.workers.request import SmsRequest

pytestmark = pytest.mark.server

EVENT = {
    "event_id": "main-1-0",
    "kind": "status",
    "job_id": "j1",
    "state": "DELIVERED",
    "status": 4,
    "final": True,
}
CALLBACK = "task:billing.on_sms@billing"
CALL = TaskCall("billing.on_sms", "billing", EVENT)


async def test_an_application_with_celery_alone_gets_the_event(
    fleet_app: Celery, server: EmbeddedServer
) -> None:
    got: list[Any] = []
    other = Celery("billing", broker=server.url, set_as_current=False)
    other.conf.update(task_default_queue="billing", worker_hijack_root_logger=False)

    @other.task(name="billing.on_sms", bind=True)
    def on_sms(self: Any, event: dict[str, Any]) -> None:
        got.append((self.request.id, event))

    CeleryCaller(fleet_app).call([CALL])
    with start_worker(other, pool="solo", perform_ping_check=False, shutdown_timeout=20):
        await eventually(lambda: got, within_s=20)

    assert [("main-1-0", EVENT)] == got


def test_a_connection_that_the_broker_closed_is_made_again(fleet_app: Celery, raw: redis.Redis) -> None:
    caller = CeleryCaller(fleet_app)
    caller.call([CALL])
    raw.client_kill_filter(_type="normal", skipme=True)

    caller.call([CALL])

    assert 2 == raw.llen("billing")


def test_a_broker_that_goes_away_is_said(tmp_path: Path) -> None:
    broker = EmbeddedServer(tmp_path / "broker").start()
    gone = Celery("gone", broker=broker.url, set_as_current=False)
    gone.conf.update(broker_transport_options={"max_retries": 0}, task_publish_retry=False)
    caller = CeleryCaller(gone)
    caller.call([CALL])
    broker.stop()

    with pytest.raises(StoreUnavailable, match="broker does not answer"):
        caller.call([CALL])


def test_a_broker_that_is_away_is_said(fleet_app: Celery) -> None:
    away = Celery("away", broker="redis://127.0.0.1:1/0", set_as_current=False)
    away.conf.update(broker_transport_options={"max_retries": 0}, task_publish_retry=False)

    with pytest.raises(StoreUnavailable, match="broker does not answer"):
        CeleryCaller(away).call([CALL])


@pytest.mark.usefixtures("fleet_app")
def test_a_call_keeps_its_callback_with_the_job(raw: redis.Redis) -> None:
    job = send_sms.delay("27999100001", "Hello", callback=CALLBACK)

    (content,) = runtime().store.run(runtime().jobs.contents([job.id]))
    assert content is not None
    assert CALLBACK == SmsRequest.from_json(content).callback
    assert CALLBACK not in str(raw.lrange("sms.normal", 0, -1))


@pytest.mark.usefixtures("fleet_app")
@pytest.mark.parametrize("callback", ["", "billing.on_sms", "task:a@sms.bulk", 7])
def test_a_callback_that_nobody_can_be_is_refused_at_the_call(raw: redis.Redis, callback: Any) -> None:
    with pytest.raises(InvalidArgument, match="callback"):
        send_sms.delay("27999100001", "Hello", callback=callback)

    assert [] == raw.keys("{main}:job:*")


@pytest.mark.usefixtures("fleet_app")
@pytest.mark.parametrize(("callback", "noted"), [(CALLBACK, CALLBACK), ("nobody", None), (7, None)])
def test_a_job_by_name_that_is_refused_calls_whom_it_names(
    raw: redis.Redis, callback: Any, noted: str | None
) -> None:
    work("by-name", "no number", "Hello", callback=callback)

    assert noted == raw.hget("{main}:job:by-name", "b")
