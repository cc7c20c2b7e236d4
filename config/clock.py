"""The wall clock, in one place. What is due is decided by the clock of the store, wherever it can be."""

from __future__ import annotations

import time


def epoch_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
