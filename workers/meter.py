"""The credit meter: reads what was charged, and tells operators once a day when the month goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from smsfleet.config.clock import epoch_ms
from smsfleet.config.days import day_name, days_between, first_of_month, last_of_month
from smsfleet.config.errors import InvalidArgument
from smsfleet.config.logs import logger
from smsfleet.store.calls import Call
from smsfleet.store.credits import BOOK_DAYS
from smsfleet.store.doubts import Lost
from smsfleet.store.live import Live
from smsfleet.workers.credits import (
    MEAN_DAYS,
    Doubt,
    Month,
    Terms,
    in_credits,
    low_balance,
    month_of,
    rounded,
    spelled,
)
from smsfleet.workers.every import Every
from smsfleet.workers.tariff import message_credits

if TYPE_CHECKING:
    from smsfleet.config.settings import Settings
    from smsfleet.workers.runtime import Runtime

BALANCE_MS = 10_000
"""How often the balance is compared with its threshold: one command."""

MONTH_MS = 600_000
"""How often the forecast is looked at until it is told: some forty small hashes."""

FIRST_MS = 60_000
"""After its start a worker lets others look first."""


def terms_of(settings: Settings) -> Terms:
    """The terms that the settings say."""
    return Terms(settings.credit_minimum, settings.production_day, settings.credit_alert)


def read_month(
    runtime: Runtime,
    *,
    month: str = "",
    client: str | None = None,
    now_ms: int = 0,
    terms: Terms | None = None,
) -> Month:
    """The credits of a month (`2026-11`; empty: this one) so far, of all or one client.

    `terms` are those of the settings, reloaded ones too, when not given. Raises InvalidArgument for a month
    that is not kept or has not begun, StoreUnavailable, and ConfigError for reloaded settings that are
    refused here.
    """
    today = runtime.days.day(now_ms or epoch_ms())
    first = _first(month, today)
    days = days_between(first, min(last_of_month(first), today))
    days = sorted({*days, *days_between(today - timedelta(MEAN_DAYS), today)})
    calls: list[Call[Any]] = [runtime.credits.book(day_name(day)) for day in days]
    calls += runtime.credits.account(), Live(runtime.keys).read()
    *books, account, live = runtime.store.run_all(calls)
    settings = runtime.settings
    return month_of(
        dict(zip(days, books, strict=True)),
        first,
        today,
        terms or terms_of(settings.with_live(live) if live else settings),
        balance=in_credits(account.balance),
        client=client,
        time_zone=runtime.days.zone_name,
        is_used=account.charged is not None,
    )


def read_doubt(runtime: Runtime) -> Doubt:
    """What may have been charged besides what is counted. Looks at all that is in doubt, by parts."""
    found: list[Lost] = []
    cursor = 0
    while True:
        cursor, part = runtime.store.run(runtime.doubts.lost(cursor))
        found += part
        if not cursor:
            break
    table = runtime.settings.tariff
    known = [(lost.destination, lost.attempts) for lost in found if lost.attempts]
    return Doubt(
        attempts=sum(attempts for _, attempts in known),
        most=sum((message_credits(to, attempts, table) for to, attempts in known), Fraction(0)),
        is_all=len(known) == len(found),
    )


def _first(month: str, today: date) -> date:
    if not month:
        return today.replace(day=1)
    try:
        first = first_of_month(month)
    except ValueError as error:
        raise InvalidArgument(str(error)) from None
    if first > today:
        raise InvalidArgument(f"month {month} has not begun: today is {today}")
    if first < today - timedelta(BOOK_DAYS):
        raise InvalidArgument(f"month {month} is not kept any more: days are, for {BOOK_DAYS} days")
    return first


class CreditWatch:
    """The duty of one worker process; of all workers one tells, once on each day of the account's zone."""

    def __init__(self, runtime: Runtime, *, clock_ms: Callable[[], int] = epoch_ms) -> None:
        self._runtime = runtime
        self._clock_ms = clock_ms
        self._balance, self._month = Every(), Every(FIRST_MS)
        self._log = logger(__name__)

    def step(self) -> None:
        """One round; mostly it does nothing."""
        now_ms = self._clock_ms()
        if self._balance.is_over(BALANCE_MS, now_ms):
            self._look_at_balance(now_ms)
        if self._month.is_over(MONTH_MS, now_ms):
            self._look_at_month(now_ms)

    def _look_at_balance(self, now_ms: int) -> None:
        terms = terms_of(self._runtime.settings)
        if not terms.alert:
            return
        balance = in_credits(self._runtime.store.run(self._runtime.credits.account()).balance)
        if balance is not None and balance < terms.alert and self._tells("balance", now_ms):
            self._log.error(low_balance(balance, terms), balance=spelled(balance), threshold=terms.alert)

    def _look_at_month(self, now_ms: int) -> None:
        runtime = self._runtime
        terms = terms_of(runtime.settings)._replace(alert=0)  # that has a line of its own
        if not terms.minimum or runtime.store.run(
            runtime.credits.is_told(runtime.days.name(now_ms), "month")
        ):
            return
        month = read_month(runtime, now_ms=now_ms, terms=terms)
        if month.warnings and self._tells("month", now_ms):
            self._log.warning(
                "credits of the month: " + "; ".join(month.warnings),
                used=spelled(month.account_used),
                minimum=month.minimum,
                forecast=rounded(month.forecast),
            )

    def _tells(self, what: str, now_ms: int) -> bool:
        runtime = self._runtime
        return runtime.store.run(runtime.credits.tell(runtime.days.name(now_ms), what))
