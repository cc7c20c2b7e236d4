"""pause.lua, resume.lua and standing.lua, and what begin.lua and apply_response.lua make of them."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import NO_CREDIT, NOW_MS, PERMANENT, PROBE_S, TEMPORARY, Fleet

from smsfleet.store.standing import ACCOUNT, GatewayPause, Pause, Standing
from smsfleet.store.wire import DROPPED, IN_FLIGHT, PAUSED

PROBE_MS = round(PROBE_S * 1000)


def pause(fleet: Fleet, *names: str, reason: str = "") -> int:
    return fleet.run(fleet.standings.pause(names, reason))


def resume(fleet: Fleet, *names: str) -> int:
    return fleet.run(fleet.standings.resume(names))


def refused_account(fleet: Fleet) -> bytes:
    """The account is out of credit; the segment that was told so is in its stream again."""
    (ref,) = fleet.send("j0")
    assert fleet.answer(ref, NO_CREDIT) == "paused"
    fleet.now_ms += 1000
    fleet.run(fleet.facts.promote([ref]))
    return ref


# --- an operator's ------------------------------------------------------------------------------


def test_a_paused_lane_is_not_begun_and_the_others_are(fleet: Fleet) -> None:
    for lane in ("high", "normal", "bulk"):
        fleet.take_in_and_admit(f"j-{lane}", lane=lane)

    assert pause(fleet, "bulk", "normal") == 2

    assert fleet.take_and_begin() == [1, PAUSED, PAUSED]
    assert fleet.in_flight() == {b"j-high#1"}
    assert (fleet.states("j-bulk"), fleet.outbound("bulk")) == ("Q", [b"j-bulk#1"])


def test_a_resumed_lane_goes_out(fleet: Fleet) -> None:
    fleet.take_in_and_admit("j1", lane="bulk")
    pause(fleet, "bulk")
    assert fleet.begin_backlog() == [PAUSED]

    assert resume(fleet, "bulk") == 1

    assert fleet.begin_backlog() == [1]


def test_a_pause_of_the_account_holds_all_lanes_and_lanes_stay_paused_after_it(fleet: Fleet) -> None:
    for lane in ("high", "bulk"):
        fleet.take_in_and_admit(f"j-{lane}", lane=lane)
    pause(fleet, ACCOUNT)
    pause(fleet, "bulk")
    assert fleet.begin_backlog() == [PAUSED, PAUSED]

    resume(fleet, ACCOUNT)

    assert fleet.begin_backlog() == [1, PAUSED]


def test_what_is_in_flight_or_closed_is_left_alone_by_a_pause(fleet: Fleet) -> None:
    (ref,) = fleet.send("j1")
    pause(fleet, ACCOUNT)

    assert fleet.begin_backlog() == [PAUSED]
    assert fleet.answer(ref) == "accepted"
    resume(fleet, ACCOUNT)
    assert fleet.begin_backlog() == []


def test_a_second_pause_keeps_the_time_and_changes_the_reason(fleet: Fleet) -> None:
    pause(fleet, "bulk", reason="first")
    fleet.now_ms += 5000

    assert pause(fleet, "bulk", reason="a tariff, at noon") == 0

    assert fleet.standing.paused == {"bulk": Pause(5.0, "a tariff, at noon")}


def test_nothing_is_ended_when_nothing_was_paused(fleet: Fleet) -> None:
    assert resume(fleet, ACCOUNT) == 0
    assert resume(fleet, "bulk", "high") == 0


def test_an_account_of_which_nothing_is_known_is_open(fleet: Fleet) -> None:
    standing = fleet.standing

    assert standing == Standing(None, None, 0, {}, None)
    assert all(standing.is_open(lane) for lane in ("high", "normal", "bulk"))


# --- the gateway's ------------------------------------------------------------------------------


def test_an_error_of_the_account_pauses_it_once_and_the_segment_is_not_burnt(fleet: Fleet) -> None:
    first, second = fleet.send("j1", segments=2)

    assert fleet.answer(first, NO_CREDIT) == "paused"
    fleet.now_ms += 2000
    assert fleet.answer(second, NO_CREDIT) == "wait"

    assert fleet.standing.gateway == GatewayPause(2.0, NO_CREDIT, PROBE_S - 2, 0)
    assert (fleet.states(), fleet.segment(1).tries, fleet.segment(2).tries) == ("WW", 0, 0)


def test_while_the_gateway_refuses_the_account_nothing_goes_out_before_the_probe(fleet: Fleet) -> None:
    refused_account(fleet)
    fleet.take_in_and_admit("j1", lane="high")
    fleet.now_ms = NOW_MS + PROBE_MS - 1

    assert fleet.begin_backlog() == [PAUSED, PAUSED]
    assert not fleet.standing.probe_due

    fleet.now_ms += 1
    assert fleet.standing.probe_due
    assert fleet.begin_backlog() == [1, PAUSED]
    assert not fleet.standing.probe_due


def test_one_probe_goes_out_in_each_interval(fleet: Fleet) -> None:
    refused_account(fleet)
    for job_id in ("j1", "j2"):
        fleet.take_in_and_admit(job_id)
    begun = []
    for second in range(0, 241, 10):
        fleet.now_ms = NOW_MS + second * 1000
        begun += [attempt for attempt in fleet.begin_backlog() if attempt not in (PAUSED, IN_FLIGHT, DROPPED)]

    assert begun == [2, 1, 1]


def test_a_probe_goes_out_though_the_clock_was_set_back(fleet: Fleet) -> None:
    (first,) = fleet.send("first")
    fleet.answer(first, NO_CREDIT)
    fleet.take_in_and_admit("second")
    fleet.now_ms -= 3_600_000

    assert fleet.standing.probe_due
    assert [1] == fleet.take_and_begin()
    assert not fleet.standing.probe_due


def test_an_accepted_probe_resumes_the_account(fleet: Fleet) -> None:
    ref = refused_account(fleet)
    fleet.take_in_and_admit("j1")
    fleet.now_ms = NOW_MS + PROBE_MS
    assert fleet.begin_backlog() == [2, PAUSED]

    assert fleet.answer(ref, attempt=2) == "resumed"

    assert fleet.standing.gateway is None
    assert (fleet.states("j0"), fleet.job("j0").status) == ("A", 8)
    assert fleet.begin_backlog() == [1]


def test_a_refused_probe_leaves_the_account_paused_until_the_next(fleet: Fleet) -> None:
    ref = refused_account(fleet)
    fleet.now_ms = NOW_MS + PROBE_MS
    fleet.begin_backlog()

    assert fleet.answer(ref, NO_CREDIT, attempt=2) == "wait"

    assert fleet.standing.gateway == GatewayPause(PROBE_S, NO_CREDIT, PROBE_S, 1)
    assert fleet.segment(job_id="j0").tries == 0


@pytest.mark.parametrize("code", [TEMPORARY, PERMANENT])
def test_a_probe_that_is_refused_for_itself_says_nothing_of_the_account(fleet: Fleet, code: int) -> None:
    ref = refused_account(fleet)
    fleet.now_ms = NOW_MS + PROBE_MS
    fleet.begin_backlog()

    fleet.answer(ref, code, attempt=2)

    assert fleet.standing.gateway == GatewayPause(PROBE_S, NO_CREDIT, PROBE_S, 0)


def test_an_acceptance_from_before_the_pause_does_not_end_it(fleet: Fleet) -> None:
    (earlier,) = fleet.send("j1")
    refused_account(fleet)

    assert fleet.answer(earlier) == "accepted"

    assert fleet.standing.gateway is not None


def test_an_acceptance_from_before_the_pause_while_the_probe_is_out_does_not_end_it(fleet: Fleet) -> None:
    (early,) = fleet.send("early")
    refused_account(fleet)
    fleet.now_ms = NOW_MS + PROBE_MS
    assert fleet.begin_backlog() == [IN_FLIGHT, 2]

    assert fleet.answer(early) == "accepted"

    assert fleet.standing.gateway is not None


def test_while_an_operators_pause_holds_no_probe_goes_out(fleet: Fleet) -> None:
    refused_account(fleet)
    pause(fleet, ACCOUNT)
    fleet.now_ms = NOW_MS + 10 * PROBE_MS

    assert fleet.begin_backlog() == [PAUSED]
    assert not fleet.standing.probe_due


def test_a_segment_of_a_paused_lane_is_no_probe(fleet: Fleet) -> None:
    refused_account(fleet)
    fleet.take_in_and_admit("j1", lane="bulk")
    pause(fleet, "normal")
    fleet.now_ms = NOW_MS + PROBE_MS

    assert fleet.begin_backlog() == [PAUSED, 1]


def test_an_operator_ends_the_pause_of_the_gateway_too(fleet: Fleet) -> None:
    refused_account(fleet)

    assert resume(fleet, ACCOUNT) == 1

    assert (fleet.standing.gateway, fleet.begin_backlog()) == (None, [2])
    assert fleet.redis("HGETALL", fleet.keys.pause) == []


def test_a_stale_refusal_pauses_nothing(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    assert fleet.begin_backlog() == [2]

    assert fleet.answer(ref, NO_CREDIT, attempt=1) == "stale"

    assert fleet.standing.gateway is None
