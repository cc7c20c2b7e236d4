"""A hostile gateway over real TCP: no lost session that the protocol does not demand, no lost PDU."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.integration.binder.hostile import HostilePeer, Talk, pdu
from tests.integration.binder.recorded import entries, recorded
from tests.integration.binder.support import SHORT, Account, Binders, RunningBinder, incoming
from tests.integration.waiting import eventually, remains

from smsfleet.binder import facts, link_events, transport
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.config.codes import ESME_RINVCMDID, ESME_RINVCMDLEN, ESME_RINVPARLEN, ESME_ROK, ESME_RX_T_APPN
from smsfleet.smpp.constants import (
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    GENERIC_NACK,
    RESP,
    SUBMIT_SM,
    TLV_MESSAGE_PAYLOAD,
    TLV_RECEIPTED_MESSAGE_ID,
)
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.store.calls import Call
from smsfleet.store.dead import Dead

pytestmark = pytest.mark.server

SUBMIT_SM_RESP = SUBMIT_SM | RESP
LONGEST = 65_535


@pytest.fixture
async def peer() -> AsyncIterator[HostilePeer]:
    async with HostilePeer() as started:
        yield started


def stored(account: Account) -> int:
    """How many deliver_sm Redis has."""
    return account.store.run(Call(("XLEN", account.keys.deliveries), int))


def waiting_octets(binder: RunningBinder) -> int:
    return binder.binder._deliveries.waiting_octets


# --- lengths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x8000_0000, 80_000, 15, 4, 0])
async def test_a_length_that_cannot_be_is_refused_before_its_octets_come(
    account: Account, binders: Binders, peer: HostilePeer, length: int
) -> None:
    binders.start(account, peer.port)
    talk = await peer.bound()

    talk.write(length.to_bytes(4, "big"))  # nothing behind it: whoever waits for more, waits for ever

    said = await talk.closed()
    assert [(GENERIC_NACK, ESME_RINVCMDLEN)] == [(found.command_id, found.command_status) for found in said]
    assert await (await peer.bound()).is_alive()


async def test_what_came_before_an_impossible_length_is_not_lost(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    message = account.send()
    binders.start(account, peer.port)
    talk = await peer.bound()
    submit = await talk.expect(SUBMIT_SM)

    talk.write(pdu(SUBMIT_SM_RESP, submit.sequence_number, b"m1\0"), b"\xff\xff\xff\xff")

    await talk.closed()
    await eventually(lambda: account.apply_responses() == ["accepted"])
    assert "m1" == account.segment(message).message_id


# --- slow octets -----------------------------------------------------------------------------------


async def test_a_header_that_does_not_complete_in_time_ends_the_connection(
    account: Account, peer: HostilePeer, tmp_path: object
) -> None:
    timing = SHORT.model_copy(update={"header_timeout_s": 0.3})
    async with recorded(account, peer.port, tmp_path, timing=timing):
        talk = await peer.bound()
        began = asyncio.get_running_loop().time()
        dripping = asyncio.create_task(drip(talk, bytes(16), every_s=0.1))

        said = await talk.closed()

        took_s = asyncio.get_running_loop().time() - began
        dripping.cancel()
        assert [] == said
        assert 0.29 <= took_s < 5.0
        await peer.bound()
        await eventually(
            lambda: "incomplete-pdu" in [entry.fields.get("cause") for entry in entries(account)]
        )


async def test_a_header_that_completes_in_time_is_as_good_as_any(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    binders.start(account, peer.port, timing=SHORT.model_copy(update={"header_timeout_s": 2.0}))
    talk = await peer.bound()

    await drip(talk, pdu(ENQUIRE_LINK, 7) * 3, every_s=0.02)

    assert [7, 7, 7] == [(await talk.expect(ENQUIRE_LINK_RESP)).sequence_number for _ in range(3)]
    assert await talk.is_alive()
    assert 1 == peer.binds


async def drip(talk: Talk, octets: bytes, *, every_s: float) -> None:
    """One octet at a time."""
    for at in range(len(octets)):
        talk.write(octets[at : at + 1])
        await asyncio.sleep(every_s)


# --- broken TLVs -----------------------------------------------------------------------------------


async def test_a_deliver_sm_with_a_tlv_that_overruns_is_refused_and_the_session_lives(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    binders.start(account, peer.port)
    talk = await peer.bound()
    overrun = TLV_RECEIPTED_MESSAGE_ID.to_bytes(2, "big") + b"\xff\xff" + b"m1\0"

    talk.write(pdu(DELIVER_SM, 5, incoming() + overrun), pdu(DELIVER_SM, 6, incoming()[:-3]))

    refused = {
        found.sequence_number: found for found in [await talk.expect(DELIVER_SM_RESP) for _ in range(2)]
    }
    assert ESME_RINVPARLEN == refused[5].command_status
    assert refused[6].command_status != ESME_ROK
    assert await talk.is_alive()
    assert [1, 1] == [stored(account), peer.binds]
    # The gateway will not send them again: they are kept for an operator, as they came.
    buried = account.store.run(Dead(account.keys).list(10))
    assert [incoming() + overrun, incoming()[:-3]] == [found.body for found in buried]
    assert ["refused with 0xC2", "refused with 0x01"] == [found.why.partition(":")[0] for found in buried]


async def test_a_submit_sm_resp_with_a_tlv_that_overruns_still_accepts(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    message = account.send()
    binders.start(account, peer.port)
    talk = await peer.bound()
    submit = await talk.expect(SUBMIT_SM)

    talk.write(pdu(SUBMIT_SM_RESP, submit.sequence_number, b"m1\0\x02\x10\xff\xff\x34"))

    await eventually(lambda: account.apply_responses() == ["accepted"])
    assert "m1" == account.segment(message).message_id
    assert await talk.is_alive()


# --- what nobody asked for -------------------------------------------------------------------------


@pytest.mark.parametrize("command_id", [0x0000_0101, 0x7FFF_FFFF, 0x0000_0002, 0x0000_0004, 0x0000_000B])
async def test_a_command_that_we_do_not_take_is_refused_by_its_number(
    account: Account, binders: Binders, peer: HostilePeer, command_id: int
) -> None:
    binders.start(account, peer.port)
    talk = await peer.bound()

    talk.write(pdu(command_id, 0xFFFF_FFFF, b"\0" * 30))

    nack = await talk.expect(GENERIC_NACK)
    assert (0xFFFF_FFFF, ESME_RINVCMDID) == (nack.sequence_number, nack.command_status)
    assert await talk.is_alive()
    assert 1 == peer.binds


async def test_answers_to_nothing_change_nothing(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    message = account.send()
    binders.start(account, peer.port)
    talk = await peer.bound()
    submit = await talk.expect(SUBMIT_SM)
    number = submit.sequence_number
    nothings = [
        pdu(command_id, wrong, b"stolen\0", status=status)
        for command_id in (SUBMIT_SM_RESP, GENERIC_NACK, 0x8000_0015, 0x8000_0006, 0x8000_0009, 0xFFFF_FFFF)
        for wrong in (0, number + 1, 0x7FFF_FFFF, 0xFFFF_FFFF)
        for status in (0, 0x58)
    ]

    talk.write(*nothings, pdu(SUBMIT_SM_RESP, number, b"m1\0"))

    await eventually(lambda: account.apply_responses() == ["accepted"])
    assert "m1" == account.segment(message).message_id
    assert await talk.is_alive()
    assert [1, 0] == [peer.binds, account.in_flight()]


async def test_only_the_first_of_several_answers_counts(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    messages = [account.send(), account.send()]
    binders.start(account, peer.port)
    talk = await peer.bound()
    first, second = await talk.expect(SUBMIT_SM), await talk.expect(SUBMIT_SM)

    talk.write(
        pdu(SUBMIT_SM_RESP, second.sequence_number, b"m2\0"),
        pdu(SUBMIT_SM_RESP, second.sequence_number, b"m3\0"),
        pdu(SUBMIT_SM_RESP, second.sequence_number, status=0x58),
        pdu(GENERIC_NACK, second.sequence_number, status=3),
        pdu(SUBMIT_SM_RESP, first.sequence_number, b"m1\0"),
    )

    await eventually(lambda: account.in_flight() == 0)
    assert ["accepted", "accepted"] == account.apply_responses()
    assert ["m1", "m2"] == [account.segment(message).message_id for message in messages]
    assert await talk.is_alive()


async def test_the_longest_deliver_sm_is_stored_as_it_came(
    account: Account, binders: Binders, peer: HostilePeer
) -> None:
    binders.start(account, peer.port)
    talk = await peer.bound()
    body = DeliverSm(
        source_addr="27820000009", tlvs=((TLV_MESSAGE_PAYLOAD, b"\xfe" * LONGEST),)
    ).encode_body()

    talk.write(pdu(DELIVER_SM, 1, body))

    assert ESME_ROK == (await talk.expect(DELIVER_SM_RESP)).command_status
    assert [body] == [fact.body for fact in account.read_facts()[1]]


async def test_a_flood_of_what_nobody_asked_for_is_answered_and_fills_neither_log_nor_journal(
    account: Account, peer: HostilePeer, tmp_path: object
) -> None:
    rounds = 2_000
    flood = [
        pdu(command, number)
        for number in range(1, rounds + 1)
        for command in (0x0000_0101, ENQUIRE_LINK, SUBMIT_SM_RESP, DELIVER_SM)
    ]
    with capture_logs() as lines:
        async with recorded(account, peer.port, tmp_path) as running:
            talk = await peer.bound()

            talk.write(*flood)

            said = [await talk.read() for _ in range(3 * rounds)]
            assert await talk.is_alive()
            await eventually(lambda: running.journal.waiting == 0)
    assert {GENERIC_NACK: rounds, ENQUIRE_LINK_RESP: rounds, DELIVER_SM_RESP: rounds} == Counter(
        found.command_id for found in said if found is not None
    )
    about = ("from the gateway", "malformed deliver_sm refused")
    assert 3 * link_events.LOGGED == sum(line["event"] in about for line in lines)
    assert len([entry for entry in entries(account) if entry.kind == "enquire_link_received"]) < rounds // 100


# --- who does not read -----------------------------------------------------------------------------


async def test_a_reader_that_stalls_is_left_and_nothing_is_lost(account: Account, binders: Binders) -> None:
    # 400 times 60 KB are more than the kernels of both sides hold; the window keeps the rest in Redis.
    window, count = 100, 400
    payload = b"x" * 60_000
    messages = [
        account.send(on_ambiguous="resend", tlvs=((TLV_MESSAGE_PAYLOAD, b"%05d" % number + payload),))
        for number in range(count)
    ]
    timing = SHORT.model_copy(update={"enquire_link_s": 3.0, "enquire_link_timeout_s": 2.5})
    async with HostilePeer(receive_buffer_octets=4096) as peer:
        binder = binders.start(account, peer.port, timing=timing, window=window)
        stalled = await peer.bound()
        await eventually(lambda: account.in_flight() >= window)
        most = window + window // 5
        await remains(lambda: account.in_flight() <= most, for_s=0.3)
        peer.widen(
            1 << 20
        )  # else the next one may read too slowly for its enquire_link to be answered in time

        talk = await peer.bound()  # the dead link was left by itself

        assert binder.binder.state in ("bound", "binding")
        accepted: set[bytes] = set()
        while len(accepted) < count:
            accepted.update(await talk.answer_submits(1))
        stalled.abort()
        await eventually(lambda: account.in_flight() == 0)
    while account.apply_responses():
        pass
    assert {"A": count} == account.states(messages)


async def test_a_dead_path_is_left_by_the_kernel_long_before_the_next_enquire_link(
    account: Account, binders: Binders
) -> None:
    payload = b"x" * 60_000
    for _ in range(100):
        account.send(on_ambiguous="resend", tlvs=((TLV_MESSAGE_PAYLOAD, payload),))
    timing = SHORT.model_copy(update={"tcp_user_timeout_s": 1.0})
    async with HostilePeer(receive_buffer_octets=4096) as peer:
        binders.start(account, peer.port, timing=timing, window=100)
        await peer.bound()  # and never read: its window stays shut

        await eventually(lambda: peer.binds == 2, within_s=20)


async def test_a_peer_that_sends_and_never_reads_is_not_read_either(
    account: Account, binders: Binders
) -> None:
    # However long it takes until the kernels take no more: nothing else may end the connection.
    timing = SHORT.model_copy(update={"tcp_user_timeout_s": 600.0, "enquire_link_s": 600.0})
    async with HostilePeer(receive_buffer_octets=65_536) as peer:
        binder = binders.start(account, peer.port, timing=timing)
        talk = await peer.bound()
        (side,) = binder.binder._sides
        await eventually(lambda: side._link is not None)
        link = side._link
        assert link is not None

        sent = await send_until_stuck(talk, pdu(ENQUIRE_LINK, 1) * 4_000, most=1_000)

        a_read = 256 * 1024 // 16
        assert transport.MOST_UNSENT < link.session.unsent <= transport.MOST_UNSENT + a_read
        answers = await talk.octets(16 * 4_000 * sent)
        assert answers == pdu(ENQUIRE_LINK_RESP, 1) * 4_000 * sent  # none is lost
        assert await talk.is_alive()
        assert 1 == peer.binds


async def send_until_stuck(talk: Talk, octets: bytes, *, most: int) -> int:
    """Send octets again and again until the binder takes no more; how often."""
    for sent in range(1, most + 1):
        talk.write(octets)
        try:
            await asyncio.wait_for(talk.flush(), 1.0)
        except TimeoutError:
            return sent
    raise AssertionError("the binder takes everything")


# --- more than Redis takes -------------------------------------------------------------------------


@pytest.mark.parametrize("flood", [(20, 12_000), (60_000, 600)], ids=["short", "long"])
async def test_a_flood_while_redis_is_frozen_is_bounded_and_every_pdu_is_answered_truly(
    own_account: Account,
    own_server: EmbeddedServer,
    binders: Binders,
    peer: HostilePeer,
    flood: tuple[int, int],
) -> None:
    octets, count = flood
    binder = binders.start(own_account, peer.port)
    talk = await peer.bound()
    assert await talk.is_alive()
    before = stored(own_account)
    assert own_server.process is not None
    body = DeliverSm(source_addr="27820000009", tlvs=((TLV_MESSAGE_PAYLOAD, b"x" * octets),)).encode_body()
    own_server.process.send_signal(signal.SIGSTOP)

    statuses = asyncio.create_task(talk.statuses(count))
    for number in range(1, count + 1):
        talk.write(pdu(DELIVER_SM, number, body))
        if number % 100 == 0:
            await talk.flush()
    await eventually(lambda: binder.binder._deliveries.refused > 0)

    assert waiting_octets(binder) <= facts.MOST_OCTETS
    assert len(binder.binder._deliveries.batches) <= facts.MOST_DELIVERIES
    own_server.process.send_signal(signal.SIGCONT)
    found = await statuses
    assert {ESME_ROK, ESME_RX_T_APPN} == set(found)
    assert found[ESME_ROK] == stored(own_account) - before
    assert await talk.is_alive()
    assert [1, 0] == [peer.binds, waiting_octets(binder)]


async def test_an_enquire_link_is_answered_behind_a_flood_that_redis_does_not_take(
    own_account: Account, own_server: EmbeddedServer, binders: Binders, peer: HostilePeer
) -> None:
    binders.start(own_account, peer.port)
    talk = await peer.bound()
    assert await talk.is_alive()
    assert own_server.process is not None
    own_server.process.send_signal(signal.SIGSTOP)
    flood = [pdu(DELIVER_SM, number, incoming()) for number in range(1, 1_001)]

    talk.write(*flood, pdu(ENQUIRE_LINK, 4711))

    assert 4711 == (await talk.expect(ENQUIRE_LINK_RESP)).sequence_number
    own_server.process.send_signal(signal.SIGCONT)
    assert {ESME_ROK: 1_000} == await talk.statuses(1_000)


async def test_what_waits_behind_a_write_that_failed_goes_back_to_the_gateway_at_once(
    own_account: Account, own_server: EmbeddedServer, binders: Binders, peer: HostilePeer
) -> None:
    binders.start(own_account, peer.port)
    talk = await peer.bound()
    assert await talk.is_alive()
    before = stored(own_account)
    assert own_server.process is not None
    own_server.process.send_signal(signal.SIGSTOP)
    count = 5 * facts.BATCH
    talk.write(*[pdu(DELIVER_SM, number, incoming()) for number in range(1, count + 1)], pdu(ENQUIRE_LINK, 1))
    await talk.expect(ENQUIRE_LINK_RESP)

    with capture_logs() as lines:
        own_server.stop(signal.SIGKILL)

        assert {ESME_RX_T_APPN: count} == await talk.statuses(count)
    # not batch by batch: behind a silent server each would wait for a time-out of its own
    assert [count] == [line["count"] for line in lines if "cannot persist deliver_sm" in line["event"]]
    own_server.start()
    own_account.reconnect()
    assert before == stored(own_account)
