"""A simulated Clickatell for the tests of other applications: a pytest fixture.

In `conftest.py`: `pytest_plugins = ["smsfleet.simulator.testing"]`. A test that takes `clickatell` then has a
gateway on a free port of 127.0.0.1, in a thread of its own, and the settings of a binder. Needs pytest.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import pytest

from smsfleet.config.errors import ServerError
from smsfleet.simulator import control
from smsfleet.simulator.handset import Message, messages
from smsfleet.simulator.journal import Journal, Line
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.rules import Outcome
from smsfleet.simulator.server import Simulator

T = TypeVar("T")

START_S = 10.0
WAIT_S = 30.0


class Gateway:
    """A simulator in a thread of its own; every method may be called from any thread.

    `with Gateway(SimulatorOptions(...)) as gateway:` starts and stops it.
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self._journal = Journal(remember=True)
        self._options = options or SimulatorOptions(seed=1, receipt_delay_s=0.0)
        self._simulator = Simulator(self._options, self._journal)
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="clickatell", daemon=True)
        self._journal.on_line = self._notify

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._simulator.start)
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._simulator.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return self._simulator.port

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a binder for it (`SMSFLEET_SMPP_*`)."""
        options = self._simulator.options
        return {
            "SMSFLEET_SMPP_HOST": options.host,
            "SMSFLEET_SMPP_PORT": str(self.port),
            "SMSFLEET_SMPP_SYSTEM_ID": options.system_id,
            "SMSFLEET_SMPP_PASSWORD": options.password,
            "SMSFLEET_SMPP_SYSTEM_TYPE": options.system_type,
        }

    def lines(self, event: str = "") -> list[Line]:
        """What reached it so far, oldest first: all events, or those of one kind (docs/simulator.md)."""
        with self._changed:
            return [line for line in self._journal.lines if not event or line["event"] == event]

    def messages(self, to: str = "") -> list[Message]:
        """The whole texts that handsets would show: all, or those of one number."""
        return [message for message in messages(self.lines("submit_sm")) if to in ("", message.to)]

    def wait_for(self, event: str, count: int = 1, *, within_s: float = WAIT_S) -> list[Line]:
        """The first `count` events of a kind, as soon as they are there. Raises TimeoutError."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self._journal.of(event)) >= count, within_s)
            lines = self._journal.of(event)
        if not found:
            raise TimeoutError(f"{len(lines)} of {count} {event} within {within_s:g} s")
        return lines[:count]

    def do(self, action: str, **what: Any) -> dict[str, Any]:
        """Any action of `smsfleet simulator ctl`, by its name. Raises ConfigError for what cannot be."""
        answer: dict[str, Any] = self._call(lambda: control.ACTIONS[action](self._simulator, **what))
        return answer

    def refuse(self, destination: str, status: int | str) -> None:
        """Answer messages to a number, or to all that begin so, with a status; 0: accept them again."""
        self.do("refuse", destination=destination, status=status)

    def decide(self, destination: str, outcome: Outcome | None) -> None:
        """What becomes of messages to a number, or to all that begin so; None: as before."""
        self._call(lambda: self._simulator.decide(destination, outcome))

    def receive(self, text: str, *, source: str, **how: str) -> None:
        """A handset sends a text (MO); `how` may be destination, encoding, form, order as in ctl."""
        self.do("mo", text=text, source=source, **how)

    def disconnect(self) -> None:
        """Drop every connection without a word."""
        self.do("disconnect")

    def reset(self) -> None:
        """Begin anew: with the first options, without rules, lines and deliveries; who is bound stays."""
        self._call(lambda: self._simulator.reset(self._options))

    def change(self, **options: Any) -> None:
        """Set options of the simulator, by the names of SimulatorOptions."""
        self._call(lambda: self._simulator.change(**options))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Callable[[], Any]) -> Any:
        """Run `work` in the loop's thread; what it returns, awaited if it can be."""

        async def run() -> Any:
            result = work()
            return await result if asyncio.iscoroutine(result) else result

        if not self._thread.is_alive():
            raise ServerError("the gateway does not run: use it in a `with` block")
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_S)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


@pytest.fixture
def clickatell() -> Iterator[Gateway]:
    """A simulated Clickatell that answers at once and sends receipts at once, on a free port of 127.0.0.1."""
    with Gateway() as gateway:
        yield gateway
