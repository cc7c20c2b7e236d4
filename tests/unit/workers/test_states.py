"""The state of a job from the labels of its segments, as an event has them."""

from __future__ import annotations

import pytest

from smsfleet.workers.states import of_labels


@pytest.mark.parametrize(
    ("labels", "status", "state"),
    [
        ("Q", None, "QUEUED"),
        ("A8", 8, "ACCEPTED"),
        ("A4", 4, "DELIVERED"),
        ("A7", 7, "UNDELIVERED"),
        ("R9", 9, "REJECTED"),
        ("F", 1, "FAILED_UNKNOWN"),
        ("E", 10, "EXPIRED"),
        ("A4:1 Q:2", None, "QUEUED"),
        ("A4:1 H:1 A8:1", None, "HELD"),
        ("A4:2 A7:1", 7, "UNDELIVERED"),
        ("A4:1 R5:1", 5, "REJECTED"),
        ("A4:1 E:1", 10, "EXPIRED"),
        ("-", 5, "REFUSED"),
        ("-", 6, "CANCELLED"),
        ("-", 10, "EXPIRED"),
    ],
)
def test_labels_and_status_say_the_state(labels: str, status: int | None, state: str) -> None:
    assert state == of_labels(labels, status)
