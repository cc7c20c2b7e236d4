"""The outbox: changes of jobs with a callback, each once, and of no other job; forget_consumer.lua, when its reader
stops; watch.lua for those that wait."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.store.steps import (
    NO_CREDIT,
    PERMANENT,
    TEMPORARY,
    Fleet,
    admission,
    refs,
)

from smsfleet.store.client import Store
from smsfleet.store.outbox import ACCOUNT, Change, Events, Outbox, Ready

TARGET = "task:billing.on_sms@billing"


@pytest.fixture
def outbox(fleet: Fleet) -> Outbox:
    outbox = Outbox(fleet.keys)
    fleet.run(outbox.create_group())
    return outbox


def send(fleet: Fleet, job_id: str = "j1", callback: str = TARGET, **options: Any) -> list[bytes]:
    """A job SENDING that somebody is called about."""
    fleet.take_in(job_id)
    fleet.admit(admission(job_id, **options)._replace(callback=callback))
    assert fleet.take_and_begin()
    return refs(job_id, options.get("segments", 1))


def kept(fleet: Fleet) -> Events:
    return fleet.run(Outbox(fleet.keys).read("test", 100, 1))


def said(events: Events) -> list[tuple[str, int | None, bool, str]]:
    changes = [event for event in events if isinstance(event, Change)]
    assert len(events) == len(changes)
    return [(event.job_id, event.status, event.final, event.labels) for event in changes]


@pytest.mark.usefixtures("outbox")
@pytest.mark.parametrize("target", [TARGET, ACCOUNT, "https://example.com/a@b;c?d=1,2"])
def test_each_change_of_a_job_with_a_callback_is_kept_with_who_is_called(fleet: Fleet, target: str) -> None:
    (ref,) = send(fleet, callback=target)
    fleet.answer(ref)
    fleet.receipt(4)

    events = kept(fleet)

    assert [("j1", 8, False, "A8"), ("j1", 4, True, "A4")] == said(events)
    assert [target] * 2 == [event.target for event in events]


@pytest.mark.usefixtures("outbox")
def test_a_job_without_a_callback_leaves_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    fleet.receipt(4)

    assert [] == kept(fleet)
    assert [(b"j1", b"8", b"0"), (b"j1", b"4", b"1")] == fleet.events()


@pytest.mark.usefixtures("outbox")
def test_what_is_kept_is_what_the_status_stream_says(fleet: Fleet) -> None:
    """Every way to a change: errors, retries, an expiry, a cancel, an unknown outcome, an operator, a late fact."""
    (delayed,) = send(fleet, "delayed")
    fleet.answer(delayed, TEMPORARY)
    (rejected,) = send(fleet, "rejected")
    fleet.answer(rejected, PERMANENT)
    fleet.lost(*send(fleet, "failed", policy="fail"))
    fleet.lost(*send(fleet, "held"))
    fleet.run(fleet.facts.release_held([b"held#1"], "fail"))
    fleet.take_in("late")
    fleet.admit(admission("late", deadline_ms=fleet.now_ms + 1)._replace(callback=TARGET))
    fleet.now_ms += 1
    fleet.take_and_begin()
    fleet.take_in("cancelled")
    fleet.admit(admission("cancelled")._replace(callback=TARGET))
    fleet.cancel("cancelled")
    fleet.take_in("pending")
    fleet.cancel("pending", TARGET)
    fleet.take_in("dropped")
    fleet.run(fleet.lifecycle.set_aside("dropped", "normal", "poison: 3"))
    fleet.run(fleet.lifecycle.drop("dropped", "dropped: no", 5, TARGET))
    fleet.settle(b"failed#1", 0, b"M9")
    fleet.apply(fleet.read_responses())
    (poor,) = send(fleet, "poor")  # last: it pauses the account
    fleet.answer(poor, NO_CREDIT)

    events = kept(fleet)

    assert fleet.events() == [
        (job.encode(), b"" if status is None else b"%d" % status, b"1" if final else b"0")
        for job, status, final, _ in said(events)
    ]
    assert {"rejected", "failed", "held", "late", "cancelled", "pending", "dropped"} == {
        job for job, *_ in said(events)
    }


@pytest.mark.usefixtures("outbox")
def test_a_text_of_two_segments_is_told_of_with_the_counts_of_both(fleet: Fleet) -> None:
    first, second = send(fleet, segments=2)
    fleet.answer(first, message_id=b"M1")
    fleet.answer(second, message_id=b"M2")
    fleet.receipt(4, b"M1")
    fleet.receipt(7, b"M2")

    assert [("j1", 8, False, "A8:2"), ("j1", 7, True, "A4:1 A7:1")] == said(kept(fleet))
    assert "A4:1 A7:1@" == fleet.counts()


@pytest.mark.usefixtures("outbox")
def test_its_time_line_is_that_of_any_job_of_one_segment(fleet: Fleet) -> None:
    (ref,) = send(fleet)
    fleet.answer(ref)
    fleet.receipt(4)

    assert [None] * 4 == [event.segment for event in fleet.job().history]
    assert "Q S A8 D4" == fleet.letters()


@pytest.mark.usefixtures("outbox")
@pytest.mark.parametrize(("callback", "told"), [(TARGET, [("j1", 5, True, "-")]), ("", [])])
def test_a_refused_job_tells_whoever_is_called(fleet: Fleet, callback: str, told: list[Any]) -> None:
    fleet.take_in()
    fleet.run(fleet.jobs.refuse("j1", "normal", "why: so", 5, callback))

    assert told == said(kept(fleet))


def test_a_repeated_fact_is_told_once(fleet: Fleet, outbox: Outbox) -> None:
    (ref,) = send(fleet)
    fleet.answer(ref)
    fleet.receipt(4)
    fleet.receipt(4)
    fleet.receipt(3)

    assert 2 == fleet.run(outbox.waiting())


def test_an_event_that_is_done_is_gone_and_one_that_is_not_is_claimed(fleet: Fleet, outbox: Outbox) -> None:
    (ref,) = send(fleet)
    fleet.answer(ref)
    fleet.receipt(4)
    first, second = kept(fleet)

    fleet.store.run_all(outbox.done([first.entry_id]))

    assert [second] == fleet.run(outbox.claim("other", 0, 10))
    assert 1 == fleet.run(outbox.waiting())
    fleet.store.run_all(outbox.done([second.entry_id]))
    assert [] == fleet.run(outbox.claim("other", 0, 10))


def test_a_consumer_with_pending_events_stays_until_they_are_claimed(fleet: Fleet, outbox: Outbox) -> None:
    (ref,) = send(fleet)
    fleet.answer(ref)
    (event,) = kept(fleet)

    assert 0 == fleet.run(outbox.forget_consumer("test"))
    assert [event] == fleet.run(outbox.claim("other", 0, 10))
    assert 1 == fleet.run(outbox.forget_consumer("test"))


def test_an_event_of_another_kind_is_kept_as_it_is(fleet: Fleet, outbox: Outbox) -> None:
    entry_id = fleet.run(outbox.put("https://example.com/mo", '{"kind":"mo"}'))

    assert [Ready(entry_id, "https://example.com/mo", b'{"kind":"mo"}')] == kept(fleet)


# --- watch.lua ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("outbox")
@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize("early", [True, False])
def test_the_changes_of_a_watched_job_are_published_and_of_no_other(
    fleet: Fleet, segments: int, early: bool
) -> None:
    fleet.take_in("j1")
    if early:
        assert fleet.run(fleet.jobs.watch("j1"))
    fleet.admit(admission("j1", segments=segments))
    if not early:
        assert fleet.run(fleet.jobs.watch("j1"))
    fleet.take_in_and_admit("j2")
    fleet.take_and_begin()

    with fleet.store.listening([fleet.keys.channel("j1"), fleet.keys.channel("j2")]) as heard:
        for number, ref in enumerate([*refs("j1", segments), b"j2#1"]):
            fleet.answer(ref, message_id=b"M%d" % number)

        assert [True, False] == [heard.wait(1.0), heard.wait(0.05)]
    assert [] == kept(fleet)
    assert 8 == fleet.job("j1").status


@pytest.mark.server
def test_a_server_that_forbids_publishing_loses_no_change(real_store: Store) -> None:
    admin = Fleet(real_store)
    admin.create_groups()
    admin.lead("A")
    (ref,) = admin.send()
    admin.run(admin.jobs.watch("j1"))
    admin.redis("ACL SETUSER", "quiet", "reset", "on", "nopass", "+@all", "allkeys", "resetchannels")
    url = real_store._client.connection_pool.connection_kwargs
    quiet = Store.connect(f"redis://quiet:any@{url['host']}:{url['port']}/0")
    try:
        fleet = Fleet(quiet, token=admin.token)
        assert "accepted" == fleet.answer(ref)
    finally:
        quiet.close()
        admin.redis("ACL DELUSER", "quiet")

    assert (8, [(b"j1", b"8", b"0")]) == (admin.job().status, admin.events())


def test_a_job_is_watched_by_many_and_still_calls_who_is_to_be_called(fleet: Fleet, outbox: Outbox) -> None:
    (ref,) = send(fleet)
    assert [True] * 3 == [fleet.run(fleet.jobs.watch("j1")) for _ in range(3)]

    fleet.answer(ref)

    assert [("j1", 8, False, "A8")] == said(kept(fleet))


def test_what_is_no_job_is_not_watched(fleet: Fleet) -> None:
    fleet.take_in("first", key="order-1")

    assert [False, False] == [fleet.run(fleet.jobs.watch(job_id)) for job_id in ("never", "order-1")]
    assert 0 == fleet.redis("EXISTS", fleet.keys.job("never"))
