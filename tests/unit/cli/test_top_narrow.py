"""`smsfleet top` in terminals that are narrow, or low: nothing that is needed at night is lost there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.unit.cli.test_top_view import BUSY, MONTH, campaign
from tests.unit.ops.test_alerts import WELL

from smsfleet.cli.top_view import screen
from smsfleet.config.codes import ESME_RMSGQFUL, ESME_RTHROTTLED
from smsfleet.ops.alerts import alerts
from smsfleet.ops.snapshot import LaneView, Snapshot, Stage
from smsfleet.store.standing import ACCOUNT, GatewayPause, Pause, Standing
from smsfleet.store.status_counts import Came

WIDTHS = (40, 50, 60, 79, 80, 99, 120, 200)
HEIGHTS = (15, 24, 60)

LONG = "überraschend-großer-weihnachtsräumungsverkauf-in-allen-filialen-zwischen-köln-und-görlitz"
HUGE = replace(
    BUSY,
    account=LONG,
    binder=replace(
        BUSY.binder,
        gateway=f"{LONG}.example:2775",
        window=3000,
        in_flight=3000,
        per_s={"submitted": 123_456.0, "answered": 99_999.9, "delivered": 88_888.8},
        errors={f"0x{code:08x}": 999_999_999 for code in (ESME_RMSGQFUL, ESME_RTHROTTLED, 0x401)},
    ),
    lanes={
        "high": LaneView(Stage(1, 60.0), Stage(), Stage()),
        "normal": LaneView(Stage(123_456_789, 9e6), Stage(20_000, 99_999.0), Stage(3000, 70_000.0)),
        "bulk": LaneView(Stage(999_999, 5e8), Stage(20_000, 3_599.0), Stage(3000, 119.0)),
    },
    standing=Standing(1e5, 50.0, 10**9, {"bulk": Pause(5.0, LONG), ACCOUNT: Pause(9.0, LONG)}, None),
    statuses=tuple(Came(status, False, 10**12) for status in range(1, 13)),
    campaigns=tuple(campaign(f"C{number}bcdefghij", LONG, "running", 0.1) for number in range(9)),
    credits={**MONTH, "warnings": [LONG] * 5},
    kept={"dead": 10**9, "undelivered": 10**9, "strays": 10**9},
)
KINDS = {"busy": BUSY, "huge": HUGE, "no data": Snapshot("main", WELL.at_ms)}


def lines(now: Snapshot, width: int, height: int, note: str = "every 2 s; q leaves") -> list[str]:
    """What a terminal of this size shows, as rich fills it."""
    console = Console(width=width, height=height, highlight=False)
    filled = console.render_lines(screen(now, None, note, is_whole=False), pad=False)
    return (
        "\n".join("".join(segment.text for segment in line).rstrip() for line in filled).rstrip().split("\n")
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("height", HEIGHTS)
def test_what_is_needed_at_night_is_in_every_terminal(kind: str, width: int, height: int) -> None:
    now = KINDS[kind]

    shown = lines(now, width, height)

    text = "\n".join(shown)
    assert width >= max(map(cell_len, shown))
    assert height >= len(shown)
    assert now.account[:8] in shown[0]
    assert f"  {now.binder.state}" in shown[0]
    assert shown[0].endswith("22:13:20 UTC")
    assert shown[-1].startswith("every 2 s; q leaves")
    assert [f"{alert.severity:<8} {alert.name}: " for alert in alerts(now)[:1]] == [
        line[: line.index(":") + 2] for line in shown if line.startswith("critical")
    ][:1]
    for lane in now.lanes:
        assert 1 == sum(line.split()[:1] == [lane] for line in shown)
    if now.binder.per_s:
        assert f"a second {now.binder.per_s['submitted']:,.1f} submitted" in text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("name", "narrow", "wide"),
    [
        ("high", "1 0 0 60 s", "1 60 s 0 0"),
        ("normal", "123.5M 20,000 3,000 104 d", "123.5M 104 d 20,000 1 d 3,000 19 h"),
    ],
)
def test_each_lane_has_how_much_is_where_and_for_how_long(
    width: int, name: str, narrow: str, wide: str
) -> None:
    (line,) = [line.split() for line in lines(HUGE, width, 60) if line.split()[:1] == [name]]

    if width < 80:
        assert narrow == " ".join(line[1:])
    elif width < 100:
        assert wide == " ".join(line[1:])
    else:
        assert "123.5M 104 d 4 h" in " ".join(line) or name == "high"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_what_is_paused_is_said_beside_the_lane_and_the_state(width: int) -> None:
    shown = lines(HUGE, width, 15)

    assert "  bound, paused" in shown[0]
    assert 1 == sum(line.split()[:2] == ["bulk", "paused"] or line == "paused" for line in shown)
    by_gateway = Standing(100.0, 100.0, 0, {}, GatewayPause(5.0, 0x401, 30.0, 0))
    assert "bound, paused" in lines(replace(BUSY, standing=by_gateway), width, 15)[0]
    assert "paused" not in lines(BUSY, width, 15)[0]


@pytest.mark.parametrize(("width", "height"), [(40, 15), (80, 24)])
def test_alerts_come_first_the_worst_in_full_where_there_is_room(width: int, height: int) -> None:
    empty = lines(KINDS["no data"], width, height)

    assert empty[1].startswith("critical NoBinder: ")
    assert "see its log critical NoWorkers: " in " ".join(" ".join(empty).split())
    low = lines(HUGE, width, height)
    (more,) = [line for line in low if "more: `smsfleet status`" in line]
    said = sum(line.startswith(("critical ", "warning  ", "info     ")) for line in low)
    assert len(alerts(HUGE)) == said + int(more.split()[1])
    assert low.index(more) < low.index(next(line for line in low if line.split()[0] == "high"))


def test_what_finds_no_room_is_counted_and_a_taller_window_shows_it() -> None:
    low, tall = lines(BUSY, 80, 15), lines(BUSY, 80, 60)

    hidden = int(low[-1].removeprefix("every 2 s; q leaves; ").removesuffix(" lines hidden"))
    blank = 1 + sum(not line.strip() for line in tall) + 1  # a rule, and lines that are left empty
    assert len(tall) - blank == len(low) + hidden - 1
    assert "every 2 s; q leaves" == tall[-1]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 2), (12, 60), (39, 4), (200, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_no_terminal_is_too_small_to_go_on(kind: str, size: tuple[int, int]) -> None:
    shown = lines(KINDS[kind], *size)

    assert size[1] >= len(shown)


def test_an_id_and_a_command_are_whole_in_the_narrowest_terminal() -> None:
    text = lines(replace(HUGE, campaigns=HUGE.campaigns[:1], kept=BUSY.kept), 40, 400)

    assert 1 == sum("(C0bcdefghij)" in line for line in text)
    assert "`smsfleet resume --lane bulk`" in " ".join(word for line in text for word in line.split())
