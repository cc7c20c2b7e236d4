"""The binder's process against a gateway that sends more than Redis takes: its memory is bounded."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import psutil
import pytest
from tests.acceptance.fleet import Fleet
from tests.integration.binder.hostile import HostilePeer, pdu
from tests.integration.waiting import eventually

from smsfleet.config.codes import ESME_ROK, ESME_RX_T_APPN
from smsfleet.smpp.constants import DELIVER_SM, TLV_MESSAGE_PAYLOAD
from smsfleet.smpp.pdu import DeliverSm

pytestmark = pytest.mark.server

COUNT, OCTETS = 5_000, 64_000
"""320 MB, and many times what may wait (binder/facts.py)."""

MOST_GROWTH_OCTETS = 120_000_000
"""What waits is in memory up to three times for a moment: as it came, in a write, and in its packed form."""


async def test_a_flood_while_redis_is_frozen_does_not_fill_the_binder(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = new_fleet()
    body = DeliverSm(source_addr="27820000009", tlvs=((TLV_MESSAGE_PAYLOAD, b"x" * OCTETS),)).encode_body()
    async with HostilePeer() as peer:
        binder = psutil.Process(fleet.launch("binder", SMSFLEET_SMPP_PORT=str(peer.port)).pid)
        talk = await peer.bound()
        assert await talk.is_alive()
        stored = fleet.command("XLEN", fleet.keys.deliveries)
        before = most = binder.memory_info().rss
        assert fleet.redis.process is not None
        fleet.redis.process.send_signal(signal.SIGSTOP)
        try:
            statuses = asyncio.create_task(talk.statuses(COUNT))
            for number in range(1, COUNT + 1):
                talk.write(pdu(DELIVER_SM, number, body))
                await talk.flush()
                if number % 100 == 0:
                    most = max(most, binder.memory_info().rss)
        finally:
            fleet.redis.process.send_signal(signal.SIGCONT)
        found = await statuses
        most = max(most, binder.memory_info().rss)

        assert {ESME_ROK, ESME_RX_T_APPN} == set(found)
        assert most - before < MOST_GROWTH_OCTETS
        await eventually(lambda: fleet.command("XLEN", fleet.keys.deliveries) - stored == found[ESME_ROK])
        assert await talk.is_alive()
        assert 1 == peer.binds
        assert 0 == await asyncio.to_thread(fleet.end, "binder")
