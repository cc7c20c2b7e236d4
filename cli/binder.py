"""Putting a binder together from the settings, and running it until a signal."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from importlib.metadata import version

from smsfleet.binder.cancellation import quell
from smsfleet.binder.capture import Capture
from smsfleet.binder.clock import Clock, boottime
from smsfleet.binder.desk import CaptureDesk
from smsfleet.binder.journal import Journal
from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.ledger import BindLedger
from smsfleet.binder.logins import LoginFile
from smsfleet.binder.metrics import Health
from smsfleet.binder.notes import Hears, Notes
from smsfleet.binder.service import Binder, Gateway
from smsfleet.binder.sockets import tls_context
from smsfleet.binder.watchdog import Watchdog
from smsfleet.cli.exporters import binder_exporter
from smsfleet.cli.reload import reload_for_all
from smsfleet.config.errors import ConfigError
from smsfleet.config.logs import configure, logger
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing
from smsfleet.smpp.constants import SMPP_3_3, SMPP_3_4, BindMode
from smsfleet.smpp.session import SessionOptions
from smsfleet.store.capture import CaptureBox
from smsfleet.store.client import AsyncStore
from smsfleet.store.journal import JournalLog
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease
from smsfleet.store.server import require_durable, server_info
from smsfleet.store.wire import Wire

JOURNAL_S = 2.0
"""How long a stop waits for the journal's last entries to be stored."""


SIDES: dict[str, tuple[BindMode, ...]] = {
    "transceiver": ("transceiver",),
    "transmitter_receiver": ("transmitter", "receiver"),
    "transmitter": ("transmitter",),
}
"""The sessions of each bind mode; the submitting one first."""


def session_options(smpp: SmppSettings, timing: Timing, mode: BindMode) -> SessionOptions:
    """One session of the bind as the settings ask for it."""
    return SessionOptions(
        system_id=smpp.system_id,
        password=smpp.password.get_secret_value(),
        system_type=smpp.system_type,
        bind_mode=mode,
        interface_version=SMPP_3_3 if smpp.interface_version == "3.3" else SMPP_3_4,
        window=smpp.window,
        # a transmitter alone gets no receipts, and must not ask for them (guide §5 step 4)
        without_receipts=smpp.bind_mode == "transmitter",
        response_timeout_s=timing.response_timeout_s,
        bind_timeout_s=timing.bind_timeout_s,
        enquire_link_s=timing.enquire_link_s,
        enquire_link_timeout_s=timing.enquire_link_timeout_s,
        header_timeout_s=timing.header_timeout_s,
        unbind_timeout_s=timing.unbind_timeout_s,
    )


def make_binder(  # noqa: PLR0913 - what tests and the rehearsal give their own
    settings: Settings,
    smpp: SmppSettings,
    store: AsyncStore,
    *,
    timing: Timing | None = None,
    clock: Clock | None = None,
    journal: Notes | None = None,
    tap: Callable[[str], Hears | None] = lambda _mode: None,
    uniform: Callable[[float, float], float] = random.uniform,
) -> Binder:
    """A binder of these settings on this store; a `clock` times everything of it."""
    timing = timing or Timing.of(settings, smpp)
    keys = Keys(settings.account)
    lock = HostLock(settings.account, settings.run_dir)
    leadership = Leadership(
        store, Lease(keys), lock.owner(), timing.lease_ttl_s, clock=clock or boottime, journal=journal
    )
    sessions = tuple(session_options(smpp, timing, mode) for mode in SIDES[smpp.bind_mode])
    tls = tls_context(smpp.tls_ca_file) if smpp.tls else None
    gateway = Gateway(smpp.host, smpp.port, sessions, tls, smpp.tls_server_name)
    return Binder(
        gateway,
        store=store,
        wire=Wire(
            keys,
            text_ttl_s=settings.text_ttl_s,
            hold_s=settings.hold_s,
            receipts=smpp.bind_mode != "transmitter",
        ),
        leadership=leadership,
        ledger=BindLedger.of(
            store,
            keys,
            LoginFile(settings.account, settings.run_dir, clock=clock or boottime),
            login=gateway.login,
            timing=timing,
            leadership=leadership,
            lock=lock,
        ),
        lock=lock,
        timing=timing,
        journal=journal,
        queries_per_s=smpp.queries_per_s,
        tap=tap,
        uniform=uniform,
        clock=clock or time.monotonic,
    )


class Reloads:
    """The reloads by SIGHUP that have not ended: the loop itself keeps no hold of a task."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self.running: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Begin one."""
        task = asyncio.create_task(reload_for_all(self._store))
        self.running.add(task)
        task.add_done_callback(self.running.discard)


def check_version(settings: Settings, smpp: SmppSettings) -> None:
    """Raise ConfigError when long messages are to travel in TLVs, which the bind's version does not have."""
    if smpp.interface_version == "3.3" and settings.long_messages != "udh":
        raise ConfigError(
            f"SMSFLEET_LONG_MESSAGES={settings.long_messages!r} is refused: must be udh with"
            " SMSFLEET_SMPP_INTERFACE_VERSION=3.3, which has no TLVs"
        )


def connection_name(account: str) -> str:
    """What `CLIENT LIST` shows: the doctor tells standbys, which are silent, and their versions by it."""
    return f"binder/{account}/{version('smsfleet')}/{socket.gethostname()}/{os.getpid()}"


async def run_binder() -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads the settings file.

    Raises ConfigError, StoreMisconfigured or StoreUnavailable at start.
    """
    settings, smpp = load(), load_smpp()
    check_version(settings, smpp)
    configure(settings.log_level, settings.log_format)
    store, keys = (
        AsyncStore.connect(settings.redis_url, connection_name(settings.account)),
        Keys(settings.account),
    )
    journal, capture = Journal(store, JournalLog(keys)), Capture(smpp.capture_pdus)
    helpers: list[asyncio.Task[None]] = []
    reloads = Reloads(store)
    try:
        binder = make_binder(settings, smpp, store, journal=journal, tap=capture.tap)
        if not settings.allow_volatile_redis:
            require_durable(await store.run(server_info()))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, binder.stop)
        loop.add_signal_handler(signal.SIGHUP, reloads.begin)
        logger(__name__).info("binder starts", account=settings.account, gateway=f"{smpp.host}:{smpp.port}")
        desk = CaptureDesk(store, CaptureBox(keys), capture, leading=lambda: binder.leads)
        health, watchdog = Health(binder), Watchdog(settings.watchdog_s)
        works = (journal.run(), desk.run(), health.run(), watchdog.run())
        helpers = [asyncio.create_task(work) for work in works]
        with binder_exporter(settings, binder, health):
            await binder.run()
    finally:
        await quell(*helpers, *reloads.running)
        await journal.close(JOURNAL_S)
        await store.close()
