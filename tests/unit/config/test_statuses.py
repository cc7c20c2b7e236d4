"""Appendix B is complete, and its statuses have one order."""

from __future__ import annotations

import pytest
from tests.unit.config import guide

from smsfleet.config.statuses import (
    APPENDIX_B,
    MESSAGE_STATE_WORD,
    RANK,
    RANKED,
    RECEIPT_STATUS,
    message_status,
)

FINAL = {4, 5, 6, 7, 9, 10, 12, 14}


def test_the_table_is_the_guides_appendix_b_and_014() -> None:
    assert sorted([*guide.APPENDIX_B, 14]) == sorted(APPENDIX_B)


@pytest.mark.parametrize(("number", "description"), guide.APPENDIX_B.items())
def test_every_status_has_the_guides_words(number: int, description: str) -> None:
    row = APPENDIX_B[number]

    assert row.name.lower().startswith(description.lower())
    assert row.label.startswith(f"{number:03d} ")


def test_which_statuses_are_final() -> None:
    assert {number for number, row in APPENDIX_B.items() if row.final} == FINAL


def test_only_an_expired_message_is_not_charged() -> None:
    assert [10] == [number for number, row in APPENDIX_B.items() if not row.charged]


def test_every_status_has_one_rank() -> None:
    assert sorted(APPENDIX_B) == sorted(RANKED)
    assert len(RANKED) == len(set(RANK.values()))
    assert 0 not in RANK.values()


def test_no_open_status_ranks_above_a_final_one() -> None:
    highest_open = max(RANK[number] for number in APPENDIX_B if number not in FINAL)

    assert highest_open < min(RANK[number] for number in FINAL)


def test_the_order_is_the_designs() -> None:
    assert RANKED == (1, 8, 11, 2, 3, 12, 14, 10, 9, 7, 6, 5, 4)


def test_the_confirmation_of_the_handset_beats_everything() -> None:
    assert 4 == max(RANK, key=RANK.__getitem__)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ENROUTE", 8), ("SCHEDULED", 11), ("ACCEPTD", 3), ("DELIVRD", 4), ("UNDELIV", 7), ("DELETED", 6),
        ("REJECTD", 9), ("EXPIRED", 10), ("UNKNOWN", 1),
    ],
)  # fmt: skip
def test_every_word_of_a_receipt_has_its_status(word: str, status: int) -> None:
    assert status == RECEIPT_STATUS[word]


def test_no_other_word_has_a_status() -> None:
    assert 9 == len(RECEIPT_STATUS)


def test_every_message_state_has_a_word_that_has_a_status() -> None:
    assert list(range(1, 9)) == sorted(MESSAGE_STATE_WORD)
    assert set(MESSAGE_STATE_WORD.values()) <= set(RECEIPT_STATUS)


def test_an_unlisted_number_proves_nothing() -> None:
    row = message_status(13)

    assert not row.final
    assert "013" in row.label
