"""What the fleet is doing, in one look: for `smsfleet status`."""

from __future__ import annotations

import json
from typing import Any

from smsfleet.store.calls import Call
from smsfleet.store.hooks import Hooks
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.lease import Lease
from smsfleet.store.outbox import Outbox
from smsfleet.store.server import findings, server_info
from smsfleet.store.standing import Standings
from smsfleet.tasks.app import runtime


def waiting_callbacks(keys: Keys) -> list[Call[int]]:
    """How many events wait to be handed on, wait for a webhook, and were given up."""
    hooks = Hooks(keys)
    return [Outbox(keys).waiting(), hooks.waiting(), hooks.undelivered_count()]


def overview() -> dict[str, Any]:
    """The binder, the lanes and what waits, as plain values; raises StoreUnavailable."""
    now = runtime()
    reported = now.store.run(Lease(now.keys).reported())
    leader = now.store.run(Lease(now.keys).holder())
    silent = {"state": "standby" if leader else "absent", "why": "" if leader else "no binder is running"}
    info = now.store.run(server_info())
    return {
        "account": now.settings.account,
        "binder": json.loads(reported) if reported else silent,
        "leader": leader,
        "standing": now.store.run(Standings(now.keys).read()).as_dict(),
        "lanes": {
            lane: {"intake": intake, "outbound": outbound}
            for lane, intake, outbound in zip(
                LANES,
                now.store.run_all(now.jobs.waiting_intake()),
                now.store.run_all(now.jobs.waiting_outbound()),
                strict=True,
            )
        },
        "waiting": dict(
            zip(
                (
                    "in flight",
                    "delayed",
                    "held",
                    "responses",
                    "deliveries",
                    "orphans",
                    "dead",
                    "callbacks",
                    "webhooks",
                    "undelivered",
                    "scheduled",
                    "set aside",
                ),
                now.store.run_all(
                    [*now.facts.waiting(), *waiting_callbacks(now.keys), *now.lifecycle.kept_back()]
                ),
                strict=True,
            )
        ),
        "queries": {"waiting": now.store.run(now.queries.waiting()), "off": now.store.run(now.queries.off())},
        "redis": {
            "version": info.get("valkey_version") or info.get("redis_version"),
            "findings": findings(info),
        },
    }
