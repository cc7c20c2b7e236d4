"""What was charged, and the balance. The scripts that change a segment write it: see lib_credit.lua."""

from __future__ import annotations

from typing import Any, NamedTuple

from smsfleet.config.days import AccountDays
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

DAY_S = 86_400

BOOK_DAYS = 400
"""How long a day's book is kept: a whole year can be compared with the same months of the year before."""

BOOK_TTL_S = BOOK_DAYS * DAY_S

TOLD_TTL_S = 2 * DAY_S


class Charged(NamedTuple):
    """What was charged, in thirds of a credit (guide §3)."""

    segments: int = 0
    """accepted by the gateway"""
    used: int = 0
    """thirds charged for them"""
    refunded: int = 0
    """thirds given back (010); negative where a better receipt took back more than was given"""

    @property
    def net(self) -> int:
        """What is left of the charges."""
        return self.used - self.refunded

    def plus(self, other: Charged) -> Charged:
        """Both together."""
        return Charged(*map(sum, zip(self, other, strict=True)))


class Row(NamedTuple):
    """What a book tells apart."""

    client: str
    """empty: the jobs named none"""
    prefix: str
    """the row of the tariff, or the test range; empty: anything else"""


Book = dict[Row, Charged]


class Balance(NamedTuple):
    """The balance as an operator entered it, less what was charged since, in thirds of a credit."""

    thirds: int
    entered_ms: int


class Account(NamedTuple):
    """What is known of the account itself."""

    charged: int | None
    """thirds charged since ever, less those given back; None: nothing ever was"""
    balance: Balance | None
    """None: nobody has entered one, and SMPP cannot ask for it"""


class Credits:
    """The calls about credits of one account."""

    def __init__(self, keys: Keys, *, now_ms: int = 0) -> None:
        self._keys = keys
        self._now_ms = now_ms

    def book(self, day: str) -> Call[Book]:
        """What was charged on a day (YYYYMMDD of the account's time zone)."""
        return Call(("HGETALL", self._keys.credits_of(day)), _book)

    def account(self) -> Call[Account]:
        """The account now."""
        return Call(("HMGET", self._keys.credits, "b", "t", "a"), _account)

    def enter(self, thirds: int) -> Call[Balance | None]:
        """The balance is this now."""
        return eval_call(script("credit_balance"), [self._keys.credits], (self._now_ms, thirds), _balance)

    def top_up(self, thirds: int) -> Call[Balance | None]:
        """Credits were bought, or (negative) taken; reply: the balance, None when none is known."""
        return eval_call(script("credit_top_up"), [self._keys.credits], (self._now_ms, thirds), _balance)

    def is_told(self, day: str, what: str) -> Call[bool]:
        """Whether operators were told of `what` on this day."""
        return Call(("EXISTS", self._keys.credits_told(day, what)), bool)

    def tell(self, day: str, what: str) -> Call[bool]:
        """Whoever gets True tells operators of `what` on this day; nobody else does."""
        return Call(("SET", self._keys.credits_told(day, what), 1, "NX", "EX", TOLD_TTL_S), bool)


def day_of_entry(entry_id: bytes, days: AccountDays) -> str:
    """The account's day on which an entry of a stream was written, by the server's clock."""
    return days.name(int(entry_id.partition(b"-")[0]))


def _book(reply: Any) -> Book:
    found: dict[Row, dict[str, int]] = {}
    for field, value in zip(reply[::2], reply[1::2], strict=True):
        letter, client, prefix = field.decode().split("|")
        found.setdefault(Row(client, prefix), {})[letter] = int(value)
    return {row: Charged(v.get("n", 0), v.get("u", 0), v.get("r", 0)) for row, v in found.items()}


def _account(reply: Any) -> Account:
    return Account(None if reply[1] is None else int(reply[1]), _balance(reply))


def _balance(reply: Any) -> Balance | None:
    if not reply or reply[0] is None:
        return None
    with_charges, charged, entered_ms = (int(value or 0) for value in reply)
    return Balance(with_charges - charged, entered_ms)
