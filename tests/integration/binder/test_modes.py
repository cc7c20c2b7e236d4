"""Transmitter and receiver as a pair with one owner, a transmitter alone, SMPP 3.3."""

from __future__ import annotations

import pytest
from tests.integration.binder.support import (
    SHORT,
    Account,
    Binders,
    RunningBinder,
    incoming,
    times_accepted,
)
from tests.integration.waiting import eventually, remains

from smsfleet.binder.report import SideReport
from smsfleet.binder.service import State
from smsfleet.simulator.server import Simulator
from smsfleet.smpp.constants import TLV_USER_MESSAGE_REFERENCE
from smsfleet.store.ledger import Ledger
from smsfleet.tasks.status import of_record

pytestmark = pytest.mark.server

PAIR = "transmitter_receiver"
SLOW = SHORT.model_copy(update={"reconnect_min_s": 1.0, "reconnect_max_s": 1.0})


def side(binder: RunningBinder, mode: str) -> SideReport:
    return next(report for report in binder.binder._report.sides if report.mode == mode)


def drop(simulator: Simulator, mode: str) -> None:
    """The gateway drops the connections that are bound so."""
    for number, bound_as in simulator.smsc.logins.bound.items():
        if bound_as == mode:
            simulator._peers[number].abort("dropped by the test")


def binds(simulator: Simulator) -> list[tuple[str, int]]:
    return [(line["mode"], line["status"]) for line in simulator.journal.of("bind")]


async def bound_pair(account: Account, simulator: Simulator, binders: Binders) -> RunningBinder:
    binder = binders.start(account, simulator.port, bind_mode=PAIR, timing=SLOW)
    await eventually(lambda: binder.state is State.BOUND)
    return binder


async def test_a_pair_submits_on_one_side_and_receives_on_the_other(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(receipt_delay_s=0.05)
    binder = await bound_pair(account, simulator, binders)

    message = account.send(registered_delivery=1)

    await eventually(lambda: simulator.journal.counts["deliver_sm_resp"] == 1)
    assert times_accepted(simulator, message) == 1
    assert sorted(binds(simulator)) == [("receiver", 0), ("transmitter", 0)]
    lines = {line["connection"] for line in simulator.journal.of("submit_sm")}
    assert lines.isdisjoint(line["connection"] for line in simulator.journal.of("deliver_sm_resp"))
    await binder.stop()
    assert simulator.journal.counts["unbind"] == 2


async def test_the_binds_of_a_pair_are_tried_one_after_the_other(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    await bound_pair(account, simulator, binders)

    happened = [line["event"] for line in simulator.journal.lines if line["event"] in ("connect", "bind")]
    assert happened == ["connect", "bind", "connect", "bind"]


async def test_messages_are_sent_while_the_receiver_is_gone_and_receipts_come_when_it_is_back(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(receipt_delay_s=0.05)
    binder = await bound_pair(account, simulator, binders)

    drop(simulator, "receiver")
    await eventually(lambda: side(binder, "receiver").state is State.WAITING)
    messages = [account.send(registered_delivery=1) for _ in range(20)]

    await eventually(lambda: all(times_accepted(simulator, message) == 1 for message in messages))
    assert (binder.state, side(binder, "transmitter").state) == (State.WAITING, State.BOUND)
    assert simulator.journal.counts["deliver_sm_resp"] == 0
    await eventually(lambda: simulator.journal.counts["deliver_sm_resp"] == 20)
    assert binds(simulator) == [("transmitter", 0), ("receiver", 0), ("receiver", 0)]
    assert binder.state is State.BOUND


async def test_receipts_and_messages_come_in_while_the_transmitter_is_gone(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.change(answers_submits=False)
    binder = await bound_pair(account, simulator, binders)
    lost = account.send(on_ambiguous="resend")
    await eventually(lambda: times_accepted(simulator, lost) == 1)
    simulator.change(answers_submits=True)

    drop(simulator, "transmitter")
    await eventually(lambda: side(binder, "transmitter").state is State.WAITING)
    waits = account.send()
    delivery = simulator.inject(incoming())

    await eventually(
        lambda: [line["delivery"] for line in simulator.journal.of("deliver_sm_resp")] == [delivery.number]
    )
    assert times_accepted(simulator, waits) == 0
    await eventually(lambda: times_accepted(simulator, waits) == 1)
    await eventually(lambda: times_accepted(simulator, lost) == 2)
    assert binds(simulator) == [("transmitter", 0), ("receiver", 0), ("transmitter", 0)]


async def test_each_side_sends_its_own_enquire_links(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    timing = SHORT.model_copy(update={"enquire_link_s": 0.2, "enquire_link_timeout_s": 0.1})
    binders.start(account, simulator.port, bind_mode=PAIR, timing=timing)

    def connections() -> list[int]:
        return [line["connection"] for line in simulator.journal.of("enquire_link")]

    await eventually(lambda: min(connections().count(1), connections().count(2)) >= 3)
    assert simulator.journal.counts["bind"] == 2


async def test_a_wrong_password_stops_both_sides_after_one_login(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binder = binders.start(account, simulator.port, bind_mode=PAIR, password="wrong")

    await eventually(lambda: {report.state for report in binder.binder._report.sides} == {State.REFUSED})

    await remains(lambda: simulator.journal.counts["connect"] == 1, for_s=0.3)
    assert binds(simulator) == [("transmitter", 0x0E)]


async def test_both_sides_share_the_two_failed_logins(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    simulator.smsc.logins._locked_until = float("inf")  # 0x0D for everybody
    binder = binders.start(account, simulator.port, bind_mode=PAIR)

    await eventually(lambda: all("guide §9" in report.why for report in binder.binder._report.sides))

    assert sorted(binds(simulator)) == [("receiver", 0x0D), ("transmitter", 0x0D)]
    await eventually(lambda: len(account.store.run(Ledger(account.keys).read()).logins) == 2)


async def test_a_pause_unbinds_both_sides(account: Account, simulator: Simulator, binders: Binders) -> None:
    binder = await bound_pair(account, simulator, binders)

    account.store.run(Ledger(account.keys).pause())

    await eventually(lambda: {report.state for report in binder.binder._report.sides} == {State.PAUSED})
    assert (simulator.bound, simulator.journal.counts["unbind"]) == (0, 2)


async def test_a_pair_that_is_deposed_leaves_on_both_sides(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    from smsfleet.store.client import Call

    timing = SHORT.model_copy(update={"lease_ttl_s": 1.0})
    binder = binders.start(account, simulator.port, bind_mode=PAIR, timing=timing)
    await eventually(lambda: binder.state is State.BOUND)

    for key in (account.keys.fence, account.keys.lease):
        account.store.run(Call(("SET", key, "99:0:host-2"), bool))

    await eventually(lambda: binder.state is State.STANDBY)
    assert simulator.bound == 0


async def test_a_transmitter_alone_asks_for_no_receipt_and_the_job_says_so(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port, bind_mode="transmitter")

    message = account.send(registered_delivery=1)

    await eventually(lambda: times_accepted(simulator, message) == 1)
    assert [line["registered_delivery"] for line in simulator.journal.of("submit_sm")] == [0]
    status = of_record(account.record(message))
    assert status.receipts is False
    assert status.timeline[-1].event.startswith(
        "sending, without a receipt: the account is bound as a transm"
    )


async def test_a_job_of_a_transceiver_says_nothing_of_receipts(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port)

    message = account.send(registered_delivery=1)

    await eventually(lambda: times_accepted(simulator, message) == 1)
    assert [line["registered_delivery"] for line in simulator.journal.of("submit_sm")] == [1]
    status = of_record(account.record(message))
    assert (status.receipts, status.timeline[-1].event) == (True, "sending")


async def test_smpp_3_3_binds_a_pair_and_rejects_what_it_cannot_say(
    account: Account, simulator: Simulator, binders: Binders
) -> None:
    binders.start(account, simulator.port, bind_mode=PAIR, interface_version=0x33)

    with_tlv = account.send(tlvs=((TLV_USER_MESSAGE_REFERENCE, b"\0\1"),))
    plain = account.send()

    await eventually(lambda: times_accepted(simulator, plain) == 1)
    await eventually(lambda: account.apply_responses() and account.in_flight() == 0)
    assert {line["interface_version"] for line in simulator.journal.of("bind")} == {0x33}
    assert times_accepted(simulator, with_tlv) == 0
    assert account.segment(with_tlv).state == "R"
