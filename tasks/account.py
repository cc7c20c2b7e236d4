"""What Redis knows of the account that a plan must know too. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import StoreForbidden
from smsfleet.store.keys import DAY_MS, LANES
from smsfleet.store.standing import Standings
from smsfleet.tasks.campaign import pending_rows

if TYPE_CHECKING:
    from smsfleet.workers.request import SmsRequest
    from smsfleet.workers.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Account:
    """The account at one moment, as seen by jobs of one lane and client."""

    rate: float
    """segments per second in force"""
    waiting: int | None = None
    """jobs, segments, and rows of campaigns of the lane that are before any new one; None: not asked"""
    is_open: bool = True
    """whether nothing of the lane is paused"""
    quota_left: Fraction | None = None
    """credits that the client may take today; None: as many as it likes"""
    balance: Fraction | None = None
    """credits at hand by the meter; None: nobody has entered a balance"""
    is_seen: bool = True
    """False: the Redis user of an application may not look at it"""

    @classmethod
    def now(cls, now: Runtime, asked: SmsRequest) -> Self:
        """Ask. Raises StoreUnavailable.

        An application's Redis user sees jobs only: no rate, no pauses, no credits, not what others sent.
        """
        try:
            return cls._asked(now, asked)
        except StoreForbidden:
            return cls(now.settings.rate, is_seen=False)

    @classmethod
    def _asked(cls, now: Runtime, asked: SmsRequest) -> Self:
        store, jobs, lane = now.store, now.jobs, LANES.index(asked.lane)
        standing = store.run(Standings(now.keys).read())
        waiting = store.run_all([jobs.waiting_intake()[lane], jobs.waiting_outbound()[lane]])
        cap = now.settings.caps.get(asked.client)
        left = None
        if cap is not None:
            used = store.run(jobs.quota_used(asked.client, epoch_ms() // DAY_MS))
            left = max(Fraction(0), cap - Fraction(used, 3))
        known = store.run(now.credits.account()).balance
        balance = None if known is None else Fraction(known.thirds, 3)
        rate = standing.rate or now.settings.rate
        return cls(
            rate, sum(waiting) + pending_rows(now, asked.lane), standing.is_open(asked.lane), left, balance
        )


def opted_out(now: Runtime, sender: str) -> Callable[[Sequence[str]], Sequence[bool]] | None:
    """What says of many numbers at once whether they want messages of this sender.

    None: all do, or nobody says: an application's Redis user may not look at the list.
    """
    opt_outs, store = now.opt_outs, now.store
    try:
        if not store.run(opt_outs.count()):
            return None
    except StoreForbidden:
        return None
    return lambda numbers: store.run_all([opt_outs.is_opted_out(number, sender) for number in numbers])
