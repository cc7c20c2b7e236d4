"""query_sm: one at a time, behind live traffic; each end is persisted as it was heard, and the link stays."""

from __future__ import annotations

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, Message, RunningBinder
from tests.integration.waiting import eventually, remains

from smsfleet.binder.service import State
from smsfleet.config.codes import ESME_RINVCMDID, ESME_RINVMSGID
from smsfleet.simulator.server import Simulator
from smsfleet.store.queries import ANSWERED, NACKED, SILENT, Queries, Query, QueryFact

pytestmark = pytest.mark.server

PER_S = 50.0


def queries(account: Account) -> Queries:
    return account.wire.queries


async def accepted(account: Account, simulator: Simulator, count: int = 1) -> list[Message]:
    """Messages that the gateway has accepted."""
    messages = [account.send() for _ in range(count)]
    await eventually(lambda: simulator.journal.counts["submit_sm"] == count)
    await eventually(lambda: account.apply_responses() or account.in_flight() == 0)
    await eventually(lambda: account.apply_responses() or account.states(messages)["A"] == count)
    return messages


def ask(account: Account, message: Message, source: str = "27820000001") -> Query:
    message_id = account.segment(message).message_id.encode()
    query = Query(f"{message.job_id}#1".encode(), message_id, source)
    account.store.run(queries(account).ask([query]))
    return query


async def facts(account: Account, count: int = 1) -> list[QueryFact]:
    await eventually(lambda: len(account.store.run(queries(account).read(100))) >= count)
    return account.store.run(queries(account).read(100))


def start(binders: Binders, account: Account, simulator: Simulator, **options: object) -> RunningBinder:
    return binders.start(account, simulator.port, queries_per_s=PER_S, **options)  # type: ignore[arg-type]


async def test_the_state_of_a_message_is_persisted_as_it_was_told(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(receipt_delay_s=0.0)
    start(binders, account, simulator)
    (message,) = await accepted(account, simulator)

    query = ask(account, message)

    (fact,) = await facts(account)
    assert (query.ref, ANSWERED, 0, 2, 0) == fact[1:6]
    (asked,) = simulator.journal.of("query_sm")
    assert (query.message_id.decode(), query.source) == (asked["message_id"], asked["source"])


@pytest.mark.parametrize(
    ("answer", "kind"), [("refused", ANSWERED), ("nacked", NACKED)], ids=["query_sm_resp", "generic_nack"]
)
async def test_a_refusal_is_persisted_and_no_segment_suffers(
    account: Account, simulator: Simulator, binders: Binders, answer: str, kind: str
) -> None:
    simulator.change(queries=answer)
    binder = start(binders, account, simulator)
    (message,) = await accepted(account, simulator)

    ask(account, message)

    (fact,) = await facts(account)
    assert (kind, ESME_RINVCMDID) == (fact.kind, fact.command_status)
    assert (State.BOUND, "A", 1) == (
        binder.state,
        account.segment(message).state,
        simulator.journal.counts["bind"],
    )


async def test_an_id_that_the_gateway_does_not_know_is_an_answer(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    start(binders, account, simulator)

    account.store.run(queries(account).ask([Query(b"j#1", b"nobody's")]))

    (fact,) = await facts(account)
    assert (ANSWERED, ESME_RINVMSGID) == (fact.kind, fact.command_status)


async def test_without_a_rate_nothing_is_asked(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port)
    (message,) = await accepted(account, simulator)

    ask(account, message)

    await remains(lambda: account.store.run(queries(account).waiting()) == 1, for_s=0.3)
    assert 0 == simulator.journal.counts["query_sm"]


async def test_a_rate_is_not_exceeded(account: Account, simulator: Simulator, binders: Binders) -> None:
    start(binders, account, simulator)
    (message,) = await accepted(account, simulator)
    for _ in range(11):
        ask(account, message)

    await facts(account, 11)

    at = [line["at"] for line in simulator.journal.of("query_sm")]
    assert at[-1] - at[0] >= 10 / PER_S * 0.9


async def test_silence_is_persisted_and_the_link_stays(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(queries="silent")
    timing = SHORT.model_copy(update={"response_timeout_s": 0.3})
    binder = start(binders, account, simulator, timing=timing)
    account.store.run(queries(account).ask([Query(b"j#1", b"M1")]))

    (fact,) = await facts(account)

    assert (SILENT, 0, None) == fact[2:5]
    (message,) = await accepted(account, simulator)
    assert ("A", 1) == (account.segment(message).state, simulator.journal.counts["bind"])
    assert State.BOUND is binder.state


async def test_traffic_does_not_wait_for_a_silent_gateway_even_with_a_window_of_one(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(queries="silent")
    start(binders, account, simulator, window=1)
    account.store.run(queries(account).ask([Query(b"j#1", b"M1")]))
    await eventually(lambda: simulator.journal.counts["query_sm"] == 1)

    messages = await accepted(account, simulator, 3)

    assert {"A": 3} == account.states(messages)
    assert [] == account.store.run(queries(account).read(1))  # it is still awaited


async def test_a_question_that_is_lost_with_the_link_is_no_segment_and_no_refusal(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(queries="silent")
    start(binders, account, simulator)
    (message,) = await accepted(account, simulator)
    ask(account, message)
    await eventually(lambda: simulator.journal.counts["query_sm"] == 1)

    simulator.change(queries="answered", receipt_delay_s=0.0)
    simulator.disconnect()
    await eventually(lambda: simulator.journal.counts["bind"] == 2)
    ask(account, message)

    (fact,) = await facts(account)
    assert (ANSWERED, 2) == (fact.kind, simulator.journal.counts["query_sm"])
    assert ("A", 0, {}) == (
        account.segment(message).state,
        account.segment(message).ambiguous,
        account.store.run(account.wire.in_flight()),
    )


async def test_segments_go_before_questions(account: Account, simulator: Simulator, binders: Binders) -> None:
    simulator.change(answers_submits=False)
    messages = [account.send() for _ in range(3)]  # more than half of the window, and a place is free
    start(binders, account, simulator, window=4)
    await eventually(lambda: simulator.journal.counts["submit_sm"] == len(messages))

    account.store.run(queries(account).ask([Query(b"j#1", b"M1")]))

    await remains(lambda: account.store.run(queries(account).waiting()) == 1, for_s=0.3)
    assert 0 == simulator.journal.counts["query_sm"]
