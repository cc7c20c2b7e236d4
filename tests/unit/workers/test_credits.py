"""A month's credits: exact thirds, the minimum pro rata, a forecast that can be checked by hand, warnings in time."""

from __future__ import annotations

import json
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.days import days_between, last_of_month
from smsfleet.store.credits import Book, Charged, Row
from smsfleet.workers.credits import Month, Terms, advice, month_of, spelled

NOVEMBER = date(2026, 11, 1)
NO_MINIMUM = Terms(minimum=0)


def book(credits_: int, client: str = "", prefix: str = "") -> Book:
    return {Row(client, prefix): Charged(credits_, 3 * credits_)}


def month(
    today: int = 30, terms: Terms = NO_MINIMUM, books: dict[date, Book] | None = None, **more: object
) -> Month:
    """November 2026, seen on one of its days."""
    return month_of(books or {}, NOVEMBER, date(2026, 11, today), terms, **more)  # type: ignore[arg-type]


def each_day(credits_: int, until: int) -> dict[date, Book]:
    """The same on each day from a week before November until one of its days."""
    days = days_between(NOVEMBER - timedelta(7), date(2026, 11, until))
    return {day: book(credits_) for day in days}


# --- what was used ------------------------------------------------------------------------------

charges = st.builds(
    lambda segments, price, back: Charged(segments, segments * price, min(segments, back) * price),
    st.integers(0, 10**9), st.integers(0, 3000), st.integers(0, 10**9),
)  # fmt: skip
rows = st.builds(Row, st.sampled_from(["", "billing", "news"]), st.sampled_from(["", "27", "279991", "1999"]))
books_of_november = st.dictionaries(
    st.sampled_from(days_between(NOVEMBER, last_of_month(NOVEMBER))),
    st.dictionaries(rows, charges, max_size=5),
)


@given(books=books_of_november)
def test_the_parts_are_the_whole_by_client_and_by_prefix_to_the_third(books: dict[date, Book]) -> None:
    found = month(books=books)
    thirds = sum(charged.used - charged.refunded for rows in books.values() for charged in rows.values())

    assert Fraction(thirds, 3) == found.use.used == found.account_used
    assert found.use.used == sum(use.used for use in found.clients.values())
    assert found.use.used == sum(use.used for use in found.prefixes.values())
    assert found.use.segments == sum(use.segments for use in found.clients.values())


@given(books=books_of_november, client=st.sampled_from(["", "billing", "news", "nobody"]))
def test_a_client_is_shown_alone_and_the_account_stays_whole(books: dict[date, Book], client: str) -> None:
    everyone, one = month(books=books), month(books=books, client=client)

    assert one.use.used == (everyone.clients[client].used if client in everyone.clients else 0)
    assert (everyone.account_used, everyone.forecast) == (one.account_used, one.forecast)


@given(thirds=st.integers(-(10**12), 10**12))
def test_credits_are_written_so_that_they_can_be_read_back(thirds: int) -> None:
    said = spelled(Fraction(thirds, 3)).replace(",", "")
    sign = -1 if said.startswith("-") else 1

    assert Fraction(thirds, 3) == sign * sum(map(Fraction, said.lstrip("-").split()))


def test_three_thirds_are_a_credit() -> None:
    books: dict[date, Book] = {NOVEMBER: {Row("", "1999"): Charged(3, 3), Row("", "279991"): Charged(1, 1)}}

    found = month(books=books)

    assert ("1 1/3", "1", "1/3") == tuple(
        spelled(use.used) for use in (found.use, found.prefixes["1999"], found.prefixes["279991"])
    )
    assert "4/3" == json.loads(json.dumps(found.as_dict()))["used"]


# --- the minimum --------------------------------------------------------------------------------

months = st.builds(date, st.integers(2020, 2035), st.integers(1, 12), st.just(1))


@given(minimum=st.integers(0, 10**6), first=months, start=st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_the_minimum_is_none_before_production_a_share_in_its_first_month_and_whole_after_it(
    minimum: int, first: date, start: date
) -> None:
    found, last = Terms(minimum, start).minimum_of(first), last_of_month(first)

    if start > last:
        assert found == 0
    elif start <= first:
        assert found == minimum
    else:
        share = Fraction((last - start).days + 1, last.day)
        assert 0 <= found - minimum * share < 1


@given(minimum=st.integers(0, 10**6), first=months, day=st.integers(1, 27))
def test_a_later_start_never_costs_more(minimum: int, first: date, day: int) -> None:
    earlier, later = (Terms(minimum, first.replace(day=n)).minimum_of(first) for n in (day, day + 1))

    assert minimum >= earlier >= later > 0 or minimum == 0


def test_the_example_of_the_guide() -> None:
    """§7: of 5,000, 500 were used, and the gateway debits 4,500."""
    found = month_of({NOVEMBER: book(500)}, NOVEMBER, date(2026, 12, 1), Terms())

    assert (4500, 500, 0) == (found.shortfall, found.forecast, found.days_left)
    assert ["4,500"] == [word for word in found.warnings[0].split() if word == "4,500"]


def test_the_first_month_of_production_from_its_sixteenth() -> None:
    terms = Terms(5000, date(2026, 11, 16))

    assert (0, 2500, 5000) == tuple(terms.minimum_of(date(2026, number, 1)) for number in (10, 11, 12))


# --- the forecast -------------------------------------------------------------------------------


def test_who_uses_the_same_each_day_will_use_it_every_day_of_the_month() -> None:
    assert [3000] * 30 == [month(today, books=each_day(100, today)).forecast for today in range(1, 31)]


def test_a_day_that_has_used_more_than_the_mean_counts_as_it_is() -> None:
    books = each_day(100, 20) | {date(2026, 11, 20): book(700)}

    assert 19 * 100 + 700 + 10 * 100 == month(20, books=books).forecast


def test_days_of_silence_lower_the_mean() -> None:
    books = {day: book(70) for day in (date(2026, 11, 8), date(2026, 11, 9))}

    found = month(10, books=books)

    assert (20, 7, 140 + 21 * 20) == (found.mean, found.mean_days, found.forecast)


def test_what_was_used_in_testing_says_nothing_of_production() -> None:
    found = month(16, Terms(0, date(2026, 11, 15)), books=each_day(1000, 14) | {date(2026, 11, 15): book(10)})

    assert (10, 1) == (found.mean, found.mean_days)


@given(books=books_of_november, today=st.integers(1, 30))
def test_a_forecast_is_never_below_what_was_used(books: dict[date, Book], today: int) -> None:
    so_far = {day: rows for day, rows in books.items() if day.day <= today}

    found = month(today, books=so_far)

    assert found.forecast >= found.account_used


def test_a_week_of_refunds_foretells_no_more_of_them() -> None:
    refunds: dict[date, Book] = {date(2026, 11, day): {Row("", ""): Charged(0, 0, 3)} for day in range(8, 15)}

    found = month(15, books={NOVEMBER: book(100)} | refunds)

    assert (Fraction(93), Fraction(93), Fraction(-1)) == (found.account_used, found.forecast, found.mean)


def test_of_a_month_that_is_over_nothing_is_guessed() -> None:
    found = month_of(each_day(10, 30), NOVEMBER, date(2026, 12, 5), Terms())

    assert (300, 300, 0) == (found.account_used, found.forecast, found.days_left)


# --- warnings -----------------------------------------------------------------------------------


def warnings(today: int, used_each_day: int, **terms: object) -> list[str]:
    return list(month(today, Terms(**terms), books=each_day(used_each_day, today)).warnings)  # type: ignore[arg-type]


def test_it_is_told_whenever_the_forecast_falls_short() -> None:
    (said,) = warnings(3, 100)

    assert "about 3,000 credits will be used in 2026-11, of the minimum 5,000" in said
    assert "debit the other 2,000" in said


def test_who_will_reach_the_minimum_is_told_in_the_last_seven_days_only() -> None:
    told = {today: warnings(today, 170) for today in range(1, 31)}

    assert list(range(24, 30)) == [
        today for today, said in told.items() if said
    ]  # on the 30th 5,100 are used
    assert told[24] == ["7 days are left of 2026-11, and 920 credits of the minimum 5,000 are not used"]


def test_a_debit_that_is_near_is_told_once() -> None:
    (said,) = warnings(28, 100)

    assert said.startswith("3 days are left of 2026-11, and about 3,000 credits will be used in 2026-11")
    assert "debit the other 2,000" in said


def test_who_has_no_minimum_is_not_warned() -> None:
    assert [] == warnings(28, 1, minimum=0)
    assert [] == warnings(28, 1, production_day=date(2026, 12, 1))


def test_before_anything_was_ever_charged_only_a_production_that_began_is_warned_of() -> None:
    fresh = month(10, Terms(), is_used=False)
    begun = month(10, Terms(5000, date(2026, 11, 1)), is_used=False)

    assert (0, 1) == (len(fresh.warnings), len(begun.warnings))


def test_a_balance_below_the_threshold_and_one_that_covers_no_debit_are_told() -> None:
    books = each_day(10, 3)

    low = month(3, Terms(0, None, 100), books=books, balance=Fraction(298, 3)).warnings
    enough = month(3, Terms(0, None, 100), books=books, balance=Fraction(100)).warnings
    (_, uncovered) = month(3, Terms(), books=books, balance=Fraction(4699)).warnings
    covered = month(3, Terms(), books=books, balance=Fraction(4700)).warnings

    assert "the balance is 99 1/3 credits, below 100" in low[0]
    assert () == enough
    assert "does not cover that debit" in uncovered
    assert 1 == len(covered)


def test_of_a_month_that_is_over_no_debit_is_foretold() -> None:
    (said,) = month_of(each_day(10, 30), NOVEMBER, date(2026, 12, 5), Terms(), balance=Fraction(1)).warnings

    assert "the gateway debits 4,700 (guide §7); enter the balance after that" in said


@pytest.mark.parametrize(
    ("code", "balance", "said"),
    [
        (0x401, None, "buy credits"),
        (0x401, Fraction(830), "by our count 830 were left: enter the balance anew"),
        (0x402, None, "credit limit"),
        (0x403, Fraction(1), "shortfall"),
    ],
)
def test_who_is_refused_learns_what_to_do(code: int, balance: Fraction | None, said: str) -> None:
    assert said in advice(code, balance)
    assert "`smsfleet resume`" in advice(code, balance)


@pytest.mark.parametrize("balance", [None, Fraction(0), Fraction(830)])
def test_only_a_balance_that_was_entered_is_topped_up(balance: Fraction | None) -> None:
    assert (balance is not None) == ("`smsfleet credits topup`" in advice(0x401, balance))
