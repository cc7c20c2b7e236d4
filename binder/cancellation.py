"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.05


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until each has ended; raises the error that one of them ended with."""
    await quell(*tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def quell(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until each has ended, however it ends.

    They are cancelled again until it works: up to Python 3.11 `asyncio.wait_for` loses a cancellation that
    comes just when its awaitable ends, and redis-py sends every command within one.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
