"""Why the messages of a lane wait, and what to do: the first cause that holds; each hides those after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smsfleet.config.codes import command_status
from smsfleet.ops.snapshot import Snapshot
from smsfleet.store.standing import ACCOUNT

NEAR_THE_RATE = 0.75
"""So much of the rate is all that a lane gets which has to leave SMSFLEET_BULK_RESERVE to others."""


class Cause(NamedTuple):
    """What an operator is told."""

    why: str
    do: str


def cause(now: Snapshot, lane: str) -> Cause:
    """Why the oldest message of a lane waits."""
    return stop(now, lane) or next(_brakes(now, lane))


def stop(now: Snapshot, lane: str) -> Cause | None:
    """Why nothing of a lane goes out; None: something does, or nobody knows."""
    return next(_stops(now, lane), None)


def _stops(now: Snapshot, lane: str) -> Iterator[Cause]:
    standing, binder = now.standing, now.binder
    for name, what, option in ((ACCOUNT, "the account", ""), (lane, f"lane {lane}", f" --lane {lane}")):
        if name in standing.paused:
            yield Cause(f"{what} is paused by an operator", f"`smsfleet resume{option}` sends again")
    if gateway := standing.gateway:
        label = command_status(gateway.command_status).label
        yield Cause(
            f"the gateway refuses the account, {label}",
            "buy credit, or ask Clickatell; `smsfleet resume` goes on at once",
        )
    if now.lanes[lane].queue.count and not now.workers:
        yield Cause("no worker runs", "start `smsfleet worker`; see its log")
    if not binder.is_bound:
        yield Cause(
            f"the binder is {binder.state}", "`smsfleet bind status` says why, and what is waited for"
        )


def _brakes(now: Snapshot, lane: str) -> Iterator[Cause]:
    binder, view = now.binder, now.lanes[lane]
    rate, set_rate = now.standing.rate, now.standing.set_rate
    if rate is not None and set_rate is not None and rate < set_rate:
        yield Cause(
            f"the gateway throttles us to {rate:.4g} segments/s",
            "it rises again by itself; ask Clickatell for more",
        )
    if binder.window and binder.in_flight >= binder.window:
        yield Cause(
            f"all {binder.window} places of the window are taken: the gateway answers slowly",
            "raise SMSFLEET_SMPP_WINDOW and restart the binder, or ask Clickatell",
        )
    if rate is not None and binder.per_s.get("submitted", 0.0) >= NEAR_THE_RATE * rate:
        yield Cause(
            f"SMSFLEET_RATE is the limit, {rate:g} segments/s",
            "raise it to what the account may, then `smsfleet reload`",
        )
    if view.queue.count:
        yield Cause("the workers do not follow", "start more workers; see their logs")
    if view.in_flight.count:
        yield Cause("it is on the wire, and the gateway has not answered it", "ask Clickatell")
    yield Cause("the binder has not sent it", "see the log of the binder")
