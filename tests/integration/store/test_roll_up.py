"""lib_job.lua: the status of a job from its segments, and the stream that says so."""

from __future__ import annotations

import itertools

import pytest
from tests.integration.store.steps import PERMANENT, TEMPORARY, TEXT_TTL_S, Fleet


def accept_all(fleet: Fleet, segments: list[bytes]) -> None:
    for number, ref in enumerate(segments, start=1):
        assert fleet.answer(ref, message_id=b"M%d" % number) == "accepted"


def test_while_open_a_job_shows_its_least_segment(fleet: Fleet) -> None:
    segments = fleet.send(segments=3)
    shown = [fleet.job().status]
    accept_all(fleet, segments[:2])
    shown.append(fleet.job().status)
    fleet.answer(segments[2], message_id=b"M3")
    shown.append(fleet.job().status)
    fleet.receipt(3, b"M1")
    fleet.receipt(4, b"M2")
    shown.append(fleet.job().status)
    fleet.receipt(3, b"M3")
    shown.append(fleet.job().status)

    assert shown == [None, None, 8, 8, 3]
    assert fleet.counts() == "A3:2 A4:1"


def test_a_job_is_delivered_when_all_its_segments_are(fleet: Fleet) -> None:
    segments = fleet.send(segments=3)
    accept_all(fleet, segments)
    shown = []
    for number in (2, 3, 1):
        fleet.receipt(4, b"M%d" % number)
        shown.append((fleet.job().status, fleet.counts()))

    assert shown == [(8, "A4:1 A8:2"), (8, "A4:2 A8:1"), (4, "A4:3")]
    assert fleet.events()[-1] == (b"j1", b"4", b"1")


@pytest.mark.parametrize("finals", list(itertools.permutations((4, 7, 10))))
def test_when_closed_a_job_shows_the_worst_of_its_segments(fleet: Fleet, finals: tuple[int, ...]) -> None:
    accept_all(fleet, fleet.send(segments=3))

    for number, status in enumerate(finals, start=1):
        fleet.receipt(status, b"M%d" % number)

    assert fleet.job().status == 7


def test_a_failed_segment_does_not_close_a_job_whose_others_are_open(fleet: Fleet) -> None:
    segments = fleet.send(segments=2, policy="fail")
    fleet.answer(segments[0], PERMANENT)
    open_with = (fleet.job().status, fleet.ttl_s(fleet.keys.content("j1")) > TEXT_TTL_S)
    fleet.lost(segments[1])

    assert open_with == (None, True)
    assert (fleet.states(), fleet.job().status, fleet.counts()) == ("RF", 9, "F:1 R9:1")
    assert 0 < fleet.ttl_s(fleet.keys.content("j1")) <= TEXT_TTL_S


def test_a_segment_that_is_unknown_makes_a_delivered_rest_unknown(fleet: Fleet) -> None:
    segments = fleet.send(segments=2, policy="fail")
    fleet.answer(segments[0])
    fleet.lost(segments[1])
    fleet.receipt(4)

    assert (fleet.job().status, fleet.events()[-1]) == (1, (b"j1", b"1", b"1"))


def test_a_late_acceptance_opens_a_closed_job_again_and_says_so(fleet: Fleet) -> None:
    segments = fleet.send(segments=2, policy="fail")
    fleet.answer(segments[0])
    fleet.receipt(4)
    fleet.lost(segments[1])
    fleet.answer(segments[1], message_id=b"M2")

    assert fleet.events()[-2:] == [(b"j1", b"1", b"1"), (b"j1", b"8", b"0")]
    fleet.receipt(4, b"M2")
    assert fleet.events()[-1] == (b"j1", b"4", b"1")


def test_delivered_after_all_wins_over_undelivered(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    fleet.receipt(7)
    fleet.receipt(4)

    assert [event[1:] for event in fleet.events()] == [(b"8", b"0"), (b"7", b"1"), (b"4", b"1")]


def test_nothing_is_said_when_what_is_shown_does_not_change(fleet: Fleet) -> None:
    segments = fleet.send(segments=2)
    fleet.lost(segments[0])
    fleet.answer(segments[1], TEMPORARY)

    assert fleet.events() == []


def test_counts_follow_every_state(fleet: Fleet) -> None:
    segments = fleet.send(segments=4, policy="hold")
    counts = [fleet.counts()]
    fleet.lost(segments[0])
    counts.append(fleet.counts())
    fleet.answer(segments[1], TEMPORARY)
    counts.append(fleet.counts())
    fleet.answer(segments[2], PERMANENT)
    counts.append(fleet.counts())
    fleet.answer(segments[3])
    counts.append(fleet.counts())

    assert counts == ["S:4", "H:1 S:3", "H:1 S:2 W:1", "H:1 R9:1 S:1 W:1", "A8:1 H:1 R9:1 W:1"]


def test_a_job_of_two_hundred_segments_is_counted_as_one_of_two(fleet: Fleet) -> None:
    segments = fleet.take_in_and_admit(segments=200)
    fleet.take_and_begin(200)
    for number, ref in enumerate(segments):
        fleet.settle(ref, message_id=b"M%d" % number)
    facts = fleet.read_responses() + fleet.read_responses()

    assert set(fleet.apply(facts)) == {"accepted"}
    assert (fleet.job().status, fleet.counts()) == (8, "A8:200")
