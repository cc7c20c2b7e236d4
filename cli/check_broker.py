"""The doctor's checks of the broker and of the workers that answer by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from smsfleet.cli.checkup import Finding, error, note, ok, warning
from smsfleet.config.errors import StoreError
from smsfleet.config.settings import Settings
from smsfleet.tasks.app import QUEUES
from smsfleet.tasks.inspection import ABOUT
from smsfleet.workers.runtime import Runtime

MANY = 100_000
"""Messages in one queue: they are ids of 300 octets, and a sign that workers do not follow."""

MOST_SHOWN = 5


def check_broker(app: Celery, settings: Settings) -> Iterator[Finding]:
    """Whether it is reached, by which transport, and how long its queues are."""
    transport = settings.broker.partition("://")[0]
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=settings.lease_ttl_s)
            lengths = {queue: _length(connection, queue) for queue in QUEUES.values()}
    except (OperationalError, OSError, RedisError) as failure:
        yield error(
            f"the broker ({transport}) is not reached: {type(failure).__name__}",
            "it is the store's server: see check `redis`"
            if settings.broker_is_the_store
            else "mend SMSFLEET_BROKER_URL, or start it; jobs that are taken in wait until then",
        )
        return
    where = "in the store's own database" if settings.broker_is_the_store else "a server of its own"
    yield ok(f"{transport}, {where}; visibility timeout {settings.visibility_timeout_s} s")
    if not transport.startswith("smsfleet+"):
        yield note(
            f"the transport is {transport}: one lane's queue can keep the others out, and kombu may lose a "
            "message at a worker's death until the sweeper brings it again",
            "smsfleet+redis:// does neither; docs/operations.md, 'Celery's tools'",
        )
    for queue, length in lengths.items():
        if length > MANY:
            yield warning(f"{queue} has {length} messages", "start more workers; is SMSFLEET_RATE the limit?")
    yield ok(", ".join(f"{queue} {length}" for queue, length in lengths.items()))


def _length(connection: Any, queue: str) -> int:
    channel = connection.channel()
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors:
        return 0  # no such queue yet
    finally:
        channel.close()


def check_workers(app: Celery, now: Runtime, within_s: float, version: str) -> Iterator[Finding]:
    """Which workers answer, and whether all lanes are consumed by some."""
    try:
        replies = app.control.broadcast(ABOUT, reply=True, timeout=within_s) or []
    except (OperationalError, OSError, RedisError) as failure:  # a full Redis: a question is a write
        yield error(f"workers cannot be asked: {type(failure).__name__}", "see checks `redis` and `broker`")
        return
    answers = {name: said for reply in replies for name, said in reply.items()}
    if not answers:
        yield error(
            f"no worker has answered within {within_s:g} s: jobs stay PENDING, statuses stand still",
            "start `smsfleet worker`; if some run, have they the same SMSFLEET_BROKER_URL?",
        )
        return
    with suppress(StoreError):  # check `redis` tells of it
        now.follow()  # what was reloaded is what workers work with: their rate is held against it
    yield from judge_workers(answers, now.settings, version)


def judge_workers(answers: dict[str, dict[str, Any]], settings: Settings, version: str) -> Iterator[Finding]:
    """What the workers' answers mean; `version` is ours."""
    workers = {name: said for name, said in answers.items() if "version" in said}
    if strangers := sorted(set(answers) - set(workers)):
        yield warning(
            f"{len(strangers)} workers do not know the question: {', '.join(strangers[:MOST_SHOWN])}",
            "they are older, or of another application: give that a broker, or a database, of its own",
        )
    yield from _of_account(workers, settings)
    yield from _alike(workers, settings, version)
    yield from _lanes(workers)


def _of_account(workers: dict[str, dict[str, Any]], settings: Settings) -> Iterator[Finding]:
    foreign = sorted({said["account"] for said in workers.values()} - {settings.account})
    if foreign:
        yield error(
            f"workers of other accounts are on this broker: {', '.join(foreign[:MOST_SHOWN])}; they take "
            "this account's jobs, and find nothing",
            "each account needs a broker of its own: another database is enough (docs/scale.md)",
        )


def _alike(workers: dict[str, dict[str, Any]], settings: Settings, version: str) -> Iterator[Finding]:
    versions = sorted({said["version"] for said in workers.values()} | {version})
    if len(versions) > 1:
        yield warning(f"several versions run: {', '.join(versions)} (here: {version})", "finish the upgrade")
    if len({said["celery"] for said in workers.values()}) > 1:
        yield warning("workers have several versions of Celery", "install from the same lock everywhere")
    rates = sorted({float(said["rate"]) for said in workers.values()} | {settings.rate})
    if len(rates) > 1:
        yield warning(
            "SMSFLEET_RATE is not the same everywhere: " + ", ".join(f"{rate:g}" for rate in rates),
            "give every process the same, or `smsfleet reload`",
        )


def _lanes(workers: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    consumers: defaultdict[str, list[str]] = defaultdict(list)
    for name, said in sorted(workers.items()):
        yield ok(f"{name}: {said['version']}, {said['pool']} pool of {said['concurrency']}")
        for queue in said["queues"]:
            consumers[queue].append(name)
    for lane, queue in QUEUES.items():
        if not consumers[queue]:
            yield error(
                f"no worker consumes {queue}: jobs of lane {lane} stay PENDING",
                f"start `smsfleet worker --queues {queue}`, or a worker without --queues",
            )
    alone = [queue for queue in QUEUES.values() if len(consumers[queue]) == 1]
    if alone:
        yield note(f"one worker alone consumes {', '.join(alone)}", "a second one goes on when it ends")
