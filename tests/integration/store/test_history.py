"""lib_job.lua: a job's history, a line for each thing that happened."""

from __future__ import annotations

from tests.integration.store.steps import NOW_MS, TEMPORARY, Fleet


def test_a_line_says_when_and_what(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.now_ms += 250
    fleet.answer(ref)
    fleet.now_ms += 4000
    fleet.receipt(4, raw=" DELIVRD 000")

    lines = [(e.at_ms - NOW_MS, e.segment, e.letter, e.code, e.raw) for e in fleet.job().history]

    assert lines == [
        (0, None, "Q", None, ""),
        (0, None, "S", None, ""),
        (250, None, "A", 8, ""),
        (4250, None, "D", 4, "DELIVRD 000"),
    ]


def test_with_several_segments_a_line_says_which(fleet: Fleet) -> None:
    segments = fleet.send(segments=2)
    fleet.answer(segments[1])

    assert [(e.segment, e.letter) for e in fleet.job().history] == [(None, "Q"), (1, "S"), (2, "S"), (2, "A")]


def test_each_segment_has_its_own_receipts_in_the_history(fleet: Fleet) -> None:
    for number, ref in enumerate(fleet.send(segments=2), start=1):
        fleet.answer(ref, message_id=b"M%d" % number)

    for message_id in (b"M1", b"M2", b"M1", b"M2"):
        fleet.receipt(4, message_id, raw=" DELIVRD 000")

    receipts = [e.segment for e in fleet.job().history if e.letter == "D"]
    assert receipts == [1, 2]


def long_story(fleet: Fleet, attempts: int) -> None:
    """More than a history holds: errors of the account, again and again."""
    (ref,) = fleet.send(policy="resend", max_ambiguous=1000)
    for _ in range(attempts):
        fleet.now_ms += 1000
        fleet.lost(ref)
        fleet.begin_backlog()


def test_a_long_history_keeps_its_beginning_and_its_end_and_marks_the_gap(fleet: Fleet) -> None:
    long_story(fleet, 200)
    fleet.now_ms += 1000
    fleet.answer(b"j1#1", attempt=201)

    history = fleet.job().history
    packed = fleet.redis("HGET", fleet.keys.job("j1"), "h")
    assert len(packed) <= 480
    assert [(e.at_ms - NOW_MS, e.letter) for e in history[:4]] == [
        (0, "Q"),
        (0, "S"),
        (1000, "U"),
        (1000, "S"),
    ]
    assert [(e.at_ms - NOW_MS, e.letter) for e in history[-3:]] == [
        (200_000, "U"),
        (200_000, "S"),
        (201_000, "A"),
    ]
    assert any(e.after_gap for e in history)
    assert sorted(e.at_ms for e in history) == [e.at_ms for e in history]
    assert packed.count(b";") == len(history)


def test_a_history_that_fits_has_no_gap(fleet: Fleet) -> None:
    long_story(fleet, 10)

    assert not any(e.after_gap for e in fleet.job().history)
    assert len(fleet.job().history) == 22


def test_an_error_is_kept_with_its_number(fleet: Fleet) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref, TEMPORARY)

    assert (fleet.job().history[-1].letter, fleet.job().history[-1].code) == ("X", TEMPORARY)
