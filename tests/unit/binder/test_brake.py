"""How many segments the binder may begin: the account's rate once more, and its pauses."""

from __future__ import annotations

import pytest

from smsfleet.binder.brake import HEADROOM, UNLIMITED, Brake
from smsfleet.store.standing import ACCOUNT, GatewayPause, Pause, Standing


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def standing(
    rate: float | None = None,
    *paused: str,
    gateway_probe_s: float | None = None,
    set_rate: float | None = None,
) -> Standing:
    gateway = None if gateway_probe_s is None else GatewayPause(1.0, 0x401, gateway_probe_s, 0)
    return Standing(set_rate or rate, rate, 0, {name: Pause(1.0, "") for name in paused}, gateway)


def begun_in(brake: Brake, clock: Clock, seconds: float, step_s: float = 0.005) -> int:
    """What a binder with much to send begins in this time."""
    begun = 0
    for _ in range(round(seconds / step_s)):
        allowed = brake.allowed()
        brake.spend(allowed)
        begun += allowed
        clock.now += step_s
    return begun


def test_without_a_known_rate_nothing_is_limited(clock: Clock) -> None:
    assert UNLIMITED == Brake(clock).allowed()


def test_what_waits_goes_out_at_the_rate_and_no_faster(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(200.0))

    seconds = [begun_in(brake, clock, 1.0) for _ in range(5)]

    assert max(seconds) <= 200 * HEADROOM + 200 * HEADROOM * 0.1 + 1
    assert sum(seconds[1:]) == pytest.approx(4 * 200 * HEADROOM, rel=0.01)


def test_what_the_workers_let_through_never_waits(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(200.0))
    begin_in_a_row = 20  # a worker's burst of a tenth of a second, then its rate

    assert brake.allowed() >= begin_in_a_row
    brake.spend(begin_in_a_row)
    for _ in range(400):
        clock.now += 2 / 200
        assert brake.allowed() >= 2
        brake.spend(2)


def test_a_lowered_rate_counts_at_once_and_a_raised_one_too(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(200.0))
    begun_in(brake, clock, 1.0)

    brake.heed(standing(20.0, set_rate=200.0))
    slow = begun_in(brake, clock, 2.0)
    brake.heed(standing(200.0))
    fast = begun_in(brake, clock, 2.0)

    assert slow == pytest.approx(2 * 20 * HEADROOM, abs=3)
    assert fast == pytest.approx(2 * 200 * HEADROOM, rel=0.02)


def test_at_a_high_rate_segments_come_together_for_a_moment(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(10_000.0))
    brake.spend(brake.allowed())

    assert 0 == brake.allowed()
    assert 0 < brake.wait_s <= 0.01
    clock.now += brake.wait_s
    assert brake.allowed() >= 50


@pytest.mark.parametrize("rate", [0.1, 1.0, 50.0, 100_000.0])
def test_after_the_wait_something_may_be_begun_or_the_next_look_is_soon(clock: Clock, rate: float) -> None:
    brake = Brake(clock)
    brake.heed(standing(rate))
    brake.spend(brake.allowed())

    waited = 0.0
    while not brake.allowed():
        assert 0 < brake.wait_s <= 0.25
        clock.now += brake.wait_s
        waited += brake.wait_s
    assert waited <= 1.2 / rate + 0.25


def test_a_paused_account_begins_nothing(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(100.0, ACCOUNT))

    assert (0, 0.25) == (brake.allowed(), brake.wait_s)


@pytest.mark.parametrize("paused", [("high", "normal", "bulk"), (ACCOUNT, "bulk")])
def test_when_every_lane_is_paused_nothing_is_read(clock: Clock, paused: tuple[str, ...]) -> None:
    brake = Brake(clock)
    brake.heed(standing(None, *paused))

    assert 0 == brake.allowed()


def test_while_one_lane_is_open_reading_goes_on(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(None, "bulk", "normal"))

    assert UNLIMITED == brake.allowed()


def test_an_account_that_the_gateway_refuses_begins_only_when_a_probe_is_due(clock: Clock) -> None:
    brake = Brake(clock)

    brake.heed(standing(None, gateway_probe_s=5.0))
    assert 0 == brake.allowed()
    brake.heed(standing(None, gateway_probe_s=-0.1))
    assert brake.allowed() > 0
    brake.heed(standing(None, ACCOUNT, gateway_probe_s=-0.1))
    assert 0 == brake.allowed()


def test_what_was_held_back_is_read_again_when_its_lane_is_open_and_only_then(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(None, "bulk"))
    brake.hold_back(3)

    brake.heed(standing(None, "bulk", "high"))
    assert not brake.take_release()
    brake.heed(standing(None))
    assert brake.take_release()
    assert not brake.take_release()
    brake.heed(standing(None))
    assert not brake.take_release()


def test_a_pause_that_came_and_went_between_two_looks_leaves_nothing_behind(clock: Clock) -> None:
    brake = Brake(clock)
    brake.heed(standing(None))
    brake.hold_back(2)

    brake.heed(standing(None))

    assert brake.take_release()


def test_a_probe_that_is_due_is_looked_for_among_what_was_held_back(clock: Clock) -> None:
    brake = Brake(clock)
    brake.hold_back(2)
    brake.heed(standing(None, gateway_probe_s=1.0))
    assert not brake.take_release()

    brake.heed(standing(None, gateway_probe_s=0.0))

    assert brake.take_release()
