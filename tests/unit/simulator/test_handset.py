"""The texts that handsets show, from the segments that reached the gateway."""

from __future__ import annotations

from typing import Any

import pytest

from smsfleet.simulator.handset import Message, messages
from smsfleet.workers.segments import segment

TEXTS = (
    "Hello",
    "Grüße @ €uro, " * 20,
    "🎂 happy birthday " * 12,
    "",
)


def lines(text: str, **changes: Any) -> list[dict[str, Any]]:
    """The journal's lines of a text that the workers' encoder has cut."""
    cut = segment(text, **{"reference": 7, **changes.pop("how", {})})
    return [
        {
            "event": "submit_sm",
            "destination": "27999100001",
            "source": "27820000001",
            "esm_class": 0x40 if header else 0,
            "data_coding": cut.data_coding,
            "short_message": (header + data).hex(),
            "status": 0,
            "message_id": f"id-{number}",
            **changes,
        }
        for number, (header, data) in enumerate(zip(cut.headers, cut.user_data, strict=True), start=1)
    ]


@pytest.mark.parametrize("octets", [1, 2])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_as_it_was_sent(text: str, octets: int) -> None:
    segments = lines(text, how={"reference_octets": octets})

    shown = messages(reversed(segments))

    ids = tuple(f"id-{number}" for number in range(1, len(segments) + 1))
    assert [Message("27999100001", "27820000001", text, ids)] == shown


def test_a_text_by_sar_is_shown_as_it_was_sent() -> None:
    segments = [
        {**line, "esm_class": 0, "short_message": line["short_message"][12:], "sar": [9, 2, number]}
        for number, line in enumerate(lines("0123456789" * 30), start=1)
    ]

    assert ["0123456789" * 30] == [message.text for message in messages(segments)]


def test_a_text_of_which_a_part_is_missing_or_refused_is_not_shown() -> None:
    segments = lines("0123456789" * 40)

    assert [] == messages(segments[:-1])
    assert [] == messages([*segments[:-1], {**segments[-1], "status": 0x58}])


def test_a_segment_that_came_twice_is_shown_once() -> None:
    first, second = lines("0123456789" * 20)

    assert ["0123456789" * 20] == [message.text for message in messages([first, first, second])]


def test_texts_with_the_same_reference_to_others_are_not_mixed() -> None:
    mine, other = lines("a" * 200), lines("b" * 200, destination="27999100002")

    mixed = [line for pair in zip(mine, other, strict=True) for line in pair]

    assert ["a" * 200, "b" * 200] == [message.text for message in messages(mixed)]


def test_a_header_without_concatenation_is_not_shown() -> None:
    (line,) = lines("Hello", esm_class=0x40)
    line["short_message"] = "06050415810000" + line["short_message"]

    assert ["Hello"] == [message.text for message in messages([line])]
