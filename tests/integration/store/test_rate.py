"""The shared rate (lib_rate.lua): apply_response.lua lowers it, admit.lua follows it, promote.lua takes from it."""

from __future__ import annotations

import pytest
from tests.integration.store.steps import NOW_MS, SET_RATE, TEMPORARY, Fleet, admission

from smsfleet.store.jobs import Pace

PACE = Pace(rate=SET_RATE, bulk_reserve=0.5, outbound_limit=20_000)
RAISE = 0.05 * SET_RATE
"""segments/s for each second"""


def admit_one(fleet: Fleet, job_id: str, lane: str = "normal") -> tuple[list[int], int]:
    fleet.take_in(job_id, lane)
    results, wait_ms = fleet.admit(admission(job_id, lane), pace=PACE)
    return results, wait_ms


def answered(fleet: Fleet, job_id: str, *codes: int) -> None:
    """Segments that are answered like this, in one batch."""
    sent = fleet.send(job_id, segments=len(codes))
    for number, (ref, code) in enumerate(zip(sent, codes, strict=True)):
        fleet.settle(ref, code, b"%s.%d" % (job_id.encode(), number))
    fleet.apply(fleet.read_responses())


def throttled(fleet: Fleet, *, of: int, seconds: int = 1) -> None:
    """In so many seconds, one of `of` answers says that we are too fast."""
    for second in range(seconds + 1):
        answered(fleet, f"s{fleet.now_ms}", TEMPORARY, *[0] * (of - 1))
        fleet.now_ms += 1000 if second < seconds else 0
    admit_one(fleet, "follows")
    fleet.take_and_begin()


def rate(fleet: Fleet) -> float:
    found = fleet.standing.rate
    assert found is not None
    return found


def test_the_rate_is_what_is_set_as_long_as_nothing_is_throttled(fleet: Fleet) -> None:
    answered(fleet, "j1", 0, 0, 0)
    admit_one(fleet, "j2")

    assert (rate(fleet), fleet.standing.set_rate, fleet.standing.throttled) == (SET_RATE, SET_RATE, 0)


def test_it_falls_by_the_share_of_answers_that_were_throttled(fleet: Fleet) -> None:
    throttled(fleet, of=4)

    assert rate(fleet) == pytest.approx(0.75 * SET_RATE)
    assert fleet.standing.throttled == 2


def test_it_falls_by_a_half_at_most_and_once_in_a_second(fleet: Fleet) -> None:
    for _ in range(5):
        answered(fleet, f"s{fleet.now_ms}", TEMPORARY, TEMPORARY)
        fleet.now_ms += 250
    admit_one(fleet, "follows")
    fleet.take_and_begin()

    assert rate(fleet) == pytest.approx(0.5 * SET_RATE, rel=0.03)


def test_it_never_falls_below_one_segment_in_a_second(fleet: Fleet) -> None:
    throttled(fleet, of=1, seconds=30)

    # it still rises a little in each second: that is how a gateway which takes more again is found
    assert 1.0 <= rate(fleet) <= 1.0 + 2 * RAISE


def test_it_rises_again_step_by_step_up_to_what_is_set(fleet: Fleet) -> None:
    throttled(fleet, of=2)
    lowered = rate(fleet)

    fleet.now_ms += 4000
    assert rate(fleet) == pytest.approx(lowered + 4 * RAISE)
    fleet.now_ms += 3_600_000
    assert rate(fleet) == SET_RATE
    admit_one(fleet, "j9")
    assert fleet.redis("HMGET", fleet.keys.rate, "r", "c") == [None, None]


def test_counting_ends_when_a_second_has_no_throttled_answer(fleet: Fleet) -> None:
    throttled(fleet, of=2)
    fleet.now_ms += 1000
    answered(fleet, "j1", 0)
    fleet.now_ms += 1000
    answered(fleet, "j2", 0)

    assert fleet.redis("HMGET", fleet.keys.rate, "w", "a", "b") == [None, None, None]


def test_admission_goes_by_the_lowered_rate(fleet: Fleet) -> None:
    throttled(fleet, of=1, seconds=4)
    lowered = rate(fleet)
    assert lowered < 0.2 * SET_RATE
    fleet.now_ms += 100_000_000
    start_ms = fleet.now_ms
    fleet.redis("HSET", fleet.keys.rate, "r", f"{lowered:.3f}", "c", start_ms, "v", "0", "t", start_ms)

    admitted = 0
    for step in range(100):
        fleet.now_ms = start_ms + step * 10
        results, wait_ms = admit_one(fleet, f"a{step}")
        admitted += len(results)
        assert bool(results) == (wait_ms == 0)

    # within this second it has risen by 5 % of what is set
    assert lowered - 2 <= admitted <= lowered + RAISE + 1


def test_bulk_is_still_admitted_at_the_lowest_rate(fleet: Fleet) -> None:
    throttled(fleet, of=1, seconds=30)
    fleet.now_ms += 2000

    assert admit_one(fleet, "b1", "bulk")[0] == [1]


def test_ten_segments_may_wait_however_low_the_rate_is(fleet: Fleet) -> None:
    fleet.redis("HSET", fleet.keys.rate, "r", "2", "c", fleet.now_ms)
    admitted: list[int] = []
    for number in range(11):
        fleet.redis("HSET", fleet.keys.rate, "v", "1", "t", fleet.now_ms)
        admitted += admit_one(fleet, f"j{number}")[0]

    assert [1] * 10 == admitted


def test_the_outbound_limit_follows_the_rate(fleet: Fleet) -> None:
    for number in range(10):
        fleet.take_in_and_admit(f"j{number}")
    assert admit_one(fleet, "j10")[0] == [1]

    fleet.redis("HSET", fleet.keys.rate, "r", "2", "c", fleet.now_ms + 1000)
    fleet.now_ms += 1000

    results, wait_ms = admit_one(fleet, "j11")
    assert (results, wait_ms >= 50) == ([], True)
    fleet.now_ms += 3_600_000
    assert admit_one(fleet, "j12")[0] == [1]


def test_another_rate_that_is_set_counts_at_once(fleet: Fleet) -> None:
    throttled(fleet, of=2)

    fleet.take_in("j5")
    fleet.admit(admission("j5"), pace=Pace(rate=10, bulk_reserve=0, outbound_limit=20_000))

    assert (rate(fleet), fleet.standing.set_rate) == (10.0, 10.0)


def test_what_is_tried_again_takes_tokens_before_new_jobs(fleet: Fleet) -> None:
    sent = fleet.send("j1", segments=20)
    for ref in sent:
        fleet.settle(ref, TEMPORARY)
    fleet.apply(fleet.read_responses())
    fleet.now_ms = NOW_MS + 60_000
    admit_one(fleet, "j2")

    assert fleet.run(fleet.facts.promote(sent)) == ["queued"] * 20

    # ten tokens were at hand, one was taken, twenty are owed: at this rate that is 110 ms
    results, wait_ms = admit_one(fleet, "j3")
    assert (results, wait_ms) == ([], 110)


def test_what_is_tried_again_owes_half_a_second_at_most(fleet: Fleet) -> None:
    sent = fleet.send("j1", segments=90)
    for ref in sent:
        fleet.settle(ref, TEMPORARY)
    fleet.apply(fleet.read_responses())
    fleet.now_ms = NOW_MS + 60_000
    admit_one(fleet, "j2")

    fleet.run(fleet.facts.promote(sent))

    assert admit_one(fleet, "j3") == ([], 500)


def test_the_rate_rises_again_though_the_clock_was_set_back(fleet: Fleet) -> None:
    throttled(fleet, of=2)
    lowered = rate(fleet)
    fleet.now_ms -= 3_600_000

    admit_one(fleet, "first")
    fleet.now_ms += 2000

    assert lowered + 2 * RAISE == pytest.approx(rate(fleet))


def test_the_rate_is_lowered_though_the_clock_was_set_back(fleet: Fleet) -> None:
    throttled(fleet, of=2)
    fleet.now_ms -= 3_600_000
    admit_one(fleet, "first")
    fleet.take_and_begin()
    before = rate(fleet)

    throttled(fleet, of=2, seconds=2)

    assert rate(fleet) < before
