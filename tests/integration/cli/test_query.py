"""`smsfleet query`: what an operator asks the gateway, and why it may not be asked."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.integration.cli.conftest import Here
from tests.integration.store.steps import TEXT_TTL_S, TO, Fleet

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store
from smsfleet.store.queries import ANSWERED, Heard, Queries, Query

pytestmark = pytest.mark.server


@pytest.fixture
def fleet(real_store: Store) -> Fleet:
    """With a binder that asks."""
    fleet = Fleet(real_store)
    fleet.create_groups()
    fleet.lead()
    report(fleet, 1.0)
    return fleet


def report(fleet: Fleet, per_s: float) -> None:
    fleet.run(fleet.wire.report(json.dumps({"state": "bound", "queries_per_s": per_s}), 60.0))


def queries(fleet: Fleet) -> Queries:
    return Queries(fleet.keys, text_ttl_s=TEXT_TTL_S, now_ms=fleet.now_ms)


def accepted(fleet: Fleet, segments: int = 1) -> None:
    for number, ref in enumerate(fleet.send(segments=segments), start=1):
        fleet.answer(ref, message_id=b"M%d" % number)


@contextmanager
def a_gateway_that_tells(fleet: Fleet, server: EmbeddedServer, count: int) -> Iterator[list[Query]]:
    """Answers so many questions as binder and duties would."""
    asked: list[Query] = []
    stop = threading.Event()

    def work() -> None:
        own = Fleet(Store.connect(server.url, "gateway"), now_ms=fleet.now_ms)
        calls = queries(own)
        while len(asked) < count and not stop.wait(0.01):
            if (query := own.run(calls.take())) is not None:
                asked.append(query)
                own.run(calls.tell(query, ANSWERED, 0, 2, 0))
                own.run(calls.apply([Heard(fact, 4, " DELIVRD 000") for fact in own.run(calls.read(10))]))
        own.store.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join(10)


def test_the_gateway_tells_of_every_segment(here: Here, fleet: Fleet, server: EmbeddedServer) -> None:
    accepted(fleet, segments=2)

    with a_gateway_that_tells(fleet, server, 2) as asked:
        result = here("query", "j1", "--wait", "10")

    assert (0, "") == (result.exit_code, result.stderr)
    assert [
        "segment 1  DELIVRD 000", "segment 2  DELIVRD 000", "j1  DELIVERED  004 received by recipient",
    ] == result.stdout.splitlines()  # fmt: skip
    assert {b"M1", b"M2"} == {query.message_id for query in asked}


@pytest.mark.parametrize(("options", "shown"), [((), False), (("--show-number",), True)])
def test_the_number_is_masked_unless_it_is_asked_for(
    here: Here, fleet: Fleet, options: tuple[str, ...], shown: bool
) -> None:
    accepted(fleet)

    found = here("query", "j1", "--wait", "0", "--json", *options)

    assert shown == (TO in found.output)
    assert json.loads(found.output)["job"]["to"].endswith(TO[-2:])


def test_only_what_is_open_is_asked_for(here: Here, fleet: Fleet, server: EmbeddedServer) -> None:
    accepted(fleet, segments=2)
    fleet.receipt(4, b"M1")

    with a_gateway_that_tells(fleet, server, 1):
        result = here("query", "j1", "--json")

    said = json.loads(result.stdout)
    assert ([2], {"2": "DELIVRD 000"}, "DELIVERED") == (said["asked"], said["told"], said["job"]["state"])


def test_nothing_is_asked_for_a_job_that_is_final(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    fleet.receipt(7)

    result = here("query", "j1")

    assert 0 == result.exit_code
    assert "nothing to ask for" in result.stdout
    assert 0 == fleet.run(queries(fleet).waiting())


def test_an_acceptance_without_a_message_id_cannot_be_asked_for(here: Here, fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, message_id=b"")

    result = here("query", "j1")

    assert (0, True) == (result.exit_code, "nothing to ask for" in result.stdout)
    assert 0 == fleet.run(queries(fleet).waiting())


def test_whoever_does_not_wait_leaves_the_question(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    fleet.run(queries(fleet).ask([Query(b"other#1", b"M9")]))

    result = here("query", "j1", "--wait", "0")

    assert (0, True) == (result.exit_code, "segment 1  no answer yet" in result.stdout)
    first = fleet.run(queries(fleet).take())
    assert first is not None
    assert b"j1#1" == first.ref


def test_no_answer_in_time_is_not_as_wished(here: Here, fleet: Fleet) -> None:
    accepted(fleet)

    assert 1 == here("query", "j1", "--wait", "0.01").exit_code


def test_without_a_binder_nobody_asks(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    fleet.redis("DEL", fleet.keys.binder, fleet.keys.lease)

    result = here("query", "j1")

    assert (os.EX_UNAVAILABLE, "") == (result.exit_code, result.stdout)
    assert "no binder leads" in result.stderr


def test_a_binder_that_leads_and_has_not_reported_yet_is_asked(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    fleet.redis("DEL", fleet.keys.binder)

    assert 0 == here("query", "j1", "--wait", "0").exit_code


def test_a_binder_without_a_rate_asks_nothing(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    report(fleet, 0.0)

    result = here("query", "j1")

    assert (1, True) == (result.exit_code, "SMSFLEET_SMPP_QUERY_RATE" in result.stderr)


def test_what_the_gateway_refused_is_said_and_can_be_resumed(here: Here, fleet: Fleet) -> None:
    accepted(fleet)
    fleet.run(queries(fleet).switch_off("generic_nack 0x03"))

    refused = here("query", "j1")
    shown = here("status")
    resumed, again = here("query", "--resume"), here("query", "--resume", "--json")

    assert (1, True) == (refused.exit_code, "switched off: generic_nack 0x03" in refused.stderr)
    assert "query_sm    switched off: generic_nack 0x03" in shown.stdout
    assert ("query_sm is asked again\n", {"was_off": False}) == (resumed.stdout, json.loads(again.stdout))
    assert 0 == here("query", "j1", "--wait", "0").exit_code


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("j1", "--resume"), 2), (("unknown",), 1), (("j1", "--wait", "-1"), 2)]
)
def test_a_wrong_call_is_refused(here: Here, fleet: Fleet, arguments: tuple[str, ...], code: int) -> None:
    accepted(fleet)

    assert code == here("query", *arguments).exit_code
