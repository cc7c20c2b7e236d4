"""Which numbers came before: exact, in eight octets for each and a half more, for as many as fit a bound.

A set of Python's takes ten times as much. A destination has at most 15 digits, so it is its own hash.
"""

from __future__ import annotations

from array import array

MOST = 12_000_000
"""Different numbers that are remembered: the table is 134 MB then."""

_FIRST_SLOTS = 1 << 14
_MULTIPLIER = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: neighbouring numbers are spread (Knuth, TAOCP 3 §6.4)
_WORD = (1 << 64) - 1


class Distinct:
    """Destinations that were seen."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._count = 0
        self._slots = array("Q")
        self._resize(_FIRST_SLOTS)

    @property
    def is_full(self) -> bool:
        """Whether numbers are not remembered any more: of a later one it is not known whether it is new."""
        return self._count >= self._most

    def add(self, destination: str) -> bool:
        """Remember a destination; False when it was there before."""
        number = int(destination)
        slots, mask = self._slots, self._mask
        at = ((number * _MULTIPLIER & _WORD) >> 32) & mask
        while found := slots[at]:
            if found == number:
                return False
            at = (at + 1) & mask
        if self._count < self._most:
            slots[at] = number
            self._count += 1
            if self._count > self._limit:
                self._resize(2 * len(slots))
        return True

    def _resize(self, size: int) -> None:
        old = self._slots
        self._slots = slots = array("Q", bytes(8)) * size
        self._mask = mask = size - 1
        self._limit = size * 3 // 4
        for number in old:
            if number:
                at = ((number * _MULTIPLIER & _WORD) >> 32) & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = number
