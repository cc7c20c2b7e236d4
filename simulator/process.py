"""The simulator as a process of its own: until SIGTERM, with a control port if one is wanted."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from smsfleet.simulator.control import Control
from smsfleet.simulator.journal import Journal
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.server import Simulator

Ready = Callable[[str, int], None]
"""Told what listens, and its port."""


def run(
    options: SimulatorOptions,
    journal_path: Path | None = None,
    ready: Ready = lambda _what, _port: None,
    *,
    control: int | None = None,
    output: TextIO | None = None,
) -> dict[str, Any]:
    """Serve until SIGTERM or SIGINT, then write the summary as one line of JSON to `output` (stdout).

    `control` is the control port: None for none, 0 for a free one. Returns the summary. Raises OSError for a
    port that is taken or a journal that cannot be written. It owns the process' event loop.
    """
    with Journal(journal_path) as journal:
        summary = asyncio.run(_serve(Simulator(options, journal), control, ready))
    stream = output or sys.stdout
    stream.write(json.dumps(summary) + "\n")
    stream.flush()
    return summary


async def _serve(simulator: Simulator, control_port: int | None, ready: Ready) -> dict[str, Any]:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await simulator.start()
    ready(f"listening on {simulator.options.host}, port", simulator.port)
    control = None
    if control_port is not None:
        control = Control(simulator, control_port)
        await control.start()
        ready("controlled on 127.0.0.1, port", control.port)
    await stopping.wait()
    if control is not None:
        await control.stop()
    return await simulator.stop()
