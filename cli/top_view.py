"""One account as a screen of text, for `smsfleet top`: 80 columns are enough, more are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from smsfleet.cli.credits import in_a_line
from smsfleet.cli.look import open_campaigns
from smsfleet.config.codes import command_status
from smsfleet.config.spans import span
from smsfleet.config.statuses import APPENDIX_B
from smsfleet.ops.alerts import Severity, alerts
from smsfleet.ops.snapshot import SCHEDULES, LaneView, Snapshot, Stage

COLOURS: dict[Severity, str] = {"critical": "bold red", "warning": "yellow", "info": "cyan"}

SHOWN = (
    "scheduled",
    "delayed",
    "held",
    "set_aside",
    "responses",
    "deliveries",
    "orphans",
    "callbacks",
    "webhooks",
)
"""Places that are always shown; the others when something waits there."""

BAR = 20
MOST_ALERTS, MOST_CAMPAIGNS, MOST_ERRORS = 8, 5, 4


def screen(now: Snapshot, before: Snapshot | None = None, note: str = "") -> RenderableType:
    """The account; `before` gives the rates of what is only counted, `note` is shown at the end."""
    seconds = 0.0 if before is None else (now.at_ms - before.at_ms) / 1000
    parts: list[RenderableType] = [_head(now), _bind(now), _lanes(now), *_rest(now, before, seconds)]
    parts.append(_alerts(now))
    if note:
        parts.append(Text(note, style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _head(now: Snapshot) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    at = datetime.fromtimestamp(now.at_ms / 1000, UTC)
    state = Text(now.binder.state, style="bold green" if now.binder.is_bound else "bold red")
    grid.add_row(
        Text.assemble(("smsfleet ", "bold"), (now.account, "bold"), "  ", state, "  ", now.binder.gateway),
        Text(f"{at:%Y-%m-%d %H:%M:%S} UTC", style="dim"),
    )
    return grid


def _bind(now: Snapshot) -> RenderableType:
    binder, lease, standing = now.binder, now.lease, now.standing
    rows = _Rows()
    why = f"{binder.state}: {binder.why}" if binder.why else binder.state
    rows.add("bind", f"{why}{_since(binder.since_s)}" + (f", {binder.bind_mode}" if binder.bind_mode else ""))
    for side in binder.sides:
        sent, heard = side.enquire_link_s, side.enquire_link_resp_s
        beat = (
            f"enquire_link {_age(sent)} ago, answered {_age(heard)} ago"
            if sent is not None
            else "no enquire_link yet"
        )
        name = f"{side.mode} {side.state}, " if len(binder.sides) > 1 else ""
        rows.add("link", f"{name}{beat}; binds {side.binds}, disconnects {side.disconnects}")
    if lease.holder:
        rows.add("lease", f"{lease.holder}, number {lease.number}{_since(lease.age_s)}")
    if binder.window:
        share = min(1.0, binder.in_flight / binder.window)
        full = round(share * BAR)
        rows.add(
            "window", f"{'█' * full}{'·' * (BAR - full)} {binder.in_flight} of {binder.window} in flight"
        )
    if per_s := binder.per_s:
        rows.add(
            "a second",
            f"{per_s.get('submitted', 0):,.1f} submitted, {per_s.get('answered', 0):,.1f} answered, "
            f"{per_s.get('delivered', 0):,.1f} deliver_sm",
        )
    if waits := binder.response_ms:
        rows.add("answers", f"half within {waits['p50']:g} ms, 99 % within {waits['p99']:g} ms")
    if standing.rate is not None and standing.set_rate is not None:
        lowered = f", lowered from {standing.set_rate:g}" if standing.rate < standing.set_rate else ""
        rows.add("rate", f"{standing.rate:.4g}/s{lowered}; {standing.throttled:,} answers were throttled")
    if binder.errors:
        worst = sorted(binder.errors.items(), key=lambda item: -item[1])[:MOST_ERRORS]
        rows.add("refused", ", ".join(f"{count:,} {_code(code)}" for code, count in worst))
    return rows.grid


def _lanes(now: Snapshot) -> RenderableType:
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False, expand=True, header_style="bold")
    table.add_column("lane")
    for title in ("queue", "oldest", "outbound", "oldest", "in flight", "oldest"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, lane in now.lanes.items():
        paused = name in now.standing.paused
        label = Text(name + (" paused" if paused else ""), style="yellow" if paused else "")
        table.add_row(label, *_stages(lane))
    return table


def _stages(lane: LaneView) -> Iterator[str]:
    for stage in (lane.queue, lane.outbound, lane.in_flight):
        yield f"{stage.count:,}"
        yield "" if stage.oldest_s is None else _age(stage.oldest_s)


def _rest(now: Snapshot, before: Snapshot | None, seconds: float) -> Iterable[RenderableType]:
    rows = _Rows()
    places = [
        f"{name.replace('_', ' ')} {_place(name, stage)}"
        for name, stage in now.waiting.items()
        if name in SHOWN or stage.count
    ]
    rows.add("waiting", " · ".join(places))
    rows.add("kept", " · ".join(f"{name} {count:,}" for name, count in now.kept.items()))
    known = {} if before is None else {(came.status, came.final): came.count for came in before.statuses}
    statuses = []
    for came in now.statuses:
        row = APPENDIX_B.get(came.status)
        name = row.name if row else "no status"
        per_s = (came.count - known.get((came.status, came.final), 0)) / seconds if seconds > 0 else 0.0
        rate = f" (+{per_s:,.1f}/s)" if per_s > 0 else ""
        statuses.append(f"{came.status:03d} {name}{' (end)' if came.final else ''} {came.count:,}{rate}")
    rows.add("statuses", "\n".join(statuses) or "none yet")
    ambiguous = now.binder.ambiguous
    if sum(ambiguous.values()):
        rows.add("unknown", ", ".join(f"{count:,} {became}" for became, count in ambiguous.items() if count))
    for campaign in islice(open_campaigns(now), MOST_CAMPAIGNS):
        rows.add("campaign", campaign)
    if now.credits is not None:
        rows.add("credits", in_a_line(now.credits))
    rows.add("workers", f"{now.workers}; {now.unapplied:,} facts in their hands")
    used = f", {now.redis.used_octets / 2**20:,.0f} MiB" if now.redis.used_octets else ""
    limit = f" of {now.redis.limit_octets / 2**20:,.0f}" if now.redis.limit_octets else ""
    rows.add("redis", f"{now.redis.version}{used}{limit}")
    return [rows.grid]


def _place(name: str, stage: Stage) -> str:
    if not stage.count:
        return "0"
    if name in SCHEDULES and stage.due_s is not None:
        when = f"in {_age(stage.due_s)}" if stage.due_s > 0 else f"{_age(-stage.due_s)} late"
        return f"{stage.count:,} ({when})"
    return f"{stage.count:,}" + (f" ({_age(stage.oldest_s)})" if stage.oldest_s is not None else "")


def _alerts(now: Snapshot) -> RenderableType:
    found = alerts(now)
    if not found:
        return Text("\nno alerts", style="green")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_row("", "")
    for alert in found[:MOST_ALERTS]:
        said = Text.assemble((f"{alert.name}: {alert.what}. ", ""), (alert.do, "italic"))
        table.add_row(Text(alert.severity, style=COLOURS[alert.severity]), said)
    if len(found) > MOST_ALERTS:
        table.add_row("", f"and {len(found) - MOST_ALERTS} more: `smsfleet status`")
    return table


class _Rows:
    """Lines with a word before them."""

    def __init__(self) -> None:
        self.grid = Table.grid(padding=(0, 1), expand=True)
        self.grid.add_column(width=8, style="dim", no_wrap=True)
        self.grid.add_column(ratio=1)

    def add(self, word: str, text: str) -> None:
        """One line; what does not fit goes on below."""
        self.grid.add_row(word, Text(text))


def _code(code: str) -> str:
    return code if code == "other" else command_status(int(code, 16)).label


def _since(seconds: float | None) -> str:
    return "" if seconds is None else f", for {_age(seconds)}"


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else span(seconds)
