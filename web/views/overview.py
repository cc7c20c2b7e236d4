"""The first page: whether it goes out, and what is wrong if not."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from smsfleet.config.errors import InvalidArgument
from smsfleet.config.statuses import APPENDIX_B
from smsfleet.ops.alerts import alerts
from smsfleet.ops.snapshot import Snapshot
from smsfleet.store.keys import LANES
from smsfleet.store.standing import ACCOUNT, Standings
from smsfleet.tasks.app import runtime
from smsfleet.web.plot import plot
from smsfleet.web.visit import Visit

LONGEST_REASON = 200

PLACES = {
    "scheduled": "scheduled jobs",
    "delayed": "delayed after an error",
    "held": "held, outcome unknown",
    "responses": "answers to apply",
    "deliveries": "receipts to apply",
    "orphans": "receipts without a job yet",
    "callbacks": "callbacks",
    "webhooks": "webhooks",
    "set_aside": "jobs set aside",
}
"""What waits in no lane, in the order in which it is shown."""

KEPT = {"dead": "unreadable messages", "undelivered": "webhooks given up"}


def overview(visit: Visit) -> Response:
    """The page."""
    visit.page.watch.look_if_old()
    return visit.html("overview.html", **_values(visit))


def part(visit: Visit) -> str:
    """What of it changes."""
    return visit.part("_overview.html", **_values(visit))


def pause(visit: Visit) -> Response:
    """Send nothing more of a lane, or of the account."""
    name, reason = _lane(visit), visit.form.get("reason", "").strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidArgument(f"a reason of {len(reason)} characters is refused: at most {LONGEST_REASON}")
    now = runtime()
    now.store.run(Standings(now.keys).pause((name,), reason or f"by {visit.session.user.name}"))
    visit.note("pause", lane=name)
    visit.page.watch.look()
    return visit.go("/", f"{_what(name)} is paused: nothing more of it begins.")


def resume(visit: Visit) -> Response:
    """Send again."""
    name, now = _lane(visit), runtime()
    ended = now.store.run(Standings(now.keys).resume((name,)))
    visit.note("resume", lane=name)
    visit.page.watch.look()
    told = "goes on within two seconds" if ended else "was not paused"
    return visit.go("/", f"{_what(name)} {told}.")


def _lane(visit: Visit) -> str:
    name = visit.form.get("lane", "")
    if name not in (ACCOUNT, *LANES):
        raise InvalidArgument(f"lane {name!r} is refused: must be {ACCOUNT}, {', '.join(LANES)}")
    return name


def _what(name: str) -> str:
    return "The account" if name == ACCOUNT else f"Lane {name}"


def _values(visit: Visit) -> dict[str, Any]:
    watch = visit.page.watch
    now = watch.snapshot
    return {
        "shot": now,
        "alerts": [] if now is None else alerts(now),
        "plot": plot(watch.samples),
        "statuses": [] if now is None else _statuses(now),
        "places": [] if now is None else _places(now),
        "account_name": ACCOUNT,
    }


def _statuses(now: Snapshot) -> list[dict[str, Any]]:
    """How many jobs came to each status."""
    rows = []
    for came in now.statuses:
        known = APPENDIX_B.get(came.status)
        label = known.label if known else "no status yet"
        rows.append({"label": label, "final": came.final, "count": came.count})
    return rows


def _places(now: Snapshot) -> list[dict[str, Any]]:
    rows = []
    for name, label in PLACES.items():
        stage = now.waiting[name]
        rows.append({"name": name, "label": label, "count": stage.count, "oldest_s": stage.oldest_s})
    rows += [
        {"name": name, "label": label, "count": now.kept[name], "oldest_s": None}
        for name, label in KEPT.items()
    ]
    return rows
