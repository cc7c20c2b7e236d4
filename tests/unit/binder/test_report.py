"""What is said of the binder: a pair is as well as the worse of its sides."""

from __future__ import annotations

import json
import time

import pytest

from smsfleet.binder.counts import Counts
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


def test_rates_and_waits_are_those_since_the_last_report(report: Report) -> None:
    counts = Counts()
    counts.response_s.add_all([5.0] * 100)
    report.submitted = 1000
    report.measure(10.0, counts)
    report.submitted, report.answered = 1100, 40
    counts.response_s.add_all([0.004] * 98 + [0.7, 0.7])

    report.measure(12.0, counts)

    assert {"submitted": 50.0, "answered": 20.0, "delivered": 0.0} == report.as_dict()["per_s"]
    assert {"p50": 5.0, "p99": 1000.0} == report.as_dict()["response_ms"]


def test_without_answers_the_last_wait_stays(report: Report) -> None:
    counts = Counts()
    report.measure(0.0, counts)
    counts.response_s.add(0.001)
    report.measure(1.0, counts)

    report.measure(2.0, counts)

    assert {"p50": 1.0, "p99": 1.0} == report.response_ms


def test_refusals_are_counted_by_the_codes_that_the_guide_lists() -> None:
    counts = Counts()

    for status in (0x58, 0x58, 0x401, 0x7FFF1234, 0x7FFF1235):
        counts.refused(status)

    assert {"0x00000058": 2, "0x00000401": 1, "other": 2} == counts.errors


def test_unknown_outcomes_are_counted_by_what_became_of_them() -> None:
    counts = Counts()

    counts.unknown("QQHF-")

    assert {"resent": 2, "held": 1, "failed": 1} == counts.ambiguous
    assert counts.ambiguous_ms is not None


def test_a_report_is_json_with_all_that_was_counted(report: Report) -> None:
    counts = Counts()
    counts.refused(0x58)
    report.measure(1.0, counts)

    said = json.loads(report.to_json())
    assert abs(time.time() - said["at_ms"] / 1000) < 60  # by it readers see that a clock is wrong

    assert ({"0x00000058": 1}, {"resent": 0, "held": 0, "failed": 0}) == (said["errors"], said["ambiguous"])
    assert "_measured" not in said


def test_how_long_it_was_not_bound_counts_through_all_attempts(report: Report) -> None:
    transmitter, receiver = report.sides
    transmitter.bound()
    receiver.bound()
    bound = report.as_dict()["unbound_since_ms"]
    receiver.disconnected("the peer closed the connection")
    since_ms = receiver.unbound_since_ms

    for state in (State.WAITING, State.CONNECTING, State.BINDING, State.WAITING):
        receiver.enter(state)
        receiver.since_ms += 30_000
    receiver.disconnected("bind refused")

    assert bound is None
    assert since_ms is not None
    assert since_ms == report.as_dict()["unbound_since_ms"]


def test_a_standby_that_begins_to_lead_was_not_unbound_meanwhile() -> None:
    alone = Report("smpp.example:2775", "transceiver", 50, [SideReport("transceiver")])
    alone.sides[0].unbound_since_ms = 1

    alone.lead()

    assert alone.as_dict()["unbound_since_ms"] > 1


def test_it_is_told_how_many_were_accepted_since_the_last_deliver_sm(report: Report) -> None:
    said = []
    for count, last_ms, accepted in ((0, None, 3), (1, 500, 4), (1, 500, 9), (2, 700, 9)):
        report.deliveries(count, last_ms, accepted)
        as_dict = report.as_dict()
        said.append((as_dict["delivered"], as_dict["delivered_ms"], as_dict["accepted_since"]))

    assert [(0, None, 3), (1, 500, 0), (1, 500, 5), (2, 700, 0)] == said
