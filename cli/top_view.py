"""One account as a screen of text, for `smsfleet top`: 40 columns and 15 lines are enough, more are used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from smsfleet.cli.top_fit import Fitted, Part
from smsfleet.cli.top_rows import BY_RANK, RATES, rows_of_account, rows_of_bind
from smsfleet.config.spans import span
from smsfleet.ops.alerts import Alert, Severity, alerts
from smsfleet.ops.snapshot import LaneView, Snapshot
from smsfleet.store.standing import ACCOUNT

COLOURS: dict[Severity, str] = {"critical": "bold red", "warning": "yellow", "info": "cyan"}

WIDE, WIDEST = 80, 100
"""Columns from which each stage of a lane has its age, and from which that has two units."""

LOW = 30
"""Lines below which none is left empty."""

MOST_ALERTS = 8
FEWER_ALERTS = (8, 6, 4, 3, 2, 1)
"""Of one line each, where there is no room for all that is said of them."""

MILLION = 1_000_000


def screen(
    now: Snapshot,
    before: Snapshot | None = None,
    note: str = "",
    *,
    is_old: bool = False,
    is_whole: bool = True,
) -> Fitted:
    """The account; `before` gives the rates of what is only counted, `note` is shown at the end.

    Not whole, it has as many lines as the terminal. Where these are few the head, the lanes, the rates and
    the alerts stay, in this order of importance.
    """
    rows = [*rows_of_bind(now), *rows_of_account(now, before)]

    def parts(width: int, height: int | None) -> Sequence[Part]:
        is_low = height is not None and height < LOW
        return [
            Part([_head(now, width)], 0),
            Part(_alerts(now, is_low=is_low), 3),
            Part([_lanes(now, width, is_low=is_low)], 1),
            *(
                Part([_row(word, said)], 2 if word == RATES else 4 + BY_RANK.index(word))
                for word, said in rows
            ),
        ]

    return Fitted(parts, Text(note, style="bold red" if is_old else "dim"), is_whole)


def _head(now: Snapshot, width: int) -> Text:
    """The account, whether it is bound and sends, and when: a long name is cut, the rest never."""
    binder, standing = now.binder, now.standing
    is_wide = width >= WIDE
    time = format(datetime.fromtimestamp(now.at_ms / 1000, UTC), f"{'%Y-%m-%d ' * is_wide}%H:%M:%S UTC")
    is_paused = standing.gateway is not None or ACCOUNT in standing.paused
    style = "bold red" if not binder.is_bound else "bold yellow" if is_paused else "bold green"
    state = Text(f"  {binder.state}{', paused' * is_paused}", style=style)
    name = Text(f"{'smsfleet ' * is_wide}{now.account}", style="bold")
    gateway = Text(f"  {binder.gateway}" if is_wide and binder.gateway else "")
    room = max(0, width - state.cell_len - cell_len(time) - 2)
    name.truncate(max(1, room), overflow="ellipsis")
    if name.cell_len + gateway.cell_len > room:
        gateway = Text()
    space = max(2, width - name.cell_len - state.cell_len - gateway.cell_len - cell_len(time))
    return Text.assemble(name, state, gateway, " " * space, (time, "dim"), no_wrap=True, overflow="crop")


def _lanes(now: Snapshot, width: int, *, is_low: bool) -> Table:
    """Each lane by its name, how much is where, and for how long."""
    is_wide = width >= WIDE
    table = Table(
        box=box.SIMPLE if is_wide and not is_low else None,
        padding=(0, 1) if is_wide else (0, 1, 0, 0),
        pad_edge=False,
        expand=True,
        header_style="bold",
    )
    table.add_column("lane", no_wrap=True, min_width=max(map(len, now.lanes)))
    titles = ("queue", "oldest", "outbound", "oldest", "in flight", "oldest")
    for title in titles if is_wide else ("queue", "outbound", "in flight", "oldest"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, lane in now.lanes.items():
        style = "yellow" if name in now.standing.paused else ""
        paused = "paused" if style else ""
        if is_wide:
            table.add_row(Text(f"{name} {paused}", style=style), *_stages(lane, units=1 + (width >= WIDEST)))
        else:
            stages = (lane.queue, lane.outbound, lane.in_flight)
            label = Text(f"{name}\n{paused}".rstrip(), style=style)
            table.add_row(label, *(_count(stage.count) for stage in stages), _age(lane.oldest_s or None))
    return table


def _stages(lane: LaneView, *, units: int) -> list[str]:
    stages = (lane.queue, lane.outbound, lane.in_flight)
    return [said for stage in stages for said in (_count(stage.count), _age(stage.oldest_s, units=units))]


def _row(word: str, said: str) -> RenderableType:
    """One line; what does not fit goes on below."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=8, style="dim", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(word, Text(said))
    return grid


def _alerts(now: Snapshot, *, is_low: bool) -> Sequence[RenderableType]:
    """All that is said of them, or a line for each of the worst."""
    found = alerts(now)
    if not found:
        return [Text("no alerts" if is_low else "\nno alerts", style="green")]
    return [_whole(found, is_low=is_low), *(_in_lines(found, most) for most in FEWER_ALERTS)]


def _whole(found: Sequence[Alert], *, is_low: bool) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, width=max(map(len, COLOURS)))
    table.add_column(ratio=1)
    if not is_low:
        table.add_row("", "")
    for alert in found[:MOST_ALERTS]:
        table.add_row(Text(alert.severity, style=COLOURS[alert.severity]), _said(alert))
    if more := _more(found, MOST_ALERTS):
        table.add_row("", more)
    return table


def _in_lines(found: Sequence[Alert], most: int) -> Group:
    said = [
        Text.assemble((f"{alert.severity:<8} ", COLOURS[alert.severity]), _said(alert))
        for alert in found[:most]
    ]
    if more := _more(found, most):
        said.append(Text(f"{'':<8} {more}"))
    for line in said:
        line.no_wrap, line.overflow = True, "ellipsis"
    return Group(*said)


def _said(alert: Alert) -> Text:
    return Text.assemble(f"{alert.name}: {alert.what}. ", (alert.do, "italic"))


def _more(found: Sequence[Alert], most: int) -> str:
    return f"and {len(found) - most} more: `smsfleet status`" if len(found) > most else ""


def _count(count: int) -> str:
    """At most eight characters, for a column of a table."""
    return f"{count:,}" if count < MILLION else f"{count / MILLION:,.1f}M"


def _age(seconds: float | None, *, units: int = 1) -> str:
    return "" if seconds is None else " ".join(span(seconds).split()[: 2 * units])
