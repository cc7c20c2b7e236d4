"""A worker's task events: a share of the jobs, each of them whole, in bulk or one by one."""

from __future__ import annotations

import zlib
from typing import Any


class SampledEvents:
    """The worker's event dispatcher, which leaves out all events of the jobs that are not in the share."""

    def __init__(self, dispatcher: Any, share: float) -> None:
        self._dispatcher = dispatcher
        self._share = share

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dispatcher, name)

    @property
    def are_wanted(self) -> bool:
        """Whether those of tasks are sent now: without -E they are not, until `enable_events`."""
        groups = self._dispatcher.groups
        return not groups or "task" in groups

    def send(self, kind: str, *, uuid: str, **fields: Any) -> None:
        """Send a task's event, if it is in the share."""
        if self.are_wanted and (self._share >= 1 or share_of(uuid) < self._share):
            self._dispatcher.send(kind, uuid=uuid, **fields)


class WithEvents:
    """A consumer with another event dispatcher, for Celery's own strategy."""

    def __init__(self, consumer: Any, dispatcher: Any) -> None:
        self._consumer = consumer
        self.event_dispatcher = dispatcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


def share_of(job_id: str) -> float:
    """A number in [0, 1) that is always the same for an id: every kind of event has the same jobs."""
    return zlib.crc32(job_id.encode()) / 2**32
