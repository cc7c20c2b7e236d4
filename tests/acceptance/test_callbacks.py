"""Callbacks of a whole fleet: the last word of every job arrives, although workers are killed meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.integration.workers.receiver import Receiver

from smsfleet.tasks import send_sms, verify_webhook, wait_for_status

JOBS = 120
KILLS = 3
SECRET = "secret-of-the-acceptance-test"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An application's server."""
    with running(Receiver(["204 No Content"])) as started:
        yield started


@contextmanager
def running(receiver: Receiver) -> Iterator[Receiver]:
    loop, ended, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with receiver:
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def events_in(fleet: Fleet, queue: str) -> list[dict[str, Any]]:
    """The events that lie in an application's queue."""
    messages = [json.loads(text) for text in fleet.command("LRANGE", queue, 0, -1)]
    return [json.loads(base64.b64decode(message["body"]))[0][0] for message in messages]


def test_every_job_has_its_last_word_although_workers_are_killed(
    new_fleet: Callable[..., Fleet], receiver: Receiver
) -> None:
    fleet = new_fleet(
        SMSFLEET_RATE="100",
        SMSFLEET_SWEEP_S="1",
        SMSFLEET_SWEEP_MARGIN_S="3",
        SMSFLEET_VISIBILITY_TIMEOUT_S="10",
        SMSFLEET_CALLBACK="task:billing.on_sms@billing",
        SMSFLEET_WEBHOOK_SECRET=SECRET,
        SMSFLEET_WEBHOOK_HTTP="1",
        SMSFLEET_WEBHOOK_ALLOW="127.0.0.1",
    )
    fleet.options["simulator"] = ("--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")
    url = f"http://127.0.0.1:{receiver.port}/sms"
    by_task = {send_sms.delay(number(n), "Hello").id for n in range(JOBS // 2)}
    by_hook = {send_sms.delay(number(n), "Hello", callback=url).id for n in range(JOBS // 2, JOBS)}

    for kill in range(1, KILLS + 1):
        wait_until(
            lambda at=kill: fleet.smsc.accepted_count >= JOBS * at // (KILLS + 1), f"before kill {kill}"
        )
        fleet.kill("worker")
        fleet.start("worker")

    def told(events: list[dict[str, Any]]) -> set[str]:
        return {event["job_id"] for event in events if event["final"]}

    assert {"DELIVERED"} == {wait_for_status(job_id, 60).state for job_id in by_task | by_hook}
    wait_until(lambda: by_task == told(events_in(fleet, "billing")), "every task callback is published")
    wait_until(
        lambda: by_hook == told([json.loads(request.body) for request in receiver.got]),
        "every webhook is called",
        within_s=120,
    )
    for request in receiver.got:
        signed = {name: request.headers[f"smsfleet-{name}"] for name in ("timestamp", "signature")}
        assert verify_webhook(SECRET, request.body, **signed)
    finals = [event for event in events_in(fleet, "billing") if event["final"]]
    assert {("DELIVERED", 4)} == {(event["state"], event["status"]) for event in finals}
