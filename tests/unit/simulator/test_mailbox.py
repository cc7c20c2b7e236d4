"""What an ESME has not acknowledged is held, and delivered again."""

from __future__ import annotations

from smsfleet.simulator.mailbox import Mailbox

WEEK_S = 7 * 86_400.0


def drain(mailbox: Mailbox, now: float) -> list[bytes]:
    bodies = []
    while (delivery := mailbox.take(WEEK_S, now=now)) is not None:
        bodies.append(delivery.body)
    return bodies


def test_deliveries_come_when_they_are_due_and_in_that_order() -> None:
    mailbox = Mailbox()
    mailbox.post(b"late", due=2.0, now=0.0)
    mailbox.post(b"early", due=1.0, now=0.0)

    taken = [drain(mailbox, at) for at in (0.9, 1.0, 3.0)]

    assert taken == [[], [b"early"], [b"late"]]


def test_what_was_not_acknowledged_comes_before_younger_ones() -> None:
    mailbox = Mailbox()
    mailbox.post(b"first", due=1.0, now=0.0)
    mailbox.post(b"second", due=2.0, now=0.0)
    first = mailbox.take(WEEK_S, now=5.0)
    assert first is not None

    mailbox.put_back(first)

    assert drain(mailbox, 5.0) == [b"first", b"second"]
    assert first.attempts == 2


def test_a_refused_delivery_waits_for_its_next_time() -> None:
    mailbox = Mailbox()
    mailbox.post(b"refused", due=1.0, now=0.0)
    delivery = mailbox.take(WEEK_S, now=1.0)
    assert delivery is not None

    mailbox.put_back(delivery, due=6.0)

    assert mailbox.next_due == 6.0
    assert [drain(mailbox, at) for at in (5.9, 6.0)] == [[], [b"refused"]]


def test_after_seven_days_a_delivery_is_dropped() -> None:
    mailbox = Mailbox()
    mailbox.post(b"old", due=0.0, now=0.0)
    mailbox.post(b"young", due=0.0, now=1.0)

    taken = drain(mailbox, WEEK_S + 0.5)

    assert taken == [b"young"]
    assert mailbox.expired == 1
