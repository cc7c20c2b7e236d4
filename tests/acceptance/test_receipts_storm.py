"""A storm of receipts through kills, small; the full size: python -m tests.acceptance.receipts_storm."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.receipts_storm import run
from tests.acceptance.storm_ledger import Place, Stored, Tally, believed, violations

from smsfleet.store.records import Event, JobRecord, SegmentRecord


@pytest.mark.parametrize(
    ("fault", "sizes"),
    [
        ("kills", {"jobs": 1200, "times": 1}),
        ("full_and_killed", {"jobs": 600, "times": 1, "fsync": "always", "outage_s": 4.0}),
    ],
)
def test_every_promise_holds_through_a_storm_of_receipts(
    fault: str, sizes: dict[str, Any], tmp_path: Path
) -> None:
    found = run(tmp_path, fault=fault, **sizes)

    print(json.dumps(found))
    assert {} == found["broken"]
    assert found["receipts"] > 3 * sizes["jobs"]
    assert 0 < found["orphans"]["nobody's"] < sizes["jobs"] * 0.03
    assert (fault == "kills") == (found["sent_back"] == 0) == (found["send_retries"] == 0)


# --- the ledger notices what is wrong: a world of one job, and one thing changed ------------------------


def tally(path: Path) -> Tally:
    return Tally(
        path,
        places={"a1": Place(0, 1)},
        times=Counter({Place(0, 1): 1}),
        words={"a1": {"UNDELIV", "DELIVRD"}, "f0": {"DELIVRD"}},  # type: ignore[arg-type]
        acknowledged={1, 2, 3},
        answers=Counter({0: 3}),
        binds=Counter({0: 1}),
    )


def stored(**changes: Any) -> Stored:
    segment = SegmentRecord(1, "A", 1, 4, None, 0, 0, 0, "a1")
    history = (Event(0, None, "A", 8, ""), Event(1, None, "D", 7, ""), Event(2, None, "D", 4, ""))
    job = JobRecord("job", 0, "27999100001", "normal", "fail", None, 4, None, (segment,), history)
    for name in ("segments", "history", "status"):
        if name in changes:
            job = replace(job, **{name: changes.pop(name)})
    whole = Stored(["job"], ["fail"], [job], {"a1": ("job", 1)}, {"f0"}, strays=0, dead=0, messages=0)
    return replace(whole, **changes)


def segment(**changes: Any) -> tuple[SegmentRecord]:
    return (replace(SegmentRecord(1, "A", 1, 4, None, 0, 0, 0, "a1"), **changes),)


def test_a_world_in_order_breaks_nothing(tmp_path: Path) -> None:
    assert {} == violations(tally(tmp_path), stored())


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("promise 1", {"records": [None]}),
        ("promise 1", {"segments": segment(state="S", status=None)}),
        ("promise 3", {"orphans": set()}),
        ("promise 3", {"history": (Event(2, None, "D", 4, ""),)}),
        ("promise 4", {"segments": segment(status=7)}),
        ("promise 4", {"status": 7}),
        ("another segment", {"index": {"a1": ("other", 1)}}),
        ("an orphan is not one", {"orphans": {"f0", "a1"}}),
        ("an orphan is not one", {"orphans": {"f0", "9f"}}),
        ("something else", {"strays": 1}),
    ],
)
def test_what_is_out_of_order_in_redis_is_told(rule: str, changes: dict[str, Any], tmp_path: Path) -> None:
    assert [] != [told for told in violations(tally(tmp_path), stored(**changes)) if rule in told]


def test_a_segment_sent_twice_and_a_refused_bind_are_told(tmp_path: Path) -> None:
    seen = tally(tmp_path)
    seen.times[Place(0, 1)] = 2
    seen.binds[0x05] = 1

    assert ["promise 2", "promise 5"] == [rule[:9] for rule in violations(seen, stored())]


def test_a_second_time_after_an_unknown_outcome_is_no_breach_where_the_policy_says_resend(
    tmp_path: Path,
) -> None:
    seen = tally(tmp_path)
    seen.times[Place(0, 1)] = 2

    assert {} == violations(seen, stored(policies=["resend"], segments=segment(ambiguous=1)))


def test_a_receipt_of_nobody_may_be_believed_of_a_segment_in_doubt_only(tmp_path: Path) -> None:
    seen = tally(tmp_path)
    index = {"a1": ("job", 1), "f0": ("job", 1)}
    matched = (*stored().records[0].history, Event(3, None, "M", 8, ""))  # type: ignore[union-attr]

    assert {"f0"} == believed(seen, stored(index=index, orphans=set(), history=matched))
    assert {} == violations(seen, stored(index=index, orphans=set(), history=matched))
    assert [] != [*violations(seen, stored(index=index, orphans=set()))]


def test_a_receipt_that_was_acknowledged_while_redis_stored_nothing_is_told(tmp_path: Path) -> None:
    seen = tally(tmp_path)
    seen.acknowledged_at = [100.0, 103.0]

    assert [] != [
        rule for rule in violations(seen, stored(without_redis=[(100.5, 104.0)])) if "while" in rule
    ]
    assert {} == violations(seen, stored(without_redis=[(102.5, 104.0)]))
