"""SMSCs that share no line with us: the npm package `smpp`, and Perl's Net::SMPP; and the simulator in their place.

They are looked for as their languages do: `NODE_PATH` or a node_modules folder above, `PERL5LIB` or the system's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.integration.binder.support import new_simulator
from tests.integration.waiting import eventually

from smsfleet.simulator.server import Simulator
from smsfleet.workers import gsm0338

FOLDER = Path(__file__).parent
NAMES = ("simulator", "node-smpp", "Net::SMPP")

_COMMANDS = {
    "node-smpp": ("node", str(FOLDER / "smsc.js")),
    "Net::SMPP": ("perl", str(FOLDER / "smsc.pl")),
}
_PROOFS = {
    "node-smpp": ("node", "-e", "require('smpp')"),
    "Net::SMPP": ("perl", "-MNet::SMPP", "-MJSON::PP", "-e", "1"),
}


@cache
def why_missing(name: str) -> str:
    """Why there is no such SMSC here; empty when there is."""
    proof = _PROOFS.get(name)
    if proof is None:
        return ""
    if shutil.which(proof[0]) is None:
        return f"{name}: {proof[0]} is not installed"
    done = subprocess.run(proof, capture_output=True, check=False, timeout=60)
    return "" if done.returncode == 0 else f"{name}: not found by {proof[0]} (see CONTRIBUTING.md)"


class Smsc(ABC):
    """What the tests ask of an SMSC."""

    port: int

    @abstractmethod
    def counts(self) -> Counter[str]:
        """How many events of each kind it saw."""

    @abstractmethod
    def binds(self) -> list[tuple[str, str, str]]:
        """mode, system_id and system_type of each bind."""

    @abstractmethod
    def texts(self) -> list[tuple[str, str]]:
        """Destination and text of each submit_sm, as it decodes them itself, without user data headers."""

    @abstractmethod
    def refusals(self) -> list[Any]:
        """What it could not read, and our answers to its deliver_sm that are not ESME_ROK."""


class Simulated(Smsc):
    """Our own."""

    def __init__(self, simulator: Simulator) -> None:
        self.port = simulator.port
        self._journal = simulator.journal

    def counts(self) -> Counter[str]:
        return self._journal.counts

    def binds(self) -> list[tuple[str, str, str]]:
        return [(line["mode"], line["system_id"], line["system_type"]) for line in self._journal.of("bind")]

    def texts(self) -> list[tuple[str, str]]:
        return [(line["destination"], _text(line)) for line in self._journal.of("submit_sm")]

    def refusals(self) -> list[Any]:
        return self._journal.of("refused") + [
            line for line in self._journal.of("deliver_sm_resp") if line["status"]
        ]


def _text(line: dict[str, Any]) -> str:
    octets = bytes.fromhex(line["short_message"])
    if line["esm_class"] & 0x40:
        octets = octets[octets[0] + 1 :]
    return octets.decode("utf-16-be") if line["data_coding"] == 8 else gsm0338.decode(octets)


class Foreign(Smsc):
    """One in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.port = 0
        self._process = process
        self._lines: list[dict[str, Any]] = []

    async def listen(self) -> None:
        """Read what it tells until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._lines.append(json.loads(line))
            self.port = self.port or self._lines[0]["port"]

    def _of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self._lines if line["event"] == event]

    def counts(self) -> Counter[str]:
        return Counter(line["event"] for line in self._lines)

    def binds(self) -> list[tuple[str, str, str]]:
        return [(line["mode"], line["system_id"], line["system_type"]) for line in self._of("bind")]

    def texts(self) -> list[tuple[str, str]]:
        return [(line["to"], line["text"]) for line in self._of("submit_sm")]

    def refusals(self) -> list[Any]:
        return self._of("error") + [line for line in self._of("deliver_sm_resp") if line["status"]]


@asynccontextmanager
async def smsc(name: str) -> AsyncIterator[Smsc]:
    """Start the SMSC of this name; it ends with the block."""
    if name == "simulator":
        async with new_simulator(receipt_delay_s=0.0, enquire_link_s=0.5) as simulator:
            yield Simulated(simulator)
        return
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_COMMANDS[name], stdin=pipe, stdout=pipe)
    found = Foreign(process)
    listening = asyncio.create_task(found.listen())
    try:
        await eventually(lambda: found.port, within_s=20)
        yield found
    finally:
        assert process.stdin is not None
        process.stdin.close()  # its sign to end
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening
