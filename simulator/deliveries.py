"""The deliver_sm that one connection has not answered: sent, waited for, sent again.

What an ESME answers with a temporary error (0x64 above all), or not at all within `deliver_timeout_s`, comes
again, `most_attempts` times at the most and for `held_s`. Any other error is the ESME's last word: the same
octets would only be refused again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smsfleet.config.codes import ESME_ROK, Reaction, command_status
from smsfleet.simulator.behaviour import Smsc
from smsfleet.simulator.mailbox import Delivery


@dataclass(slots=True, eq=False)
class Sent:
    """One attempt to deliver."""

    delivery: Delivery
    attempt: int
    deadline: float
    is_awaited: bool = True
    """False: answered, or not in time; an answer that comes yet still counts"""


class Deliveries:
    """Decides what becomes of each attempt. `late` is told of each that was not answered in time."""

    def __init__(self, smsc: Smsc, now: Callable[[], float], late: Callable[[Sent], None]) -> None:
        self._smsc = smsc
        self._now = now
        self._late = late
        self._sent: deque[Sent] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.awaited = 0
        """attempts that wait for their answer"""

    def send(self, delivery: Delivery, *, now: float) -> Sent:
        """A new attempt: the token of its deliver_sm."""
        timeout_s = self._smsc.options.deliver_timeout_s
        sent = Sent(delivery, delivery.attempts, now + timeout_s)
        self.awaited += 1
        if timeout_s:
            self._sent.append(sent)
            if self._timer is None:
                self._wait()
        return sent

    def answered(self, sent: Sent, status: int, *, now: float) -> None:
        """The ESME has answered an attempt, perhaps too late."""
        was_awaited = self._end(sent)
        while self._sent and not self._sent[0].is_awaited:
            self._sent.popleft()
        delivery = sent.delivery
        if status == ESME_ROK:
            delivery.is_settled = True
        elif command_status(status).reaction is not Reaction.TEMPORARY:
            self._smsc.mailbox.refused += not delivery.is_settled
            delivery.is_settled = True
        elif was_awaited:
            self._again(delivery, due=now + self._smsc.options.redelivery_delay_s)

    def lost(self, unanswered: Iterable[Sent]) -> int:
        """The link is gone: what was awaited comes again at the next bind. Returns how many those are."""
        if self._timer is not None:
            self._timer.cancel()
        awaited = [sent for sent in unanswered if self._end(sent)]
        for sent in awaited:
            self._smsc.mailbox.put_back(sent.delivery)
        return len(awaited)

    def _end(self, sent: Sent) -> bool:
        """Wait no longer; whether it was awaited."""
        was_awaited = sent.is_awaited
        self.awaited -= was_awaited
        sent.is_awaited = False
        return was_awaited

    def _again(self, delivery: Delivery, *, due: float) -> None:
        most = self._smsc.options.most_attempts
        if most and delivery.attempts >= most:
            self._smsc.mailbox.given_up += 1
        else:
            self._smsc.mailbox.put_back(delivery, due=due)

    def _wait(self) -> None:
        if self._timer is None and self._sent:
            wait_s = max(0.0, self._sent[0].deadline - self._now())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        """What was not answered in time comes again at once."""
        self._timer = None
        now, sent = self._now(), self._sent
        while sent and (not sent[0].is_awaited or sent[0].deadline <= now):
            oldest = sent.popleft()
            if self._end(oldest):
                self._again(oldest.delivery, due=now)
                self._late(oldest)
        self._wait()
