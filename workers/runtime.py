"""What a process of ours needs to work: the settings, and the store's calls bound to them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from smsfleet.config.errors import ConfigError
from smsfleet.config.logs import logger
from smsfleet.config.mo_routes import Route, parse_routes
from smsfleet.config.opt_out import WordRule, parse_words
from smsfleet.config.receipt_tables import ReceiptTables, receipt_tables
from smsfleet.store.jobs import Jobs, Pace
from smsfleet.store.keys import Keys
from smsfleet.store.live import Live
from smsfleet.store.server import require_durable, server_info
from smsfleet.workers.rules import Rules

if TYPE_CHECKING:
    # pydantic and redis cost 0.3 s at import: an application pays with its first SMS, not at start.
    from smsfleet.config.days import AccountDays
    from smsfleet.config.settings import Settings
    from smsfleet.store.campaigns import Campaigns
    from smsfleet.store.client import Store
    from smsfleet.store.credits import Credits
    from smsfleet.store.doubts import Doubts
    from smsfleet.store.facts import Facts
    from smsfleet.store.lifecycle import Lifecycle
    from smsfleet.store.mo import Mo
    from smsfleet.store.opt_out import OptOuts
    from smsfleet.store.queries import Queries
    from smsfleet.store.walks import Walks


FOLLOW_S = 1.0
"""How often a process looks whether the settings were reloaded."""


DERIVED = ("pace", "facts", "rules", "routes", "opt_out_words", "receipt_tables")
"""What a runtime made of settings that a reload may change."""


class Runtime:
    """One per process; safe to share between its threads.

    `stopping` is set when the process is asked to end: whatever waits, waits on it. `settings` are those of
    the last reload, as far as a reload changes them, once `follow` was called.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str = "client",
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = self._own = settings
        self._clock = clock
        self._followed_at = -math.inf
        self._reloaded: dict[str, Any] | None = None
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
    def lifecycle(self) -> Lifecycle:
        """The calls about jobs that are kept back or not wanted any more."""
        from smsfleet.store.lifecycle import Lifecycle  # noqa: PLC0415

        return Lifecycle(self.keys, text_ttl_s=self.settings.text_ttl_s)

    @cached_property
    def campaigns(self) -> Campaigns:
        """The calls about campaigns."""
        from smsfleet.store.campaigns import Campaigns  # noqa: PLC0415

        settings = self.settings
        return Campaigns(
            self.keys,
            job_ttl_s=settings.job_ttl_s,
            margin_s=settings.sweep_margin_s,
            most_waiting=settings.campaign_chunks,
        )

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
            rate=settings.rate,
            probe_s=settings.probe_s,
            days=self.days,
        )

    @cached_property
    def doubts(self) -> Doubts:
        """The calls about unknown outcomes."""
        from smsfleet.store.doubts import Doubts  # noqa: PLC0415

        settings = self.settings
        return Doubts(
            self.keys, text_ttl_s=settings.text_ttl_s, index_ttl_s=settings.index_ttl_s, days=self.days
        )

    @cached_property
    def mo(self) -> Mo:
        """The calls about messages from handsets."""
        from smsfleet.store.mo import Mo  # noqa: PLC0415

        settings = self.settings
        return Mo(self.keys, parts_ttl_s=settings.mo_parts_ttl_s, duplicate_s=settings.mo_duplicate_s)

    @cached_property
    def opt_outs(self) -> OptOuts:
        """The calls about the opt-out list."""
        from smsfleet.store.opt_out import OptOuts  # noqa: PLC0415

        return OptOuts(self.keys, job_ttl_s=self.settings.job_ttl_s)

    @cached_property
    def opt_out_words(self) -> tuple[WordRule, ...]:
        """The words by which people opt out and in."""
        return parse_words(self.settings.opt_out_words)

    @cached_property
    def receipt_tables(self) -> ReceiptTables:
        """What receipts mean."""
        return receipt_tables(self.settings.receipt_status, self.settings.receipt_err)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """Where messages from handsets go."""
        return parse_routes(self.settings.mo_routes)

    @cached_property
    def queries(self) -> Queries:
        """The calls about query_sm."""
        from smsfleet.store.queries import Queries  # noqa: PLC0415

        return Queries(self.keys, text_ttl_s=self.settings.text_ttl_s, days=self.days)

    @cached_property
    def credits(self) -> Credits:
        """The calls about credits."""
        from smsfleet.store.credits import Credits  # noqa: PLC0415

        return Credits(self.keys)

    @cached_property
    def days(self) -> AccountDays:
        """The days of the account's time zone."""
        from smsfleet.config.days import AccountDays  # noqa: PLC0415

        return AccountDays(self.settings.time_zone)

    @cached_property
    def walks(self) -> Walks:
        """The calls of the walks through the index."""
        from smsfleet.store.walks import Walks  # noqa: PLC0415

        return Walks(self.keys, text_ttl_s=self.settings.text_ttl_s)

    @cached_property
    def pace(self) -> Pace:
        """The limits of admission."""
        settings = self.settings
        return Pace(settings.rate, settings.bulk_reserve, settings.outbound_limit)

    @cached_property
    def rules(self) -> Rules:
        """Who may be written to, and under which names."""
        return Rules.of(self.settings)

    def follow(self) -> None:
        """Work with the settings of the last reload; asks the store once in `FOLLOW_S`.

        To be called before each batch of work. Raises StoreUnavailable. Values that are refused are logged
        and change nothing: another version of smsfleet may have other limits.
        """
        now = self._clock()
        if now - self._followed_at < FOLLOW_S:
            return
        self._followed_at = now
        reloaded = self.store.run(Live(self.keys).read())
        if reloaded == self._reloaded:
            return
        self._reloaded = reloaded
        try:
            self.settings = self._own.with_live(reloaded or {})
        except ConfigError as error:
            logger(__name__).error("reloaded settings refused: the former stay", error=error)
            return
        for name in DERIVED:
            self.__dict__.pop(name, None)
        logger(__name__).info("settings reloaded", **self.settings.live())

    def require_durable_store(self) -> None:
        """Raise StoreMisconfigured when Redis would lose jobs the way it is set up."""
        if not self.settings.allow_volatile_redis:
            require_durable(self.store.run(server_info()))
