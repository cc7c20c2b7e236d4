"""The Celery app and this process' runtime. Nothing is read or connected before it is needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from celery import Celery, Task, signals
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES

from smsfleet.store.keys import LANES
from smsfleet.workers.runtime import Runtime

QUEUES = {lane: f"sms.{lane}" for lane in LANES}
"""The Celery queue of each lane."""

SEND_SMS = "sms.send_sms"
"""The name of the task: part of the contract with applications that publish by name."""

PREFETCH_MULTIPLIER = 64
"""Messages in hand for each thread of a worker: jobs are handled 64 at a time, in each lane."""

BROKER_URLS = ("broker_url", "broker_read_url", "broker_write_url")
"""All three, because Celery prefers CELERY_BROKER_URL of the environment to `broker_url` alone: that one
belongs to the host application."""


class QuietTask(Task):  # type: ignore[misc]
    """What any task of the app is, Celery's own too: its arguments are shown nowhere."""

    abstract = True
    Request = "smsfleet.tasks.redaction:RedactedRequest"


app = Celery("smsfleet", set_as_current=False, task_cls=QuietTask)

_lock = threading.Lock()
_runtime: tuple[int, Runtime] | None = None


def runtime() -> Runtime:
    """The runtime of this process, made from the environment at the first call and again after a fork.

    Raises ConfigError when a setting breaks its rule.
    """
    global _runtime  # noqa: PLW0603 - one per process is the meaning
    if _runtime is None or _runtime[0] != os.getpid():
        with _lock:
            if _runtime is None or _runtime[0] != os.getpid():
                # The import costs 0.2 s: an application pays it with its first SMS, not at start.
                from smsfleet.config.settings import load  # noqa: PLC0415

                _runtime = (os.getpid(), Runtime(load()))
    return _runtime[1]


def use_runtime(replacement: Runtime | None) -> None:
    """Use this runtime in this process (None: make a new one from the environment at the next call).

    Its broker too, where Celery is configured already: pytest does that by looking at a module with the task.
    """
    global _runtime  # noqa: PLW0603
    _runtime = None if replacement is None else (os.getpid(), replacement)
    if replacement is not None and app.configured:
        app.conf.update(dict.fromkeys(BROKER_URLS, replacement.settings.broker))


def shares_a_server() -> bool:
    """Whether the broker is a list in the store's own Redis database, so that one script writes both."""
    return runtime().settings.broker_is_the_store


def runs_eagerly() -> bool:
    """Whether a call runs the task at once, in the caller: Celery's `task_always_eager`, which tests set.

    Celery's own reading of a setting goes through every layer of its configuration: 6 of a call's 200 us.
    """
    given = app.conf.changes if app.configured else app.conf  # nothing of ours below sets it
    return bool(given.get("task_always_eager"))


def configuration() -> dict[str, Any]:
    """Celery's settings; the reasons are in docs/adr/0003-celery-settings.md."""
    settings = runtime().settings
    return {
        **dict.fromkeys(BROKER_URLS, settings.broker),
        "broker_connection_retry_on_startup": True,
        "broker_channel_error_retry": True,
        "broker_transport_options": {
            "visibility_timeout": settings.visibility_timeout_s,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 10,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "queue_order_strategy": "priority",
            **settings.broker_options,
        },
        "task_queues": [_queue(name) for name in QUEUES.values()],
        "task_default_queue": QUEUES["normal"],
        "task_default_exchange": "sms",
        "task_default_exchange_type": "direct",
        "task_serializer": "json",
        "accept_content": ["json"],
        "event_serializer": "json",
        "result_accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_pool": "threads",
        "worker_concurrency": settings.worker_concurrency,
        "worker_prefetch_multiplier": PREFETCH_MULTIPLIER,
        # A lost connection needs no smaller prefetch: a job that comes twice is admitted once.
        "worker_enable_prefetch_count_reduction": False,
        "worker_soft_shutdown_timeout": 10,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
    }


def _queue(name: str) -> Queue:
    make: Callable[..., Queue] = Queue  # kombu has no annotations
    return make(name, routing_key=name)


# kombu looks transports up by name when a connection is made: nothing is imported for it here.
TRANSPORT_ALIASES.setdefault("smsfleet", "smsfleet.tasks.transport:Transport")
app.add_defaults(configuration)
app.steps["worker"].add("smsfleet.tasks.worker:RelayStep")
app.steps["consumer"].add("smsfleet.tasks.strategy:DrainStep")


def _our_worker(instance: Any = None, **_: Any) -> None:
    """A worker of this app logs with our masks, and its children end with it; others are left alone."""
    if getattr(instance, "app", None) is app:
        signals.setup_logging.connect(_set_up_logging, weak=False)
        worker_pid = os.getpid()
        signals.worker_process_init.connect(lambda **_: end_if_orphaned(worker_pid), weak=False)


signals.celeryd_init.connect(_our_worker, weak=False)


def end_if_orphaned(worker_pid: int) -> None:
    """End this child of a worker that is gone already.

    The kernel ends children with their worker once they have asked for it. One whose worker was killed before
    that would wait for work for ever.
    """
    is_worker = os.getpid() == worker_pid  # the solo pool: the worker does the children's work itself
    if not is_worker and os.getppid() != worker_pid:
        os._exit(os.EX_UNAVAILABLE)


def _set_up_logging(**_: Any) -> None:
    from smsfleet.config.logs import configure  # noqa: PLC0415
    from smsfleet.tasks.redaction import redact_logs_of_celery  # noqa: PLC0415

    settings = runtime().settings
    configure(settings.log_level, settings.log_format)
    redact_logs_of_celery()
