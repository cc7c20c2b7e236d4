"""Facts that a relay has read and never applied, because its process died."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic

from smsfleet.store.facts import F


class Leftovers(Generic[F]):
    """Tells what is left over of a stream from what a relay is just applying: by how long it has been there.

    Whoever applies a fact removes it from its stream. So one that two looks find, `idle_s` apart, has a relay
    that is dead, or slower than that: then it is applied twice, which changes nothing.
    """

    def __init__(self, idle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._since: dict[bytes, float] = {}

    def overdue(self, found: Sequence[F]) -> list[F]:
        """Those of `found`, which is all that was read and not applied, that nobody is going to apply."""
        now = self._clock()
        self._since = {fact.entry_id: self._since.get(fact.entry_id, now) for fact in found}
        return [fact for fact in found if now - self._since[fact.entry_id] >= self._idle_s]
