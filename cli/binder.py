"""Putting a binder together from the settings, and running it until a signal."""

from __future__ import annotations

import asyncio
import signal

from smsfleet.binder.leadership import HostLock, Leadership
from smsfleet.binder.service import Binder, Gateway
from smsfleet.config.errors import ConfigError
from smsfleet.config.logs import configure, logger
from smsfleet.config.settings import Settings, SmppSettings, Timing, load, load_smpp
from smsfleet.smpp.session import SessionOptions
from smsfleet.store.client import AsyncStore
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease
from smsfleet.store.server import require_durable, server_info
from smsfleet.store.wire import Wire


def session_options(smpp: SmppSettings, timing: Timing) -> SessionOptions:
    """The bind as the settings ask for it. Raises ConfigError for a mode that this version does not have."""
    if smpp.bind_mode == "transmitter_receiver":
        raise ConfigError(
            "SMSFLEET_SMPP_BIND_MODE='transmitter_receiver' is not available yet: "
            "use transceiver (guide §5 step 4 allows either)"
        )
    return SessionOptions(
        system_id=smpp.system_id,
        password=smpp.password.get_secret_value(),
        system_type=smpp.system_type,
        bind_mode=smpp.bind_mode,
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


def make_binder(settings: Settings, smpp: SmppSettings, store: AsyncStore) -> Binder:
    """A binder of these settings on this store."""
    timing = Timing.of(settings, smpp)
    keys = Keys(settings.account)
    lock = HostLock(settings.account, settings.run_dir)
    return Binder(
        Gateway(smpp.host, smpp.port, session_options(smpp, timing)),
        store=store,
        wire=Wire(keys, text_ttl_s=settings.text_ttl_s, hold_s=settings.hold_s),
        leadership=Leadership(store, Lease(keys), lock.owner(), timing.lease_ttl_s),
        lock=lock,
        timing=timing,
    )


async def run_binder() -> None:
    """Run until SIGTERM or SIGINT; raises ConfigError, StoreMisconfigured or StoreUnavailable at start."""
    settings, smpp = load(), load_smpp()
    configure(settings.log_level, settings.log_format)
    store = AsyncStore.connect(settings.redis_url, "binder")
    try:
        binder = make_binder(settings, smpp, store)
        if not settings.allow_volatile_redis:
            require_durable(await store.run(server_info()))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, binder.stop)
        logger(__name__).info("binder starts", account=settings.account, gateway=f"{smpp.host}:{smpp.port}")
        await binder.run()
    finally:
        await store.close()
