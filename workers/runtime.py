"""What a process of ours needs to work: the settings, and the store's calls bound to them."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from smsfleet.store.jobs import Jobs, Pace
from smsfleet.store.keys import Keys
from smsfleet.store.server import require_durable, server_info

if TYPE_CHECKING:
    # pydantic and redis cost 0.3 s at import: an application pays with its first SMS, not at start.
    from smsfleet.config.settings import Settings
    from smsfleet.store.client import Store
    from smsfleet.store.facts import Facts


class Runtime:
    """One per process; safe to share between its threads.

    `stopping` is set when the process is asked to end: whatever waits, waits on it.
    """

    def __init__(self, settings: Settings, *, name: str = "client", store: Store | None = None) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.keys = Keys(settings.account)
        self._name = name
        if store is not None:
            self.store = store

    @cached_property
    def store(self) -> Store:
        """The store; the connection is made by the first call."""
        from smsfleet.store.client import Store  # noqa: PLC0415

        return Store.connect(self.settings.redis_url, self._name)

    @cached_property
    def jobs(self) -> Jobs:
        """The calls about jobs."""
        settings = self.settings
        return Jobs(self.keys, job_ttl_s=settings.job_ttl_s, text_ttl_s=settings.text_ttl_s)

    @cached_property
    def facts(self) -> Facts:
        """The relay's calls."""
        from smsfleet.store.facts import Facts  # noqa: PLC0415

        settings = self.settings
        return Facts(
            self.keys,
            text_ttl_s=settings.text_ttl_s,
            index_ttl_s=settings.index_ttl_s,
            max_attempts=settings.max_attempts,
        )

    @cached_property
    def pace(self) -> Pace:
        """The limits of admission."""
        settings = self.settings
        return Pace(settings.rate, settings.bulk_reserve, settings.outbound_limit)

    def require_durable_store(self) -> None:
        """Raise StoreMisconfigured when Redis would lose jobs the way it is set up."""
        if not self.settings.allow_volatile_redis:
            require_durable(self.store.run(server_info()))
