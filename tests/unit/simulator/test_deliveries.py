"""What an ESME sends back, refuses or never answers: delivered again, and not for ever. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smsfleet.cli.virtual_time import Waits, run
from smsfleet.simulator.behaviour import Smsc
from smsfleet.simulator.deliveries import Deliveries, Sent
from smsfleet.simulator.options import SimulatorOptions


class Connection:
    """The deliver_sm of one connection, and the mailbox they come from."""

    def __init__(self, **options: Any) -> None:
        self.smsc = Smsc(SimulatorOptions(seed=1, **options))
        self.late: list[tuple[int, float]] = []
        self.loop = asyncio.get_running_loop()
        self.deliveries = Deliveries(self.smsc, self.loop.time, self._on_late)

    def _on_late(self, sent: Sent) -> None:
        self.late.append((sent.attempt, round(self.loop.time(), 3)))

    def post(self) -> Sent:
        """A new deliver_sm, sent."""
        now = self.loop.time()
        self.smsc.mailbox.post(b"body", due=now, now=now)
        sent = self.take()
        assert sent is not None
        return sent

    def take(self) -> Sent | None:
        """The next deliver_sm that is due, sent."""
        now = self.loop.time()
        delivery = self.smsc.mailbox.take(self.smsc.options.held_s, now=now)
        return None if delivery is None else self.deliveries.send(delivery, now=now)

    def answer(self, sent: Sent, status: int) -> None:
        self.deliveries.answered(sent, status, now=self.loop.time())


def play(scene: Callable[[Callable[..., Connection]], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene(Connection)

    run(main(), Waits())


@pytest.mark.parametrize("status", [0x64, 0x14, 0x58, 0x08])
def test_what_was_sent_back_comes_again_after_a_while(status: int) -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(redelivery_delay_s=5.0)
        connection.answer(connection.post(), status)

        await asyncio.sleep(4.9)
        assert connection.take() is None
        await asyncio.sleep(0.1)
        again = connection.take()

        assert again is not None
        assert (2, 1) == (again.attempt, connection.deliveries.awaited)

    play(scene)


@pytest.mark.parametrize("status", [0x65, 0x66, 0x01, 0xC2, 0x03])
def test_what_was_refused_for_good_never_comes_again(status: int) -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect()
        connection.answer(connection.post(), status)

        await asyncio.sleep(1000.0)

        assert connection.take() is None
        assert (1, 0, 0) == (
            connection.smsc.mailbox.refused,
            len(connection.smsc.mailbox),
            len(connection.late),
        )

    play(scene)


def test_what_is_not_answered_comes_again_as_often_as_allowed() -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(deliver_timeout_s=60.0, most_attempts=3)
        connection.post()
        for _ in range(2):
            await asyncio.sleep(60.001)
            assert connection.take() is not None
        await asyncio.sleep(60.001)

        assert connection.take() is None
        assert [(1, 60.0), (2, 120.001), (3, 180.002)] == connection.late
        assert (1, 0) == (connection.smsc.mailbox.given_up, connection.deliveries.awaited)

    play(scene)


def test_an_answer_that_comes_too_late_still_counts() -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(deliver_timeout_s=10.0)
        sent = connection.post()
        await asyncio.sleep(10.5)

        connection.answer(sent, 0)

        assert [(1, 10.0)] == connection.late
        assert connection.take() is None
        assert 0 == connection.deliveries.awaited

    play(scene)


def test_an_answer_in_time_ends_the_waiting_of_that_one_only() -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(deliver_timeout_s=10.0)
        connection.post()
        second = connection.post()
        await asyncio.sleep(1.0)
        connection.post()
        connection.answer(second, 0)

        await asyncio.sleep(20.0)

        assert [(1, 10.0), (1, 11.0)] == connection.late

    play(scene)


def test_a_lost_link_gives_back_what_was_awaited_and_nothing_twice() -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(deliver_timeout_s=10.0)
        timed_out = connection.post()
        await asyncio.sleep(10.5)
        awaited = connection.post()

        lost = connection.deliveries.lost([timed_out, awaited])

        assert (1, 2, 0) == (lost, len(connection.smsc.mailbox), connection.deliveries.awaited)
        await asyncio.sleep(100.0)
        assert 1 == len(connection.late)

    play(scene)


def test_without_a_time_limit_an_answer_is_awaited_for_ever() -> None:
    async def scene(connect: Callable[..., Connection]) -> None:
        connection = connect(deliver_timeout_s=0.0)
        sent = connection.post()
        await asyncio.sleep(1_000_000.0)

        assert ([], 1) == (connection.late, connection.deliveries.awaited)
        connection.answer(sent, 0x64)
        assert 1 == len(connection.smsc.mailbox)

    play(scene)
