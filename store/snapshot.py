"""What waits where in one account, in one call whose cost does not grow with what waits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import LANES, RELAY_GROUP, Keys
from smsfleet.store.scripts import script
from smsfleet.store.status_counts import Came, came

RELAY_IDLE_MS = 15_000
"""A relay asks for facts about once a second: one that has not done so for this long is taken for dead."""

MOST_LOOKED_AT = 1001
"""Entries of one lane that are looked at for the oldest one that is not in flight."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one place."""

    count: int
    first_ms: int | None
    """in a queue: when the oldest came; in a schedule: when the first is due. None: there is no such time"""


class LaneWaiting(NamedTuple):
    """What waits in one lane."""

    queue: Waiting
    """jobs taken in and not admitted: their messages are in the broker, or in the hands of a worker"""
    outbound: Waiting
    """segments in the outbound stream that are not in flight"""
    in_flight: Waiting
    """segments between `begin` and their answer; the time is that of their admission"""


STREAMS = ("responses", "deliveries", "answers", "callbacks", "dead", "undelivered", "strays")
"""In the order of snapshot.lua."""

QUEUES = ("scheduled", "delayed", "held", "set_aside", "orphans", "routing", "parts", "webhooks")
"""The sorted sets behind those of the intake, in the order of snapshot.lua."""


class Counts(NamedTuple):
    """The account at one moment of the server's clock (ms since the epoch)."""

    now_ms: int
    lease_ms: int
    """until the lease ends by itself; below 0: nobody has it"""
    relays: int
    """relays that have asked for facts lately: one for each worker"""
    unapplied: int
    """facts that a relay has read and not applied yet"""
    queries_off: str
    """why query_sm is not asked any more; empty: it is"""
    opted_out: int
    doubts: int
    """destinations with an attempt, or a receipt, that nobody can match yet"""
    queries: int
    """questions that wait for query_sm"""
    statuses: tuple[Came, ...]
    lanes: dict[str, LaneWaiting]
    places: dict[str, Waiting]
    """by the names in STREAMS and QUEUES"""


class Snapshots:
    """The call about one account. `now_ms` is for tests: 0 means the server's clock."""

    def __init__(self, keys: Keys, *, now_ms: int = 0) -> None:
        self._keys = keys
        self._now_ms = now_ms

    def read(self) -> Call[Counts]:
        """What waits where; changes nothing."""
        keys = self._keys
        script_keys = [
            keys.status_counts, keys.lease, keys.query_off, keys.opted_out, keys.doubts, keys.inflight,
            keys.queries, keys.hooked, *keys.outbounds(),
            keys.responses, keys.deliveries, keys.answers, keys.outbox,
            keys.dead, keys.undelivered, keys.strays,
            *(keys.intake[lane] for lane in LANES),
            keys.scheduled, keys.delayed, keys.held, keys.aside, keys.orphans, keys.routing, keys.collecting,
            keys.hooks,
        ]  # fmt: skip
        arguments = (self._now_ms, RELAY_GROUP, RELAY_IDLE_MS, MOST_LOOKED_AT)
        return eval_call(script("snapshot"), script_keys, arguments, _counts)


def _counts(reply: Any) -> Counts:
    now_ms, lease_ms, relays, unapplied, off, opted_out, doubts, queries, hooked, statuses, *rest = reply
    lanes, streams, queues = rest
    waiting = [_waiting(*row) for row in queues]
    places = dict(zip(STREAMS, (_waiting(*row) for row in streams), strict=True))
    places |= zip(QUEUES, waiting[len(LANES) :], strict=True)
    # The schedule of webhooks has the hosts: the events are counted beside it.
    places["webhooks"] = replace(places["webhooks"], count=hooked)
    return Counts(
        now_ms=now_ms,
        lease_ms=lease_ms,
        relays=relays,
        unapplied=unapplied,
        queries_off=off.decode("utf-8", "replace"),
        opted_out=int(opted_out),
        doubts=doubts,
        queries=queries,
        statuses=came(dict(zip(statuses[::2], statuses[1::2], strict=True))),
        lanes={
            lane: LaneWaiting(queue, _waiting(*row[:2]), _waiting(*row[2:]))
            for lane, queue, row in zip(LANES, waiting, lanes, strict=False)
        },
        places=places,
    )


def _waiting(count: int, first: bytes) -> Waiting:
    return Waiting(count, None if first in (b"", b"inf") else int(float(first)))
