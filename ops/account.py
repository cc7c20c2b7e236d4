"""The account's metrics, read from a snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from smsfleet.ops.alerts import NAMES, alerts
from smsfleet.ops.catalog import FINAL, STATUSES, Reading
from smsfleet.ops.snapshot import SCHEDULES, Snapshot
from smsfleet.store.standing import ACCOUNT


def account_readings(now: Snapshot) -> Iterator[Reading]:
    """What the binder that leads tells of the whole account."""
    binder, logins, standing = now.binder, now.logins, now.standing
    yield "smsfleet_bound", (), binder.is_bound
    yield "smsfleet_unbound_seconds", (), now.unbound_s
    yield "smsfleet_bind_refused", (), logins.stopped or binder.state == "refused"
    yield "smsfleet_bind_paused", (), logins.paused_s is not None
    yield "smsfleet_failed_logins", (), logins.failed
    yield "smsfleet_lease_age_seconds", (), now.lease.age_s or 0.0
    for name, lane in now.lanes.items():
        for stage in ("queue", "outbound", "in_flight"):
            place = getattr(lane, stage)
            yield "smsfleet_stage_depth", (name, stage), place.count
            yield "smsfleet_stage_oldest_seconds", (name, stage), place.oldest_s or 0.0
    for name, place in now.waiting.items():
        late_s = max(0.0, -(place.due_s or 0.0)) if name in SCHEDULES else place.oldest_s or 0.0
        yield "smsfleet_waiting", (name,), place.count
        yield "smsfleet_waiting_oldest_seconds", (name,), late_s
    for name, count in now.kept.items():
        yield "smsfleet_kept", (name,), count
    yield "smsfleet_workers", (), now.workers
    yield "smsfleet_unapplied", (), now.unapplied
    yield "smsfleet_doubts", (), now.doubts
    yield "smsfleet_opted_out", (), now.opted_out
    yield "smsfleet_queries_off", (), bool(now.queries_off)
    if standing.rate is not None and standing.set_rate is not None:  # None before the first admission
        yield "smsfleet_rate", (), standing.rate
        yield "smsfleet_rate_set", (), standing.set_rate
    yield "smsfleet_throttled_total", (), standing.throttled
    for name in ("high", "normal", "bulk"):
        yield "smsfleet_paused", (name,), name in standing.paused
    yield "smsfleet_paused", ("account",), ACCOUNT in standing.paused
    yield "smsfleet_paused", ("gateway",), standing.gateway is not None
    jobs = {(status, final): 0 for status in STATUSES for final in FINAL}
    jobs |= {(f"{came.status:03d}", "yes" if came.final else "no"): came.count for came in now.statuses}
    for labels, count in jobs.items():
        yield "smsfleet_jobs_total", labels, count
    yield from _credits(now)
    told = {alert.name for alert in alerts(now)}
    for name, severity in NAMES.items():
        yield "smsfleet_alert", (name, severity), name in told
    yield "smsfleet_redis_aof", (), now.redis.aof
    yield "smsfleet_redis_used_octets", (), now.redis.used_octets
    yield "smsfleet_redis_limit_octets", (), now.redis.limit_octets


def _credits(now: Snapshot) -> Iterator[Reading]:
    month = now.credits or {}
    for name, field in (
        ("used", "account_used"),
        ("forecast", "forecast"),
        ("minimum", "minimum"),
        ("balance", "balance"),
    ):
        if (credits_ := month.get(field)) is not None:
            yield f"smsfleet_credits_{name}", (), float(Fraction(credits_))
