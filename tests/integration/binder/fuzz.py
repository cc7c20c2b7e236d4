"""Random octets over TCP: the real binder against a peer that binds and then says anything.

test_fuzz.py plays some rounds. For longer, on a server of its own; one JSON line at the end:

    python -m tests.integration.binder.fuzz --seconds 60 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import structlog
from tests.integration.binder.hostile import HostilePeer, Talk, pdu
from tests.integration.binder.support import SHORT, Account, Binders, incoming
from tests.integration.waiting import eventually

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.smpp.constants import (
    COMMAND_NAMES,
    DELIVER_SM,
    DELIVER_SM_RESP,
    RESP,
    SUBMIT_SM,
    UNBIND,
)
from smsfleet.store.calls import Call

SIGN = 0x5EED
COMMANDS = (*sorted(set(COMMAND_NAMES) - {UNBIND}), *(SUBMIT_SM | RESP, DELIVER_SM) * 5)
"""Without unbind, which would end most rounds early: one may come by chance."""

TIMING = SHORT.model_copy(update={"header_timeout_s": 0.2, "unbind_timeout_s": 0.2, "reconnect_max_s": 0.06})


class Fuzz:
    """One binder, one account, one source of chance; `played` counts what happened."""

    def __init__(self, account: Account, binders: Binders, seed: int) -> None:
        self._account = account
        self._binders = binders
        self._random = random.Random(seed)
        self.played: Counter[str] = Counter()

    async def play(self, *, rounds: int | None = None, seconds: float = 0.0) -> None:
        """Play so many rounds, or for so long; then the peer is good, and everything must come to its end."""
        until = time.monotonic() + seconds
        async with HostilePeer() as peer:
            binder = self._binders.start(self._account, peer.port, timing=TIMING)
            while self.played["rounds"] < rounds if rounds is not None else time.monotonic() < until:
                for _ in range(self._random.randint(0, 3)):
                    self._account.send(on_ambiguous=self._random.choice(("resend", "hold", "fail")))
                await self._round(await peer.bound())
                assert not binder.task.done(), "the binder has ended"
                self.played["rounds"] += 1
            talk = await peer.bound()
            answering = asyncio.create_task(self._be_good(talk))
            await eventually(lambda: self._account.in_flight() == 0, within_s=20)
            await eventually(lambda: self.played["signs at the end"], within_s=20)
            stored = self._account.store.run(Call(("XLEN", self._account.keys.deliveries), int))
            assert self.played["acknowledged"] <= stored
            await binder.stop()
            answering.cancel()

    async def _round(self, talk: Talk) -> None:
        """Say something, deliver a message as a sign, and hear what comes until its answer, or the end."""
        octets = b"".join(self._something() for _ in range(self._random.randint(1, 40)))
        listening = asyncio.create_task(self._listen(talk))
        with contextlib.suppress(ConnectionError, TimeoutError):
            at = 0
            while at < len(octets):
                size = self._random.choice((1, 7, 100, 4096))
                talk.write(octets[at : at + size])
                at += size
                if self._random.random() < 0.1:
                    await talk.flush()
            talk.write(pdu(DELIVER_SM, SIGN, incoming()))
            await talk.flush()
        self.played["octets"] += len(octets)
        self.played["in sync" if await listening else "closed by the binder"] += 1
        talk.abort()

    async def _listen(self, talk: Talk) -> bool:
        while (found := await talk.read()) is not None:
            self.played["pdus"] += 1
            if found.command_id == DELIVER_SM_RESP and not found.command_status:
                self.played["acknowledged"] += 1
            if (found.command_id, found.sequence_number) == (DELIVER_SM_RESP, SIGN):
                return True
        return False

    async def _be_good(self, talk: Talk) -> None:
        assert await talk.is_alive()
        self.played["signs at the end"] += 1
        await talk.answer_submits(1_000_000_000, ids="end")

    def _something(self) -> bytes:
        chance = self._random
        kind = chance.random()
        if kind < 0.02:
            return chance.randbytes(chance.randint(1, 300))
        number = chance.choice((chance.randint(0, 12), chance.getrandbits(32)))
        body = incoming(chance.randbytes(chance.randint(0, 160)))
        if kind < 0.3:
            return pdu(DELIVER_SM, number, body)
        body = chance.choice((b"", b"", body, b"m%d\0" % number)) + chance.randbytes(
            chance.choice((0, 1, 5, 60))
        )
        command = chance.choice(COMMANDS) if kind < 0.9 else chance.getrandbits(32)
        made = pdu(
            command, number, body, status=chance.choice((0, 0, 8, 0x58, 0x400, chance.getrandbits(32)))
        )
        return _mutated(made, chance) if chance.random() < 0.03 else made


def _mutated(octets: bytes, chance: random.Random) -> bytes:
    found = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.integration.binder.fuzz")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of all chance")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "server").start()
        try:
            print(json.dumps(asyncio.run(_run(server.url, Path(folder), asked.seed, asked.seconds))))
        finally:
            server.stop()


async def _run(url: str, folder: Path, seed: int, seconds: float) -> dict[str, Any]:
    account, binders, process = Account("fuzz", url), Binders(folder), psutil.Process()
    fuzz, before = Fuzz(account, binders, seed), process.memory_info().rss
    try:
        await fuzz.play(seconds=seconds)
    finally:
        await binders.clean_up()
        account.store.close()
    grown = (process.memory_info().rss - before) / 1e6
    return {"seed": seed, **fuzz.played, "rss_grown_mb": round(grown, 1)}


if __name__ == "__main__":
    main()
