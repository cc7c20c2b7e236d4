"""cancel.lua: nothing more of a job is sent, and what cannot be called back is said."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import (
    HOLD_S,
    NOW_MS,
    OK,
    PERMANENT,
    TEMPORARY,
    TEXT_TTL_S,
    Fleet,
    admission,
)

from smsfleet.store.wire import DROPPED


def test_a_job_that_nobody_admitted_yet_is_closed_and_never_admitted(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.now_ms += 3

    assert fleet.cancel() == "c"
    assert (fleet.job().refusal, fleet.job().status) == ("cancelled: by request", 6)
    assert (fleet.letters(), fleet.intake(), fleet.events()) == ("K", [], [(b"j1", b"6", b"1")])
    assert 0 < fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S
    assert fleet.admit(admission("j1")).results == [-2]
    assert fleet.outbound() == []


def test_a_scheduled_job_is_closed_and_leaves_the_schedule(fleet: Fleet) -> None:
    fleet.take_in_later("j1", options='{"queue":"q"}')

    assert fleet.cancel() == "c"
    assert (fleet.scheduled(), fleet.job().status) == ([], 6)
    assert fleet.redis("HGET", fleet.keys.job("j1"), "o") is None


def test_a_job_that_was_set_aside_is_closed_and_leaves_that_list(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.run(fleet.lifecycle.set_aside("j1", "normal", "poison: 3"))

    assert fleet.cancel() == "c"
    assert (fleet.run(fleet.lifecycle.aside(0, 9)), fleet.job().refusal) == ([], "cancelled: by request")


def test_segments_in_the_stream_are_cancelled_at_once_and_their_entries_dropped_by_begin(
    fleet: Fleet,
) -> None:
    fleet.take_in_and_admit(segments=2)

    assert fleet.cancel() == "CC"
    assert (fleet.states(), fleet.job().status, fleet.counts()) == ("CC", 6, "C:2")
    assert fleet.events() == [(b"j1", b"6", b"1")]
    assert fleet.take_and_begin() == [DROPPED, DROPPED]
    assert (fleet.outbound(), fleet.in_flight(), fleet.states()) == ([], set(), "CC")


def test_a_segment_that_waits_for_its_next_try_is_cancelled_with_its_body(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, TEMPORARY)

    assert fleet.cancel() == "C"
    assert (fleet.states(), fleet.waiting(), fleet.redis("ZCARD", fleet.keys.delayed)) == ("C", {}, 0)
    fleet.now_ms += 5000
    assert fleet.run(fleet.facts.promote([ref])) == ["gone"]


def test_a_held_segment_is_given_up_because_it_may_have_been_delivered(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="hold_then_resend")
    fleet.lost(ref)

    assert fleet.cancel() == "F"
    assert (fleet.states(), fleet.job().status, fleet.waiting()) == ("F", 1, {})
    fleet.now_ms += int(HOLD_S * 1000)
    assert fleet.run(fleet.facts.release_held([ref], "timer")) == ["gone"]
    assert fleet.answer(ref) == "accepted"  # late, and true


def test_a_segment_that_waits_to_be_sent_again_is_given_up_too(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)

    assert fleet.cancel() == "F"
    assert fleet.begin_backlog() == [DROPPED]
    assert (fleet.states(), fleet.job().segments[0].ambiguous) == ("F", 1)


def test_what_is_on_its_way_stays_so_and_what_the_gateway_has_too(fleet: Fleet) -> None:
    fleet.send("flying")
    (accepted,) = fleet.send("accepted")
    fleet.answer(accepted)
    (rejected,) = fleet.send("rejected")
    fleet.answer(rejected, PERMANENT)

    assert [fleet.cancel(job_id) for job_id in ("flying", "accepted", "rejected")] == ["S", "A", "R"]
    assert [fleet.states(job_id) for job_id in ("flying", "accepted", "rejected")] == ["S", "A", "R"]
    assert fleet.answer(b"flying#1", OK, b"M2") == "accepted"


def test_only_what_waits_of_a_long_text_is_cancelled(fleet: Fleet) -> None:
    fleet.take_in_and_admit(segments=3)
    fleet.take_and_begin(1)

    assert fleet.cancel() == "SCC"
    assert fleet.counts() == "C:2 S:1"
    assert (fleet.job().status, fleet.letters()) == (None, "Q S K")


@pytest.mark.parametrize("policy", ["resend", "hold_then_resend", "hold", "fail"])
def test_what_was_on_its_way_and_got_lost_is_not_sent_again(fleet: Fleet, policy: str) -> None:
    (ref,) = fleet.send(policy=policy)
    fleet.cancel()

    fleet.lost(ref)
    fleet.now_ms += int(HOLD_S * 1000)
    fleet.run(fleet.facts.release_held([ref], "resend"))

    assert fleet.begin_backlog() == []
    assert fleet.states() == "F"


def test_what_was_on_its_way_and_certainly_did_not_leave_is_cancelled(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.cancel()

    assert fleet.lost(ref, written=False) == ["Q"]
    assert fleet.begin_backlog() == [DROPPED]
    assert (fleet.states(), fleet.job().status, fleet.letters()) == ("C", 6, "Q S K Q L")


def test_what_was_on_its_way_and_is_refused_for_now_is_cancelled(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.cancel()
    fleet.answer(ref, TEMPORARY)
    fleet.now_ms += 5000

    assert fleet.run(fleet.facts.promote([ref])) == ["cancelled"]
    assert (fleet.states(), fleet.outbound()) == ("C", [])


def test_asking_again_changes_nothing_and_says_the_same(fleet: Fleet) -> None:
    fleet.take_in("pending")
    fleet.take_in_and_admit("queued", segments=2)
    first = [fleet.cancel(job_id) for job_id in ("pending", "queued")]
    before = fleet.everything()
    fleet.now_ms += 1000

    assert [fleet.cancel(job_id) for job_id in ("pending", "queued")] == first
    assert fleet.everything() == before


def test_a_job_that_had_ended_stays_as_it_was(fleet: Fleet) -> None:
    fleet.take_in("refused")
    fleet.run(fleet.jobs.refuse("refused", "normal", "invalid-text: no", 5))
    (ref,) = fleet.send("delivered")
    fleet.answer(ref)
    fleet.receipt(4)
    before = fleet.everything()

    assert [fleet.cancel(job_id) for job_id in ("refused", "delivered")] == ["x", "A"]
    assert fleet.everything() == before


def test_an_alias_names_the_first_job_and_no_job_is_none(fleet: Fleet) -> None:
    fleet.take_in("first", key="order-1")
    before = fleet.everything()

    assert [fleet.cancel(job_id) for job_id in ("order-1", "never")] == ["=first", ""]
    assert fleet.everything() == before


def test_the_deadline_of_a_job_does_not_hide_that_it_was_cancelled(fleet: Fleet) -> None:
    (ref,) = fleet.take_in_and_admit(deadline_ms=NOW_MS + 5)
    fleet.take_and_begin()
    fleet.cancel()
    fleet.lost(ref, written=False)
    fleet.now_ms += 10

    assert fleet.begin_backlog() == [DROPPED]
    assert fleet.states() == "C"
