"""What `smsfleet top` shows in 80 columns, and in a file. Other terminals: test_top_narrow.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from tests.unit.ops.test_alerts import WELL

from smsfleet.cli.top_view import MOST_ALERTS, screen
from smsfleet.ops.binder_view import BinderView
from smsfleet.ops.snapshot import LaneView, LeaseView, Snapshot, Stage
from smsfleet.store.standing import GatewayPause, Pause, Standing
from smsfleet.store.status_counts import Came

BUSY = replace(
    WELL,
    binder=replace(
        WELL.binder,
        gateway="smpp.example:2775",
        bind_mode="transceiver",
        window=50,
        in_flight=25,
        errors={"0x00000058": 12, "other": 1},
        ambiguous={"resent": 2, "held": 0, "failed": 1},
        per_s={"submitted": 95.0, "answered": 94.5, "delivered": 80.0},
        response_ms={"p50": 5.0, "p99": 50.0},
    ),
    lease=LeaseView("host-1-0123456789ab", 4, 7320.0, 8.0),
    lanes={**WELL.lanes, "bulk": LaneView(Stage(12_345, 61.0), Stage(200, 2.0), Stage(25, 0.2))},
    waiting={**WELL.waiting, "scheduled": Stage(3, due_s=300.0), "delayed": Stage(2, due_s=-4.0)},
    statuses=(Came(4, True, 1000), Came(8, False, 2000)),
)


def shown(now: Snapshot, before: Snapshot | None = None, note: str = "", width: int = 80) -> str:
    console = Console(width=width, record=True, file=None, force_terminal=False, quiet=False, highlight=False)
    with console.capture() as captured:
        console.print(screen(now, before, note))
    return captured.get()


def test_at_80_columns_no_line_is_longer() -> None:
    text = shown(BUSY, note="every 2 s; q leaves")

    assert 80 == max(map(len, text.splitlines()))
    assert len(text.splitlines()) < 40


@pytest.mark.parametrize(
    "words",
    [
        "smsfleet main bound smpp.example:2775",
        "bound, for 1 h 23 min, transceiver",
        "enquire_link 20 s ago, answered 20 s ago",
        "number 4, for 2 h 2 min",
        "█████····· 25 of 50 in flight",
        "95.0 submitted, 94.5 answered",
        "half within 5 ms, 99 % within 50 ms",
        "12 0x00000058 ESME_RTHROTTLED, 1 other",
        "12,345",
        "scheduled 3 (in 5 min)",
        "delayed 2 (4.0 s late)",
        "004 received by recipient (end) 1,000",
        "2 resent, 1 failed",
        "no alerts",
    ],
)
def test_it_shows(words: str) -> None:
    assert words in " ".join(shown(BUSY).split())


def test_what_is_only_counted_has_a_rate_from_the_second_look_on() -> None:
    before = replace(BUSY, at_ms=BUSY.at_ms - 2000, statuses=(Came(4, True, 900),))

    text = " ".join(shown(BUSY, before).split())

    assert "004 received by recipient (end) 1,000 (+50.0/s)" in text
    assert "008 OK, received by gateway 2,000 (+1,000.0/s)" in text


def test_pauses_are_seen_beside_the_lane_and_as_alerts() -> None:
    paused = Standing(100.0, 50.0, 7, {"bulk": Pause(5.0, "wrong text")}, GatewayPause(5.0, 0x401, 30.0, 0))

    text = " ".join(shown(replace(BUSY, standing=paused)).split())

    assert "bulk paused" in text
    assert "critical AccountPaused: the gateway refuses the account" in text
    assert "info Paused: lane bulk is paused by an operator: wrong text" in text
    assert "50/s, lowered from 100; 7 answers were throttled" in text


def test_an_account_without_a_binder_is_shown_too() -> None:
    text = shown(Snapshot("main", WELL.at_ms))

    assert "NoBinder" in text
    assert "start `smsfleet binder`" in " ".join(text.split())


def campaign(campaign_id: str, name: str, state: str, done: float) -> dict[str, Any]:
    return {"campaign_id": campaign_id, "name": name, "state": state, "done": done, "counts": {"rows": 4000}}


MONTH = {"month": "2026-11", "account_used": "37/3", "minimum": 5000, "forecast": "41/3", "balance": "-1/3"}


def test_credits_and_campaigns_are_shown_when_there_are_any() -> None:
    now = replace(
        BUSY,
        credits=MONTH,
        campaigns=(
            campaign("Cabcdefghij", "sale", "running", 0.254),
            campaign("Cabcdefghik", "", "paused", 0.5),
            campaign("Cabcdefghil", "over", "finished", 1.0),
        ),
    )

    text = " ".join(shown(now).split())

    assert "credits 12 1/3 used in 2026-11, minimum 5,000, forecast 14, balance -1/3" in text
    assert "campaign sale (Cabcdefghij) running, 25% of 4,000 rows" in text
    assert "campaign Cabcdefghik paused, 50% of 4,000 rows (`smsfleet campaign resume Cabcdefghik`)" in text
    assert "over" not in text


def test_too_many_alerts_are_counted() -> None:
    broken = replace(
        Snapshot("main", WELL.at_ms),
        binder=BinderView("waiting", unbound_s=100.0),
        lanes=BUSY.lanes | {"high": LaneView(Stage(1, 60.0))},
        waiting={**WELL.waiting, "held": Stage(1), "set_aside": Stage(1), "deliveries": Stage(1, 100.0)},
        kept={"dead": 1, "undelivered": 1, "strays": 0},
        standing=Standing(100.0, 50.0, 7, {"bulk": Pause(5.0, "")}, None),
    )

    text = shown(broken)

    assert "more: `smsfleet status`" in text
    assert MOST_ALERTS == text.count("critical") + text.count("warning ")


def test_markup_in_a_reason_is_text() -> None:
    paused = Standing(100.0, 100.0, 0, {"bulk": Pause(5.0, "[bold]x[/nonsense]")}, None)

    assert "[bold]x[/nonsense]" in shown(replace(BUSY, standing=paused))
