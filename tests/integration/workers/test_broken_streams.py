"""A stream of facts that is none: the relay goes on with the other one.

On the real server alone: fakeredis ends a read of such a stream by an error of Python.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.store.steps import Fleet
from tests.integration.workers.test_broken_keys import errors, said, spoil
from tests.integration.workers.test_inbox import deliver, kept
from tests.integration.workers.test_relay import arrive, relay

from smsfleet.store.client import Store
from smsfleet.workers.runtime import Runtime

__all__ = ["said"]

pytestmark = pytest.mark.server


@pytest.fixture
def store(real_store: Store) -> Store:
    return real_store


def test_answers_are_applied_while_the_deliveries_are_broken(
    runtime: Runtime, fleet: Fleet, said: list[Any]
) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    spoil(fleet, "deliveries")

    relay(runtime).step(1)

    assert "A" == fleet.states()
    assert any(":deliveries is a set, not a stream" in error for error in errors(said))


def test_messages_are_kept_while_the_responses_are_broken(
    runtime: Runtime, fleet: Fleet, said: list[Any]
) -> None:
    arrive(fleet, deliver(b"hello"))
    spoil(fleet, "responses")

    relay(runtime).step(1)

    assert ["hello"] == [found["text"] for found in kept(fleet)]
    assert any(":responses is a set, not a stream" in error for error in errors(said))


def test_a_relay_that_starts_then_works_with_the_other_stream_alone(runtime: Runtime, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.settle(ref)
    fleet.redis("XGROUP", "DESTROY", fleet.keys.responses, "workers")
    spoil(fleet, "deliveries")
    stopping: Any = runtime.stopping
    stopping.meanwhile = stopping.set

    relay(runtime).run()

    assert "A" == fleet.states()
