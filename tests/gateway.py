"""A simulator in a thread of this process: for whoever changes what it does while other processes use it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

from smsfleet.simulator.journal import Journal
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.server import Simulator

WITHIN_S = 20.0


class Gateway:
    """Runs a simulator from `with` to its end; everything that reached it is remembered."""

    def __init__(self, **options: Any) -> None:
        self._options = SimulatorOptions(**options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self.simulator: Simulator

    def __enter__(self) -> Self:
        self._thread.start()
        self.simulator = self.run(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.simulator.stop(), self._loop).result(WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    async def _start(self) -> Simulator:
        return await Simulator(self._options, Journal(remember=True)).start()

    def change(self, **options: Any) -> None:
        """Go on with other options."""

        async def change() -> None:
            self.simulator.change(**options)

        self.run(change)

    def run(self, work: Callable[[], Any]) -> Any:
        """What a coroutine function of the simulator's side returns."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(WITHIN_S)

    def submitted(self) -> list[tuple[float, int, str]]:
        """When each submit_sm came (seconds since the epoch), its answer's status and its destination."""
        lines = list(self.simulator.journal.lines)
        return [
            (line["at"], line["status"], line["destination"])
            for line in lines
            if line["event"] == "submit_sm"
        ]


def most_in_a_second(times: list[float]) -> int:
    """The largest number of events in any second, wherever it begins."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most
