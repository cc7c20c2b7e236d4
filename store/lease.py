"""The lease and the fence: at most one binder acts, and an old one cannot change anything any more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

APART_MS = 30_000
"""Between the server's clock and that of a report: more than the 15 s for which one stands, twice."""


class Lease:
    """The calls of the lease of one account. A token is `n:redis_time_ms:owner`."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def acquire(self, owner: str, ttl_s: float) -> Call[str | None]:
        """Become the one binder; None when somebody else leads."""
        keys = [self._keys.lease, self._keys.fence, self._keys.lease_number]
        return eval_call(
            script("lease_acquire"), keys, (owner, _ms(ttl_s)), lambda reply: reply.decode() or None
        )

    def renew(self, token: str, ttl_s: float) -> Call[bool]:
        """Stay the one binder; False when deposed: step down."""
        return eval_call(
            script("lease_renew"), [self._keys.lease, self._keys.fence], (token, _ms(ttl_s)), bool
        )

    def release(self, token: str) -> Call[bool]:
        """Give the lease back, so that a standby need not wait for its end."""
        return eval_call(script("lease_release"), [self._keys.lease], (token,), bool)

    def reclaim(self, owner: str) -> Call[bool]:
        """Take the lease from `owner`, of which this host's lock has proven that it is dead."""
        return eval_call(script("lease_release"), [self._keys.lease], (f"*:{owner}",), bool)

    def holder(self) -> Call[str | None]:
        """The token of the binder that leads now."""
        return Call(("GET", self._keys.lease), lambda reply: reply.decode() if reply else None)

    def reported(self) -> Call[str | None]:
        """What the binder said last of itself, a JSON text; None when it has been silent."""
        return Call(
            ("GET", self._keys.binder), lambda reply: reply.decode(errors="replace") if reply else None
        )


def report_of(reported: str | None) -> dict[str, Any]:
    """The report of a binder as a mapping; empty when it is silent, or says what this version cannot read."""
    try:
        said = json.loads(reported or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def reckoned_from(said: Mapping[str, Any], now_ms: int) -> int:
    """Where the ages of a report end: now by the server's clock, or by the binder's where that is wrong.

    A clock that is hours behind made of every bind one whose enquire_link is hours old.
    """
    at_ms = said.get("at_ms")
    return at_ms if isinstance(at_ms, int) and abs(now_ms - at_ms) > APART_MS else now_ms


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
