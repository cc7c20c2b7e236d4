"""lease_acquire.lua, lease_renew.lua, lease_release.lua: at most one binder leads."""

from __future__ import annotations

import re

import pytest
from tests.integration.store.steps import Fleet

from smsfleet.store.client import Store


@pytest.fixture
def idle(store: Store) -> Fleet:
    """Nobody leads yet."""
    return Fleet(store)


def acquire(fleet: Fleet, owner: str, ttl_s: float = 10.0) -> str | None:
    return fleet.run(fleet.lease.acquire(owner, ttl_s))


def test_the_first_binder_leads_with_a_numbered_token(idle: Fleet) -> None:
    token = acquire(idle, "host-a")

    assert token is not None
    assert re.fullmatch(r"1:\d{13}:host-a", token)
    assert idle.run(idle.lease.holder()) == token
    assert idle.redis("GET", idle.keys.fence) == token.encode()
    assert 9_000 < idle.redis("PTTL", idle.keys.lease) <= 10_000
    assert idle.ttl_s(idle.keys.fence) == -1


def test_a_second_binder_stands_by(idle: Fleet) -> None:
    token = acquire(idle, "host-a")

    assert acquire(idle, "host-b") is None
    assert acquire(idle, "host-a") is None
    assert idle.run(idle.lease.holder()) == token


def test_after_the_lease_expired_another_binder_leads_with_a_higher_number(idle: Fleet) -> None:
    acquire(idle, "host-a")
    idle.redis("DEL", idle.keys.lease)

    token = acquire(idle, "host-b")

    assert token is not None
    assert token.startswith("2:")


def test_the_holder_renews(idle: Fleet) -> None:
    token = acquire(idle, "host-a", ttl_s=1.0)
    assert token is not None

    assert idle.run(idle.lease.renew(token, 10.0)) is True
    assert idle.redis("PTTL", idle.keys.lease) > 5_000


def test_a_lease_that_ran_out_and_nobody_took_is_renewed(idle: Fleet) -> None:
    token = acquire(idle, "host-a")
    assert token is not None
    idle.redis("DEL", idle.keys.lease)

    assert idle.run(idle.lease.renew(token, 10.0)) is True
    assert idle.run(idle.lease.holder()) == token


def test_a_deposed_binder_does_not_renew_even_when_the_lease_is_free(idle: Fleet) -> None:
    old = acquire(idle, "host-a")
    assert old is not None
    idle.redis("DEL", idle.keys.lease)
    acquire(idle, "host-b")

    assert idle.run(idle.lease.renew(old, 10.0)) is False
    idle.redis("DEL", idle.keys.lease)
    assert idle.run(idle.lease.renew(old, 10.0)) is False
    assert idle.run(idle.lease.holder()) is None


def test_a_lease_that_another_holds_is_not_renewed_over_it(idle: Fleet) -> None:
    token = acquire(idle, "host-a")
    assert token is not None
    idle.redis("SET", idle.keys.lease, "2:0:host-b")

    assert idle.run(idle.lease.renew(token, 10.0)) is False


def test_the_holder_gives_the_lease_back(idle: Fleet) -> None:
    token = acquire(idle, "host-a")
    assert token is not None

    assert idle.run(idle.lease.release(token)) is True
    assert idle.run(idle.lease.release(token)) is False
    assert acquire(idle, "host-b") is not None


def test_the_lease_of_another_is_not_given_back(idle: Fleet) -> None:
    old = acquire(idle, "host-a")
    assert old is not None
    idle.redis("DEL", idle.keys.lease)
    token = acquire(idle, "host-b")

    assert idle.run(idle.lease.release(old)) is False
    assert idle.run(idle.lease.holder()) == token


def test_a_host_takes_the_lease_of_its_own_dead_binder_at_once(idle: Fleet) -> None:
    acquire(idle, "host:a")

    assert idle.run(idle.lease.reclaim("host:a")) is True
    assert acquire(idle, "host:a") is not None


@pytest.mark.parametrize("owner", ["host", "a", "host:b", "*"])
def test_a_host_does_not_take_the_lease_of_another(idle: Fleet, owner: str) -> None:
    token = acquire(idle, "host:a")

    assert idle.run(idle.lease.reclaim(owner)) is False
    assert idle.run(idle.lease.holder()) == token


def test_what_the_binder_reports_goes_stale_by_itself(idle: Fleet) -> None:
    idle.run(idle.wire.report('{"state": "bound"}', ttl_s=5.0))

    assert idle.run(idle.lease.reported()) == '{"state": "bound"}'
    assert 0 < idle.redis("PTTL", idle.keys.binder) <= 5_000
