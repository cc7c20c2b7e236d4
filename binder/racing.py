"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from smsfleet.binder.cancellation import end


async def race(*awaitables: Awaitable[Any]) -> int:
    """The number of the first that ends; the others, unless given as tasks, are cancelled.

    Raises the error of the first, unless that was given as a task.
    """
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        losers = [task for task, given in zip(tasks, awaitables, strict=True) if task is not given]
        await end(*(task for task in losers if not task.done()))
    first = next(number for number, task in enumerate(tasks) if task.done() and not task.cancelled())
    if tasks[first] is not awaitables[first]:
        tasks[first].result()
    return first
