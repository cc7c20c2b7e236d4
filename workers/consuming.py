"""The loop of a consumer inside a worker process: read, handle, go on after the store was away.

A consumer group shares the entries of a stream among the workers. What a consumer has read and not handled,
because it died, is claimed by another: everything is handled at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from smsfleet.config.errors import StoreError, StoreUnavailable, WrongType
from smsfleet.store.calls import Call
from smsfleet.workers.runtime import Runtime

if TYPE_CHECKING:
    import structlog

BLOCK_MS = 1000
PACE_S = 0.02
"""After a small batch: how long the next one is collected; small ones cost many times as much."""
CLAIM_IDLE_MS = 15_000
"""What was read this long ago and not handled belongs to a consumer that died."""
CLAIM_EVERY_S = 5.0
RETRY_S = 0.2
RETRY_MOST_S = 5.0


def consume(  # noqa: PLR0913 - what tells one consumer from another
    runtime: Runtime,
    log: structlog.stdlib.BoundLogger,
    *,
    groups: Sequence[Call[bool]],
    step: Callable[[int], int],
    small: range,
    leave: Sequence[Call[Any]],
    away: str,
    each_round: Callable[[], None] = lambda: None,
) -> None:
    """Call `step(BLOCK_MS)` until the runtime is stopping, then leave.

    `step` reads a batch, handles it and says how many entries it had; after so many as in `small` a few more
    are collected. `groups` make the consumer groups; `away` is logged while the store does not answer.
    `each_round` is called before each, whether the store answers or not.
    """
    stopping, store = runtime.stopping, runtime.store
    delay, ready = RETRY_S, False
    while not stopping.is_set():
        each_round()
        try:
            if not ready:
                _make(runtime, log, groups)
                ready = True
            if step(BLOCK_MS) in small:
                stopping.wait(PACE_S)
            delay = RETRY_S
        except StoreUnavailable as error:
            log.warning(away, error=error)
            stopping.wait(delay)
            delay = min(delay * 2, RETRY_MOST_S)
        except StoreError as error:
            if "NOGROUP" not in str(error):
                raise
            ready = False  # an emptied server: make the groups again
    try:
        store.run_all(leave)
    except StoreError as error:
        log.warning("left as a consumer", error=error)


def _make(runtime: Runtime, log: structlog.stdlib.BoundLogger, groups: Sequence[Call[bool]]) -> None:
    """Make the groups; a stream that is none keeps the others from nobody."""
    for group in groups:
        try:
            runtime.store.run(group)
        except WrongType as error:
            log.warning("a consumer group cannot be made", error=error)
