"""The compliance test against the simulator: the real binder, workers' code and Redis, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from smsfleet.binder.cancellation import quell
from smsfleet.binder.compliance import Finding, judge
from smsfleet.binder.journal import Journal
from smsfleet.binder.service import Binder
from smsfleet.cli.binder import make_binder
from smsfleet.cli.gateway_view import as_entries
from smsfleet.cli.virtual_time import PatientStore, Waits, run
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing
from smsfleet.simulator.journal import Journal as GatewayJournal
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.server import Simulator
from smsfleet.smpp.message import DeliverSm
from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.store.keys import Keys
from smsfleet.workers.outgoing import Outgoing
from smsfleet.workers.request import SmsRequest
from smsfleet.workers.runtime import Runtime

EPOCH_S = 1_790_000_000.0
"""When virtual time begins, so that the report of one seed is the same in every run."""

TIMING = Timing(lease_ttl_s=600.0, report_s=600.0, compare_s=60.0, look_s=600.0, standing_s=600.0)
"""The guide's times; what speaks to Redis only is slower, because Redis takes real time."""

HOUR_S = 3600.0
AWAY_S = 90.0
LONG_AWAY_S = 1200.0
SETTLE_S = 200.0
"""Behind the last hour: an enquire_link and its counts, and the journal's last write."""

READ = 1000

TEXTS = (
    "Your code is 482913",
    "Grüße, señor: déjà vu in Ångström, æøå",
    "Happy birthday 🎂🎉",
    "A longer text is cut into segments. " * 11,
)

Action = Callable[["Rehearsal"], Awaitable[None]]


@dataclass
class Rehearsal:
    """One run of the test in one bind mode, for `hours` of virtual time.

    `plan` gives what happens, by the share of the time that has passed. A test breaks a condition on purpose
    by it or by `timing`.
    """

    url: str
    folder: Path
    bind_mode: str = "transceiver"
    hours: float = 48.0
    timing: Timing = TIMING
    plan: list[tuple[float, Action]] = field(default_factory=lambda: list(PLAN))
    account: str = ""
    simulator: Simulator = field(init=False)
    entries: list[JournalEntry] = field(default_factory=list)
    """the binder's journal, when the run is over"""
    gateway_entries: list[JournalEntry] = field(default_factory=list)
    """the same from the gateway's side"""
    end_ms: int = 0
    _waits: Waits = field(default_factory=Waits)
    _binder: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.account = self.account or f"rehearsal-{self.bind_mode}"

    def run(self) -> None:
        """Run it; takes about 10 s for 48 hours."""
        run(self._run(), self._waits)

    @property
    def findings(self) -> list[Finding]:
        """The verdicts by the binder's own journal."""
        return judge(self.entries, now_ms=self.end_ms)

    @property
    def gateway_findings(self) -> list[Finding]:
        """The verdicts by what reached the gateway."""
        return judge(self.gateway_entries, now_ms=self.end_ms)

    def now_ms(self) -> int:
        """Virtual milliseconds since the epoch."""
        return round((EPOCH_S + asyncio.get_running_loop().time()) * 1000)

    def settings(self, account: str = "") -> tuple[Settings, SmppSettings]:
        """What an operator would have set."""
        common = {
            "SMSFLEET_REDIS_URL": self.url,
            "SMSFLEET_ACCOUNT": account or self.account,
            "SMSFLEET_RUN_DIR": str(self.folder),
        }
        options = self.simulator.options
        bind = {
            "SMSFLEET_SMPP_HOST": options.host,
            "SMSFLEET_SMPP_PORT": str(self.simulator.port),
            "SMSFLEET_SMPP_SYSTEM_ID": options.system_id,
            "SMSFLEET_SMPP_PASSWORD": options.password,
            "SMSFLEET_SMPP_SYSTEM_TYPE": options.system_type,
            "SMSFLEET_SMPP_BIND_MODE": self.bind_mode,
            "SMSFLEET_SMPP_QUERY_RATE": "0",  # a look each second would be most of what happens in 48 hours
        }
        return load(common), load_smpp(bind)

    @asynccontextmanager
    async def binding(self, account: str = "") -> AsyncIterator[Binder]:
        """A binder; with another account's keys it has its own lease, as if it knew nothing of this fleet."""
        settings, smpp = self.settings(account)
        clock = asyncio.get_running_loop().time
        store = PatientStore(self.url, self._waits)
        journal = Journal(store, JournalLog(Keys(self.account)), clock_ms=self.now_ms)
        binder = make_binder(settings, smpp, store, timing=self.timing, clock=clock, journal=journal)
        tasks = [asyncio.create_task(journal.run()), asyncio.create_task(binder.run())]
        try:
            yield binder
            binder.stop()
            await tasks[1]
        finally:
            await quell(*tasks)
            await journal.close(1.0)
            await store.close()

    async def restart_binder(self) -> None:
        """Stop the binder and start another one a minute later."""
        await self._binder.aclose()
        await asyncio.sleep(60.0)
        await self._binder.enter_async_context(self.binding())

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PatientStore]:
        """A store for whatever a plan does."""
        store = PatientStore(self.url, self._waits)
        try:
            yield store
        finally:
            await store.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        options = SimulatorOptions(seed=1, receipt_delay_s=20.0)
        lines = GatewayJournal(remember=True)
        self.simulator = Simulator(options, lines, clock=lambda: EPOCH_S + loop.time())
        async with self.simulator, self._binder:
            await self._binder.enter_async_context(self.binding())
            traffic = asyncio.create_task(self._traffic())
            for share, action in self.plan:
                await asyncio.sleep(max(0.0, share * self.hours * HOUR_S - loop.time()))
                await action(self)
            await asyncio.sleep(max(0.0, self.hours * HOUR_S + SETTLE_S - loop.time()))
            await quell(traffic)
            self.end_ms = self.now_ms()
            self.entries = await self._read_journal()
            self.gateway_entries = as_entries(lines.lines)

    async def _read_journal(self) -> list[JournalEntry]:
        log, after = JournalLog(Keys(self.account)), "0-0"
        entries: list[JournalEntry] = []
        async with self.store() as store:
            while True:
                found, after = await store.run(log.read(after, READ))
                entries += found
                if len(found) < READ:
                    return entries

    async def _traffic(self) -> None:
        """Messages both ways, 24 times in all, by the code that workers use."""
        settings, _ = self.settings()
        runtime = Runtime(settings)
        outgoing = Outgoing(runtime)
        for turn in range(24):
            await asyncio.sleep(self.hours * HOUR_S / 24.5)
            text = TEXTS[turn % len(TEXTS)]
            request = SmsRequest.checked(f"279991{turn:05d}", text, now_ms=self.now_ms())
            job_id = f"turn-{turn}"
            taken_in = runtime.jobs.take_in(
                job_id, lane=request.lane, destination=request.to, content=request.to_json()
            )
            runtime.store.run(taken_in)
            outgoing.handle([job_id])
            if self.bind_mode != "transmitter":
                mo = DeliverSm(source_addr=f"279992{turn:05d}", destination_addr="2783", short_message=b"yes")
                self.simulator.inject(mo.encode_body())
        runtime.store.close()


# --- what the gateway does ---------------------------------------------------------------------


async def disconnect(rehearsal: Rehearsal) -> None:
    """The gateway drops every connection."""
    rehearsal.simulator.disconnect()


async def unbind(rehearsal: Rehearsal) -> None:
    """The gateway unbinds."""
    rehearsal.simulator.unbind()


async def restart(rehearsal: Rehearsal) -> None:
    """The gateway is restarted."""
    await rehearsal.simulator.stop()
    await asyncio.sleep(AWAY_S)
    await rehearsal.simulator.start()


async def long_restart(rehearsal: Rehearsal) -> None:
    """The gateway is away for 20 minutes."""
    await rehearsal.simulator.stop()
    await asyncio.sleep(LONG_AWAY_S)
    await rehearsal.simulator.start()


async def fall_silent(rehearsal: Rehearsal) -> None:
    """The gateway answers no enquire_link until it is left, and is its old self again."""
    rehearsal.simulator.change(answers_enquire_links=False)
    await asyncio.sleep(AWAY_S)
    rehearsal.simulator.change(answers_enquire_links=True)


PLAN: tuple[tuple[float, Action], ...] = (
    (1 / 16, disconnect),
    (3 / 16, restart),
    (5 / 16, unbind),
    (7 / 16, fall_silent),
    (9 / 16, disconnect),
    (11 / 16, long_restart),
    (13 / 16, restart),
    (15 / 16, disconnect),
)
"""What happens by default, by the share of the time."""
