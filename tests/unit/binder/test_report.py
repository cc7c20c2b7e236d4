"""What is said of the binder: a pair is as well as the worse of its sides."""

from __future__ import annotations

import pytest

from smsfleet.binder.report import Report, SideReport, State


@pytest.fixture
def report() -> Report:
    """A pair that leads."""
    made = Report(
        "smpp.example:2775", "transmitter_receiver", 50, [SideReport("transmitter"), SideReport("receiver")]
    )
    made.lead()
    return made


def test_a_pair_is_bound_when_both_sides_are(report: Report) -> None:
    transmitter, receiver = report.sides
    transmitter.bound()
    receiver.enter(State.WAITING, "next bind in 40 s")
    one = report.as_dict()
    receiver.bound()

    assert ("waiting", "receiver: next bind in 40 s", None) == (
        one["state"],
        one["why"],
        one["bound_since_ms"],
    )
    assert ("bound", "") == (report.state, report.as_dict()["why"])
    assert receiver.bound_since_ms == report.as_dict()["bound_since_ms"]
    assert 2 == report.as_dict()["binds"]


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ((State.BOUND, State.BINDING), State.BINDING),
        ((State.BOUND, State.CONNECTING), State.CONNECTING),
        ((State.CONNECTING, State.WAITING), State.WAITING),
        ((State.WAITING, State.PAUSED), State.PAUSED),
        ((State.REFUSED, State.PAUSED), State.REFUSED),
    ],
)
def test_the_worse_state_is_told(report: Report, states: tuple[State, State], worst: State) -> None:
    for side, state in zip(report.sides, states, strict=True):
        side.enter(state)

    assert worst is report.state


def test_a_binder_that_does_not_lead_says_nothing_of_its_sides(report: Report) -> None:
    report.sides[0].enter(State.REFUSED, "why")

    report.leave(State.STOPPED)

    assert ("stopped", "") == (report.as_dict()["state"], report.as_dict()["why"])


def test_a_lone_side_needs_no_name_before_its_reason() -> None:
    alone = Report("smpp.example:2775", "transceiver", 50, [SideReport("transceiver")])
    alone.lead()
    alone.sides[0].enter(State.WAITING, "next bind in 40 s")

    assert "next bind in 40 s" == alone.as_dict()["why"]
