"""What an application's task gets of a message: its id, and by it the message."""

from __future__ import annotations

import pytest
from celery import Celery
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_inbox import deliver
from tests.integration.workers.test_relay import arrive, relay

from smsfleet.config.errors import InvalidArgument, UnknownMessage
from smsfleet.tasks import read_mo
from smsfleet.tasks.publisher import CeleryPublisher
from smsfleet.workers.runtime import Runtime


def test_a_task_reads_the_message_by_its_id(runtime: Runtime, fleet: Fleet) -> None:
    arrive(fleet, deliver(b"Hello"))
    relay(runtime).step(1)
    (record,) = fleet.run(fleet.mo.newest(1))

    found = read_mo(record.mo_id)

    assert (record.mo_id, "27999100001", "Hello") == (found["id"], found["from"], found["text"])


@pytest.mark.parametrize("mo_id", ["", "x", "1", "1-1-1", "+", None, 1])
def test_what_is_no_id_is_refused(runtime: Runtime, mo_id: str) -> None:
    with pytest.raises(InvalidArgument, match="must be an id of the stream"):
        read_mo(mo_id)


def test_a_message_that_is_not_kept_is_unknown(runtime: Runtime) -> None:
    with pytest.raises(UnknownMessage, match="no message '1-1'"):
        read_mo("1-1")


def test_only_the_id_travels_through_the_broker(runtime: Runtime) -> None:
    app = Celery("memory", broker="memory://", set_as_current=False)

    CeleryPublisher(app).hand_over("polls.vote", "polls", "17-0")

    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("polls")
        message = queue.get(timeout=1)
        message.ack()
        queue.close()
    assert ("polls.vote", "mo:17-0", [[], {"mo_id": "17-0"}]) == (
        message.headers["task"], message.headers["id"], message.payload[:2],
    )  # fmt: skip
