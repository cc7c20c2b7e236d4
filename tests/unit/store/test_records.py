"""The reading of a job's hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.config.errors import RecordError
from smsfleet.store.packed import pack_id, pack_said
from smsfleet.store.records import (
    Event,
    JobRecord,
    SegmentRecord,
    pack_policy,
    read_history,
    read_job,
    read_segment,
)

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
    packed = {"l": "nD", "x": "9000", "s": "4", "h": "0Q;5S;9A8;", "1": "A1,4,88,2,1,3,id,with,commas"}

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
    record = read_job("j1", reply(l=f"b{letter}"))

    assert isinstance(record, JobRecord)
    assert (record.lane, record.policy) == ("bulk", policy)


@pytest.mark.parametrize(("limit", "packed"), [(1, "R"), (0, "R0"), (12, "R12")])
def test_a_policy_stands_with_its_limit_unless_that_is_1(limit: int, packed: str) -> None:
    record = read_job("j1", reply(l="h" + pack_policy("resend", limit)))

    assert pack_policy("resend", limit) == packed
    assert isinstance(record, JobRecord)
    assert record.policy == "resend"


@pytest.mark.parametrize(
    "fields",
    [
        {"c": "soon"},
        {"l": "x"},
        {"l": "nX"},
        {"l": ""},
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
    with pytest.raises(RecordError, match="job 'j1' is damaged: its field 't' is missing"):
        read_job("j1", [b"c", b"1000", b"l", b"n"])


def test_a_message_id_that_is_packed_is_read_as_it_was() -> None:
    stored = pack_id(b"a29f6845555647139e5c8f3b817f2c9a").decode("latin-1")

    assert read_segment(1, f"A1,8,,,,,{stored}").message_id == "a29f6845555647139e5c8f3b817f2c9a"


# A C-Octet String has no NUL.
@given(st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255), max_size=65))
def test_every_octet_of_a_message_id_is_kept(message_id: str) -> None:
    stored = pack_id(message_id.encode("latin-1")).decode("latin-1")

    assert read_segment(1, f"A1,8,,,,,{stored}").message_id == message_id


def test_a_line_of_history_has_time_segment_code_and_what_was_said() -> None:
    events = read_history(1000, "0Q;250#2A8;4250#2D4 DELIVRD 000;5000X88;")

    assert events == (
        Event(1000, None, "Q", None, ""),
        Event(1250, 2, "A", 8, ""),
        Event(5250, 2, "D", 4, "DELIVRD 000"),
        Event(6000, None, "X", 88, ""),
    )


def test_what_was_said_is_read_where_its_usual_word_is_left_out() -> None:
    usual, with_err = pack_said(4, " DELIVRD 000"), pack_said(7, " UNDELIV 001")

    events = read_history(0, f"5D4{usual};6#2D7{with_err};")

    assert [event.raw for event in events] == ["DELIVRD 000", "UNDELIV 001"]


def test_a_gap_is_marked_on_the_line_behind_it() -> None:
    events = read_history(0, "0Q;5S;~900U;901S;")

    assert [event.after_gap for event in events] == [False, False, True, False]


def test_lines_that_cannot_be_read_are_left_out() -> None:
    assert [event.letter for event in read_history(0, "0Q;?;;5S")] == ["Q", "S"]


@given(st.text(max_size=200))
def test_any_history_can_be_read(packed: str) -> None:
    assert isinstance(read_history(0, packed), tuple)
