"""A key of the account that holds another type: the binder names it, keeps its bind, and goes on when it is mended."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from tests.integration.binder.support import Account, Binders, incoming, times_accepted
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.simulator.server import Simulator
from smsfleet.store.calls import Call

pytestmark = pytest.mark.server


def spoil(account: Account, name: str) -> bytes:
    """Something else stands in the place of a key; what was there is kept aside."""
    key = account.keys.prefix + name.encode()
    if account.store.run(Call(("EXISTS", key), bool)):
        account.store.run(Call(("RENAME", key, key + b":kept"), bool))
    account.store.run(Call(("SADD", key, "x"), int))
    return key


def mend(account: Account, key: bytes) -> None:
    account.store.run(Call(("DEL", key), int))
    if account.store.run(Call(("EXISTS", key + b":kept"), bool)):
        account.store.run(Call(("RENAME", key + b":kept", key), bool))


@pytest.mark.parametrize(
    "name", ["inflight", "pause", "outbound:bulk", "campaigns:tally", "responses", "waiting", "status"]
)
async def test_it_keeps_its_bind_and_sends_when_the_key_is_mended(
    account: Account, simulator: Simulator, binders: Binders, name: str
) -> None:
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    first = account.send(on_ambiguous="fail")
    await eventually(account.apply_responses)
    second = account.send(on_ambiguous="fail")
    with capture_logs() as said:
        key = spoil(account, name)
        third = None if name in {"status", "responses"} else account.send(on_ambiguous="fail")
        await eventually(lambda: [line for line in said if f":{name} is a set" in str(line.get("error"))])
    assert not binder.task.done()

    mend(account, key)

    messages = [message for message in (first, second, third) if message]
    await eventually(
        lambda: (account.apply_responses(), account.states(messages))[1] == {"A": len(messages)}, within_s=15
    )
    assert [1] * len(messages) == [times_accepted(simulator, message) for message in messages]
    assert State.BOUND is binder.state


async def test_segments_go_out_while_the_rate_is_broken(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    message = account.send()
    with capture_logs() as said:
        spoil(account, "rate")

        await eventually(lambda: times_accepted(simulator, message) == 1)
        await eventually(lambda: [line for line in said if ":rate is a set" in str(line.get("error"))])


async def test_a_delivery_stays_with_the_gateway_while_its_stream_is_broken(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(redelivery_delay_s=0.1)
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)
    key = spoil(account, "deliveries")

    delivery = simulator.inject(incoming())

    await eventually(lambda: binder.binder.report.sent_back >= 1)
    mend(account, key)
    await eventually(lambda: [delivery.body] == [fact.body for fact in account.read_facts()[1]], within_s=15)


async def test_it_logs_in_when_the_ledger_is_mended(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    with capture_logs() as said:
        key = spoil(account, "bind")
        binder = binders.start(account, simulator.port)
        await eventually(lambda: [line for line in said if "no login is tried" in line["event"]])
    assert 0 == simulator.journal.counts["bind_transceiver"]

    mend(account, key)

    await eventually(lambda: binder.state is State.BOUND)


async def test_it_leads_when_what_stands_for_the_lease_is_gone(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    with capture_logs() as said:
        key = spoil(account, "lease")
        binder = binders.start(account, simulator.port)
        await eventually(lambda: [line for line in said if ":lease is a set" in str(line.get("error"))])

    mend(account, key)

    await eventually(lambda: binder.state is State.BOUND)


async def test_a_damaged_job_is_named_when_it_is_left_out(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    message = account.send()
    account.store.run(Call(("HSET", account.keys.job(message.job_id), "1", "garbage"), int))
    with capture_logs() as said:
        binders.start(account, simulator.port)

        await eventually(lambda: [line for line in said if "a damaged job is not sent" in line["event"]])

    assert [message.job_id] == [line["job_id"] for line in said if "damaged" in line["event"]]
    assert 0 == times_accepted(simulator, message)


async def test_an_intent_of_another_form_is_taken_out_of_flight(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    account.store.run(Call(("HSET", account.keys.inflight, "x#1", "garbage"), int))
    binder = binders.start(account, simulator.port)

    await eventually(lambda: binder.state is State.BOUND)

    assert 0 == account.in_flight()
