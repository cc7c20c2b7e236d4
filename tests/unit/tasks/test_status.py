"""The public form of a stored job: every state, every line of the history."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from smsfleet.config.statuses import APPENDIX_B
from smsfleet.store.records import Event, JobRecord, SegmentRecord
from smsfleet.tasks.status import FINAL_STATES, OPEN_STATES, of_record

CREATED_MS = 1_700_000_000_123
CREATED = datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)


def segment(state: str, status: int | None = None, number: int = 1, **more: Any) -> SegmentRecord:
    given: dict[str, Any] = {
        "attempt": 1, "error": None, "tries": 0, "ambiguous": 0, "duplicates": 0, "message_id": "",
    }  # fmt: skip
    return SegmentRecord(number=number, state=state, status=status, **(given | more))


def record(*segments: SegmentRecord, status: int | None = None, **more: Any) -> JobRecord:
    given: dict[str, Any] = {
        "job_id": "j1", "created_ms": CREATED_MS, "destination": "27999100001", "lane": "high",
        "policy": None, "deadline_ms": None, "refusal": None, "history": (),
    }  # fmt: skip
    return JobRecord(status=status, segments=segments, **(given | more))


def line(letter: str, code: int | None = None, raw: str = "", number: int | None = None) -> tuple[str, str]:
    event = Event(CREATED_MS + 5, number, letter, code, raw)
    entry = of_record(record(segment("Q"), history=(event,))).timeline[1]
    assert (CREATED.replace(microsecond=128_000), number) == (entry.at, entry.segment)
    return entry.source, entry.event


@pytest.mark.parametrize(
    ("letter", "status", "state", "final"),
    [
        ("Q", None, "QUEUED", False),
        ("W", None, "QUEUED", False),
        ("S", None, "SENDING", False),
        ("H", None, "HELD", False),
        ("A", 8, "ACCEPTED", False),
        ("A", 3, "ACCEPTED", False),
        ("A", 4, "DELIVERED", True),
        *(("A", number, "UNDELIVERED", True) for number in (5, 6, 7, 9, 10, 12, 14)),
        ("N", 3, "UNCONFIRMED", True),
        ("R", 9, "REJECTED", True),
        ("E", 10, "EXPIRED", True),
        ("C", 6, "CANCELLED", True),
        ("F", 1, "FAILED_UNKNOWN", True),
    ],
)
def test_a_job_of_one_segment_is_in_the_state_of_it(
    letter: str, status: int | None, state: str, final: bool
) -> None:
    found = of_record(record(segment(letter, status), status=status))

    assert (state, state, final) == (found.state, found.segments[0].state, found.final)


def test_a_job_that_no_worker_took_up_is_pending() -> None:
    found = of_record(record())

    assert ("PENDING", False, None, None) == (found.state, found.final, found.status, found.status_name)


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        ("invalid-text: no", "REFUSED"),
        ("poison: 3", "REFUSED"),
        ("cancelled: revoked", "CANCELLED"),
        ("expired: too late", "EXPIRED"),
    ],
)
def test_a_job_that_never_became_segments_says_why(refusal: str, state: str) -> None:
    found = of_record(record(status=5, refusal=refusal))

    assert (state, True, refusal) == (found.state, found.final, found.error)


@pytest.mark.parametrize("last", OPEN_STATES[OPEN_STATES.index("QUEUED") :])
def test_an_open_job_is_as_far_as_its_segment_that_is_farthest_behind(last: str) -> None:
    letters = {"QUEUED": "Q", "SENDING": "S", "HELD": "H", "ACCEPTED": "A"}
    ahead = [segment(letters[state], 8) for state in OPEN_STATES[OPEN_STATES.index(last) :]]

    assert last == of_record(record(segment("A", 4), *reversed(ahead))).state


def test_a_closed_job_is_in_the_state_of_the_segment_that_decided_its_status() -> None:
    found = of_record(record(segment("A", 4), segment("R", 9), segment("E"), status=9))

    assert ("REJECTED", True) == (found.state, found.final)


def test_a_text_of_which_one_segment_was_never_confirmed_is_not_delivered() -> None:
    found = of_record(record(segment("A", 4), segment("N", 3), status=3))

    assert ("UNCONFIRMED", True, 3) == (found.state, found.final, found.status)


@pytest.mark.parametrize(("letter", "number"), [("E", 10), ("C", 6), ("F", 1)])
def test_a_segment_that_the_gateway_never_spoke_of_is_shown_by_its_state(letter: str, number: int) -> None:
    found = of_record(record(segment("A", 4), segment(letter, None), status=number))

    assert (number, APPENDIX_B[number].name) == (found.segments[1].status, found.segments[1].status_name)
    assert found.segments[1].state == found.state


@pytest.mark.parametrize("number", APPENDIX_B)
def test_every_number_of_appendix_b_is_shown_by_its_name(number: int) -> None:
    assert APPENDIX_B[number].name == of_record(record(segment("A", number), status=number)).status_name


def test_the_last_refusal_of_a_segment_is_the_jobs_error() -> None:
    found = of_record(record(segment("W", error=0x58), segment("R", 9, error=0x400), segment("A", 4)))

    assert ["0x00000058 ESME_RTHROTTLED: message limit exceeded", True, None] == [
        found.segments[0].error, found.segments[1].error == found.error, found.segments[2].error,
    ]  # fmt: skip


def test_what_nobody_could_know_is_added_up() -> None:
    found = of_record(record(segment("A", 4, ambiguous=1, duplicates=2), segment("F", ambiguous=2)))

    assert (3, 2) == (found.ambiguous, found.duplicates)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (("Q",), ("worker", "queued")),
        (("S",), ("binder", "sending")),
        (("A", 8), ("response", "accepted: 008 OK, received by gateway")),
        (("X", 0x58), ("response", "refused: 0x00000058 ESME_RTHROTTLED: message limit exceeded")),
        (("X", 0x999), ("response", "refused: 0x00000999 UNLISTED_00000999: not in the guide's Appendix A")),
        (("X",), ("worker", "refused")),
        (("D", 4, "DELIVRD 000"), ("receipt", "receipt: 004 received by recipient (DELIVRD 000)")),
        (("D", None, "SOMETHING"), ("receipt", "receipt (SOMETHING)")),
        (("I", 4, "DELIVRD 000"), ("query", "asked by query_sm: 004 received by recipient (DELIVRD 000)")),
        (("I", None, "refused 0x0000000C"), ("query", "asked by query_sm (refused 0x0000000C)")),
        (("J",), ("timer", "closed at 003: no handset confirmation came")),
        (("U",), ("binder", "outcome unknown: the link was lost before the answer")),
        (("F",), ("policy", "failed: it may have been delivered")),
        (("E",), ("binder", "validity over before it was sent")),
        (("T",), ("timer", "hold over: queued again")),
        (("O",), ("operator", "queued again")),
        (("Z",), ("?", "Z")),
    ],
)
def test_the_time_line_says_who_said_what(written: tuple[Any, ...], said: tuple[str, str]) -> None:
    assert said == line(*written)


def test_the_time_line_names_the_segment_of_a_longer_text() -> None:
    assert ("binder", "sending") == line("S", number=3)


def test_the_time_line_begins_with_the_application() -> None:
    first = of_record(record()).timeline[0]

    assert (CREATED, "application", "taken in", None) == (first.at, first.source, first.event, first.segment)


def test_the_dictionary_is_json_with_times_in_iso_8601() -> None:
    event = Event(CREATED_MS + 1_000, 1, "D", 4, "DELIVRD \xe9")
    found = of_record(record(segment("A", 4, message_id="\x01\xff"), status=4, history=(event,)))

    said = json.loads(json.dumps(found.as_dict()))

    assert "2023-11-14T22:13:20.123000+00:00" == said["created"]
    assert ["2023-11-14T22:13:20.123000+00:00", "2023-11-14T22:13:21.123000+00:00"] == [
        entry["at"] for entry in said["timeline"]
    ]
    assert ("\x01\xff", "DELIVERED", 4) == (
        said["segments"][0]["message_id"], said["segments"][0]["state"], said["status"],
    )  # fmt: skip


def test_a_state_is_either_open_or_final() -> None:
    assert set() == set(OPEN_STATES) & set(FINAL_STATES)


def test_what_was_replaced_and_that_no_receipt_was_asked_for_is_told() -> None:
    plain, marked = of_record(record()), of_record(record(replaced=3, receipts=False))

    assert (0, True) == (plain.replaced, plain.receipts)
    assert (3, False) == (marked.replaced, marked.receipts)


# --- refusals that are waited out -------------------------------------------------------------------


@pytest.mark.parametrize("state", ["W", "Q"])
@pytest.mark.parametrize(("code", "status"), [(0x401, 12), (0x402, 12), (0x403, None), (0x58, None)])
def test_a_job_that_waits_for_credit_shows_012_and_is_open(state: str, code: int, status: int | None) -> None:
    found = of_record(record(segment(state, error=code)))

    assert ("QUEUED", False, status) == (found.state, found.final, found.status)
    assert status == found.segments[0].status


def test_a_job_that_was_accepted_after_all_shows_that() -> None:
    found = of_record(record(segment("A", 8), segment("W", error=0x401, number=2), status=8))

    assert (8, 12) == (found.status, found.segments[1].status)


def test_a_job_whose_tries_are_used_up_says_how_many_they_were() -> None:
    found = of_record(record(segment("R", 5, error=0x58, tries=17), status=5))

    said = "given up after 17 refused tries, the last: 0x00000058 ESME_RTHROTTLED: message limit exceeded"
    assert ("REJECTED", said) == (found.state, found.error)


def test_a_permanent_error_after_some_tries_speaks_for_itself() -> None:
    found = of_record(record(segment("R", 9, error=0x400, tries=3), status=9))

    assert found.error is not None
    assert found.error.startswith("0x00000400 ESME_ROUTERR")


def test_the_client_of_a_job_is_told() -> None:
    assert "billing" == of_record(record(segment("Q"), client="billing")).as_dict()["client"]
