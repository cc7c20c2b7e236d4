"""Why a lane waits: the first cause that holds, with what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.ops.test_alerts import WELL, lane, standing

from smsfleet.ops.alerts import alerts
from smsfleet.ops.causes import cause
from smsfleet.ops.snapshot import Snapshot, Stage
from smsfleet.store.standing import ACCOUNT, GatewayPause, Pause

QUEUED = lane("high", queue=Stage(7, 60.0))
OUTBOUND = lane("high", outbound=Stage(7, 60.0))
OUT_OF_CREDIT = GatewayPause(5.0, 0x401, 30.0, 0)


def bound(**more: Any) -> dict[str, Any]:
    return {"binder": replace(WELL.binder, **more)}


CASES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "lane high is paused by an operator",
        "`smsfleet resume --lane high`",
        standing(paused={"high": Pause(5, "x")}),
    ),
    ("the account is paused by an operator", "`smsfleet resume`", standing(paused={ACCOUNT: Pause(5, "x")})),
    ("ESME_NOCR", "buy credit", standing(gateway=OUT_OF_CREDIT)),
    ("no worker runs", "start `smsfleet worker`", {"workers": 0}),
    ("the binder is waiting", "`smsfleet bind status`", bound(state="waiting")),
    ("the gateway throttles us to 50 segments/s", "by itself", standing(rate=50.0)),
    ("all 50 places of the window are taken", "SMSFLEET_SMPP_WINDOW", bound(window=50, in_flight=50)),
    ("SMSFLEET_RATE is the limit, 100 segments/s", "`smsfleet reload`", bound(per_s={"submitted": 76.0})),
    ("the workers do not follow", "start more workers", bound(per_s={"submitted": 74.0})),
]


@pytest.mark.parametrize(("why", "do", "changes"), CASES)
def test_the_cause_is_named_with_what_mends_it(why: str, do: str, changes: dict[str, Any]) -> None:
    found = cause(replace(WELL, **QUEUED, **changes), "high")

    assert why in found.why
    assert do in found.do


@pytest.mark.parametrize("place", range(len(CASES)))
def test_a_cause_hides_those_after_it(place: int) -> None:
    now: Snapshot = replace(WELL, **QUEUED)
    for _, _, changes in reversed(CASES[place:]):
        now = replace(now, **changes)

    assert CASES[place][0] in cause(now, "high").why


def test_another_lanes_pause_and_missing_workers_keep_no_segment_from_the_wire() -> None:
    changes = standing(paused={"bulk": Pause(5, "x")}) | {"workers": 0}

    assert "the binder has not sent it" == cause(replace(WELL, **OUTBOUND, **changes), "high").why


def test_what_is_on_the_wire_waits_for_the_gateway() -> None:
    on_the_wire = lane("high", outbound=Stage(1, 1.0), in_flight=Stage(1, 6.0))

    assert "the gateway has not answered" in cause(replace(WELL, **on_the_wire), "high").why


def test_a_code_that_is_late_is_told_with_its_cause() -> None:
    (late,) = [
        alert
        for alert in alerts(replace(WELL, **OUTBOUND, **standing(paused={"high": Pause(5, "x")})))
        if alert.name == "OldestOtp"
    ]

    assert late.what.endswith("has waited for 60 s: lane high is paused by an operator")
    assert "`smsfleet resume --lane high` sends again" == late.do
