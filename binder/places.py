"""Where the leader is in the outbound streams.

There is no consumer group: one process reads, and it starts from the beginning whenever it may have missed
something, because an entry stays in its stream until its segment is settled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from smsfleet.store.wire import START, Entry


class Places:
    """The last entry read of each lane, and what a reading from the beginning passes over."""

    def __init__(self) -> None:
        self._after = list(START)
        self.more = False
        """whether the last read found as many as were asked for"""
        self.caught_up = False
        """False from a `rewind` until everything that was there is read: until then entries come again"""
        self._passed_over: set[bytes] = set()
        self._avoided: set[bytes] = set()
        self._again = False

    @property
    def after(self) -> Sequence[bytes]:
        """Behind which entry of each lane to read."""
        return tuple(self._after)

    def rewind(self) -> None:
        """Read everything that is not settled again."""
        self._after = list(START)
        self.more = self.caught_up = self._again = False
        self._avoided, self._passed_over = self._passed_over, set()

    def look_again(self) -> None:
        """Rewind, if something was passed over. To be called from time to time."""
        if self._again:
            self.rewind()

    def move(self, entries: Sequence[Entry], asked: int) -> None:
        """Go on behind what was read."""
        for lane, entry_id, _, _ in entries:
            self._after[lane - 1] = entry_id
        self.more = len(entries) == asked

    def sift(self, entries: Sequence[Entry], asked: int, known: Collection[bytes]) -> list[Entry]:
        """Go on behind what was read, and leave out the segments that are `known` to be on their way.

        Redis may have forgotten that (it may lose its last second): then they look as if they had never been
        sent. They are left out once more after their answer, until a relay has certainly applied it.
        """
        self.move(entries, asked)
        self.caught_up = not self.more
        kept = []
        for entry in entries:
            if entry.ref in known:
                self._passed_over.add(entry.ref)
                self._again = True
            elif entry.ref in self._avoided:
                self._again = True
            else:
                kept.append(entry)
        return kept
