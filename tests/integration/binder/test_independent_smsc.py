"""The whole conversation with SMSCs that others wrote, and with the simulator in their place; tshark listens.

An SMSC, or tshark, that is not installed skips its tests; CONTRIBUTING.md tells how to have them.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.binder.independent import NAMES, Smsc, smsc, why_missing
from tests.integration.binder.support import PACE, SHORT, Account, Binders
from tests.integration.test_tshark import PORT, tshark
from tests.integration.waiting import eventually

from smsfleet.cli.binder import SIDES
from smsfleet.cli.pcap import Exchange, pcap
from smsfleet.config.settings import load
from smsfleet.store.jobs import Admission, Jobs
from smsfleet.store.records import JobRecord
from smsfleet.workers.relay import Relay
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.segments import segment
from smsfleet.workers.submit import SubmitOptions, bodies

pytestmark = pytest.mark.server

TEXTS = {
    "GSM": "Gr\u00fc\u00dfe @ Z\u00fcrich: 5 \u20ac + \u00a31 [ok] {x} ~ ^ | \\",
    "UCS-2": "\u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600 \u4f60\u597d",
    "long GSM": "Order 4711 costs 5 \u20ac [today]. " * 15,
    "long UCS-2": "\u0417\u0430\u043a\u0430\u0437 \U0001f600 4711. " * 20,
}
DELIVERED = 4


@dataclass
class Tape:
    """What one connection says and hears."""

    connection: int
    exchanges: list[Exchange]

    def sent(self, octets: bytes) -> None:
        self.exchanges.append(Exchange(time.time(), self.connection, True, octets))

    def received(self, octets: bytes) -> None:
        self.exchanges.append(Exchange(time.time(), self.connection, False, octets))


@dataclass
class Workers:
    """What workers do with jobs and facts, on the account's server."""

    account: Account
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    """destination and text, by job id"""

    def __post_init__(self) -> None:
        given = {"SMSFLEET_REDIS_URL": self.account.url, "SMSFLEET_ACCOUNT": self.account.name}
        runtime = Runtime(load(given), store=self.account.store)
        self._jobs: Jobs = runtime.jobs
        self._relay = Relay(runtime, "test")

    def send(self, text: str) -> None:
        """One job, through the encoder and splitter of the workers."""
        number = len(self.sent) + 1
        job_id, to = f"job-{number}", f"2799910{number:04d}"
        options = SubmitOptions(destination=to, source="27820000001")
        segments = bodies(options, segment(text))
        store = self.account.store
        store.run(self._jobs.take_in(job_id, lane="normal", destination=to, content="{}"))
        admission = Admission(job_id, "normal", "hold", 1, None, segments)
        assert [1] == store.run(self._jobs.admit([admission], PACE)).results
        self.sent[job_id] = (to, text)

    def statuses(self) -> list[int | None]:
        """Apply the facts that came; the status of each job."""
        while self._relay.step(1):
            pass
        records = self.account.store.run_all([self._jobs.read(job_id) for job_id in self.sent])
        return [record.status for record in records if isinstance(record, JobRecord)]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    wanted: str = request.param
    if reason := why_missing(wanted):
        pytest.skip(reason)
    return wanted


async def converse(peer: Smsc, account: Account, binders: Binders, bind_mode: str) -> list[Exchange]:
    """Bind, submit, receipts, signs of life both ways, unbind; everything that went over the wire."""
    exchanges: list[Exchange] = []
    taps: list[Tape] = []

    def tap(_mode: str) -> Tape:
        taps.append(Tape(len(taps) + 1, exchanges))
        return taps[-1]

    workers = Workers(account)
    receipts = bind_mode != "transmitter"
    for text in TEXTS.values():
        workers.send(text)
    timing = SHORT.model_copy(update={"enquire_link_s": 1.0, "enquire_link_timeout_s": 0.9})
    binder = binders.start(account, peer.port, timing=timing, bind_mode=bind_mode, tap=tap)
    last = DELIVERED if receipts else 8
    await eventually(lambda: workers.statuses() == [last] * len(TEXTS), within_s=20)
    sides = len(SIDES[bind_mode])
    await eventually(lambda: peer.counts()["enquire_link"] >= 2 * sides, within_s=20)
    await eventually(lambda: peer.counts()["enquire_link_resp"] >= sides, within_s=20)
    await binder.stop()
    await eventually(lambda: peer.counts()["unbind"] == sides)

    assert sorted((mode, "demo", "3000000") for mode in SIDES[bind_mode]) == sorted(peer.binds())
    assert sorted(workers.sent.values()) == sorted(joined(peer.texts()))
    segments = len(peer.texts())
    assert [segments * receipts, []] == [peer.counts()["deliver_sm_resp"], peer.refusals()]
    return exchanges


def joined(texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The texts of each destination, one behind the other as they came."""
    whole: dict[str, str] = {}
    for to, text in texts:
        whole[to] = whole.get(to, "") + text
    return list(whole.items())


@pytest.mark.parametrize("bind_mode", SIDES)
async def test_a_whole_conversation(name: str, account: Account, binders: Binders, bind_mode: str) -> None:
    async with smsc(name) as peer:
        exchanges = await converse(peer, account, binders, bind_mode)

    assert len(SIDES[bind_mode]) == len({exchange.connection for exchange in exchanges})


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("bind_mode", ["transceiver", "transmitter_receiver"])
async def test_tshark_finds_nothing_malformed_in_it(
    name: str, account: Account, binders: Binders, tmp_path: Path, bind_mode: str
) -> None:
    async with smsc(name) as peer:
        exchanges = await converse(peer, account, binders, bind_mode)
        counts = peer.counts()
    capture = tmp_path / "run.pcap"
    capture.write_bytes(pcap(exchanges, server_port=PORT))

    malformed = tshark(capture, "-Y", "_ws.malformed or _ws.expert.severity >= 0x600000")
    lines = tshark(capture, "-Y", "smpp", "-T", "fields", "-e", "smpp.command_id")

    seen = [int(number, 16) for line in lines for number in line.split(",") if number]
    assert [] == malformed
    assert [counts["submit_sm"], counts["submit_sm"], counts["deliver_sm_resp"], counts["unbind"]] == [
        seen.count(command) for command in (0x04, 0x80000004, 0x80000005, 0x06)
    ]
