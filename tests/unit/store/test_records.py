"""The reading of a job's hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import RecordError
from smsfleet.store.records import Event, JobRecord, SegmentRecord, read_history, read_job, read_segment

BASE = {"c": "1000", "t": "27999100001", "l": "n"}


def reply(**fields: str) -> list[bytes]:
    return [
        part for name, value in (BASE | fields).items() for part in (name.encode(), value.encode("latin-1"))
    ]


def test_an_empty_hash_is_no_job() -> None:
    assert read_job("j1", []) is None


def test_an_alias_gives_the_id_of_the_first_job() -> None:
    assert read_job("j2", [b"=", b"j1"]) == "j1"


def test_a_job_that_was_only_taken_in_has_no_segments() -> None:
    record = read_job("j1", reply())

    assert record == JobRecord("j1", 1000, "27999100001", "normal", None, None, None, None, (), ())


def test_a_job_of_one_segment_is_read() -> None:
    packed = {"p": "D1", "x": "9000", "s": "4", "h": "0Q;5S;9A8;", "1": "A1,4,88,2,1,3,id,with,commas"}

    record = read_job("j1", reply(**packed))

    assert isinstance(record, JobRecord)
    assert (record.policy, record.deadline_ms, record.status) == ("hold_then_resend", 9000, 4)
    assert record.segments == (SegmentRecord(1, "A", 1, 4, 88, 2, 1, 3, "id,with,commas"),)
    assert [event.letter for event in record.history] == ["Q", "S", "A"]


def test_the_segments_of_a_job_are_in_order() -> None:
    packed = {str(number): f"Q{number},,,,,," for number in range(1, 13)}

    record = read_job("j1", reply(n="12", k="Q:12", **packed))

    assert isinstance(record, JobRecord)
    assert [segment.attempt for segment in record.segments] == list(range(1, 13))


def test_the_reason_of_a_refusal_is_utf_8() -> None:
    record = read_job("j1", [*reply(), b"e", "invalid-text: ☎".encode()])

    assert isinstance(record, JobRecord)
    assert record.refusal == "invalid-text: ☎"


@pytest.mark.parametrize(
    ("letter", "policy"), [("R", "resend"), ("H", "hold"), ("D", "hold_then_resend"), ("F", "fail")]
)
def test_policies_are_read(letter: str, policy: str) -> None:
    record = read_job("j1", reply(p=f"{letter}1"))

    assert isinstance(record, JobRecord)
    assert record.policy == policy


@pytest.mark.parametrize(
    "fields",
    [
        {"c": "soon"},
        {"l": "x"},
        {"p": "X1"},
        {"n": "2", "1": "Q0,,,,,,"},
        {"1": "not packed"},
        {"1": "q0,,,,,,"},
        {"s": "four"},
    ],
)
def test_what_this_version_did_not_write_is_a_record_error(fields: dict[str, str]) -> None:
    with pytest.raises(RecordError, match=r"j1|segment"):
        read_job("j1", reply(**fields))


def test_a_hash_without_a_destination_is_a_record_error() -> None:
    with pytest.raises(RecordError, match="not readable by this version"):
        read_job("j1", [b"c", b"1000", b"l", b"n"])


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=65))
def test_every_octet_of_a_message_id_is_kept(message_id: str) -> None:
    assert read_segment(1, f"A1,8,,,,,{message_id}").message_id == message_id


def test_a_line_of_history_has_time_segment_code_and_what_was_said() -> None:
    events = read_history(1000, "0Q;250#2A8;4250#2D4 DELIVRD 000;5000X88;")

    assert events == (
        Event(1000, None, "Q", None, ""),
        Event(1250, 2, "A", 8, ""),
        Event(5250, 2, "D", 4, "DELIVRD 000"),
        Event(6000, None, "X", 88, ""),
    )


def test_a_gap_is_marked_on_the_line_behind_it() -> None:
    events = read_history(0, "0Q;5S;~900U;901S;")

    assert [event.after_gap for event in events] == [False, False, True, False]


def test_lines_that_cannot_be_read_are_left_out() -> None:
    assert [event.letter for event in read_history(0, "0Q;?;;5S")] == ["Q", "S"]


@given(st.text(max_size=200))
def test_any_history_can_be_read(packed: str) -> None:
    assert isinstance(read_history(0, packed), tuple)
