"""The journal's lines are put together from strings: each is what json.dumps would have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsfleet.simulator import lines
from smsfleet.simulator.behaviour import SubmitAnswer
from smsfleet.simulator.deliveries import Sent
from smsfleet.simulator.journal import Journal, read
from smsfleet.simulator.mailbox import Delivery
from smsfleet.smpp.message import SubmitSm

SAR = ((0x020C, b"\0\7"), (0x020E, b"\3"), (0x020F, b"\1"))
words = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=20)
times = st.one_of(st.floats(0, 4e9), st.integers(0, 2**33))


def dumped(**line: Any) -> str:
    return json.dumps(line, separators=(",", ":"))


@given(
    at=times,
    source=words,
    destination=words,
    octets=st.binary(max_size=200),
    numbers=st.tuples(*[st.integers(0, 255)] * 3),
    answer=st.sampled_from([SubmitAnswer(0, b"a29f"), SubmitAnswer(0x400, b""), SubmitAnswer(0, b'"\\\xe9')]),
    answered=st.booleans(),
)
def test_a_submit_sm_is_told_as_json_dumps_tells_it(  # noqa: PLR0917 - what there is to a line
    at: float,
    source: str,
    destination: str,
    octets: bytes,
    numbers: tuple[int, int, int],
    answer: SubmitAnswer,
    answered: bool,
) -> None:
    esm_class, data_coding, registered_delivery = numbers
    message = SubmitSm(
        source_addr=source,
        destination_addr=destination,
        esm_class=esm_class,
        data_coding=data_coding,
        registered_delivery=registered_delivery,
        short_message=octets,
    )

    line = lines.submit_sm(at, 3, message, answer, answered=answered)

    assert line == dumped(
        at=round(at, 6),
        event="submit_sm",
        connection=3,
        destination=destination,
        source=source,
        esm_class=esm_class,
        data_coding=data_coding,
        registered_delivery=registered_delivery,
        short_message=octets.hex(),
        status=answer.command_status,
        message_id=answer.message_id.decode("latin-1"),
        answered=answered,
    )


@pytest.mark.parametrize(
    ("tlvs", "told"),
    [
        (SAR, {"short_message": b"hi".hex(), "sar": [7, 3, 1]}),
        (SAR[1:], {"short_message": b"hi".hex(), "sar": [0, 3, 1]}),
        (((0x1401, b"\1"),), {"short_message": b"hi".hex()}),
    ],
)
def test_parts_that_are_told_by_tlvs_are_shown(tlvs: Any, told: dict[str, Any]) -> None:
    message = SubmitSm(short_message=b"hi", tlvs=tlvs)

    line = json.loads(lines.submit_sm(1.5, 1, message, SubmitAnswer(0, b"a1"), answered=True))

    assert told == {name: line[name] for name in ("short_message", "sar") if name in line}
    assert ["sar"] * ("sar" in told) == [*line][12:]


@pytest.mark.parametrize("stat", ["", "DELIVRD", 'A"B\\é'])
@pytest.mark.parametrize("status", [None, 0, 0x64])
@given(at=times, message_id=st.binary(max_size=64))
def test_a_delivery_is_told_as_json_dumps_tells_it(
    stat: str, status: int | None, at: float, message_id: bytes
) -> None:
    sent = Sent(Delivery(7, b"body", message_id, stat, 0.0, 0.0), attempt=2, deadline=9.0)

    line = lines.delivery("deliver_sm_resp", at, 3, sent, status)

    assert line == dumped(
        at=round(at, 6),
        event="deliver_sm_resp",
        connection=3,
        delivery=7,
        attempt=2,
        message_id=message_id.decode("latin-1"),
        **({"stat": stat} if stat else {}),
        **({} if status is None else {"status": status}),
    )


def test_a_line_is_kept_like_any_other(tmp_path: Path) -> None:
    message = SubmitSm(destination_addr="27999100001", short_message=b"hello")
    with Journal(tmp_path / "journal.jsonl", remember=True) as journal:
        for status in (0, 0x400):
            answer = SubmitAnswer(status, b"a1")
            journal.write_line("submit_sm", lines.submit_sm(1.5, 1, message, answer, answered=True))

    assert journal.lines == read(tmp_path / "journal.jsonl")
    assert ([0, 0x400], 2) == ([line["status"] for line in journal.lines], journal.counts["submit_sm"])
    assert {("27999100001", b"hello".hex()): 1} == journal.accepted
