"""How a worker treats the messages of chunks: as those of `send_sms`, but each is a batch of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smsfleet.tasks.app import runtime
from smsfleet.tasks.chunk import SEND_CHUNK, handled
from smsfleet.tasks.strategy import BulkStrategy, Item
from smsfleet.workers.chunks import Chunks
from smsfleet.workers.outgoing import Outcome

_OUTCOMES = {
    "done": Outcome.ADMITTED, "back": Outcome.SCHEDULED, "paused": Outcome.SCHEDULED,
    "cancelled": Outcome.CLOSED, "gone": Outcome.KNOWN,
}  # fmt: skip


class ChunkStrategy(BulkStrategy):
    """One per consumer connection."""

    batch = 1
    task_name = SEND_CHUNK

    def __init__(self, task: Any, app: Any, consumer: Any) -> None:
        super().__init__(task, app, consumer)
        self._chunks = Chunks(runtime(), self._closing)

    def _count(self, batch: Sequence[Item], outcomes: dict[str, Outcome]) -> None:
        """Nothing: `Chunks` counts the rows, as the jobs that they become."""

    def _handle(self, batch: Sequence[Item]) -> dict[str, Outcome]:
        """Handle one chunk; one that fails unexpectedly has no outcome and comes again."""
        (item,) = batch
        try:
            ended = handled(self._chunks, item.job_id, redelivered=item.is_redelivered)
        except Exception:  # noqa: BLE001 - the outermost of this thread
            self._log.exception("a chunk failed unexpectedly: it comes again", chunk=item.job_id)
            return {}
        return {item.job_id: Outcome.UNKNOWN if ended is None else _OUTCOMES[ended.word]}


def chunks(task: Any, app: Any, consumer: Any, **_: Any) -> ChunkStrategy:
    """The strategy of `send_chunk`, for `Task.Strategy`."""
    return ChunkStrategy(task, app, consumer)
