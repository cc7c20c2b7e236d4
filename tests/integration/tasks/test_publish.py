"""Publishing when broker and store are different servers, and the sweeper's side of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from tests.integration.store.steps import Fleet

from smsfleet.cli.embedded import free_port
from smsfleet.config.errors import InvalidDestination, StoreUnavailable
from smsfleet.tasks import app, job_status, send_sms
from smsfleet.tasks.publisher import CeleryPublisher

pytestmark = pytest.mark.usefixtures("runtime")

TO, TEXT = "27999100001", "Hello"


@pytest.fixture
def use_broker() -> Iterator[Callable[[str], Celery]]:
    """Lets the app publish to a broker for the length of a test."""
    names = ("broker_url", "broker_read_url", "broker_write_url")
    before = {name: app.conf[name] for name in (*names, "broker_transport_options")}
    at_once = {"max_retries": 1, "interval_start": 0, "interval_step": 0}

    def use(url: str) -> Celery:
        app._after_fork()
        app.conf.update(dict.fromkeys(names, url), broker_transport_options=at_once)
        return app

    yield use
    app._after_fork()
    app.conf.update(before)


@pytest.fixture
def memory(use_broker: Callable[[str], Celery]) -> Iterator[Celery]:
    """A broker in this process, emptied."""
    used = use_broker("memory://")
    yield used
    with used.connection_for_write() as connection:
        for lane in ("high", "normal", "bulk"):
            connection.default_channel.queue_purge(f"sms.{lane}")


def published(used: Celery, lane: str) -> list[Any]:
    found = []
    with used.connection_for_read() as connection:
        channel = connection.default_channel
        while message := channel.basic_get(f"sms.{lane}", no_ack=True):
            found.append(message)
    return found


def test_a_job_is_stored_and_only_its_id_is_published(memory: Celery, fleet: Fleet) -> None:
    job = send_sms.delay(TO, TEXT, lane="high")

    (message,) = published(memory, "high")
    assert (job.id, [[], {}]) == (message.headers["id"], message.decode()[:2])
    assert TO not in str(message.headers)
    assert "PENDING" == job_status(job.id).state


def test_a_known_key_publishes_nothing(memory: Celery, fleet: Fleet) -> None:
    jobs = [send_sms.delay(TO, TEXT, idempotency_key="order-1") for _ in range(2)]

    assert ["order-1", "order-1"] == [job.id for job in jobs]
    assert 1 == len(published(memory, "normal"))


def test_what_can_never_be_sent_is_neither_stored_nor_published(memory: Celery, fleet: Fleet) -> None:
    before = fleet.everything()

    with pytest.raises(InvalidDestination):
        send_sms.delay("0999100001", TEXT)

    assert before == fleet.everything()


def test_while_the_broker_is_away_the_job_is_stored_for_the_sweeper(
    use_broker: Callable[[str], Celery], fleet: Fleet
) -> None:
    use_broker(f"redis://127.0.0.1:{free_port()}/0")

    job = send_sms.apply_async((TO, TEXT), retry=False)

    assert "PENDING" == job_status(job.id).state
    assert [job.id.encode()] == fleet.redis("ZRANGE", fleet.keys.intake["normal"], 0, -1)


def test_the_sweeper_publishes_the_id_again(memory: Celery) -> None:
    publisher = CeleryPublisher(memory)

    assert publisher.is_empty("bulk")
    publisher.publish("bulk", "j1")

    assert not publisher.is_empty("bulk")
    (message,) = published(memory, "bulk")
    assert ("j1", "sms.send_sms", [[], {}]) == (
        message.headers["id"], message.headers["task"], message.decode()[:2],
    )  # fmt: skip
    assert publisher.is_empty("bulk")


def test_the_sweeper_says_when_the_broker_is_away(use_broker: Callable[[str], Celery]) -> None:
    publisher = CeleryPublisher(use_broker(f"redis://127.0.0.1:{free_port()}/0"))

    with pytest.raises(StoreUnavailable, match="broker"):
        publisher.is_empty("normal")
