"""The parties of a binder test: the account with its workers' side, and binders in this process."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smsfleet.binder.cancellation import end
from smsfleet.binder.clock import Clock, boottime
from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.ledger import BindLedger
from smsfleet.binder.logins import LoginFile
from smsfleet.binder.notes import Hears, Notes
from smsfleet.binder.service import Binder, Gateway, State
from smsfleet.cli.binder import SIDES
from smsfleet.config.timing import Timing
from smsfleet.simulator.journal import Journal
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.server import Simulator
from smsfleet.smpp.constants import TLV_MESSAGE_PAYLOAD
from smsfleet.smpp.pdu import DeliverSm, SubmitSm
from smsfleet.smpp.session import SessionOptions
from smsfleet.smpp.tlv import Tlv, find_tlv
from smsfleet.store.calls import Call
from smsfleet.store.client import AsyncStore, Store
from smsfleet.store.facts import DeliveryFact, Facts, ResponseFact, Verdict
from smsfleet.store.jobs import Admission, Jobs, Pace
from smsfleet.store.keys import DAY_MS, Keys
from smsfleet.store.lease import Lease
from smsfleet.store.records import JobRecord, SegmentRecord
from smsfleet.store.wire import Wire

SHORT = Timing(
    enquire_link_s=30.0,
    response_timeout_s=30.0,
    bind_timeout_s=5.0,
    unbind_timeout_s=1.0,
    connect_timeout_s=2.0,
    reconnect_min_s=0.05,
    reconnect_max_s=0.1,
    drain_s=3.0,
    lease_ttl_s=5.0,
    look_s=0.1,
)
"""Times that let a test end soon and still are not hit by accident on a busy machine."""

PACE = Pace(rate=100_000.0, bulk_reserve=0.0, outbound_limit=1_000_000)
HOLD_S = 0.05

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Message:
    """One job of one segment, as it was sent."""

    job_id: str
    destination: str
    short_message: bytes


@dataclass
class Account:
    """One account on a server, and what workers do with it, by direct calls of the store."""

    name: str
    url: str
    keys: Keys = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.name)
        self.store = Store.connect(self.url, "test-workers")
        self._jobs = Jobs(self.keys, job_ttl_s=3600, text_ttl_s=600)
        self.facts = Facts(self.keys, text_ttl_s=600, index_ttl_s=8 * 86_400, max_attempts=8)
        self.wire = Wire(self.keys, text_ttl_s=600, hold_s=HOLD_S)
        self.store.run_all(self.facts.create_groups())

    def reconnect(self) -> None:
        """Forget connections to a server that was killed."""
        self.store.close()

    def send(self, **options: Any) -> Message:
        """Take a job in and admit it; for `options` see `_take_in`."""
        message, admission = self._take_in(**options)
        self._admit([admission])
        return message

    def send_together(self, payloads: list[bytes], **options: Any) -> list[Message]:
        """Jobs with these texts as message_payload that are in their stream at one moment."""
        taken = [self._take_in(tlvs=((TLV_MESSAGE_PAYLOAD, payload),), **options) for payload in payloads]
        self._admit([admission for _, admission in taken])
        return [message for message, _ in taken]

    def _take_in(
        self,
        *,
        lane: str = "normal",
        on_ambiguous: str = "resend",
        destination: str | None = None,
        registered_delivery: int = 0,
        tlvs: tuple[Tlv, ...] = (),
    ) -> tuple[Message, Admission]:
        """One job, and how it is admitted; a message_payload among `tlvs` takes the place of its text."""
        number = next(_numbers)
        job_id = f"job-{number}"
        destination = destination or f"2782{number:07d}"
        payload = find_tlv(tlvs, TLV_MESSAGE_PAYLOAD)
        body = SubmitSm(
            destination_addr=destination,
            source_addr="27820000001",
            registered_delivery=registered_delivery,
            short_message=job_id.encode() if payload is None else b"",
            tlvs=tlvs,
        ).encode_body()
        taken = self._jobs.take_in(job_id, lane=lane, destination=destination, content="{}")
        assert self.store.run(taken).new
        return Message(job_id, destination, payload or job_id.encode()), Admission(
            job_id, lane, on_ambiguous, 1, None, [body]
        )

    def _admit(self, admissions: list[Admission]) -> None:
        admitted = self.store.run(self._jobs.admit(admissions, PACE)).results
        assert [1] * len(admissions) == admitted

    def send_text(self, segments: int, lane: str) -> str:
        """Admit a job of several segments; its destination."""
        number = next(_numbers)
        job_id, destination = f"job-{number}", f"2783{number:07d}"
        bodies = [
            SubmitSm(destination_addr=destination, short_message=b"%d" % part).encode_body()
            for part in range(1, segments + 1)
        ]
        taken = self._jobs.take_in(job_id, lane=lane, destination=destination, content="{}")
        assert self.store.run(taken).new
        admission = Admission(job_id, lane, "resend", 1, None, bodies)
        assert self.store.run(self._jobs.admit([admission], PACE)).results == [1]
        return destination

    def read_facts(self) -> tuple[list[ResponseFact], list[DeliveryFact]]:
        """Facts that nobody has read yet."""
        return self.store.run(self.facts.read("test", 1000, 1))

    def apply_responses(self) -> list[str]:
        """What a worker does with new answers: 0 is an acceptance, everything else a rejection."""
        responses, _ = self.read_facts()
        if not responses:
            return []
        verdicts = [Verdict("reject" if response.command_status else "ok", 5, 0) for response in responses]
        return self.store.run(
            self.facts.apply_responses(responses, verdicts, time.time_ns() // 1_000_000 // DAY_MS)
        )

    def release_held(self) -> list[str]:
        """What a worker's timer does with holds that are over."""
        over = self.store.run(self.facts.hold_over(100))
        return self.store.run(self.facts.release_held(over, "timer")) if over else []

    def record(self, message: Message) -> JobRecord:
        """A job as it is stored."""
        job = self.store.run(self._jobs.read(message.job_id))
        assert isinstance(job, JobRecord)
        return job

    def segment(self, message: Message) -> SegmentRecord:
        """The one segment of a job."""
        return self.record(message).segments[0]

    def states(self, messages: list[Message]) -> Counter[str]:
        """How many of the jobs are in which state."""
        return Counter(self.segment(message).state for message in messages)

    def in_flight(self) -> int:
        """Segments between begin and settle."""
        return len(self.store.run(self.wire.in_flight()))

    def forget_begin(self, message: Message) -> None:
        """What a server that lost its last second has forgotten: that the segment began."""
        ref = f"{message.job_id}#1"
        self.store.run(Call(("HDEL", self.keys.inflight, ref), int))
        self.store.run(Call(("HSET", self.keys.job(message.job_id), "1", "Q0,,,,,,"), int))

    def break_connections(self) -> None:
        """Cut every other client of the server off."""
        self.store.run(Call(("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"), int))

    def commands(self, name: str) -> int:
        """How often the server has run a command."""
        statistics: bytes = self.store.run(Call(("INFO", "commandstats"), bytes))
        found = re.search(rb"cmdstat_%s:calls=(\d+)" % name.encode(), statistics)
        return int(found[1]) if found else 0

    def lease_holder(self) -> str | None:
        """The token of the binder that leads."""
        return self.store.run(Lease(self.keys).holder())


class Diary:
    """A journal in memory, with the time of each note."""

    def __init__(self) -> None:
        self.notes: list[tuple[float, str, dict[str, object]]] = []

    def note(self, kind: str, /, **fields: object) -> None:
        self.notes.append((time.monotonic(), kind, fields))

    def of(self, kind: str) -> list[dict[str, object]]:
        return [fields for _, noted, fields in self.notes if noted == kind]

    def at(self, kind: str) -> list[float]:
        return [at for at, noted, _ in self.notes if noted == kind]


@dataclass
class RunningBinder:
    """A binder in this process."""

    binder: Binder
    store: AsyncStore
    leadership: Leadership
    task: asyncio.Task[None]

    @property
    def state(self) -> State:
        return self.binder.state

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        self.binder.stop()
        await asyncio.wait_for(asyncio.shield(self.task), 15)

    async def crash(self) -> None:
        """End it without drain, unbind or release."""
        await end(self.task)

    async def clean_up(self) -> None:
        """End it somehow, and give its connections back."""
        if not self.task.done():
            await self.crash()
        await self.store.close()


class Binders:
    """Starts binders and ends them with the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[RunningBinder] = []

    def start(
        self,
        account: Account,
        port: int,
        *,
        owner: str = "host-1",
        timing: Timing = SHORT,
        url: str = "",
        journal: Notes | None = None,
        bind_mode: str = "transceiver",
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
        lease_clock: Clock = boottime,
        tap: Callable[[str], Hears | None] = lambda _mode: None,
        queries_per_s: float = 0.0,
        **session: Any,
    ) -> RunningBinder:
        """A binder of `account` for a gateway on `port`; `session` changes its SessionOptions."""
        wire = account.wire
        if bind_mode == "transmitter":
            session["without_receipts"] = True
            wire = Wire(account.keys, text_ttl_s=600, hold_s=HOLD_S, receipts=False)
        options = SessionOptions(
            **{
                "bind_mode": SIDES[bind_mode][0],
                "system_id": "demo",
                "password": "secret",
                "system_type": "3000000",
                "enquire_link_s": timing.enquire_link_s,
                "enquire_link_timeout_s": timing.enquire_link_timeout_s,
                "response_timeout_s": timing.response_timeout_s,
                "bind_timeout_s": timing.bind_timeout_s,
                "unbind_timeout_s": timing.unbind_timeout_s,
                "header_timeout_s": timing.header_timeout_s,
                **session,
            }
        )
        store = AsyncStore.connect(url or account.url, "test-binder")
        leadership = Leadership(
            store, Lease(account.keys), owner, timing.lease_ttl_s, clock=lease_clock, journal=journal
        )
        folder = self._folder / owner
        folder.mkdir(exist_ok=True)
        sessions = tuple(replace(options, bind_mode=mode) for mode in SIDES[bind_mode])
        gateway = Gateway(host, port, sessions, tls, server_name)
        lock = HostLock(account.name, str(folder))
        ledger = BindLedger.of(
            store,
            account.keys,
            LoginFile(account.name, str(folder)),
            login=gateway.login,
            timing=timing,
            leadership=leadership,
            lock=lock,
        )
        binder = Binder(
            gateway,
            store=store,
            wire=wire,
            leadership=leadership,
            ledger=ledger,
            lock=lock,
            timing=timing,
            journal=journal,
            tap=tap,
            queries_per_s=queries_per_s,
        )
        running = RunningBinder(binder, store, leadership, asyncio.create_task(binder.run()))
        self._running.append(running)
        return running

    def files(self, account: Account) -> list[Path]:
        """The files of failed logins of all its hosts."""
        return list(self._folder.glob(f"*/smsfleet-{account.name}.logins.json"))

    async def clean_up(self) -> None:
        """End all of them; a defect that ended one is raised here, unless the test has seen it."""
        for running in self._running:
            await running.clean_up()


def new_simulator(**options: Any) -> Simulator:
    """A simulator that remembers everything, not started."""
    return Simulator(SimulatorOptions(**{"seed": 1, **options}), Journal(remember=True))


def times_accepted(simulator: Simulator, message: Message) -> int:
    """How often the SMSC has accepted a message."""
    return simulator.journal.accepted[message.destination, message.short_message.hex()]


def incoming(text: bytes = b"hello") -> bytes:
    """The deliver_sm body of a mobile-originated message."""
    return DeliverSm(source_addr="27820000009", destination_addr="2783", short_message=text).encode_body()
