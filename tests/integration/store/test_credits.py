"""lib_credit.lua, credit_balance.lua and credit_top_up.lua: each message that was accepted is charged once, and given
back at most once, whatever is repeated and in whatever order it comes.
"""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.store.steps import DAY, MATCH_AFTER_S, PERMANENT, TEMPORARY, Fleet, admission
from tests.integration.store.test_receipts import accepted

from smsfleet.config.days import AccountDays
from smsfleet.store.credits import BOOK_TTL_S, Charged, Credits, Row
from smsfleet.store.facts import Facts, ReceiptFact, ResponseFact, Verdict
from smsfleet.store.jobs import Quota

OK = Verdict("ok", 8, 0)


def books(fleet: Fleet) -> dict[Row, Charged]:
    """What was charged on all days, by client and row."""
    found: dict[Row, Charged] = {}
    for key in fleet.redis("KEYS", b"{main}:credits:2*"):
        book = fleet.run(Credits(fleet.keys).book(key.rpartition(b":")[2].decode()))
        for row, charged in book.items():
            found[row] = found.get(row, Charged()).plus(charged)
    return found


def charged(fleet: Fleet) -> Charged:
    """What was charged in all; the account's own sum says the same."""
    found = Charged()
    for part in books(fleet).values():
        found = found.plus(part)
    assert (fleet.run(Credits(fleet.keys).account()).charged or 0) == found.net
    return found


def admitted(
    fleet: Fleet, job_id: str, *, price: str = "", client: str = "", segments: int = 1
) -> list[bytes]:
    """A job that is in flight, of this price and client; its refs."""
    fleet.take_in(job_id)
    quota = Quota(client, 3, None) if client else None
    job = replace_admission(admission(job_id, "normal", "hold", 1, None, segments), price=price, quota=quota)
    assert fleet.admit(job).results == [1]
    assert fleet.take_and_begin() == [1] * segments
    return [f"{job_id}#{n}".encode() for n in range(1, segments + 1)]


def replace_admission(made, **changes):
    return made._replace(**changes)


# --- what is charged ----------------------------------------------------------------------------


def test_nothing_is_charged_before_the_gateway_has_accepted(fleet: Fleet) -> None:
    fleet.send()

    assert books(fleet) == {}
    assert fleet.run(Credits(fleet.keys).account()) == (None, None)


def test_an_accepted_segment_is_charged_by_its_client_and_row(fleet: Fleet) -> None:
    for n, (price, client) in enumerate(
        (("", ""), ("1.279991", "billing"), ("6.44", "billing"), ("6.", "news"))
    ):
        (ref,) = admitted(fleet, f"j{n}", price=price, client=client)
        fleet.answer(ref, message_id=b"M%d" % n)

    assert books(fleet) == {
        Row("", ""): Charged(1, 3),
        Row("billing", "279991"): Charged(1, 1),
        Row("billing", "44"): Charged(1, 6),
        Row("news", ""): Charged(1, 6),
    }


def test_each_segment_of_a_text_is_charged(fleet: Fleet) -> None:
    for n, ref in enumerate(admitted(fleet, "j1", price="5.27", client="billing", segments=3)):
        fleet.answer(ref, message_id=b"M%d" % n)

    assert books(fleet) == {Row("billing", "27"): Charged(3, 15)}


def test_a_refused_segment_costs_nothing(fleet: Fleet) -> None:
    (refused,) = fleet.send("j1")
    (again,) = fleet.send("j2")

    fleet.answer(refused, PERMANENT)
    fleet.answer(again, TEMPORARY)

    assert charged(fleet) == Charged()


def test_an_unknown_outcome_is_charged_when_it_turns_out_to_be_accepted(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="fail")
    fleet.lost(ref)
    before = charged(fleet)

    fleet.answer(ref)

    assert (Charged(), Charged(1, 3)) == (before, charged(fleet))


def test_what_its_receipt_alone_tells_to_be_accepted_is_charged(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.lost(ref)
    fleet.receipt(10)
    fleet.now_ms += round(MATCH_AFTER_S * 1000)
    (pair,) = fleet.ripe()

    assert [["accepted"], ["gone"]] == [fleet.match(pair), fleet.match(pair)]
    assert charged(fleet) == Charged(1, 3, 3)


def test_a_batch_has_one_entry_for_each_client_and_row(fleet: Fleet) -> None:
    refs = [ref for n in range(50) for ref in admitted(fleet, f"j{n}", price="1.1999", client="news")]
    for n, ref in enumerate(refs):
        fleet.settle(ref, message_id=b"M%d" % n)

    assert fleet.apply(fleet.read_responses()) == ["accepted"] * 50
    assert books(fleet) == {Row("news", "1999"): Charged(50, 50)}


# --- repeated, late, in any order ---------------------------------------------------------------


@pytest.mark.parametrize("day", [DAY, DAY + 1])
@pytest.mark.parametrize("message_id", [b"M1", b""])
def test_an_answer_that_is_settled_and_applied_twice_is_charged_once(
    fleet: Fleet, day: int, message_id: bytes
) -> None:
    """Also past midnight, when the index of the day does not know the id."""
    (ref,) = fleet.send()
    fleet.settle(ref, message_id=message_id)
    fleet.settle(ref, message_id=message_id)
    first, second = fleet.read_responses()

    fleet.apply([first])
    fleet.apply([second], day)
    fleet.apply([second], day)

    assert charged(fleet) == Charged(1, 3)


def test_a_segment_that_was_accepted_twice_is_two_messages_and_charged_twice(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()

    words = [
        fleet.answer(ref, message_id=m, attempt=n)
        for n, m in ((1, b"M1"), (2, b"M2"), (2, b"M2"), (1, b"M1"))
    ]

    assert words == ["accepted", "duplicate", "known", "known"]
    assert charged(fleet) == Charged(2, 6)


@pytest.mark.parametrize("told", list(itertools.permutations([("M1", 10), ("M2", 4), ("M2", 3), ("M1", 8)])))
def test_of_two_messages_the_one_that_expired_is_given_back_in_any_order(fleet: Fleet, told) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    fleet.answer(ref, message_id=b"M1", attempt=1)
    fleet.receipt(told[0][1], told[0][0].encode())  # before the second answer, an orphan perhaps
    fleet.answer(ref, message_id=b"M2", attempt=2)

    for message_id, status in (*told, *told):
        fleet.receipt(status, message_id.encode(), raw=f" {message_id}")

    assert charged(fleet) == Charged(2, 6, 3)


def test_when_all_messages_of_a_segment_expired_all_are_given_back(fleet: Fleet) -> None:
    (ref,) = fleet.send(policy="resend")
    fleet.lost(ref)
    fleet.begin_backlog()
    for n, message_id in ((1, b"M1"), (2, b"M2")):
        fleet.answer(ref, message_id=message_id, attempt=n)
    for message_id in (b"M1", b"M2", b"M1"):
        fleet.receipt(10, message_id)

    assert charged(fleet) == Charged(2, 6, 6)


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize(
    ("statuses", "back"),
    [((10,), 3), ((10, 10), 3), ((3, 10), 3), ((10, 3), 3), ((10, 4), 0), ((4, 10), 0), ((12, 10), 3), ((7,), 0),
     ((10, 7, 10), 0), ((None, 10), 3), ((8, 3, 4), 0)],
)  # fmt: skip
def test_what_expired_is_given_back_once_unless_a_better_receipt_comes(
    fleet: Fleet, segments: int, statuses, back: int
) -> None:
    for n, ref in enumerate(fleet.send(segments=segments)):
        fleet.answer(ref, message_id=b"M%d" % (n + 1))

    for status in statuses:
        fleet.receipt(status)

    assert charged(fleet) == Charged(segments, 3 * segments, back)


@pytest.mark.parametrize("order", list(itertools.permutations([10, 4, 3])))
def test_receipts_before_their_answer_count_as_those_behind_it(fleet: Fleet, order) -> None:
    (ref,) = fleet.send()
    for status in order:
        fleet.receipt(status)

    fleet.answer(ref)

    assert charged(fleet) == Charged(1, 3, 0)


def test_a_receipt_before_its_answer_gives_back_what_the_answer_charges(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.receipt(10)
    fleet.answer(ref)

    assert charged(fleet) == Charged(1, 3, 3)


def test_the_price_of_the_admission_is_given_back_whoever_was_forgotten_since(fleet: Fleet) -> None:
    (ref,) = admitted(fleet, "j1", price="1.1999", client="news")
    fleet.answer(ref)
    fleet.redis("HSET", fleet.keys.job("j1"), "t", "erased")

    fleet.receipt(10)

    assert books(fleet) == {Row("news", "1999"): Charged(1, 1, 1)}


def test_a_job_that_is_gone_gives_nothing_back(fleet: Fleet) -> None:
    accepted(fleet)
    fleet.redis("DEL", fleet.keys.job("j1"))
    fleet.receipt(10)

    assert charged(fleet) == Charged(1, 3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_comes_however_often_the_charge_is_that_of_the_end(
    fleet: Fleet, data: st.DataObject
) -> None:
    """Answers of two attempts and receipts, some of them again and again, in any order."""
    fleet.redis("FLUSHALL")
    fleet.create_groups()
    fleet.after = [b"0-0"] * 3
    fleet.lead()
    refs = fleet.send(policy="resend", segments=data.draw(st.sampled_from([1, 2])))
    fleet.lost(refs[0])
    fleet.begin_backlog()
    answers = data.draw(st.sets(st.sampled_from([1, 2]), min_size=1))
    told = {n: data.draw(st.sampled_from([None, 3, 4, 7, 10, 12])) for n in answers}
    steps = [("answer", n) for n in answers] + [("receipt", n) for n in answers if told[n]]
    steps = data.draw(st.permutations(steps + data.draw(st.lists(st.sampled_from(steps), max_size=4))))

    for what, n in steps:
        if what == "answer":
            fleet.answer(refs[0], message_id=b"M%d" % n, attempt=n)
        else:
            fleet.receipt(told[n], b"M%d" % n, raw=f" {n}")

    expired = sum(told[n] == 10 for n in answers)
    assert charged(fleet) == Charged(len(answers), 3 * len(answers), 3 * expired)


# --- which day, how long ------------------------------------------------------------------------


def fact(at: str, ref: bytes, message_id: bytes) -> ResponseFact:
    """An answer that was kept at this moment."""
    ms = round(datetime.fromisoformat(at).timestamp() * 1000)
    return ResponseFact(b"%d-0" % ms, ref, 1, 0, message_id, b"")


def test_it_is_booked_on_the_day_of_the_account_on_which_it_was_kept_however_late_it_is_applied(
    fleet: Fleet,
) -> None:
    facts = Facts(
        fleet.keys, text_ttl_s=1, index_ttl_s=1, max_attempts=1, days=AccountDays("Africa/Johannesburg")
    )
    answers = [
        fact(at, ref, b"M%d" % n)
        for n, at in enumerate(("2026-10-31T21:59:59.999Z", "2026-10-31T22:00:00Z", "2026-11-01T21:59:00Z", "2026-12-01T00:00Z"))
        for ref in fleet.send(f"j{n}")
    ]  # fmt: skip

    parts = facts.by_day(answers)
    for part in parts:
        fleet.run(facts.apply_responses(part, [OK] * len(part), DAY))

    assert [len(part) for part in parts] == [1, 2, 1]
    assert [fleet.run(Credits(fleet.keys).book(day)) for day in ("20261031", "20261101", "20261201")] == [
        {Row("", ""): Charged(n, 3 * n)} for n in (1, 2, 1)
    ]


def test_what_is_given_back_is_booked_on_the_day_on_which_that_was_heard(fleet: Fleet) -> None:
    ref = accepted(fleet)
    late = ReceiptFact(b"1796083200000-0", b"M1", 10, "")  # 2026-12-01

    fleet.run(fleet.facts.apply_receipts([late], [ref], DAY))

    assert fleet.run(Credits(fleet.keys).book("20261201")) == {Row("", ""): Charged(0, 0, 3)}


def test_a_day_is_kept_for_400_days_from_its_first_charge(fleet: Fleet) -> None:
    accepted(fleet)
    (day,) = fleet.redis("KEYS", b"{main}:credits:2*")
    first = fleet.ttl_s(day)
    fleet.redis("EXPIRE", day, 1000)
    fleet.receipt(10)

    assert BOOK_TTL_S - 10 <= first <= BOOK_TTL_S
    assert 990 <= fleet.ttl_s(day) <= 1000


# --- the balance --------------------------------------------------------------------------------


def test_a_balance_is_counted_down_and_up_from_when_it_was_entered(fleet: Fleet) -> None:
    calls = Credits(fleet.keys, now_ms=fleet.now_ms)
    accepted(fleet, "j1", b"M1")
    entered = fleet.run(calls.enter(300))
    accepted(fleet, "j2", b"M2")
    spent = fleet.run(calls.account()).balance
    fleet.receipt(10, b"M1")

    assert ((300, fleet.now_ms), (297, fleet.now_ms)) == (entered, spent)
    assert fleet.run(calls.account()) == (3, (300, fleet.now_ms))


def test_a_balance_is_as_old_as_its_last_top_up(fleet: Fleet) -> None:
    fleet.run(Credits(fleet.keys, now_ms=1_000).enter(10))

    balance = fleet.run(Credits(fleet.keys, now_ms=2_000).top_up(5))

    assert (15, 2_000) == balance


def test_a_top_up_adds_to_what_is_left(fleet: Fleet) -> None:
    calls = Credits(fleet.keys, now_ms=fleet.now_ms)
    unknown = fleet.run(calls.top_up(3))
    fleet.run(calls.enter(10))
    accepted(fleet)

    assert unknown is None
    assert (37, 27) == tuple(getattr(fleet.run(calls.top_up(n)), "thirds", None) for n in (30, -10))


def test_whoever_is_first_tells_and_nobody_else_on_that_day(fleet: Fleet) -> None:
    calls = Credits(fleet.keys)

    assert [True, False, True, True] == [
        fleet.run(calls.tell(*what))
        for what in (
            ("20261101", "month"),
            ("20261101", "month"),
            ("20261102", "month"),
            ("20261101", "balance"),
        )
    ]
    assert fleet.run(calls.is_told("20261101", "month"))
    assert 0 < fleet.ttl_s(fleet.keys.credits_told("20261101", "month")) <= 2 * 86_400


def test_today_is_that_of_the_server(fleet: Fleet) -> None:
    before = AccountDays("UTC").name(time.time_ns() // 1_000_000)
    accepted(fleet)
    after = datetime.now(UTC).strftime("%Y%m%d")

    assert fleet.redis("KEYS", b"{main}:credits:2*")[0].decode()[-8:] in {before, after}
