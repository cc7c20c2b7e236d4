"""When a binder is alive: judged by its event loop and its lease, not by Redis or the gateway."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from smsfleet.binder.counts import Counts
from smsfleet.binder.metrics import FROZEN_S, LOST_S, Health, binder_readings
from smsfleet.binder.report import Report, SideReport, State
from smsfleet.config.clock import epoch_ms
from smsfleet.ops.catalog import LABELS


class Moment:
    """A binder as it looks from outside, and a clock."""

    def __init__(self, *, leads: bool, state: State, why: str = "", may_submit: bool = True) -> None:
        self.now = 100.0
        report = Report("smpp.example:2775", "transceiver", 50, [SideReport("transceiver")])
        if state is State.STANDBY:
            report.leave(state)
        else:
            report.lead()
            report.sides[0].enter(state, why)
        self.binder: Any = SimpleNamespace(
            leads=leads, state=report.state, report=report, may_submit=may_submit, counts=Counts()
        )
        self.health = Health(self.binder, clock=lambda: self.now)


@pytest.mark.parametrize(
    ("state", "leads"),
    [(State.BOUND, True), (State.WAITING, True), (State.REFUSED, True), (State.STANDBY, False)],
)
def test_a_binder_that_leads_or_stands_by_is_alive_whatever_the_gateway_does(
    state: State, *, leads: bool
) -> None:
    moment = Moment(leads=leads, state=state)

    assert (True, f"alive: {state}") == moment.health.alive()
    assert (state is State.BOUND) == moment.health.ready()[0]


def test_a_loop_that_does_not_come_round_is_frozen() -> None:
    moment = Moment(leads=True, state=State.BOUND)
    moment.now += FROZEN_S
    well = moment.health.alive()
    moment.now += 1

    assert well[0]
    assert (False, "frozen: the event loop has not come round for 11 s") == moment.health.alive()
    assert (False, "frozen: the event loop has not come round for 11 s") == moment.health.ready()


async def test_a_loop_that_comes_round_shows_it() -> None:
    import asyncio

    moment = Moment(leads=True, state=State.BOUND)
    moment.now += FROZEN_S + 1
    task = asyncio.create_task(moment.health.run())
    await asyncio.sleep(0)
    task.cancel()

    assert moment.health.alive()[0]


def test_a_lost_lease_without_a_standby_is_no_life_after_a_while() -> None:
    moment = Moment(leads=False, state=State.DRAINING)
    at_once = moment.health.alive()
    moment.health._beat_at = moment.now = moment.now + LOST_S + 1

    assert (True, "alive: draining, the lease is lost") == at_once
    assert (False, "lost: no lease for 61 s, and not standing by") == moment.health.alive()


def test_readiness_says_why_not() -> None:
    moment = Moment(leads=True, state=State.WAITING, why="next bind in 30 s")

    assert (False, "waiting: next bind in 30 s") == moment.health.ready()


def test_a_binder_that_is_bound_and_may_not_submit_is_alive_and_not_ready() -> None:
    moment = Moment(leads=True, state=State.BOUND, may_submit=False)

    assert (True, "alive: bound") == moment.health.alive()
    assert (False, "bound, and submits nothing: the lease cannot be renewed; is Redis away, or full?") == (
        moment.health.ready()
    )


def test_a_bind_without_an_enquire_link_yet_is_as_silent_as_it_is_old() -> None:
    moment = Moment(leads=True, state=State.WAITING)
    (side,) = moment.binder.report.sides
    before = {name for name, _, _ in binder_readings(moment.binder)}
    side.bound()
    side.bound_since_ms -= 91_000
    side.enquire_link_ms = epoch_ms()

    told = {name: value for name, _, value in binder_readings(moment.binder)}

    assert "smsfleet_binder_enquire_link_resp_age_seconds" not in before
    assert 91 <= told["smsfleet_binder_enquire_link_resp_age_seconds"] < 100
    assert 0 <= told["smsfleet_binder_enquire_link_age_seconds"] < 10


def test_errors_are_told_from_0_on() -> None:
    moment = Moment(leads=True, state=State.BOUND)
    moment.binder.counts.refused(0x58)
    moment.binder.counts.refused(0x7777)

    told = {
        of: count
        for name, of, count in binder_readings(moment.binder)
        if name == "smsfleet_binder_errors_total"
    }

    assert set(LABELS["command_status"]) == {code for (code,) in told}
    assert {("0x00000058",): 1, ("other",): 1} == {of: count for of, count in told.items() if count}
