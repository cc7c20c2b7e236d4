"""What a process has: settings and the store's calls, bound to each other."""

from __future__ import annotations

import pytest

from smsfleet.config.errors import StoreMisconfigured, StoreUnavailable
from smsfleet.config.settings import load
from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.jobs import Pace
from smsfleet.store.live import Live
from smsfleet.workers.runtime import FOLLOW_S, Runtime

NOBODY = "redis://127.0.0.1:1/0"


def runtime(store: Store | None = None, **settings: str) -> Runtime:
    environment = {f"SMSFLEET_{name.upper()}": value for name, value in settings.items()}
    return Runtime(load(environment), store=store)


def test_nothing_is_connected_before_it_is_needed() -> None:
    made = runtime(redis_url=NOBODY)
    assert "store" not in vars(made)

    with pytest.raises(StoreUnavailable):
        made.store.run(made.jobs.read("j1"))


def test_the_limits_of_admission_are_the_settings() -> None:
    assert Pace(7.0, 0.5, 50) == runtime(rate="7", bulk_reserve="0.5", outbound_limit="50").pace


def test_every_key_carries_the_account(store: Store) -> None:
    one, other = runtime(store, account="one"), runtime(store, account="other")

    store.run(one.jobs.take_in("j1", lane="normal", destination="1", content="{}"))

    assert other.store.run(other.jobs.read("j1")) is None
    assert all(key.startswith(b"{one}:") for key in store.run(Call(("KEYS", "*"), list)))


def test_how_long_things_are_kept_is_the_settings(store: Store) -> None:
    made = runtime(store, job_ttl_s="700000", text_ttl_s="90")

    store.run(made.jobs.take_in("j1", lane="normal", destination="1", content="{}"))
    store.run(made.jobs.refuse("j1", "normal", "why", 5))

    ttl_s = {
        key: store.run(Call(("TTL", key), int)) for key in (made.keys.job("j1"), made.keys.content("j1"))
    }
    assert [700_000, 90] == [round(value, -1) for value in ttl_s.values()]


@pytest.mark.server
def test_a_server_that_would_lose_jobs_is_refused_unless_that_is_allowed(real_store: Store) -> None:
    runtime(real_store).require_durable_store()
    real_store.run(Call(("CONFIG SET", "maxmemory-policy", "allkeys-lru"), bool))
    try:
        with pytest.raises(StoreMisconfigured, match="noeviction"):
            runtime(real_store).require_durable_store()
        runtime(real_store, allow_volatile_redis="1").require_durable_store()
    finally:
        real_store.run(Call(("CONFIG SET", "maxmemory-policy", "noeviction"), bool))


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def follow(runtime: Runtime, clock: Clock) -> Pace:
    clock.now += FOLLOW_S
    runtime.follow()
    return runtime.pace


def test_a_reload_reaches_a_process_that_runs_and_a_clear_takes_it_back(store: Store) -> None:
    clock = Clock()
    made = Runtime(load({"SMSFLEET_RATE": "7", "SMSFLEET_MAX_ATTEMPTS": "3"}), store=store, clock=clock)
    live = Live(made.keys)
    paces = [follow(made, clock)]

    store.run(live.publish(load({"SMSFLEET_RATE": "9", "SMSFLEET_BACKOFF_S": "2.5"}).live()))
    paces.append(follow(made, clock))
    reloaded = made.settings
    store.run(live.clear())
    paces.append(follow(made, clock))

    assert [pace.rate for pace in paces] == [7.0, 9.0, 7.0]
    assert (reloaded.backoff_s, reloaded.max_attempts) == (2.5, 16)
    assert made.settings.max_attempts == 3


def test_a_reload_is_looked_for_once_a_second_at_most(store: Store) -> None:
    clock = Clock()
    made = Runtime(load({"SMSFLEET_RATE": "7"}), store=store, clock=clock)
    follow(made, clock)

    store.run(Live(made.keys).publish({"rate": 9.0}))
    clock.now += FOLLOW_S / 2
    made.follow()

    assert made.pace.rate == 7.0
    assert follow(made, clock).rate == 9.0


def test_reloaded_values_that_break_their_rule_change_nothing(store: Store) -> None:
    clock = Clock()
    made = Runtime(load({"SMSFLEET_RATE": "7"}), store=store, clock=clock)

    store.run(Live(made.keys).publish({"rate": -1, "backoff_s": 2.0}))

    assert follow(made, clock).rate == 7.0
    assert made.settings.backoff_s == 1.0


def test_a_reload_changes_nothing_that_is_fixed_at_the_start(store: Store) -> None:
    clock = Clock()
    made = Runtime(load({}), store=store, clock=clock)

    store.run(Live(made.keys).publish({"account": "other", "job_ttl_s": 1, "rate": 9.0}))

    assert follow(made, clock).rate == 9.0
    assert (made.settings.account, made.settings.job_ttl_s) == ("main", load({}).job_ttl_s)
