"""A gateway that reads nothing: what the kernel did not take never left, to the octet, and may go out again."""

from __future__ import annotations

import socket

import pytest
from tests.integration.binder.support import SHORT, Account, Binders, Message, new_simulator, times_accepted
from tests.integration.waiting import eventually

from smsfleet.binder.service import State
from smsfleet.binder.sockets import octets_taken
from smsfleet.simulator.server import Simulator

pytestmark = pytest.mark.server

WINDOW = 150
PAYLOAD_OCTETS = 60_000
TIMING = SHORT.model_copy(update={"reconnect_min_s": 30.0, "reconnect_max_s": 30.0, "compare_s": 60.0})


async def fill(account: Account, simulator: Simulator, binders: Binders, **times: float) -> list[Message]:
    """One batch, of more than the kernels hold, on its way to a gateway that reads nothing."""
    binder = binders.start(account, simulator.port, timing=TIMING.model_copy(update=times), window=WINDOW)
    await eventually(lambda: binder.state is State.BOUND)
    simulator.pause_reading()
    payloads = [b"%05d" % number + b"x" * PAYLOAD_OCTETS for number in range(WINDOW)]
    messages = account.send_together(payloads, on_ambiguous="fail")
    await eventually(lambda: account.in_flight() == WINDOW, within_s=10)
    await eventually(lambda: binder.state is State.WAITING, within_s=15)
    await eventually(lambda: account.in_flight() == 0)
    return messages


@pytest.mark.parametrize(
    "times",
    [{"response_timeout_s": 0.5}, {"enquire_link_s": 2.0, "enquire_link_timeout_s": 0.3}],
    ids=["no answer", "dead link"],
)
async def test_exactly_what_the_gateway_can_still_read_is_in_doubt(
    account: Account, binders: Binders, times: dict[str, float]
) -> None:
    # An answer to an enquire_link would find the connection closed: the reset takes what is not read yet along.
    silent = {"answers_submits": False, "answers_enquire_links": False}
    async with new_simulator(receive_buffer_octets=4096, **silent) as simulator:
        messages = await fill(account, simulator, binders, **times)

        simulator.resume_reading()  # all that the kernels of both sides still hold

        await eventually(lambda: simulator.connections == 0, within_s=20)
        read = {message.job_id for message in messages if times_accepted(simulator, message)}
    in_doubt = {message.job_id for message in messages if account.segment(message).state == "F"}
    queued = {message.job_id for message in messages if account.segment(message).state == "Q"}
    assert len(in_doubt | queued) == WINDOW
    assert read <= in_doubt
    assert 0 < len(read) < WINDOW // 2
    assert len(in_doubt - read) <= 1  # the one that was cut in the middle


async def test_what_the_kernel_took_is_in_doubt_when_the_kernel_gives_the_link_up(
    account: Account, binders: Binders
) -> None:
    async with new_simulator(receive_buffer_octets=4096, answers_submits=False) as simulator:
        messages = await fill(account, simulator, binders, tcp_user_timeout_s=0.5)

        simulator.resume_reading()

        await eventually(lambda: simulator.connections == 0)
        read = {message.job_id for message in messages if times_accepted(simulator, message)}
    in_doubt = {message.job_id for message in messages if account.segment(message).state == "F"}
    assert read <= in_doubt
    assert 0 < len(in_doubt) < WINDOW // 2


@pytest.mark.parametrize("octets", [0, 1, 5_000_000])
def test_octets_taken_counts_what_left_and_what_waits(octets: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        with client, peer:
            client.setblocking(False)
            taken = client.send(bytes(octets)) if octets else 0

            found = octets_taken(client)

            assert found is not None
            assert taken <= found <= taken + 1
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()  # a reset
            client.setblocking(True)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert octets_taken(client) == found


def test_octets_taken_of_what_is_no_tcp_is_not_known() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert octets_taken(ours) is None
    assert octets_taken(None) is None
