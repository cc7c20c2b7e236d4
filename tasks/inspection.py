"""`inspect active` and `inspect reserved` with the jobs that a worker handles in bulk.

Celery's own sets of requests hold none of them: whatever is in those, it also cancels and waits for. So its
two commands are registered again, by its seam for remote control commands, with ours added to the answers.
`smsfleet_about` is ours alone: what `smsfleet doctor` asks a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from celery.worker import control
from celery.worker.control import inspect_command

from smsfleet.tasks.app import runtime

ABOUT = "smsfleet_about"

Shown = list[dict[str, Any]]

_active: Callable[..., Shown] = control.active
_reserved: Callable[..., Shown] = control.reserved


def active(state: Any, safe: bool = False, **_: Any) -> Shown:  # noqa: FBT001, FBT002 - Celery's signature
    """List of tasks currently being executed."""
    return [*_active(state, safe=safe), *_in_bulk(state, "running")]


def reserved(state: Any, **_: Any) -> Shown:
    """List of currently reserved tasks, not including scheduled/active."""
    return [*_reserved(state), *_in_bulk(state, "waiting")]


def _in_bulk(state: Any, which: str) -> Shown:
    return [
        item.info(state.hostname, strategy.task_name)
        for strategy in getattr(state.consumer, "smsfleet_strategies", ())
        for item in getattr(strategy, which)()
    ]


def about(state: Any, **_: Any) -> dict[str, Any]:
    """What this worker is: its version, pool, queues, and the settings that all must have alike."""
    consumer, settings = state.consumer, runtime().settings
    return {
        "version": version("smsfleet"),
        "celery": version("celery"),
        "pool": type(consumer.pool).__module__.rpartition(".")[2],
        "concurrency": consumer.pool.limit,
        "queues": sorted(queue.name for queue in consumer.task_consumer.queues),
        "account": settings.account,
        "rate": settings.rate,
    }


def register() -> None:
    """Answer for Celery, in this process: a worker of our app."""
    inspect_command(name=ABOUT)(about)
    inspect_command(name="active", alias="dump_active")(active)
    inspect_command(name="reserved", alias="dump_reserved")(reserved)
