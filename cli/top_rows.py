"""The lines of `smsfleet top` that have a word before them: the bind, rates, what waits, credits, servers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeAlias

from smsfleet.cli.credits import in_a_line
from smsfleet.cli.look import open_campaigns
from smsfleet.config.codes import command_status
from smsfleet.config.spans import span
from smsfleet.config.statuses import APPENDIX_B
from smsfleet.ops.snapshot import SCHEDULES, Snapshot, Stage

Row: TypeAlias = tuple[str, str]
"""A word and what is said of it."""

RATES = "a second"

BY_RANK = (
    RATES, "bind", "window", "waiting", "campaign", "credits", "statuses", "unknown", "refused", "rate",
    "kept", "workers", "link", "answers", "lease", "redis",
)  # fmt: skip
"""The words, those first which stay in the lowest terminal."""

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

BAR = 10
MOST_CAMPAIGNS, MOST_ERRORS = 5, 4


def rows_of_bind(now: Snapshot) -> Iterator[Row]:
    """What goes over the link, and by whose leave."""
    binder, lease, standing = now.binder, now.lease, now.standing
    why = f"{binder.state}: {binder.why}" if binder.why else binder.state
    yield "bind", f"{why}{_since(binder.since_s)}" + (f", {binder.bind_mode}" if binder.bind_mode else "")
    for side in binder.sides:
        sent, heard = side.enquire_link_s, side.enquire_link_resp_s
        beat = (
            f"enquire_link {_age(sent)} ago, answered {_age(heard)} ago"
            if sent is not None
            else "no enquire_link yet"
        )
        name = f"{side.mode} {side.state}, " if len(binder.sides) > 1 else ""
        yield "link", f"{name}{beat}; binds {side.binds}, disconnects {side.disconnects}"
    if lease.holder:
        yield "lease", f"{lease.holder}, number {lease.number}{_since(lease.age_s)}"
    if binder.window:
        share = min(1.0, binder.in_flight / binder.window)
        full = round(share * BAR)
        yield "window", f"{'█' * full}{'·' * (BAR - full)} {binder.in_flight} of {binder.window} in flight"
    if per_s := binder.per_s:
        answered = f"{per_s.get('submitted', 0):,.1f} submitted, {per_s.get('answered', 0):,.1f} answered"
        last = f", the last {_age(binder.delivered_s)} ago" if binder.delivered_s is not None else ""
        yield RATES, f"{answered}, {per_s.get('delivered', 0):,.1f} deliver_sm{last}"
    if waits := binder.response_ms:
        yield "answers", f"half within {waits['p50']:g} ms, 99 % within {waits['p99']:g} ms"
    if standing.rate is not None and standing.set_rate is not None:
        lowered = f", lowered from {standing.set_rate:g}" if standing.rate < standing.set_rate else ""
        yield "rate", f"{standing.rate:.4g}/s{lowered}; {standing.throttled:,} answers were throttled"
    if binder.errors:
        worst = sorted(binder.errors.items(), key=lambda item: -item[1])[:MOST_ERRORS]
        yield "refused", ", ".join(f"{count:,} {_code(code)}" for code, count in worst)


def rows_of_account(now: Snapshot, before: Snapshot | None) -> Iterator[Row]:
    """What waits, what came of it, and what it runs on; `before` gives the rates of what is only counted."""
    places = [
        f"{name.replace('_', ' ')} {_place(name, stage)}"
        for name, stage in now.waiting.items()
        if name in SHOWN or stage.count
    ]
    yield "waiting", " · ".join(places)
    yield "kept", " · ".join(f"{name} {count:,}" for name, count in now.kept.items())
    yield "statuses", "\n".join(_statuses(now, before)) or "none yet"
    ambiguous = now.binder.ambiguous
    if sum(ambiguous.values()):
        yield "unknown", ", ".join(f"{count:,} {became}" for became, count in ambiguous.items() if count)
    for campaign in islice(open_campaigns(now), MOST_CAMPAIGNS):
        yield "campaign", campaign
    if now.credits is not None:
        yield "credits", in_a_line(now.credits)
    yield "workers", f"{now.workers}; {now.unapplied:,} facts in their hands"
    used = f", {now.redis.used_octets / 2**20:,.0f} MiB" if now.redis.used_octets else ""
    limit = f" of {now.redis.limit_octets / 2**20:,.0f}" if now.redis.limit_octets else ""
    yield "redis", f"{now.redis.version}{used}{limit}"


def _statuses(now: Snapshot, before: Snapshot | None) -> Iterator[str]:
    seconds = 0.0 if before is None else (now.at_ms - before.at_ms) / 1000
    known = {} if before is None else {(came.status, came.final): came.count for came in before.statuses}
    for came in now.statuses:
        row = APPENDIX_B.get(came.status)
        name = row.name if row else "no status"
        per_s = (came.count - known.get((came.status, came.final), 0)) / seconds if seconds > 0 else 0.0
        rate = f" (+{per_s:,.1f}/s)" if per_s > 0 else ""
        yield f"{came.status:03d} {name}{' (end)' if came.final else ''} {came.count:,}{rate}"


def _place(name: str, stage: Stage) -> str:
    if not stage.count:
        return "0"
    if name in SCHEDULES and stage.due_s is not None:
        when = f"in {_age(stage.due_s)}" if stage.due_s > 0 else f"{_age(-stage.due_s)} late"
        return f"{stage.count:,} ({when})"
    return f"{stage.count:,}" + (f" ({_age(stage.oldest_s)})" if stage.oldest_s is not None else "")


def _code(code: str) -> str:
    return code if code == "other" else command_status(int(code, 16)).label


def _since(seconds: float | None) -> str:
    return "" if seconds is None else f", for {_age(seconds)}"


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else span(seconds)
