"""What an application sees: one SMS from `.delay` to its receipt, on real processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from celery import Celery, group
from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.config.errors import InvalidArgument
from smsfleet.simulator.journal import Line
from smsfleet.tasks import job_status, send_sms


@pytest.fixture(scope="module")
def running_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), SMSFLEET_SWEEP_S="1") as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0.2")
        fleet.start("simulator", "binder", "worker")
        yield fleet


@pytest.fixture
def fleet(running_fleet: Fleet) -> Fleet:
    running_fleet.use()
    return running_fleet


@pytest.fixture
def foreign_app(fleet: Fleet) -> Iterator[Celery]:
    """Another application's Celery, which knows only the broker and the task's name."""
    with Celery("foreign", broker=fleet.redis.url, set_as_current=False) as app:
        yield app
        app.pool.force_close_all()


def test_a_job_is_delivered_and_its_time_line_says_by_whom(fleet: Fleet) -> None:
    job = send_sms.delay("+27 99 910 0001", "Hello")

    wait_until(lambda: job_status(job.id).final, "the receipt has reached the job")
    found = job_status(job.id)

    assert ("DELIVERED", 4, "27999100001") == (found.state, found.status, found.to)
    assert ["application", "worker", "binder", "response", "receipt"] == [
        line.source for line in found.timeline
    ]
    assert sorted(line.at for line in found.timeline) == [line.at for line in found.timeline]
    assert ["27999100001"] == [
        line["destination"]
        for line in fleet.smsc.accepted
        if line["message_id"] == found.segments[0].message_id
    ]


def test_what_a_job_asks_for_reaches_the_gateway(fleet: Fleet) -> None:
    text = "\u201cHello\u201d \u2013 " + "x" * 300

    whole = send_sms.delay(number(71), text, transliterate="typographic", long_messages="payload")
    silent = send_sms.delay(number(72), data="01ff", udh="0605040b8423f0", registered_delivery="none")

    wait_until(lambda: job_status(whole.id).final, "the receipt has reached the job")
    wait_until(
        lambda: job_status(silent.id).state == "ACCEPTED", "it is accepted, which is all there will be"
    )
    lines = {line["destination"]: line for line in fleet.smsc.accepted}
    assert (0, 0, 1, ('"Hello" - ' + "x" * 300).encode().hex()) == asked(lines[number(71)])
    assert (0x40, 4, 0, "0605040b8423f001ff") == asked(lines[number(72)])
    assert ("DELIVERED", 1, 3, True) == told(whole.id)
    assert ("ACCEPTED", 1, 0, False) == told(silent.id)


def asked(line: Line) -> tuple[int, int, int, str]:
    return line["esm_class"], line["data_coding"], line["registered_delivery"], line["short_message"]


def told(job_id: str) -> tuple[str, int, int, bool]:
    found = job_status(job_id)
    return found.state, len(found.segments), found.replaced, found.receipts


def test_each_job_of_a_group_has_its_own_status(fleet: Fleet) -> None:
    outcomes = {"27999170005": "UNDELIVERED", "27999181024": "REJECTED", number(11): "DELIVERED"}

    jobs = group(send_sms.s(to, "one of several") for to in outcomes).apply_async()

    wait_until(lambda: all(job_status(job.id).final for job in jobs), "every job of the group is final")
    assert outcomes == {job_status(job.id).to: job_status(job.id).state for job in jobs}


def test_the_same_idempotency_key_sends_once(fleet: Fleet) -> None:
    first = send_sms.delay(number(21), "once", idempotency_key="order:21")
    second = send_sms.delay(number(21), "once", idempotency_key="order:21")
    later = send_sms.delay(number(22), "later")

    wait_until(lambda: job_status(later.id).final and job_status(first.id).final, "both numbers are served")

    assert ("order:21", "order:21") == (first.id, second.id)
    assert 1 == fleet.smsc.segments_accepted()[number(21)] == times_accepted(fleet, number(21))


def test_the_same_idempotency_key_sends_once_inside_a_group_too(fleet: Fleet) -> None:
    one = send_sms.s(number(31), "once", idempotency_key="order:31")
    same = send_sms.s(number(31), "once", idempotency_key="order:31")

    jobs = group([one, same, send_sms.s(number(32), "other")]).apply_async().results

    wait_until(lambda: all(job_status(job.id).final for job in jobs), "every id of the group is final")
    assert 3 == len({job.id for job in jobs})
    assert job_status(jobs[0].id) == job_status(jobs[1].id) == job_status("order:31")
    assert 1 == times_accepted(fleet, number(31))


def test_a_task_published_by_name_becomes_a_job(fleet: Fleet, foreign_app: Celery) -> None:
    kwargs = {"to": number(41), "text": "by name", "idempotency_key": "order:41"}

    published = [foreign_app.send_task("sms.send_sms", kwargs=kwargs, queue="sms.normal") for _ in range(2)]

    wait_until(lambda: is_final(published[0].id) and is_final(published[1].id), "both ids are final")
    assert ["DELIVERED", "DELIVERED"] == [job_status(task.id).state for task in published]
    assert 1 == times_accepted(fleet, number(41))


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"to": "27abc", "text": "x"}, "invalid-destination"),
        ({"to": number(51), "text": ""}, "invalid-text"),
        ({"to": number(51), "text": "x", "lane": "fast"}, "invalid-argument"),
        ({"to": number(51), "text": "x", "colour": "red"}, "invalid-argument"),
    ],
)
def test_a_task_by_name_that_cannot_be_sent_is_refused_with_its_reason(
    fleet: Fleet, foreign_app: Celery, kwargs: dict[str, str], reason: str
) -> None:
    published = foreign_app.send_task("sms.send_sms", kwargs=kwargs, queue="sms.normal")

    wait_until(lambda: is_final(published.id), "the job is final")

    found = job_status(published.id)
    assert "REFUSED" == found.state
    assert found.error is not None
    assert found.error.startswith(f"{reason}: ")
    assert 0 == times_accepted(fleet, number(51))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({"to": "27abc", "text": "x"}, {}),
        ({"to": number(61), "text": ""}, {}),
        ({"to": number(61), "text": "x" * 2000}, {}),
        ({"to": number(61), "text": "x", "sender": "TwelveLetter"}, {}),
        ({"to": number(61), "text": "x", "lane": "fast"}, {}),
        ({"to": number(61), "text": "x", "idempotency_key": "no spaces"}, {}),
        ({"to": number(61), "text": "x", "colour": "red"}, {}),
        ({"to": number(61)}, {}),
        ({"to": number(61), "text": "x"}, {"countdown": 31 * 86_400}),
        ({"to": number(61), "text": "x"}, {"eta": datetime.now() + timedelta(hours=1)}),  # noqa: DTZ005
        ({"to": number(61), "text": "x"}, {"expires": 8 * 86_400}),
        ({"to": number(61), "text": "x"}, {"task_id": "no spaces"}),
    ],
    ids=lambda value: "-".join(value) or "plain",
)
def test_what_cannot_be_sent_raises_before_anything_is_stored(
    fleet: Fleet, arguments: dict[str, str], options: dict[str, object]
) -> None:
    def stored() -> set[bytes]:
        return {key for kind in ("job", "content") for key in fleet.command("KEYS", f"*:{kind}:*")}

    before = stored()

    with pytest.raises(InvalidArgument):
        send_sms.apply_async(kwargs=arguments, **options)

    assert before == stored()


def times_accepted(fleet: Fleet, destination: str) -> int:
    return [line["destination"] for line in fleet.smsc.accepted].count(destination)


def is_final(job_id: str) -> bool:
    from smsfleet.config.errors import UnknownJob

    try:
        return job_status(job_id).final
    except UnknownJob:
        return False
