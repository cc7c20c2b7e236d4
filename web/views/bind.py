"""The bind: how it is, and what happened to it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.tasks.app import runtime
from smsfleet.web.visit import Visit

MOST_SHOWN = 100

STEP, STEPS = 500, 8
"""Entries that are read at a time, and how often: nearly all of a quiet week are enquire_link."""

ROUTINE = frozenset({"enquire_link", "enquire_link_resp", "enquire_link_received"})

PLAIN = frozenset({"reason", "what"})
"""Fields that need no name to be understood."""


def history(visit: Visit) -> Response:
    """The page."""
    visit.page.watch.look_if_old()
    return visit.html("bind.html", **_values(visit))


def part(visit: Visit) -> str:
    """What of it changes."""
    return visit.part("_bind.html", **_values(visit))


def _values(visit: Visit) -> dict[str, Any]:
    return {"shot": visit.page.watch.snapshot, "entries": [_row(entry) for entry in _newest()]}


def _newest() -> list[JournalEntry]:
    """The newest entries that say something, the newest first."""
    now = runtime()
    log, before, found = JournalLog(now.keys), "+", list[JournalEntry]()
    for _ in range(STEPS):
        entries, before = now.store.run(log.newest(before, STEP))
        found += [entry for entry in entries if entry.kind not in ROUTINE]
        if len(entries) < STEP or len(found) >= MOST_SHOWN:
            break
    return found[:MOST_SHOWN]


def _row(entry: JournalEntry) -> dict[str, Any]:
    fields = dict(entry.fields)
    return {
        "at_ms": entry.at_ms,
        "kind": entry.kind,
        "mode": str(fields.pop("mode", "")),
        "bad": entry.kind in ("bind_refused", "no_connection", "disconnected", "rejected_pdu"),
        "good": entry.kind == "bound",
        "words": ", ".join(
            f"{value}" if name in PLAIN else f"{name} {value}"
            for name, value in fields.items()
            if value != ""
        ),
    }
