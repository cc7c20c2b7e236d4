"""One account in one look: `smsfleet status`, `top`, the exporters and the page all show this.

One round trip, and its cost does not grow with what waits. It holds no number, no text and no job id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from smsfleet.config.profiles import GUIDE
from smsfleet.ops.binder_view import BinderView, binder_view
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore, Store
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.lease import Lease
from smsfleet.store.ledger import Ledger, LedgerView
from smsfleet.store.server import findings, server_info
from smsfleet.store.snapshot import QUEUES, Counts, Snapshots, Waiting
from smsfleet.store.standing import Standing, Standings
from smsfleet.store.status_counts import Came

SCHEDULES = ("scheduled", "delayed", "held", "routing", "parts", "webhooks")
"""The places whose times say when something is due; those of all others say when it came."""

KEPT = ("dead", "undelivered", "strays")
"""What nobody works at: an operator decides."""

PLACES = ("responses", "deliveries", "answers", "callbacks", *QUEUES)
"""What waits in no lane."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What waits in one place."""

    count: int = 0
    oldest_s: float | None = None
    """for how long the oldest has been there; None: nothing is there, or the place is a schedule"""
    due_s: float | None = None
    """of a schedule: until the first is due; below 0: it is late. None: nothing is due by itself"""


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane, in the order of the way through it."""

    queue: Stage = Stage()
    """jobs taken in and not admitted: in the broker, or in the hands of a worker"""
    outbound: Stage = Stage()
    """segments that wait for the binder"""
    in_flight: Stage = Stage()
    """segments on the wire; the age is that of their admission"""

    @property
    def oldest_s(self) -> float:
        """For how long the oldest of all three has waited; 0: nothing waits."""
        stages = (self.queue, self.outbound, self.in_flight)
        return max((stage.oldest_s or 0.0 for stage in stages), default=0.0)


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who may bind."""

    holder: str | None = None
    """host and a fingerprint of its lock; None: nobody"""
    number: int | None = None
    """counts the leases of the account"""
    age_s: float | None = None
    left_s: float | None = None
    """until it ends, if it is not renewed"""


@dataclass(frozen=True, slots=True)
class LoginsView:
    """The bind ledger."""

    failed: int = 0
    """logins that failed lately, or may have"""
    stopped: bool = False
    """no login is tried until somebody has mended a setting"""
    paused_s: float | None = None
    """for how long an operator has wanted no bind"""


@dataclass(frozen=True, slots=True)
class RedisView:
    """The store's server."""

    version: str = ""
    findings: tuple[str, ...] = ()
    """what is wrong with it, and what to do"""
    aof: bool = True
    used_octets: int = 0
    limit_octets: int = 0
    """`maxmemory`; 0: none"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The account at one moment. Its fields as JSON are explained in docs/metrics.md."""

    account: str
    at_ms: int
    """milliseconds since the epoch, by the server's clock"""
    binder: BinderView = field(default_factory=BinderView)
    lease: LeaseView = LeaseView()
    logins: LoginsView = LoginsView()
    lanes: Mapping[str, LaneView] = field(default_factory=lambda: dict.fromkeys(LANES, LaneView()))
    waiting: Mapping[str, Stage] = field(default_factory=lambda: dict.fromkeys(PLACES, Stage()))
    """what waits in no lane, by PLACES"""
    kept: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(KEPT, 0))
    """what waits for an operator, by KEPT"""
    standing: Standing = field(default_factory=lambda: Standing(None, None, 0, {}, None))
    statuses: tuple[Came, ...] = ()
    """how many jobs came to each status"""
    workers: int = 0
    """whose relay has asked for facts within 15 s"""
    unapplied: int = 0
    """facts that a worker has read and not applied yet"""
    doubts: int = 0
    """destinations with an attempt, or a receipt, that nobody can match yet"""
    opted_out: int = 0
    queries: int = 0
    """questions that wait for query_sm"""
    queries_off: str = ""
    """why query_sm is not asked any more; empty: it is"""
    redis: RedisView = RedisView()
    credits: Mapping[str, Any] | None = None
    """the month as `Month.as_dict` of workers/credits.py; None: whoever took this has not put it in"""
    campaigns: tuple[Mapping[str, Any], ...] = ()
    """the newest 20, as `Progress.as_dict` of tasks/campaign.py; empty too when whoever took this has not put
    them in"""

    @property
    def unbound_s(self) -> float:
        """For how long the account has not been bound, as far as somebody knows; 0: it is bound."""
        if self.binder.is_bound:
            return 0.0
        return self.lease.age_s or 0.0 if self.binder.unbound_s is None else self.binder.unbound_s

    def as_dict(self) -> dict[str, Any]:
        """As plain values, with the alerts."""
        from smsfleet.ops.alerts import alerts  # noqa: PLC0415 - it judges snapshots

        values = asdict(self)
        values["standing"] = self.standing.as_dict()
        values["statuses"] = [asdict(came) for came in self.statuses]
        values["alerts"] = [asdict(alert) for alert in alerts(self)]
        rounded: dict[str, Any] = _rounded(values)
        return rounded


def take(store: Store, account: str, *, now_ms: int = 0) -> Snapshot:
    """The account now. Raises StoreUnavailable."""
    keys = Keys(account)
    return snapshot(account, store.run_all(calls(keys, now_ms)))


async def take_async(store: AsyncStore, account: str) -> Snapshot:
    """The same, awaited."""
    keys = Keys(account)
    return snapshot(account, await store.run_all(calls(keys)))


def calls(keys: Keys, now_ms: int = 0) -> list[Call[Any]]:
    """Everything that is asked, for one round trip.

    Credits and campaigns are known above this room: cli/look.py puts them in.
    """
    return [
        Snapshots(keys, now_ms=now_ms).read(),
        Lease(keys).holder(),
        Lease(keys).reported(),
        Ledger(keys, now_ms=now_ms).read(),
        Standings(keys, now_ms=now_ms).read(),
        server_info(),
    ]


def snapshot(account: str, replies: Sequence[Any]) -> Snapshot:
    """The snapshot from the replies to `calls`."""
    counts, holder, reported, ledger, standing, info = replies
    now_ms = counts.now_ms
    return Snapshot(
        account=account,
        at_ms=now_ms,
        binder=binder_view(reported, has_leader=holder is not None, now_ms=now_ms),
        lease=_lease(holder, counts),
        logins=_logins(ledger),
        lanes={
            lane: LaneView(*(_stage(waiting, now_ms) for waiting in stages))
            for lane, stages in counts.lanes.items()
        },
        waiting={name: _stage(counts.places[name], now_ms, is_schedule=name in SCHEDULES) for name in PLACES},
        kept={name: counts.places[name].count for name in KEPT},
        standing=standing,
        statuses=counts.statuses,
        workers=counts.relays,
        unapplied=counts.unapplied,
        doubts=counts.doubts,
        opted_out=counts.opted_out,
        queries=counts.queries,
        queries_off=counts.queries_off,
        redis=_redis(info),
    )


def _stage(waiting: Waiting, now_ms: int, *, is_schedule: bool = False) -> Stage:
    count, first_ms = waiting.count, waiting.first_ms
    if first_ms is None:
        return Stage(count)
    if is_schedule:
        return Stage(count, due_s=(first_ms - now_ms) / 1000)
    return Stage(count, oldest_s=max(0, now_ms - first_ms) / 1000)


def _lease(holder: str | None, counts: Counts) -> LeaseView:
    if holder is None:
        return LeaseView()
    number, at_ms, owner = holder.split(":", 2)
    age_s = max(0, counts.now_ms - int(at_ms)) / 1000
    return LeaseView(owner, int(number), age_s, max(0, counts.lease_ms) / 1000)


def _logins(ledger: LedgerView) -> LoginsView:
    lately = [login for login in ledger.logins if login.age_s < GUIDE.login_window_s]
    return LoginsView(len(lately), bool(ledger.stop), ledger.paused_s)


def _redis(info: Mapping[str, str]) -> RedisView:
    return RedisView(
        version=info.get("valkey_version") or info.get("redis_version") or "",
        findings=tuple(findings(dict(info))),
        aof=info.get("aof_enabled") == "1",
        used_octets=int(info.get("used_memory", 0)),
        limit_octets=int(info.get("maxmemory", 0)),
    )


def _rounded(value: Any) -> Any:
    """Fractions of a second to the millisecond: more is noise."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
