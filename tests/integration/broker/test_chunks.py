"""The messages of chunks: published together, and a broker that goes away ends nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
from celery import Celery
from structlog.testing import capture_logs
from tests.integration.broker.conftest import messages

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.tasks.app import BROKER_URLS
from smsfleet.tasks.chunk import publish_chunks

pytestmark = pytest.mark.server

ID = "Cabcdefghij"


@pytest.mark.usefixtures("fleet_app")
def test_chunks_are_published_into_the_queue_of_their_lane(raw: redis.Redis) -> None:
    publish_chunks(ID, "bulk", [1, 2])

    published = [json.loads(text)["headers"]["id"] for text in messages(raw, "sms.bulk")]
    assert [f"{ID}.1", f"{ID}.2"] == published


def test_chunks_that_cannot_be_published_are_left_to_the_duties(fleet_app: Celery, tmp_path: Path) -> None:
    broker = EmbeddedServer(tmp_path / "broker").start()
    fleet_app.conf.update(dict.fromkeys(BROKER_URLS, f"smsfleet+{broker.url}"))
    publish_chunks(ID, "bulk", [1])  # connected
    broker.stop()

    with capture_logs() as lines:
        publish_chunks(ID, "bulk", [2])

    assert ["the broker is away: chunks are published again later"] == [line["event"] for line in lines]
