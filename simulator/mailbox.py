"""The deliver_sm of an account that the ESME has not acknowledged: held, delivered, delivered again."""

from __future__ import annotations

from dataclasses import dataclass

from smsfleet.simulator.agenda import Agenda


@dataclass(slots=True)
class Delivery:
    """One deliver_sm until it is answered with 0."""

    number: int
    """counts the deliver_sm of an account, from 1"""
    body: bytes
    message_id: bytes
    """the id that a receipt is about; empty for an incoming message"""
    stat: str
    """the word that a receipt tells"""
    posted_at: float
    due: float
    attempts: int = 0
    is_settled: bool = False
    """the ESME has taken it or refused it for good: a further attempt is left out"""


class Mailbox:
    """Holds deliver_sm while no receiver is bound or none of them takes more (guide §4, §13: for 7 days)."""

    def __init__(self) -> None:
        self._agenda: Agenda[Delivery] = Agenda()
        self.posted = 0
        self.expired = 0
        """how many were dropped because nobody fetched them in time"""
        self.given_up = 0
        """how many were dropped because they were sent back too often, or not answered"""
        self.refused = 0
        """how many were dropped because the ESME refused them for good"""

    def __len__(self) -> int:
        return len(self._agenda)

    @property
    def next_due(self) -> float | None:
        """When the next one may be delivered; None when there is none."""
        return self._agenda.next_due

    def post(
        self, body: bytes, *, due: float, now: float, message_id: bytes = b"", stat: str = ""
    ) -> Delivery:
        """Take a deliver_sm body that may go out from `due` on."""
        self.posted += 1
        delivery = Delivery(self.posted, body, message_id, stat, now, due)
        self._agenda.add(due, delivery)
        return delivery

    def take(self, held_s: float, *, now: float) -> Delivery | None:
        """The next one that is due and not older than `held_s`; None when there is none."""
        while (delivery := self._agenda.pop(now)) is not None:
            if delivery.is_settled:
                continue
            if now - delivery.posted_at <= held_s:
                delivery.attempts += 1
                return delivery
            self.expired += 1
        return None

    def clear(self) -> None:
        """Forget everything that waits."""
        self._agenda = Agenda()

    def put_back(self, delivery: Delivery, *, due: float | None = None) -> None:
        """It was not acknowledged: deliver it again, at `due` or (None) as soon as somebody receives."""
        delivery.due = delivery.due if due is None else due
        self._agenda.add(delivery.due, delivery)
