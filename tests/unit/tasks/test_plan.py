"""What a campaign would be: every row counted once, in the place where a worker would put it."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from smsfleet.config.errors import InvalidArgument, InvalidFile, InvalidSender, InvalidText, TextTooLong
from smsfleet.config.settings import load
from smsfleet.tasks import plan_campaign, read_recipients
from smsfleet.tasks.app import use_runtime
from smsfleet.tasks.census import Refused
from smsfleet.tasks.plan import Plan
from smsfleet.workers.runtime import Runtime

Planned = Callable[..., Plan]

A, B = "27821000001", "27821000002"
TEST_NUMBERS = [f"2799910{at:04d}" for at in range(8)]


@pytest.fixture
def planned() -> Iterator[Planned]:
    """Plans with these settings and without a server."""

    def plan(
        recipients: Any, text: str = "Hello", settings: dict[str, str] | None = None, **asked: Any
    ) -> Plan:
        given = {f"SMSFLEET_{name.upper()}": value for name, value in (settings or {}).items()}
        use_runtime(Runtime(load(given)))
        return plan_campaign(recipients, text, offline=True, **asked)

    yield plan
    use_runtime(None)


def test_recipients_may_be_numbers_mappings_or_rows_of_a_file(planned: Planned) -> None:
    numbers = planned([A, B])
    mappings = planned([{"to": A, "name": "Ann"}, {"to": B, "name": "Bob"}], "Hi {name}")
    with read_recipients(io.BytesIO(f"to,name\n{A},Ann\n{B},Bob\n".encode())) as rows:
        from_file = planned(rows, "Hi {name}")

    assert numbers == replace(mappings, redis_octets=numbers.redis_octets)
    assert mappings == from_file
    assert (2, 2, 2, Fraction(2), {"gsm0338": {1: 2}}) == (
        numbers.rows, numbers.recipients, numbers.segments, numbers.credits, numbers.messages,
    )  # fmt: skip


def test_what_would_not_be_sent_is_counted_and_told_of_by_row_and_line(planned: Planned) -> None:
    text = f"to,name\n{A},Ann\n0123,Bob\n+27 82 100 0001,Ann again\n{B}\n{B},\n"
    told: list[Refused] = []

    with read_recipients(io.BytesIO(text.encode())) as rows:
        plan = planned(rows, "{name}", refused=told.append)

    assert (5, 1) == (plan.rows, plan.recipients)
    assert {"invalid-destination": 1, "duplicate": 1, "unreadable-row": 1, "invalid-text": 1} == plan.refused
    assert "destination '0123' has a leading 0" in told[0].why
    assert [
        (2, 3, "invalid-destination", told[0].why),
        (3, 4, "duplicate", f"{A} is that of an earlier row"),
        (4, 5, "unreadable-row", "it has 1 column, not 2"),
        (5, 6, "invalid-text", "the text of the row is empty"),
    ] == [(row.row, row.line, row.code, row.why) for row in told]


def test_a_number_whose_first_row_cannot_be_sent_is_no_duplicate(planned: Planned) -> None:
    plan = planned([{"to": A, "name": "\a"}, {"to": A, "name": "Ann"}], "{name}")

    assert ({"invalid-text": 1}, 1) == (plan.refused, plan.recipients)


def test_messages_are_counted_by_encoding_and_segments(planned: Planned) -> None:
    names = ["Ann", "Жанна", "a" * 161, "b" * 300, "Ж" * 71]
    plan = planned([{"to": str(27_821_000_000 + at), "n": name} for at, name in enumerate(names)], "{n}")

    assert {"gsm0338": {1: 1, 2: 2}, "ucs2": {1: 1, 2: 1}} == plan.messages
    assert (8, Fraction(8)) == (plan.segments, plan.credits)


def test_the_memory_that_redis_needs_follows_jobs_segments_and_fields(planned: Planned) -> None:
    assert 2 * 330 == planned([A, B]).redis_octets
    assert 2 * (330 + 2 * 180) == planned([A, B], "a" * 459).redis_octets
    assert 2 * (330 + 60) == planned([{"to": A, "n": 1}, {"to": B, "n": 2}], "{n}").redis_octets


def test_credits_of_the_test_ranges_are_exact_thirds(planned: Planned) -> None:
    assert Fraction(8, 3) == planned(TEST_NUMBERS).credits
    assert Fraction(16, 3) + 1 == planned([*TEST_NUMBERS, A], "a" * 161).credits - 1
    assert "8/3" == planned(TEST_NUMBERS).as_dict()["credits"]


def test_credits_follow_the_tariff(planned: Planned) -> None:
    assert Fraction(5 + 10, 3) == planned([A, "27831000001"], settings={"tariff": "2782=5/3,27=10/3"}).credits


def test_the_settings_say_what_the_call_does_not(planned: Planned) -> None:
    settings = {"default_country_code": "27", "deny_prefixes": "2783", "transliterate": "typographic"}

    plan = planned(["0821000001", "0831000001"], "“Hello”", settings)

    assert ({"destination-denied": 1}, {"gsm0338": {1: 1}}) == (plan.refused, plan.messages)
    assert {"ucs2": {1: 1}} == planned([A], "“Hello”", settings, transliterate="off").messages


def test_the_time_it_takes_is_that_of_its_segments_at_the_lower_rate(planned: Planned) -> None:
    assert 0.5 == planned(TEST_NUMBERS[:5], settings={"rate": "10"}).drain_s
    assert 2.5 == planned(TEST_NUMBERS[:5], settings={"rate": "10"}, rate=2).drain_s
    assert 0.5 == planned(TEST_NUMBERS[:5], settings={"rate": "10"}, rate=20).drain_s


def test_a_validity_that_ends_before_all_is_sent_is_warned_of(planned: Planned) -> None:
    plan = planned(TEST_NUMBERS, settings={"rate": "0.1"}, validity=60)

    assert (60, 80.0) == (plan.validity_s, plan.drain_s)
    assert "is over before all is sent, after 80 s" in plan.warnings[0]
    assert "about 2 segments would not be" in plan.warnings[0]
    assert () == planned(TEST_NUMBERS, settings={"rate": "0.1"}, validity=80).warnings


def test_a_validity_shorter_than_advised_is_warned_of(planned: Planned) -> None:
    recipients = [str(27_821_000_000 + at) for at in range(1_000)]

    plan = planned(recipients, settings={"rate": "1000"}, validity=60)

    assert 288 == plan.advised_validity_s
    assert "at least 4 h for 50,000 messages are advised, so 288 s for these" in plan.warnings[0]
    assert () == planned(recipients, settings={"rate": "1000"}, validity=288).warnings


def test_a_sender_that_is_not_registered_is_warned_of(planned: Planned) -> None:
    plan = planned([A], settings={"senders": "Shop"}, sender="Bank")

    assert (1, True) == (plan.recipients, "'Bank' is not in the list of registered" in plan.warnings[0])
    assert () == planned([A], settings={"senders": "Shop"}, sender="SHOP").warnings


def test_missing_credits_are_warned_of(planned: Planned) -> None:
    plan = planned(TEST_NUMBERS, balance=2)

    assert Fraction(2, 3) == plan.shortfall
    assert ("credits are short by 2/3: 2 2/3 are needed",) == plan.warnings
    assert (Fraction(0), ()) == ((enough := planned(TEST_NUMBERS, balance=3)).shortfall, enough.warnings)
    assert planned(TEST_NUMBERS).shortfall is None


def test_the_plan_is_json(planned: Planned) -> None:
    plan = planned([*TEST_NUMBERS, "x"], balance=2, validity=600)

    found = json.loads(json.dumps(plan.as_dict()))

    assert {
        "rows": 9,
        "recipients": 8,
        "refused": {"invalid-destination": 1},
        "credits": "8/3",
    }.items() <= found.items()
    assert [{"encoding": "gsm0338", "segments": 1, "recipients": 8}] == found["messages"]
    assert ("2", "2/3", None, 600) == (
        found["balance"], found["shortfall"], found["waiting"], found["validity_s"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "asked", "error"),
    [
        ("", {}, InvalidText),
        ("bell\a", {}, InvalidText),
        ("a" * 2_000, {}, TextTooLong),
        ("Hi", {"sender": "much too long for one"}, InvalidSender),
        ("Hi", {"lane": "vip"}, InvalidArgument),
        ("Hi", {"validity": 0}, InvalidArgument),
        ("Hi", {"rate": 0}, InvalidArgument),
        ("Hi", {"encoding": "utf-8"}, InvalidArgument),
        ("Hi", {"duplicates": "sent"}, InvalidArgument),
        (None, {"template": False}, InvalidText),
    ],
)
def test_what_no_row_could_be_sent_with_is_refused(
    planned: Planned, text: str, asked: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        planned([A], text, **asked)


def test_the_name_of_a_file_is_no_list_of_recipients(planned: Planned) -> None:
    with pytest.raises(InvalidArgument, match="read_recipients"):
        planned("customers.csv")


def test_a_text_that_names_a_column_that_the_file_lacks_is_refused_at_once(planned: Planned) -> None:
    with (
        read_recipients(io.BytesIO(f"to,name\n{A},Ann\n".encode())) as rows,
        pytest.raises(InvalidFile, match=r"no column 'first', which the text names: it has name, to"),
    ):
        planned(rows, "Hi {first}")


def test_braces_may_be_braces(planned: Planned) -> None:
    assert 1 == planned([A], "Hi {first}", template=False).recipients


def test_duplicates_may_be_sent(planned: Planned) -> None:
    assert (2, {}) == ((plan := planned([A, A], duplicates="send")).recipients, plan.refused)


def test_the_progress_is_told(planned: Planned) -> None:
    told: list[int] = []

    planned([str(27_821_000_000 + at) for at in range(1_200)], progress=told.append)

    assert [500, 1_000, 1_200] == told


def test_the_memory_of_a_plan_grows_by_the_numbers_only(planned: Planned) -> None:
    peaks = []
    for count in (1_000, 15_000):
        recipients = ({"to": str(27_820_000_000 + at), "name": f"name {at}"} for at in range(count))
        planned([A], "Hi {name}")
        tracemalloc.start()
        assert count == planned(recipients, "Hi {name}").recipients
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    # at the moment of growth the table is there twice: 1.5 x 8 octets in 3/8 of its slots
    assert peaks[1] - peaks[0] < 15_000 * 33
