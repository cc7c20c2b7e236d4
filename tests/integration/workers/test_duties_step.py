"""One step of the duties does each of them: none is left to a test that calls it by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.integration.store.steps import NOW_MS, Fleet
from tests.integration.workers.test_duties import Recorder
from tests.integration.workers.test_inbox import deliver, kept, parts, waits_no_longer
from tests.integration.workers.test_relay import arrive, relay

from smsfleet.config.clock import epoch_ms
from smsfleet.store.keys import DAY_MS
from smsfleet.store.queries import ANSWERED, Query
from smsfleet.workers.duties import Duties
from smsfleet.workers.runtime import Runtime

CAMPAIGN = "Cabcdefghij"


@pytest.fixture
def broker() -> Recorder:
    return Recorder()


def test_it_publishes_what_is_due(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    fleet.take_in_later("j1", NOW_MS)

    Duties(runtime, broker).step()

    assert [("normal", "j1", "")] == broker.kept


def test_it_keeps_a_message_whose_parts_are_overdue(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    arrive(fleet, parts("a" * 200, "udh8")[0])
    relay(runtime).step(1)
    waits_no_longer(fleet)

    Duties(runtime, broker).step()

    assert [("a" * 153, True, [2])] == [
        (found["text"], found["partial"], found["missing"]) for found in kept(fleet)
    ]


def test_it_hands_messages_over(make_runtime: Callable[..., Runtime], broker: Recorder, fleet: Fleet) -> None:
    runtime = make_runtime(mo_routes="* * task:polls.vote@polls")
    arrive(fleet, deliver(b"VOTE 7"))
    relay(runtime).step(1)

    Duties(runtime, broker).step()

    assert [("polls.vote", "polls")] == [(task, queue) for task, queue, _ in broker.handed_over]


def test_it_applies_what_the_gateway_was_asked(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    fleet.now_ms = epoch_ms()
    (ref,) = fleet.send("j1")
    fleet.answer(ref, message_id=b"M1", day=fleet.now_ms // DAY_MS)
    fleet.run(runtime.queries.tell(Query(ref, b"M1"), ANSWERED, 0, 2, 0))

    Duties(runtime, broker).step()

    assert 4 == fleet.segment().status


def test_it_forgets_campaigns_that_have_expired(runtime: Runtime, broker: Recorder, fleet: Fleet) -> None:
    given = {"lane": "normal", "content": "{}", "fingerprint": "f", "chunk_rows": 1}
    fleet.run(runtime.campaigns.open(CAMPAIGN, **given))
    fleet.redis("DEL", fleet.keys.campaign(CAMPAIGN))

    Duties(runtime, broker).step()

    assert [] == fleet.run(runtime.campaigns.newest(10))
