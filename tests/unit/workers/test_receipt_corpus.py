"""A corpus of receipts, one variant a line with its expected reading: tests/data/receipts.jsonl."""

from __future__ import annotations

from typing import Any

import pytest
from tests.data import deliver_of, receipts

from smsfleet.config.errors import ConfigError
from smsfleet.config.receipt_tables import receipt_tables
from smsfleet.config.settings import load
from smsfleet.smpp.pdu import DeliverSm
from smsfleet.workers.receipts import ReceiptError, oddities, parse_receipt


def test_the_corpus_is_large() -> None:
    assert 60 <= len(receipts())


@pytest.mark.parametrize("row", receipts(), ids=lambda row: row["name"])
def test_it_is_read_as_expected(row: dict[str, Any]) -> None:
    expected = row["expected"]
    try:
        receipt = parse_receipt(deliver_of(row))
    except ReceiptError:
        assert "dead" == expected
        return
    if receipt is None:
        assert "message" == expected
        return

    found = {name: getattr(receipt, name) for name in expected if name != "odd"}
    assert expected == {**found, "odd": oddities(receipt)}


# --- what an operator may say of the words and of err -----------------------------------------------


def read(text: str, *, words: str = "", errs: str = "") -> int | None:
    deliver = DeliverSm(esm_class=4, short_message=text.encode())
    receipt = parse_receipt(deliver, receipt_tables(words, errs))
    assert receipt is not None
    return receipt.status


def test_words_are_added_changed_and_taken_away() -> None:
    words = "BUFFERED=8, delivered=4,UNKNOWN=3,EXPIRED=-"

    assert [8, 4, 3, None, 7] == [
        read(f"id:a1 stat:{word}", words=words)
        for word in ("buffered", "DELIVERED", "UNKNOWN", "EXPIRED", "UNDELIV")
    ]


def test_a_word_that_a_state_stands_for_follows_the_table() -> None:
    deliver = DeliverSm(esm_class=4, tlvs=((0x001E, b"a1"), (0x0427, b"\x03")))

    receipt = parse_receipt(deliver, receipt_tables("EXPIRED=7", ""))

    assert receipt is not None
    assert ("EXPIRED", 7) == (receipt.stat, receipt.status)


@pytest.mark.parametrize("err", ["000", "001", "003", "004", "009", "012", "0a1"])
def test_err_is_no_status_unless_an_operator_says_so(err: str) -> None:
    assert (7, None) == (read(f"id:a1 stat:UNDELIV err:{err}"), read(f"id:a1 stat:WHAT err:{err}"))


def test_err_says_more_than_the_word_where_a_table_has_it() -> None:
    errs = "0a1=10,003=9"

    assert [10, 9, 7, 10] == [
        read(f"id:a1 stat:{word} err:{err}", errs=errs)
        for word, err in (("UNDELIV", "0A1"), ("UNDELIV", "003"), ("UNDELIV", "004"), ("WHAT", "0a1"))
    ]


def test_err_takes_no_delivery_back() -> None:
    assert 4 == read("id:a1 stat:DELIVRD err:003", errs="003=9")


@pytest.mark.parametrize("name", ["RECEIPT_STATUS", "RECEIPT_ERR"])
@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("BUFFERED", "'BUFFERED' is refused: write NAME=STATUS"),
        ("A B=4", "'A B=4' is refused"),
        ("=4", "'=4' is refused"),
        ("A=13", "'13' is no status of Appendix B"),
        ("A=x", "'x' is no status of Appendix B"),
        ("A=", "'' is no status"),
        ("A=٤", "is no status"),
    ],
)
def test_a_table_that_cannot_be_is_refused_at_the_start(name: str, table: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"SMSFLEET_{name}=") as refused:
        load({f"SMSFLEET_{name}": table})

    assert complaint in str(refused.value)
