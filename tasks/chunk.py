"""The task of a campaign's chunk. Its message has an id only, `campaign.number`: the rows stay in Redis.

Chunks are handled by a strategy of their own, beside the jobs of `send_sms`: each lane has places for two, so
that a campaign which waits for its rate keeps nobody else out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from celery import Task
from kombu.exceptions import BatchPublishError, OperationalError

from smsfleet.config.logs import logger
from smsfleet.tasks.app import QUEUES, app

if TYPE_CHECKING:
    from smsfleet.workers.chunks import Ended

SEND_CHUNK = "sms.send_chunk"

CHUNK_ID = re.compile(r"(C[A-Za-z0-9]{10})\.([1-9][0-9]{0,9})")

BROKER_AWAY = (OperationalError, BatchPublishError)
"""What kombu raises for messages that go together: it cannot connect, or has lost its connection."""


class SendChunk(Task):  # type: ignore[misc]
    """Make jobs of one chunk of a campaign. Published by campaigns and workers, never by applications."""

    abstract = True
    Request = "smsfleet.tasks.redaction:JobRequest"
    Strategy = "smsfleet.tasks.chunk_strategy:chunks"
    typing = False


def publish_chunks(campaign_id: str, lane: str, numbers: Sequence[int]) -> None:
    """Publish chunks that were given out, together where the transport can.

    When the broker is away they stay given out, and the duties of a worker publish them again.
    """
    if not numbers:
        return
    try:
        with app.producer_or_acquire() as producer, producer.batch():
            for number in numbers:
                app.send_task(
                    SEND_CHUNK, task_id=f"{campaign_id}.{number}", queue=QUEUES[lane], producer=producer
                )
    except BROKER_AWAY as error:
        logger(__name__).warning(
            "the broker is away: chunks are published again later", campaign=campaign_id, error=error
        )


def handled(chunks: Any, chunk_id: str, *, redelivered: bool) -> Ended | None:
    """Handle a chunk by `Chunks` and publish those that come after it; None: the id is none of a chunk."""
    found = CHUNK_ID.fullmatch(chunk_id)
    if found is None:
        return None
    handle = chunks.handle_redelivered if redelivered else chunks.handle
    ended: Ended = handle(found[1], int(found[2]))
    publish_chunks(found[1], ended.lane, ended.publish)
    return ended


def _work(self: SendChunk, *_args: Any, **_kwargs: Any) -> str:
    from smsfleet.tasks.app import runtime  # noqa: PLC0415
    from smsfleet.workers.chunks import Chunks  # noqa: PLC0415 - the worker's side

    ended = handled(Chunks(runtime()), self.request.id, redelivered=False)
    return "no chunk" if ended is None else ended.word


send_chunk: SendChunk = app.task(_work, name=SEND_CHUNK, base=SendChunk, bind=True, lazy=True)
"""The task; see SendChunk."""
