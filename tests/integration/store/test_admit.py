"""admit.lua: segments within the account's rate; each job once."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import DAY, NOW_MS, PACE, Fleet, admission, body

from smsfleet.store.jobs import QUOTA_TTL_S, Admission, Pace, Quota

SLOW = Pace(rate=10, bulk_reserve=0.5, outbound_limit=20_000)
"""a burst of one token"""


def test_an_admitted_job_has_its_segments_in_the_stream_of_its_lane(fleet: Fleet) -> None:
    fleet.take_in("j1", "high")
    fleet.now_ms += 7

    admitted = fleet.admit(admission("j1", "high", "fail", 1, NOW_MS + 999, segments=2))

    assert admitted == ([1], 0)
    assert fleet.outbound("high") == [b"j1#1", b"j1#2"]
    assert [entry.body for entry in fleet.take()] == [body("j1", 1), body("j1", 2)]
    assert (fleet.job().policy, fleet.job().deadline_ms) == ("fail", NOW_MS + 999)
    assert (fleet.states(), fleet.counts(), fleet.letters()) == ("QQ", "Q:2", "Q")
    assert fleet.job().history[0].at_ms == NOW_MS + 7


def test_what_differs_from_most_jobs_is_kept_with_the_job(fleet: Fleet) -> None:
    for job_id in ("plain", "marked", "after"):
        fleet.take_in(job_id)

    admitted = fleet.admit(
        admission("plain"),
        admission("marked", segments=2)._replace(replaced=17, receipts=False),
        admission("after"),
    )

    assert admitted == ([1, 1, 1], 0)
    assert [(0, True), (17, False), (0, True)] == [
        (fleet.job(job_id).replaced, fleet.job(job_id).receipts) for job_id in ("plain", "marked", "after")
    ]
    assert fleet.redis("HEXISTS", fleet.keys.job("plain"), "r") == 0
    assert len(fleet.outbound()) == 4


def test_a_message_that_comes_twice_admits_once(fleet: Fleet) -> None:
    fleet.take_in_and_admit("j1")

    admitted = fleet.admit(admission("j1"))

    assert admitted == ([0], 0)
    assert fleet.outbound() == [b"j1#1"]


def test_a_job_that_is_not_there_is_not_admitted(fleet: Fleet) -> None:
    admitted = fleet.admit(admission("never"))

    assert admitted == ([-1], 0)
    assert fleet.outbound() == []


def test_a_refused_job_is_not_admitted(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.run(fleet.jobs.refuse("j1", "normal", "invalid-text: no", 5))

    admitted = fleet.admit(admission("j1"))

    assert admitted == ([-2], 0)


def test_an_alias_is_not_admitted(fleet: Fleet) -> None:
    fleet.take_in("j1", key="k")
    fleet.take_in("j2", key="k")

    assert fleet.admit(admission("j2")) == ([-1], 0)


def test_a_batch_is_answered_one_by_one(fleet: Fleet) -> None:
    fleet.take_in_and_admit("j1")
    fleet.take_in("j2")

    admitted = fleet.admit(admission("j1"), admission("never"), admission("j2"))

    assert admitted == ([0, -1, 1], 0)


def test_admission_leaves_the_ledger_and_raises_the_watermark(fleet: Fleet) -> None:
    fleet.take_in("j1", now_ms=NOW_MS - 5)
    fleet.take_in("j2", now_ms=NOW_MS - 9)

    fleet.admit(admission("j1"), admission("j2"))

    assert fleet.store.run_all(fleet.jobs.waiting_intake()) == [0, 0, 0]
    assert fleet.redis("GET", fleet.keys.watermark["normal"]) == b"%d" % (NOW_MS - 5)


def test_above_the_rate_the_rest_of_the_batch_waits(fleet: Fleet) -> None:
    for job_id in ("j1", "j2", "j3"):
        fleet.take_in(job_id)

    admitted = fleet.admit(admission("j1"), admission("j2"), admission("j3"), pace=SLOW)

    assert admitted.results == [1]
    assert 1 <= admitted.wait_ms <= 100
    assert fleet.states("j1") == "Q"
    assert fleet.job("j2").segments == ()


def test_after_the_wait_there_is_a_token_again(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.take_in("j2")
    wait_ms = fleet.admit(admission("j1"), admission("j2"), pace=SLOW).wait_ms

    fleet.now_ms += wait_ms + 1
    admitted = fleet.admit(admission("j2"), pace=SLOW)

    assert admitted == ([1], 0)


def test_a_job_of_many_segments_is_paid_for_by_those_behind_it(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.take_in("j2")

    admitted = fleet.admit(admission("j1", segments=6), admission("j2"), pace=SLOW)

    assert admitted.results == [1]
    assert admitted.wait_ms == 500


def test_an_idle_account_saves_up_no_more_than_the_burst(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.admit(admission("j1"), pace=SLOW)
    for number in range(2, 5):
        fleet.take_in(f"j{number}")

    fleet.now_ms += 3_600_000
    admitted = fleet.admit(*(admission(f"j{number}") for number in range(2, 5)), pace=SLOW)

    assert admitted.results == [1]


def test_a_clock_that_goes_back_takes_no_token(fleet: Fleet) -> None:
    fleet.take_in("j1")
    fleet.take_in("j2")
    fleet.admit(admission("j1"), pace=SLOW)

    fleet.now_ms -= 60_000
    admitted = fleet.admit(admission("j2"), pace=SLOW)

    assert admitted.results == []
    assert 1 <= admitted.wait_ms <= 100


def test_bulk_leaves_its_reserve_to_the_other_lanes(fleet: Fleet) -> None:
    pace = Pace(rate=100, bulk_reserve=0.5, outbound_limit=20_000)
    bulk = [f"b{number}" for number in range(10)]
    for job_id in bulk:
        fleet.take_in(job_id, "bulk")
    fleet.take_in("otp", "high")

    campaign = fleet.admit(*(admission(job_id, "bulk") for job_id in bulk), pace=pace)
    otp = fleet.admit(admission("otp", "high"), pace=pace)

    assert campaign.results == [1] * 5
    assert campaign.wait_ms >= 1
    assert otp == ([1], 0)


def test_a_full_outbound_stream_makes_jobs_wait(fleet: Fleet) -> None:
    pace = Pace(rate=100_000, bulk_reserve=0.2, outbound_limit=10)
    fleet.take_in_and_admit("j1", segments=9)
    fleet.take_in("j2")

    admitted = fleet.admit(admission("j2", segments=2), pace=pace)

    assert admitted.results == []
    assert 1 <= admitted.wait_ms <= 1000


def test_a_job_with_more_segments_than_the_stream_may_hold_goes_when_the_stream_is_empty(
    fleet: Fleet,
) -> None:
    fleet.take_in("j1")

    admitted = fleet.admit(admission("j1", segments=SLOW.backlog * 2 + 1), pace=SLOW)

    assert admitted == ([1], 0)


@pytest.mark.parametrize("rate", [1, 7, 40])
def test_in_three_seconds_no_more_than_three_times_the_rate_and_a_burst_go(fleet: Fleet, rate: int) -> None:
    pace = Pace(rate=rate, bulk_reserve=0.2, outbound_limit=20_000)
    start_ms, number = fleet.now_ms, 0

    while fleet.now_ms < start_ms + 3000:
        fleet.take_in(f"j{number}", "high")
        admitted = fleet.admit(admission(f"j{number}", "high"), pace=pace)
        number += len(admitted.results)
        fleet.now_ms += admitted.wait_ms
        fleet.redis("XTRIM", fleet.keys.outbound["high"], "MAXLEN", 0)

    assert 3 * rate <= number <= 3 * rate + pace.burst + 1


def test_the_bucket_is_one_for_the_account(fleet: Fleet) -> None:
    fleet.take_in("j1", "high")
    fleet.take_in("j2", "normal")

    fleet.admit(admission("j1", "high"), pace=SLOW)
    admitted = fleet.admit(admission("j2", "normal"), pace=SLOW)

    assert admitted.results == []
    assert PACE.burst > SLOW.burst


# --- quotas ---------------------------------------------------------------------------------------


def tagged(job_id: str, cost: int, cap: int | None, client: str = "billing") -> Admission:
    return admission(job_id)._replace(quota=Quota(client, cost, cap))


def used(fleet: Fleet, client: str = "billing", day: int = DAY) -> int:
    return fleet.run(fleet.jobs.quota_used(client, day))


def test_a_quota_counts_thirds_of_a_credit_and_refuses_what_is_above_it(fleet: Fleet) -> None:
    for job_id in ("j1", "j2", "j3", "j4"):
        fleet.take_in(job_id)

    admitted = fleet.admit(tagged("j1", 3, 6), tagged("j2", 1, 6), tagged("j3", 3, 6), tagged("j4", 2, 6))

    assert admitted == ([1, 1, -3, 1], 0)
    assert (used(fleet), fleet.outbound()) == (6, [b"j1#1", b"j2#1", b"j4#1"])
    assert (fleet.job("j1").client, fleet.job("j3").client) == ("billing", None)


def test_a_refused_job_stays_in_the_ledger_until_it_is_closed(fleet: Fleet) -> None:
    fleet.take_in("j1")

    assert fleet.admit(tagged("j1", 3, 0)) == ([-3], 0)
    assert fleet.store.run_all(fleet.jobs.waiting_intake()) == [0, 1, 0]

    assert fleet.run(fleet.jobs.refuse("j1", "normal", "quota-exceeded: no", 5)) == 1
    assert fleet.store.run_all(fleet.jobs.waiting_intake()) == [0, 0, 0]


def test_a_job_that_comes_twice_is_counted_once(fleet: Fleet) -> None:
    fleet.take_in("j1")

    fleet.admit(tagged("j1", 3, 6))

    assert fleet.admit(tagged("j1", 3, 6)) == ([0], 0)
    assert used(fleet) == 3


def test_each_client_and_each_day_has_a_quota_of_its_own(fleet: Fleet) -> None:
    for job_id in ("j1", "j2", "j3"):
        fleet.take_in(job_id)

    assert fleet.admit(tagged("j1", 3, 3), tagged("j2", 3, 3, "marketing")).results == [1, 1]
    assert fleet.admit(tagged("j3", 3, 3), day=DAY + 1).results == [1]
    assert (used(fleet), used(fleet, "marketing"), used(fleet, day=DAY + 1)) == (3, 3, 3)


def test_without_a_cap_nothing_is_counted_and_the_client_is_known(fleet: Fleet) -> None:
    fleet.take_in("j1")

    assert fleet.admit(tagged("j1", 3, None)).results == [1]
    assert (used(fleet), fleet.job("j1").client) == (0, "billing")


def test_the_count_of_a_day_is_forgotten_two_days_later(fleet: Fleet) -> None:
    fleet.take_in("j1")

    fleet.admit(tagged("j1", 3, 6))

    assert QUOTA_TTL_S - 10 <= fleet.ttl_s(fleet.keys.quota(DAY)) <= QUOTA_TTL_S


def test_a_job_whose_deadline_is_over_is_not_admitted_and_stays_in_line_until_it_is_closed(
    fleet: Fleet,
) -> None:
    for job_id in ("late", "in-time"):
        fleet.take_in(job_id)
    fleet.now_ms = NOW_MS + 5
    late, in_time = (
        admission(job_id, deadline_ms=deadline)
        for job_id, deadline in (("late", NOW_MS + 5), ("in-time", NOW_MS + 6))
    )

    assert fleet.admit(late, in_time).results == [-4, 1]
    assert (fleet.outbound(), fleet.intake()) == ([b"in-time#1"], [b"late"])
