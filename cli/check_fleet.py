"""The doctor's checks of what is stored: the lease, the bind, the pauses, what waits and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smsfleet.binder.refusals import advice_of_stop
from smsfleet.cli.check_redis import NTP, apart
from smsfleet.cli.checkup import Finding, Severity, error, note, ok, warning
from smsfleet.cli.pause import lines_of
from smsfleet.config.errors import StoreError, StoreUnavailable
from smsfleet.config.profiles import GUIDE
from smsfleet.config.spans import span
from smsfleet.ops.alerts import alerts
from smsfleet.ops.causes import cause
from smsfleet.ops.snapshot import take
from smsfleet.store import checkup
from smsfleet.store.checkup import CLIENT_PREFIX, Checkup
from smsfleet.store.lease import Lease, reckoned_from, report_of
from smsfleet.store.ledger import UNANSWERED, Ledger
from smsfleet.store.server import server_time_ms
from smsfleet.store.standing import Standings
from smsfleet.workers.runtime import Runtime

LATE_S = {"high": 5.0, "normal": 60.0, "bulk": 600.0}
"""How old the oldest job of a lane may be before somebody should look."""

OF_WAITING = frozenset({
    "ReceiptsBehind", "NoReceipts", "DutiesLate", "WebhooksLate", "Ambiguous", "DeadLetters", "Undelivered",
    "SetAside", "LinkSilent", "GatewaySilent",
})  # fmt: skip
"""The alerts that are told here; what the others say is told by checks of their own."""

SEVERITY = {"critical": Severity.ERROR, "warning": Severity.WARNING, "info": Severity.NOTE}

FACTS, ORPHANS = 5_000, 10_000
CAN_WAIT_MS = 120_000
"""Connecting and waiting: 60 s before a reconnect, and the time of a login."""

BINDER = CLIENT_PREFIX + "binder/"


def check_binder(now: Runtime) -> Iterator[Finding]:
    """Who leads, since when, and whether somebody stands by; by the server's clock."""
    token, left_ms = now.store.run_all(Checkup(now.keys).lease())
    said, now_ms = reported(now), now.store.run(server_time_ms())
    yield from _lease(token, left_ms, said, now_ms)
    if said:
        yield from _state(said, now_ms)
    yield from _processes(now, token)


def reported(now: Runtime) -> dict[str, Any]:
    """What the leader said of itself; empty when it is silent, or says what this version cannot read."""
    return report_of(now.store.run(Lease(now.keys).reported()))


def _lease(token: str | None, left_ms: int, said: dict[str, Any], now_ms: int) -> Iterator[Finding]:
    if token is None:
        yield error(
            "no binder holds the lease: nothing is sent, no receipt comes in",
            "start `smsfleet binder`; if it runs, read its log",
        )
        return
    number, _, rest = token.partition(":")
    taken_ms, _, owner = rest.partition(":")
    age_s = (now_ms - int(taken_ms)) / 1000 if taken_ms.isdecimal() else 0.0
    yield ok(
        f"lease {number} is held by {owner[:100]} for {span(age_s)}, good for another {left_ms / 1000:.1f} s"
    )
    if not said:
        yield warning(
            "the leader says nothing of itself: it is starting, stopping, frozen or of another version",
            "look at that host; a frozen binder ends itself after SMSFLEET_WATCHDOG_S",
        )


def _state(said: dict[str, Any], now_ms: int) -> Iterator[Finding]:
    state, why = str(said.get("state", "?")), str(said.get("why", ""))
    here_ms = reckoned_from(said, now_ms)
    unbound, since = said.get("unbound_since_ms"), said.get("since_ms")
    # Through all attempts: `waiting` and `connecting` take turns, and neither lasts.
    at, lasts = (unbound, "and not bound for") if isinstance(unbound, int) else (since, "for")
    since_ms = here_ms - at if isinstance(at, int) else 0
    line = f"the binder is {state} {lasts} {span(since_ms / 1000)}" + (f": {why[:300]}" if why else "")
    if here_ms != now_ms:
        yield warning(
            f"the clock of the binder's machine is {apart(now_ms - here_ms)} Redis' clock",
            f"NTP on both: {NTP}",
        )
    if state == "bound":
        yield ok(f"{line}; {said.get('binds', '?')} binds, {said.get('disconnects', '?')} disconnects")
    elif state in ("refused", "stopped"):
        yield error(line, "docs/operations.md, 'The bind is refused'")
    elif state == "paused":
        yield warning(line, "`smsfleet bind resume` when the reason is gone")
    elif since_ms > CAN_WAIT_MS:
        yield error(line, "docs/operations.md, 'The bind is refused'")
    else:
        yield warning(line, "wait: it binds by itself within a minute or two")
    if said.get("last_disconnect") and int(said.get("disconnects") or 0) > 3:
        yield note(f"the last of the disconnects: {str(said['last_disconnect'])[:300]}", "ask Clickatell why")


def _processes(now: Runtime, token: str | None) -> Iterator[Finding]:
    """Standbys and versions, by the names of the connections: a standby itself is silent."""
    try:
        names = now.store.run(checkup.client_names())
    except StoreUnavailable:
        raise
    except StoreError:
        yield note("CLIENT LIST is refused here: standbys cannot be seen", "run the doctor as the operator")
        return
    prefix = f"{BINDER}{now.settings.account}/"
    binders = sorted({name.removeprefix(prefix) for name, _ in names if name.startswith(prefix)})
    versions = sorted({binder.partition("/")[0] for binder in binders})
    if len(versions) > 1:
        yield warning(f"binders of several versions run: {', '.join(versions)}", "finish the upgrade")
    if len(binders) > 1:
        yield ok(
            f"{len(binders) - 1} standby; all binders: {', '.join(binder[:80] for binder in binders[:5])}"
        )
    elif token is not None:
        yield note("no standby: when the binder's host fails, somebody has to start another", "docs/scale.md")
    others = [host for name, host in names if name and not name.startswith(CLIENT_PREFIX)]
    ours = sum(name.startswith(CLIENT_PREFIX) for name, _ in names)
    yield ok(
        f"{len(names)} connections: {ours} of the store, {len(names) - ours - len(others)} without a name "
        f"(Celery's among them), {len(others)} with other names"
    )


def check_logins(now: Runtime) -> Iterator[Finding]:
    """The ledger: why no login is tried, and which failed lately."""
    view = now.store.run(Ledger(now.keys).read())
    if view.stop:
        yield error(
            f"no login is tried any more: {advice_of_stop(view.stop)}",
            "docs/operations.md, 'The bind is refused', has what each refusal means",
        )
    if view.paused_s is not None:
        yield warning(
            f"the bind is paused by an operator for {span(view.paused_s)}", "`smsfleet bind resume`"
        )
    # Those that count no more stay in the ledger until somebody asks for a login.
    counted = [login for login in view.logins if 0 <= login.age_s < GUIDE.login_window_s]
    for login in counted[-3:]:
        what = "unanswered" if login.status in ("", UNANSWERED) else f"refused with {int(login.status):#06x}"
        yield warning(
            f"a login ({login.mode}) failed {span(login.age_s)} ago: {what}",
            "`smsfleet bind status` explains it; the third within 180 s would lock us out, and waits",
        )
    if not counted and not view.stop and view.paused_s is None:
        yield ok("no login failed lately")


def check_pauses(now: Runtime) -> Iterator[Finding]:
    """Pauses, by whom, and a rate that the gateway has lowered."""
    standing = now.store.run(Standings(now.keys).read())
    for line in lines_of(standing):
        refused = standing.gateway is not None and "by the gateway" in line
        todo = (
            "buy credits, or ask Clickatell, then `smsfleet resume`; docs/operations.md, 'Out of credit'"
            if refused
            else "give that command when the reason is gone"
        )
        yield (error if refused else warning)(f"paused: {line}", todo)
    if standing.rate is not None and standing.set_rate is not None and standing.rate < standing.set_rate:
        yield warning(
            f"the gateway throttles: {standing.rate:.4g}/s in place of {standing.set_rate:g}/s",
            "it rises by itself; if it stays low, set SMSFLEET_RATE to what the account may",
        )
    if not standing.paused and standing.gateway is None:
        yield ok("nothing is paused")
    if off := now.store.run(now.queries.off()):
        yield note(f"query_sm is switched off: {off[:200]}", "`smsfleet query --resume` tries it again")


def check_waiting(now: Runtime) -> Iterator[Finding]:
    """What waits, by lane and by stage, and how long it has."""
    found = take(now.store, now.settings.account)
    for lane, view in found.lanes.items():
        line = (
            f"{lane}: {view.queue.count} taken in, {view.outbound.count} outbound, "
            f"{view.in_flight.count} in flight"
        )
        if view.oldest_s > LATE_S[lane]:
            why, do = cause(found, lane)
            yield warning(f"{line}, the oldest for {span(view.oldest_s)}: {why}", do)
        else:
            yield ok(line)
    for alert in alerts(found):
        if alert.name in OF_WAITING:
            yield Finding(SEVERITY[alert.severity], alert.what, alert.do)
    for name, most, what, todo in (
        ("callbacks", FACTS, "callbacks are not handed on", "is the broker away, or no worker alive?"),
        ("webhooks", FACTS, "events wait for webhooks", "is a receiver slow? `smsfleet callbacks list`"),
        ("responses", FACTS, "answers are not applied", "start more workers"),
        (
            "orphans",
            ORPHANS,
            "receipts wait for an answer that was never seen",
            "another system on the account?",
        ),
    ):
        if (count := found.waiting[name].count) > most:
            yield warning(f"{count} {what}", todo)
