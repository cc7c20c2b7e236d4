"""What the binder holds back: paused lanes, a refused account, more than the rate."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from tests.integration.binder.support import Account, Binders, Message
from tests.integration.waiting import eventually

from smsfleet.simulator.rules import Outcome, Rule, default_rules
from smsfleet.simulator.server import Simulator
from smsfleet.store.calls import Call
from smsfleet.store.facts import Facts, Verdict
from smsfleet.store.keys import LANES
from smsfleet.store.standing import ACCOUNT, Standing, Standings

pytestmark = pytest.mark.server

NO_CREDIT = 0x401
PROBE_S = 1.0


def standings(account: Account) -> Standings:
    return Standings(account.keys)


def arrived(simulator: Simulator) -> list[str]:
    return [line["destination"] for line in simulator.journal.of("submit_sm")]


def read(account: Account) -> Standing:
    return account.store.run(standings(account).read())


async def goes_out(simulator: Simulator, message: Message) -> None:
    await eventually(lambda: message.destination in arrived(simulator))


async def test_a_paused_lane_waits_while_the_others_go_and_goes_when_it_is_resumed(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port)
    await goes_out(simulator, account.send(lane="bulk"))
    account.store.run(standings(account).pause(["bulk"], ""))
    bulk = [account.send(lane="bulk") for _ in range(5)]
    for lane in ("high", "normal"):
        await goes_out(simulator, account.send(lane=lane))

    assert not {message.destination for message in bulk} & set(arrived(simulator))
    account.store.run(standings(account).resume(["bulk"]))

    for message in bulk:
        await goes_out(simulator, message)
    assert sorted(arrived(simulator)) == sorted(set(arrived(simulator)))


async def test_a_binder_that_starts_while_the_account_is_paused_sends_nothing_until_it_is_resumed(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    account.store.run(standings(account).pause([ACCOUNT], "at night"))
    waiting = [account.send(lane=lane) for lane in LANES]
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state == "bound")
    before = account.commands("xread")

    account.store.run(standings(account).pause(["high"], "and more"))
    await eventually(lambda: account.commands("evalsha") > 3)
    assert (arrived(simulator), account.commands("xread") - before) == ([], 0)

    account.store.run(standings(account).resume([ACCOUNT]))
    account.store.run(standings(account).resume(["high"]))
    for message in waiting:
        await goes_out(simulator, message)


async def test_a_refused_account_is_probed_with_single_messages_and_goes_on_after_one_is_accepted(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(rules=(Rule(Outcome(NO_CREDIT, None)),))
    facts = Facts(account.keys, text_ttl_s=600, index_ttl_s=8 * 86_400, max_attempts=1, probe_s=PROBE_S)

    def work() -> None:
        """What workers do with answers and delays."""
        responses, _ = account.read_facts()
        if responses:
            verdicts = [Verdict("pause" if r.command_status else "ok", 12, 0) for r in responses]
            account.store.run(facts.apply_responses(responses, verdicts, 20_000))
        if due := account.store.run(facts.due(100)):
            account.store.run(facts.promote(due))

    def paused() -> bool:
        work()
        return read(account).gateway is not None

    first = account.send()
    binders.start(account, simulator.port)
    await eventually(paused)
    messages = [first, *(account.send() for _ in range(30))]
    refused = simulator.journal.counts["submit_sm"]

    def probed() -> bool:
        work()
        gateway = read(account).gateway
        return gateway is not None and gateway.probes >= 2

    await eventually(probed)
    assert simulator.journal.counts["submit_sm"] - refused <= 4  # 2 probes, perhaps the next ones
    simulator.change(rules=default_rules())

    def all_accepted() -> bool:
        work()
        return account.states(messages) == {"A": len(messages)}

    await eventually(all_accepted)
    assert read(account).gateway is None
    assert {account.segment(message).tries for message in messages} == {0}


async def test_a_backlog_goes_out_at_the_rate_and_not_all_at_once(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    messages = [account.send() for _ in range(150)]
    account.store.run(Call(("HSET", account.keys.rate, "m", "100"), int))

    binders.start(account, simulator.port, window=100)

    await eventually(lambda: simulator.journal.counts["submit_sm"] == len(messages))
    times = sorted(line["at"] for line in simulator.journal.of("submit_sm"))
    assert len(times) == len(messages)
    assert times[-1] - times[0] >= (150 - 12) / 105 - 0.1
    most = max(sum(start <= at < start + 1 for at in times) for start in times)
    assert most <= 105 + 11


async def test_the_high_lane_passes_a_backlog_that_waits_for_the_rate(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    for _ in range(120):
        account.send(lane="bulk")
    account.store.run(Call(("HSET", account.keys.rate, "m", "50"), int))
    binders.start(account, simulator.port)
    await eventually(lambda: simulator.journal.counts["submit_sm"] >= 10)

    high = account.send(lane="high")
    account.store.run(Call(("HSET", account.keys.rate, "m", "50"), int))
    before = simulator.journal.counts["submit_sm"]
    await goes_out(simulator, high)

    assert arrived(simulator).index(high.destination) - before <= 10


async def test_segments_that_the_gateway_answers_while_it_disowns_the_bind_are_not_in_doubt(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.5)
    binders.start(account, simulator.port)
    disowned = account.send(destination="27999180004", on_ambiguous="fail")
    await eventually(lambda: simulator.journal.counts["submit_sm"] == 1)
    others = [account.send(on_ambiguous="fail") for _ in range(5)]

    await eventually(lambda: simulator.journal.counts["bind"] == 2)

    def all_accepted() -> bool:
        account.apply_responses()
        return account.states(others) == {"A": 5}

    await eventually(all_accepted)
    assert [account.segment(message).ambiguous for message in (disowned, *others)] == [0] * 6


async def test_a_text_stays_in_one_piece_on_the_wire_while_the_high_lane_passes(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(response_delay_s=0.002)
    texts = [account.send_text(9, "bulk") for _ in range(6)]
    binders.start(account, simulator.port, window=4)
    await eventually(lambda: simulator.journal.counts["submit_sm"] >= 3)
    high = []
    while simulator.journal.counts["submit_sm"] < 50:
        high.append(account.send(lane="high").destination)
        await asyncio.sleep(0.001)

    await eventually(lambda: simulator.journal.counts["submit_sm"] == 54 + len(high))
    runs = [(to, len(list(run))) for to, run in itertools.groupby(arrived(simulator))]
    assert sorted((to, 9) for to in texts) == sorted(run for run in runs if run[0] in texts)
    assert len(high) > 0
