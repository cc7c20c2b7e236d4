"""A month's credits: what was used, the minimum, the forecast, and what an operator is to know of them.

Pure: books in, a report out. `meter` reads the books. The forecast is simple on purpose: what was used until
yesterday, and for today and each day that is left the mean of the last seven days; for today what it has
used, where that is more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from smsfleet.config.codes import ESME_MAXCR, ESME_NOCR
from smsfleet.config.days import last_of_month
from smsfleet.store.credits import Balance, Book, Charged
from smsfleet.workers.tariff import THIRDS

NOTICE_DAYS = 7
"""So many days before the month's end the gateway tells whether enough was spent (guide §4)."""

MEAN_DAYS = 7
"""The forecast goes by whole weeks: a weekend is in each."""


class Terms(NamedTuple):
    """What was agreed with the gateway, and from where on an operator wants to know."""

    minimum: int = 5000
    """credits to be spent in a month; 0: none"""
    production_day: date | None = None
    """None: long ago"""
    alert: int = 0
    """a balance below it is told; 0: never"""

    def minimum_of(self, first: date) -> int:
        """Credits to be spent in the month that begins on `first`.

        In the first month of production it is the share of the days from the first one on, rounded up: the
        guide (§4) says pro rata, and no more.
        """
        last, start = last_of_month(first), self.production_day
        if start is None or start <= first:
            return self.minimum
        if start > last:
            return 0
        days = (last - start).days + 1
        return math.ceil(Fraction(self.minimum * days, last.day))


@dataclass(frozen=True, slots=True)
class Use:
    """What was used, exact. `as_dict` has fractions as strings, `"1/3"`: a third has no exact float."""

    segments: int
    """accepted by the gateway"""
    charged: Fraction
    refunded: Fraction
    """given back because they expired (010)"""

    @property
    def used(self) -> Fraction:
        """What is left of the charges."""
        return self.charged - self.refunded

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "segments": self.segments,
            "charged": str(self.charged),
            "refunded": str(self.refunded),
            "used": str(self.used),
        }


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may have been charged in the last days besides: attempts whose answer was lost."""

    attempts: int
    most: Fraction
    """credits, if the gateway has accepted them all"""
    is_all: bool
    """False: there are others, which cannot be told apart any more"""


@dataclass(frozen=True, slots=True)
class Month:
    """The credits of one month. Shortfall, forecast and balance are the account's, whatever the client."""

    month: str
    """2026-11"""
    time_zone: str
    client: str | None
    """None: all; else `use`, `clients` and `prefixes` are of this one"""
    use: Use
    clients: dict[str, Use]
    """empty name: the jobs named none"""
    prefixes: dict[str, Use]
    """by row of the tariff or test range; empty: anything else"""
    days_left: int
    """today included; 0: it is over"""
    minimum: int
    account_used: Fraction
    """as `use.used`, of the whole account"""
    forecast: Fraction
    """what the account will have used at the month's end; of a month that is over, what it has used"""
    mean: Fraction
    """credits a day that the forecast goes by"""
    mean_days: int
    """of how many days, 0: none yet"""
    balance: Fraction | None
    """None: nobody has entered one"""
    warnings: tuple[str, ...]
    doubt: Doubt | None = None
    """None: nobody has asked for it"""

    @property
    def shortfall(self) -> Fraction:
        """What is missing of the minimum; the gateway debits it at the month's end (guide §7)."""
        return max(Fraction(0), self.minimum - self.account_used)

    @property
    def expected_shortfall(self) -> Fraction:
        """What will be missing at the month's end, by the forecast."""
        return max(Fraction(0), self.minimum - self.forecast)

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for operators' programs; fractions are strings."""
        return {
            "month": self.month,
            "time_zone": self.time_zone,
            "client": self.client,
            **self.use.as_dict(),
            "clients": {name: use.as_dict() for name, use in self.clients.items()},
            "prefixes": {name: use.as_dict() for name, use in self.prefixes.items()},
            "days_left": self.days_left,
            "minimum": self.minimum,
            "account_used": str(self.account_used),
            "shortfall": str(self.shortfall),
            "forecast": str(self.forecast),
            "expected_shortfall": str(self.expected_shortfall),
            "mean": str(self.mean),
            "mean_days": self.mean_days,
            "balance": None if self.balance is None else str(self.balance),
            "warnings": list(self.warnings),
            "doubt": self.doubt and {**asdict(self.doubt), "most": str(self.doubt.most)},
        }


def month_of(  # noqa: PLR0913 - what a report is made of
    books: Mapping[date, Book],
    first: date,
    today: date,
    terms: Terms,
    *,
    balance: Fraction | None = None,
    client: str | None = None,
    time_zone: str = "UTC",
    is_used: bool = True,
) -> Month:
    """The report of the month that begins on `first`. `books` has its days, and `MEAN_DAYS` before today.

    `is_used`: whether anything was ever charged. Before, nothing is warned of, unless production was said to
    begin.
    """
    last = last_of_month(first)
    rows = [row for day, book in books.items() if first <= day <= last for row in book.items()]
    used = use_of(charged for _, charged in rows).used
    wanted = [row for row in rows if client in (None, row[0].client)]
    mean, mean_days = mean_before(books, today, terms)
    forecast = used
    if first <= today <= last:
        of_today = use_of(books.get(today, {}).values()).used
        rest = max(Fraction(0), mean - of_today) + mean * (last - today).days
        forecast = max(used, used + rest)
    report = Month(
        month=f"{first:%Y-%m}",
        time_zone=time_zone,
        client=client,
        use=use_of(charged for _, charged in wanted),
        clients=_grouped((row.client, charged) for row, charged in wanted),
        prefixes=_grouped((row.prefix, charged) for row, charged in wanted),
        days_left=max(0, (last - max(today, first)).days + 1),
        minimum=terms.minimum_of(first),
        account_used=used,
        forecast=forecast,
        mean=mean,
        mean_days=mean_days,
        balance=balance,
        warnings=(),
    )
    if not is_used and terms.production_day is None:
        return report
    return replace(report, warnings=tuple(_warnings(report, terms, counted=bool(rows))))


def mean_before(books: Mapping[date, Book], today: date, terms: Terms) -> tuple[Fraction, int]:
    """Credits a day of the last `MEAN_DAYS` whole days, of production only; and of how many."""
    days = [today - timedelta(n) for n in range(1, MEAN_DAYS + 1)]
    if terms.production_day is not None:
        days = [day for day in days if day >= terms.production_day]
    if not days:
        return Fraction(0), 0
    used = use_of(charged for day in days for charged in books.get(day, {}).values()).used
    return used / len(days), len(days)


def use_of(charges: Iterable[Charged]) -> Use:
    """Charges together, in credits."""
    total = Charged()
    for charged in charges:
        total = total.plus(charged)
    return Use(total.segments, Fraction(total.used, THIRDS), Fraction(total.refunded, THIRDS))


def in_credits(balance: Balance | None) -> Fraction | None:
    """The balance in credits, where one is known."""
    return None if balance is None else Fraction(balance.thirds, THIRDS)


def spelled(credits_: Fraction) -> str:
    """Credits as people read them: `1,234 1/3`."""
    whole, thirds = divmod(abs(credits_), 1)
    said = " ".join(part for part in (f"{whole:,}" if whole or not thirds else "", str(thirds or "")) if part)
    return f"-{said}" if credits_ < 0 else said


def rounded(credits_: Fraction) -> str:
    """A forecast as people read it: whole credits."""
    return f"{round(credits_):,}"


def advice(command_status: int, balance: Fraction | None) -> str:
    """What to do when the gateway refuses the whole account (Appendix A), which knows more than our count."""
    if command_status == ESME_NOCR:
        if balance is None:  # nobody has entered one: there is none to add to
            return "buy credits, then `smsfleet resume`"
        left = f" (by our count {spelled(balance)} were left: enter the balance anew)" if balance else ""
        return f"buy credits, then `smsfleet credits topup` and `smsfleet resume`{left}"
    if command_status == ESME_MAXCR:
        return "pay, or have the credit limit raised, then `smsfleet resume`"
    return (
        "ask the gateway why: a month's shortfall that is not covered is a reason (guide §7); then "
        "`smsfleet resume`"
    )


def _grouped(charges: Iterable[tuple[str, Charged]]) -> dict[str, Use]:
    groups: dict[str, list[Charged]] = {}
    for name, charged in charges:
        groups.setdefault(name, []).append(charged)
    return {name: use_of(group) for name, group in sorted(groups.items())}


def _warnings(report: Month, terms: Terms, *, counted: bool) -> Iterable[str]:
    short, expected = report.shortfall, report.expected_shortfall
    if not report.days_left and not counted:
        yield f"nothing was counted in {report.month}: the gateway's own account tells what was used"
    elif short and not report.days_left:
        yield (
            f"{spelled(report.account_used)} credits of the minimum {report.minimum:,} were used in "
            f"{report.month}: the gateway debits {spelled(short)} (guide §7); enter the balance after that"
        )
    elif short:
        days = "1 day is" if report.days_left == 1 else f"{report.days_left} days are"
        left = f"{days} left of {report.month}, and " if report.days_left <= NOTICE_DAYS else ""
        if expected:
            yield (
                f"{left}about {rounded(report.forecast)} credits will be used in {report.month}, of the "
                f"minimum {report.minimum:,}: the gateway will debit the other {rounded(expected)} (guide §7)"
            )
        elif left:
            yield f"{left}{spelled(short)} credits of the minimum {report.minimum:,} are not used"
    if (balance := report.balance) is None:
        return
    if report.days_left and expected and balance < expected:
        yield (
            f"the balance of {spelled(balance)} credits does not cover that debit: the account would be cut "
            "off (guide §4)"
        )
    if terms.alert and balance < terms.alert:
        yield low_balance(balance, terms)


def low_balance(balance: Fraction, terms: Terms) -> str:
    """The alert of a balance below the threshold."""
    return (
        f"the balance is {spelled(balance)} credits, below {terms.alert:,}: at 0 the gateway refuses "
        "everything (0x401); buy credits, then `smsfleet credits topup`"
    )
