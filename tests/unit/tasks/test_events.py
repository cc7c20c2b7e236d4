"""Which task events a worker sends: a share of the jobs, each whole."""

from __future__ import annotations

from typing import Any

import pytest

from smsfleet.tasks.events import SampledEvents, WithEvents, share_of

KINDS = ("task-received", "task-started", "task-succeeded")
JOBS = [f"job-{number}" for number in range(1000)]


class Dispatcher:
    """What Celery's dispatcher is to a strategy."""

    def __init__(self, groups: frozenset[str] = frozenset()) -> None:
        self.groups = groups
        self.enabled = True
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def send(self, kind: str, uuid: str, **fields: Any) -> None:
        self.sent.append((kind, uuid, fields))


@pytest.mark.parametrize(("share", "least", "most"), [(1.0, 1000, 1000), (0.1, 60, 140), (0.0, 0, 0)])
def test_a_share_of_the_jobs_is_told_of_in_every_kind_of_event(share: float, least: int, most: int) -> None:
    dispatcher = Dispatcher()
    events = SampledEvents(dispatcher, share)

    for kind in KINDS:
        for job in JOBS:
            events.send(kind, uuid=job, runtime=0.1)

    told = [[job for kind, job, _ in dispatcher.sent if kind == wanted] for wanted in KINDS]
    assert told[0] == told[1] == told[2]
    assert least <= len(told[0]) <= most
    assert all(fields == {"runtime": 0.1} for _, _, fields in dispatcher.sent)


@pytest.mark.parametrize(("groups", "told"), [((), 1), (("worker", "task"), 1), (("worker",), 0)])
def test_events_of_tasks_that_are_off_are_not_sent_until_they_are_put_on(
    groups: tuple[str, ...], told: int
) -> None:
    dispatcher = Dispatcher(frozenset(groups))

    SampledEvents(dispatcher, 1.0).send("task-started", uuid="job")

    assert told == len(dispatcher.sent)


def test_the_share_of_an_id_never_changes() -> None:
    assert 0.0 <= share_of("job-1") < 1.0
    assert share_of("job-1") == share_of("job-1") != share_of("job-2")


def test_a_consumer_is_as_it_was_but_for_its_events() -> None:
    class Consumer:
        hostname = "celery@here"
        event_dispatcher = None

    events = SampledEvents(Dispatcher(), 0.5)
    consumer = WithEvents(Consumer(), events)

    assert (consumer.hostname, consumer.event_dispatcher, events.enabled) == ("celery@here", events, True)
