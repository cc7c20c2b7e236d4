"""The meter reads what was charged in a month of the account's zone; the duty tells of it once a day, by one worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.integration.store.steps import NO_CREDIT, Fleet
from tests.integration.workers.test_duties import Recorder

from smsfleet.config.errors import InvalidArgument
from smsfleet.config.settings import load
from smsfleet.store.calls import Call
from smsfleet.store.credits import Row
from smsfleet.store.live import Live
from smsfleet.workers.credits import Doubt, Terms
from smsfleet.workers.duties import Duties
from smsfleet.workers.meter import FIRST_MS, MONTH_MS, CreditWatch, read_doubt, read_month
from smsfleet.workers.relay import Relay
from smsfleet.workers.runtime import Runtime

Make = Callable[..., Runtime]

DAY_MS = 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOON = ms("2026-11-10T12:00+00:00")


def charge(runtime: Runtime, day: str, credits_: int, row: Row = Row("", "")) -> None:  # noqa: B008 - a tuple
    """Credits that were charged on a day, as the scripts write it."""
    where = f"|{row.client}|{row.prefix}"
    key = runtime.keys.credits_of(day)
    for letter, by in (("n", credits_), ("u", 3 * credits_)):
        runtime.store.run(Call(("HINCRBY", key, letter + where, by), int))
    runtime.store.run(Call(("HINCRBY", runtime.keys.credits, "t", 3 * credits_), int))


def logged(watch: CreditWatch) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        watch.step()
    return [dict(line) for line in lines]


def watch_at(runtime: Runtime, clock: list[int]) -> CreditWatch:
    watch = CreditWatch(runtime, clock_ms=lambda: clock[0])
    watch.step()
    clock[0] += FIRST_MS
    return watch


# --- reading ------------------------------------------------------------------------------------


def test_a_month_has_its_days_by_the_zone_and_the_week_before_is_in_the_mean_only(make_runtime: Make) -> None:
    runtime = make_runtime(time_zone="Africa/Johannesburg", credit_minimum="0")
    for day, credits_ in (("20261031", 70), ("20261101", 700), ("20261130", 1), ("20261201", 5000)):
        charge(runtime, day, credits_)

    first = read_month(runtime, now_ms=ms("2026-10-31T22:00:00+00:00"))
    last = read_month(runtime, now_ms=ms("2026-11-30T21:59:59+00:00"))
    after = read_month(runtime, month="2026-11", now_ms=ms("2026-12-05T00:00+00:00"))

    assert ("2026-11", 700, 10, 30) == (first.month, first.account_used, first.mean, first.days_left)
    assert (701, 1) == (last.account_used, last.days_left)
    assert (701, 0) == (after.account_used, after.days_left)


def test_the_settings_are_the_terms_and_the_balance_is_there(make_runtime: Make) -> None:
    runtime = make_runtime(credit_minimum="3000", production_since="2026-11-16", credit_alert="10")
    charge(runtime, "20261120", 20)
    runtime.store.run(runtime.credits.enter(25))

    found = read_month(runtime, now_ms=ms("2026-11-20T12:00+00:00"))

    assert (1500, Fraction(25, 3)) == (found.minimum, found.balance)
    assert "below 10" in found.warnings[-1]
    assert () == read_month(runtime, now_ms=ms("2026-11-20T12:00+00:00"), terms=Terms(0)).warnings


def test_what_was_reloaded_counts_for_whoever_asks(make_runtime: Make) -> None:
    runtime = make_runtime()
    runtime.store.run(Live(runtime.keys).publish(load({"SMSFLEET_CREDIT_MINIMUM": "700"}).live()))

    assert 700 == read_month(runtime, now_ms=NOON).minimum


@pytest.mark.parametrize(
    ("month", "said"),
    [
        ("2026-12", "has not begun"),
        ("2025-09", "not kept any more"),
        ("11/2026", "must be a month as 2026-11"),
    ],
)
def test_a_month_that_cannot_be_told_is_refused(runtime: Runtime, month: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        read_month(runtime, month=month, now_ms=NOON)


def test_what_is_in_doubt_is_the_price_of_attempts_whose_answer_was_lost(
    make_runtime: Make, fleet: Fleet
) -> None:
    runtime = make_runtime(tariff="44=2")
    for n, to in enumerate(("27999100001", "27999100002", "447700900123", "447700900123")):
        (ref,) = fleet.send(f"j{n}", to=to, policy="fail")
        fleet.lost(ref)
    before = read_doubt(runtime)

    fleet.answer(b"j0#1", message_id=b"M0")
    fleet.answer(b"j2#1", message_id=b"M2")

    assert (Doubt(4, Fraction(14, 3), True), Doubt(2, Fraction(7, 3), True)) == (before, read_doubt(runtime))


# --- the duty -----------------------------------------------------------------------------------


def test_a_forecast_that_falls_short_is_logged_once_on_each_day_by_one_of_the_workers(
    make_runtime: Make,
) -> None:
    runtime, clock = make_runtime(), [NOON]
    charge(runtime, "20261109", 70)
    ones = [watch_at(runtime, clock), watch_at(runtime, clock)]

    told = [logged(watch) for watch in (*ones, *ones)]
    clock[0] += MONTH_MS
    later = [logged(watch) for watch in ones]
    clock[0] += DAY_MS
    next_day = [logged(watch) for watch in ones]

    assert [1, 0, 0, 0] == [len(lines) for lines in told]
    assert ("warning", "70", 5000) == tuple(told[0][0][name] for name in ("log_level", "used", "minimum"))
    assert "about 280 credits will be used in 2026-11" in told[0][0]["event"]
    assert ([[], []], [1, 0]) == (later, [len(lines) for lines in next_day])


def test_what_begins_to_fall_short_later_on_the_day_is_told_then(make_runtime: Make) -> None:
    runtime, clock = make_runtime(credit_minimum="1"), [NOON]
    watch = watch_at(runtime, clock)
    charge(runtime, "20261109", 5)
    before = logged(watch)
    runtime.settings = runtime.settings.with_live({"credit_minimum": 5000})
    clock[0] += MONTH_MS

    assert ([], 1) == (before, len(logged(watch)))


def test_a_low_balance_is_an_error_once_a_day(make_runtime: Make) -> None:
    runtime, clock = make_runtime(credit_alert="100", credit_minimum="0"), [NOON]
    watch = watch_at(runtime, clock)
    unknown = logged(watch)
    runtime.store.run(runtime.credits.enter(300))
    clock[0] += MONTH_MS
    enough = logged(watch)
    charge(runtime, "20261110", 1)
    clock[0] += MONTH_MS
    (low,) = logged(watch)
    clock[0] += MONTH_MS

    assert ([], [], []) == (unknown, enough, logged(watch))
    assert ("error", "99", 100) == (low["log_level"], low["balance"], low["threshold"])
    assert "smsfleet credits topup" in low["event"]


def test_a_low_balance_has_a_line_of_its_own(make_runtime: Make) -> None:
    runtime, clock = make_runtime(credit_alert="100"), [NOON]
    watch = watch_at(runtime, clock)
    charge(runtime, "20261109", 70)
    runtime.store.run(runtime.credits.enter(297))

    clock[0] += MONTH_MS
    low, month = logged(watch)

    assert ("error", "warning") == (low["log_level"], month["log_level"])
    assert "below 100" not in month["event"]


def test_a_worker_that_has_just_started_lets_others_look(make_runtime: Make) -> None:
    runtime = make_runtime()
    charge(runtime, "20261109", 1)

    assert [] == logged(CreditWatch(runtime, clock_ms=lambda: NOON))


def test_the_duties_watch(make_runtime: Make) -> None:
    runtime, clock = make_runtime(), [NOON]
    charge(runtime, "20261109", 1)
    duties = Duties(runtime, Recorder(), clock_ms=lambda: clock[0])
    duties.step()
    clock[0] += FIRST_MS

    with capture_logs() as lines:
        duties.step()

    assert 1 == sum("credits of the month" in line["event"] for line in lines)


# --- the relay ----------------------------------------------------------------------------------


def test_the_relay_books_on_the_day_of_the_account_and_says_what_to_do_when_credit_is_out(
    make_runtime: Make, fleet: Fleet
) -> None:
    runtime = make_runtime(time_zone="Pacific/Kiritimati")
    relay = Relay(runtime, "relay")
    accepted, refused = (fleet.send(job_id)[0] for job_id in ("j1", "j2"))
    fleet.settle(accepted)
    relay.step(1)
    runtime.store.run(runtime.credits.enter(5))
    fleet.settle(refused, NO_CREDIT)
    with capture_logs() as lines:
        relay.step(1)

    (line,) = (line for line in lines if line["log_level"] == "error" and "then" in line)
    assert ("1 2/3", True) == (line["balance"], "by our count 1 2/3 were left" in line["then"])
    assert 1 == read_month(runtime).use.segments


def test_a_batch_that_was_heard_on_two_days_is_booked_on_both(make_runtime: Make, fleet: Fleet) -> None:
    runtime = make_runtime(time_zone="UTC")
    refs = [fleet.send(f"j{n}")[0] for n in range(3)]
    for n, ref in enumerate(refs):
        fleet.settle(ref, message_id=b"M%d" % n)
    responses, _ = fleet.run(fleet.facts.read("relay", 100, 1))
    moments = [
        ms(f"2026-11-{day}+00:00") for day in ("30T23:59:59.999", "30T23:59:59.999", "30T23:59:59.999")
    ]
    moments[2] += 1
    heard = [
        fact._replace(entry_id=b"%d-%d" % (at, n))
        for n, (fact, at) in enumerate(zip(responses, moments, strict=True))
    ]

    Relay(runtime, "relay").apply(heard, [])

    months = [
        read_month(runtime, month=month, now_ms=ms("2026-12-02T00:00+00:00"))
        for month in ("2026-11", "2026-12")
    ]
    assert [2, 1] == [month.use.segments for month in months]
    assert date(2026, 12, 2) == runtime.days.day(ms("2026-12-02T00:00+00:00"))
