"""What is wrong with an account, and what to do: each line is for somebody at three in the morning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from smsfleet.config.codes import command_status
from smsfleet.config.profiles import GUIDE
from smsfleet.config.spans import span
from smsfleet.ops.binder_view import ABSENT, BinderView
from smsfleet.ops.causes import cause
from smsfleet.ops.snapshot import Snapshot
from smsfleet.store.standing import ACCOUNT

UNBOUND_S = 90.0
"""A reconnect takes 30 to 60 s (guide §5 step 4) and the bind itself a moment: longer is trouble."""

LEDGER_FULL = GUIDE.logins
"""Failed logins within 180 s after which no further one is tried (guide §9)."""

OTP_S = 5.0
"""A code that waits longer is of no use to the person who waits for it."""

RECEIPTS_S = 60.0
ENQUIRE_LINK_S = 90.0
"""enquire_link goes out every 55 to 57 s, and is answered within 10 (guide §12)."""

ANSWERS_S = 10.0
"""An answer to submit_sm takes less than a second; after SMSFLEET_SMPP_RESPONSE_TIMEOUT_S it is given up."""

SILENCE_S, SILENCE_COUNT = 600.0, 100
"""So many messages without one receipt in so long a time: it is not that their phones are off."""

LATE_S = 30.0
"""What is due is looked at every 0.5 s: so late is nothing that happens while a worker runs."""

LATELY_S = 3600.0
"""For so long an unknown outcome is told of."""

MEMORY_SHARE = 0.9

Severity: TypeAlias = Literal["critical", "warning", "info"]
NAMES: Mapping[str, Severity] = {
    "NoBinder": "critical",
    "Unbound": "critical",
    "BindRefused": "critical",
    "LinkSilent": "critical",
    "GatewaySilent": "critical",
    "AccountPaused": "critical",
    "NoWorkers": "critical",
    "OldestOtp": "critical",
    "AofOff": "critical",
    "RedisMisconfigured": "critical",
    "RedisFull": "critical",
    "BindPaused": "warning",
    "LedgerFull": "warning",
    "Throttled": "warning",
    "ReceiptsBehind": "warning",
    "NoReceipts": "warning",
    "DutiesLate": "warning",
    "WebhooksLate": "warning",
    "Ambiguous": "warning",
    "DeadLetters": "warning",
    "Undelivered": "warning",
    "SetAside": "warning",
    "CreditsShort": "warning",
    "Paused": "info",
    "QueriesOff": "info",
}
"""Every alert there is, and how bad it is: the closed list of a label."""

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that an operator should know. `ops/prometheus/alerts.yml` uses the same names."""

    name: str
    severity: Severity
    """critical: nothing goes out, or something is lost; warning: look today; info: as somebody wished"""
    what: str
    do: str


Judge: TypeAlias = Callable[[Snapshot], Iterator[Alert]]


def alerts(now: Snapshot) -> list[Alert]:
    """Everything that is wrong, the worst first."""
    found = [alert for judge in JUDGES for alert in judge(now)]
    return sorted(found, key=lambda alert: SEVERITIES.index(alert.severity))


def _alert(name: str, what: str, do: str) -> Alert:
    return Alert(name, NAMES[name], what, do)


def _bind(now: Snapshot) -> Iterator[Alert]:
    binder, logins = now.binder, now.logins
    why = f": {binder.why}" if binder.why else ""
    if binder.state == ABSENT:
        yield _alert("NoBinder", "no binder runs: nothing goes out", "start `smsfleet binder`; see its log")
    elif logins.stopped or binder.state == "refused":
        refusal, mend, setting = why.partition(": mend ")
        yield _alert(
            "BindRefused",
            f"the gateway refused the login{refusal}",
            f"mend {setting}"
            if mend
            else "mend the setting that `smsfleet bind status` names and restart the binder; or "
            "`smsfleet bind retry`",
        )
    elif logins.paused_s is not None or binder.state == "paused":
        yield _alert(
            "BindPaused",
            "an operator has paused the bind: nothing goes out, receipts wait at the gateway",
            "`smsfleet bind resume`",
        )
    elif now.unbound_s > UNBOUND_S:
        yield _alert(
            "Unbound",
            f"not bound for {span(now.unbound_s)}, {binder.state}{why}",
            "`smsfleet bind status` says what is waited for; is the gateway's port open?",
        )
    if logins.failed >= LEDGER_FULL and not logins.stopped and not binder.is_bound:
        yield _alert(
            "LedgerFull",
            f"{logins.failed} logins failed: the next one waits, so that the gateway does not lock us out",
            "`smsfleet bind status` shows why they failed; do not restart the binder to hurry it",
        )


def _link(now: Snapshot) -> Iterator[Alert]:
    for side in now.binder.sides:
        ages = (side.bound_s, side.enquire_link_resp_s)
        heard = min((age for age in ages if age is not None), default=0.0)
        if side.state == "bound" and heard > ENQUIRE_LINK_S:
            yield _alert(
                "LinkSilent",
                f"the {side.mode} has had no answer to enquire_link for {span(heard)}",
                "see the log of the binder, and its host; a frozen one ends itself after SMSFLEET_WATCHDOG_S",
            )


def _answers(now: Snapshot) -> Iterator[Alert]:
    """Whether it is the gateway: bound, something is on the wire, and nothing is answered."""
    binder = now.binder
    oldest_s = binder.unanswered_s or 0.0
    is_answering = binder.per_s.get("answered", 0.0) > 0
    if binder.is_bound and binder.in_flight and oldest_s > ANSWERS_S and not is_answering:
        waits = f"{binder.in_flight} on the wire, the oldest for {span(oldest_s)}"
        yield _alert(
            "GatewaySilent",
            f"the gateway answers no submit_sm: {waits}",
            "it is the gateway: ask Clickatell; the binder gives the connection up by itself and binds again",
        )


def _pauses(now: Snapshot) -> Iterator[Alert]:
    standing = now.standing
    if gateway := standing.gateway:
        row = command_status(gateway.command_status)
        yield _alert(
            "AccountPaused",
            f"the gateway refuses the account: {row.label}, {row.description}",
            "buy credit, or ask Clickatell; single messages probe it; `smsfleet resume` goes on at once",
        )
    for name, held in standing.paused.items():
        what = "the account" if name == ACCOUNT else f"lane {name}"
        lane = "" if name == ACCOUNT else f" --lane {name}"
        reason = f": {held.reason}" if held.reason else ""
        yield _alert(
            "Paused",
            f"{what} is paused by an operator{reason}",
            f"`smsfleet resume{lane}` sends again",
        )


def _throttling(now: Snapshot) -> Iterator[Alert]:
    rate, set_rate = now.standing.rate, now.standing.set_rate
    if rate is not None and set_rate is not None and rate < set_rate:
        yield _alert(
            "Throttled",
            f"the gateway throttles us: {rate:.4g} segments/s in place of {set_rate:g}",
            "it rises again by itself; if it comes again and again, lower SMSFLEET_RATE or ask Clickatell",
        )


def _delays(now: Snapshot) -> Iterator[Alert]:
    if not now.workers:
        yield _alert(
            "NoWorkers",
            "no worker runs: nothing is sent and no receipt is applied",
            "Redis is full: make room first, then see"
            if _is_full(now)
            else "start `smsfleet worker`; see its log; one that is frozen has to be ended",
        )
    oldest_s = now.lanes["high"].oldest_s
    if oldest_s > OTP_S:
        why, do = cause(now, "high")
        what = f"the oldest message of the high lane has waited for {span(oldest_s)}: {why}"
        yield _alert("OldestOtp", what, do)
    receipts_s = now.waiting["deliveries"].oldest_s or 0.0
    if receipts_s > RECEIPTS_S:
        yield _alert(
            "ReceiptsBehind",
            f"receipts are behind by {span(receipts_s)}, {now.waiting['deliveries'].count} wait",
            "start more workers; nothing is lost",
        )
    yield from _receipts(now.binder)
    for name in ("scheduled", "delayed", "held"):
        late_s = -(now.waiting[name].due_s or 0.0)
        if late_s > LATE_S:
            yield _alert(
                "DutiesLate",
                f"{name.replace('_', ' ')}: the first is {span(late_s)} late",
                "the duties run in every worker: does one run, and what does its log say?",
            )


def _receipts(binder: BinderView) -> Iterator[Alert]:
    """Whether the gateway has stopped to send any: of one that never has, nobody knows whether it should."""
    silent_s = binder.delivered_s or 0.0
    if binder.is_bound and silent_s > SILENCE_S and binder.accepted_since >= SILENCE_COUNT:
        count = binder.accepted_since
        yield _alert(
            "NoReceipts",
            f"the gateway has sent no receipt for {span(silent_s)}, and accepted {count} messages",
            "ask Clickatell, unless none were asked for; `smsfleet query JOB_ID` asks it about one message",
        )


def _webhooks(now: Snapshot) -> Iterator[Alert]:
    stage = now.waiting["webhooks"]
    late_s = -(stage.due_s or 0.0)
    if late_s > LATE_S:
        yield _alert(
            "WebhooksLate",
            f"{stage.count} events wait for webhooks, the first is {span(late_s)} late",
            "no worker has SMSFLEET_WEBHOOK_SECRET, or a receiver is slow or away: `smsfleet callbacks list` "
            "says which",
        )


def _doubts(now: Snapshot) -> Iterator[Alert]:
    binder, held = now.binder, now.waiting["held"].count
    lately = binder.ambiguous_s is not None and binder.ambiguous_s < LATELY_S
    if lately or held:
        became = ", ".join(f"{count} {what}" for what, count in binder.ambiguous.items() if count)
        yield _alert(
            "Ambiguous",
            f"segments had an unknown outcome since the binder started: {became or 'none'}; "
            f"{held} are held now",
            "`smsfleet held list` shows and decides; a link that breaks often is the usual cause"
            if held
            else "`smsfleet jobs --state FAILED_UNKNOWN` shows what was given up; a link that breaks often "
            "is the usual cause",
        )
    if now.queries_off:
        yield _alert(
            "QueriesOff",
            f"query_sm is switched off: {now.queries_off}",
            "receipts are not asked for; `smsfleet query --resume` tries it again",
        )


def _kept(now: Snapshot) -> Iterator[Alert]:
    rows = (
        (
            "DeadLetters", now.kept["dead"], "messages of the gateway cannot be read",
            "`smsfleet dead list` says why; report it; `smsfleet dead drop --all` forgets them",
        ),
        (
            "Undelivered", now.kept["undelivered"], "events no webhook took",
            "`smsfleet callbacks list` says why; `smsfleet callbacks replay --all` when that is mended",
        ),
        (
            "SetAside", now.waiting["set_aside"].count, "jobs ended workers and are set aside",
            "`smsfleet dead list` shows them; `smsfleet dead replay JOB_ID` after the repair, or `dead drop`",
        ),
    )  # fmt: skip
    for name, count, what, do in rows:
        if count:
            yield _alert(name, f"{count} {what}", do)


def _redis(now: Snapshot) -> Iterator[Alert]:
    redis = now.redis
    for finding in redis.findings:
        what, _, do = finding.partition(": ")
        name = "AofOff" if "append-only" in what else "RedisMisconfigured"
        yield _alert(name, what, do)
    if redis.limit_octets and redis.used_octets > MEMORY_SHARE * redis.limit_octets:
        yield _alert(
            "RedisFull",
            f"Redis has used {100 * redis.used_octets / redis.limit_octets:.0f} % of its maxmemory",
            "it refuses jobs and receipts now: `redis-cli CONFIG SET maxmemory` raises it at once"
            if _is_full(now)
            else "raise maxmemory before it refuses jobs and receipts",
        )


def _is_full(now: Snapshot) -> bool:
    """Whether Redis takes no writes: then workers that run cannot show it."""
    return bool(now.redis.limit_octets) and now.redis.used_octets >= now.redis.limit_octets


def _credits(now: Snapshot) -> Iterator[Alert]:
    for warning in (now.credits or {}).get("warnings", ()):
        yield _alert(
            "CreditsShort",
            warning,
            "`smsfleet credits` shows the month; docs/credits.md says what to do",
        )


JUDGES: tuple[Judge, ...] = (
    _bind, _link, _answers, _pauses, _throttling, _delays, _webhooks, _doubts, _kept, _redis,
    _credits,
)  # fmt: skip
