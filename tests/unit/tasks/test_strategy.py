"""Which messages a bulk strategy gets straight, and which go Celery's own way."""

from __future__ import annotations

from typing import Any

import pytest
from celery.worker.consumer import Consumer

from smsfleet.tasks import strategy
from smsfleet.tasks.app import SEND_SMS


class Bulk(strategy.BulkStrategy):
    """Takes what `delay` publishes."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def take(self, message: Any) -> bool:
        if message.body != strategy.EMPTY_BODY:
            return False
        self.taken.append(message)
        return True


class Message:
    def __init__(self, body: bytes, headers: dict[str, Any] | None) -> None:
        self.body, self.headers = body, headers


class Worker(Consumer):  # type: ignore[misc]
    """A consumer whose own handler only notes what it gets."""

    def __init__(self, strategies: dict[str, Any]) -> None:
        self.strategies = strategies
        self.celery_got: list[Any] = []

    def create_task_handler(self) -> Any:
        return self.celery_got.append


@pytest.mark.parametrize(
    ("body", "headers", "straight"),
    [
        (strategy.EMPTY_BODY, {"task": SEND_SMS, "id": "job"}, True),
        (b'[["279"], {}, {}]', {"task": SEND_SMS, "id": "job"}, False),
        (strategy.EMPTY_BODY, {"task": "orders.done", "id": "job"}, False),
        (strategy.EMPTY_BODY, {}, False),
        (strategy.EMPTY_BODY, None, False),
    ],
    ids=["of delay", "with arguments", "of another task", "of no task", "without headers"],
)
def test_what_a_strategy_takes_goes_past_celerys_handler_and_nothing_else_does(
    body: bytes, headers: dict[str, Any] | None, straight: bool
) -> None:
    bulk, message = Bulk(), Message(body, headers)
    worker = Worker({SEND_SMS: bulk, "orders.done": lambda *_: None})
    strategy.DrainStep(worker).start(worker)

    worker.create_task_handler()(message)

    assert ([message] if straight else []) == bulk.taken
    assert ([] if straight else [message]) == worker.celery_got
