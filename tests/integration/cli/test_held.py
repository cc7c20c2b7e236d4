"""`smsfleet held`: what an operator sees and decides about unknown outcomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from tests.integration.cli.conftest import Here
from tests.integration.store.steps import TO, Fleet

from smsfleet.store.client import Store

pytestmark = pytest.mark.server


@pytest.fixture
def fleet(real_store: Store) -> Fleet:
    fleet = Fleet(real_store)
    fleet.create_groups()
    fleet.lead()
    return fleet


def held(fleet: Fleet, job_id: str = "j1", policy: str = "hold", segments: int = 1) -> list[bytes]:
    """The refs of a job whose answers were lost."""
    refs = fleet.send(job_id, segments=segments, policy=policy)
    assert ["H"] * segments == fleet.lost(*refs)
    return refs


def said(result: Result) -> Any:
    assert "" == result.stderr
    return json.loads(result.stdout)


def test_nothing_is_held(here: Here) -> None:
    result = here("held", "list")

    assert (0, "0 held\n", "") == (result.exit_code, result.stdout, result.stderr)
    assert {"total": 0, "held": []} == said(here("held", "list", "--json"))


def test_what_is_held_is_listed_with_masked_numbers_the_first_to_end_first(here: Here, fleet: Fleet) -> None:
    held(fleet, "for-ever")
    held(fleet, "timed", policy="hold_then_resend")

    lines = here("held", "list").stdout.splitlines()

    assert ["timed#1", "for-ever#1"] == [line.split()[0] for line in lines[:2]]
    assert "normal  27*******01  until 20" in lines[0]
    assert lines[1].endswith("27*******01  until somebody decides")
    assert "2 held" == lines[2]
    assert TO not in "".join(lines)


def test_the_list_for_programs_is_json_and_says_since_when(here: Here, fleet: Fleet) -> None:
    held(fleet, "timed", policy="hold_then_resend")
    held(fleet)

    found = said(here("held", "list", "--limit", "1", "--json"))

    (row,) = found["held"]
    assert (2, "timed#1", "timed", 1, "normal") == (
        found["total"], row["ref"], row["job_id"], row["segment"], row["lane"],
    )  # fmt: skip
    assert row["since"] < row["until"]


def test_a_page_that_is_empty_ends_the_list_whatever_limit_was_given(here: Here, fleet: Fleet) -> None:
    for number in range(100):  # a whole batch: the next one is empty
        held(fleet, f"j{number}")

    rows = here("held", "list", "--limit", "100000").stdout.splitlines()
    some = here("held", "list", "--limit", "99").stdout.splitlines()

    assert (101, "100 held") == (len(rows), rows[-1])
    assert (100, "100 held, 1 not shown") == (len(some), some[-1])


def test_a_segment_is_sent_again(here: Here, fleet: Fleet) -> None:
    (ref,) = held(fleet)
    held(fleet, "j2")

    result = here("held", "resend", "j1#1")

    assert (0, "") == (result.exit_code, result.stderr)
    assert ["j1#1  queued: it is sent again", "1 of 1 queued"] == result.stdout.splitlines()
    assert ([ref], "Q", "H") == (fleet.outbound(), fleet.states("j1"), fleet.states("j2"))


def test_a_job_names_all_its_held_segments(here: Here, fleet: Fleet) -> None:
    held(fleet, segments=3)

    assert {"j1#1": "failed", "j1#2": "failed", "j1#3": "failed"} == said(
        here("held", "fail", "j1", "--json")
    )
    assert "FFF" == fleet.states()


def test_the_time_line_says_who_gave_it_up(here: Here, fleet: Fleet) -> None:
    held(fleet)
    here("held", "fail", "j1#1")

    assert "operator    given up: it may have been delivered" in here("status", "j1").stdout


def test_all_are_given_up_after_a_question(here: Here, fleet: Fleet) -> None:
    for number in range(1, 4):
        held(fleet, f"j{number}")

    unsure = here("held", "fail", "--all")  # nobody answers

    assert (1, {"H"}) == (unsure.exit_code, {fleet.states(f"j{n}") for n in range(1, 4)})
    sure = here("held", "fail", "--all", "--yes")
    assert (0, "3 of 3 failed") == (sure.exit_code, sure.stdout.splitlines()[-1])
    assert {"F"} == {fleet.states(f"j{n}") for n in range(1, 4)}


def test_more_than_a_batch_is_decided(here: Here, fleet: Fleet) -> None:
    for number in range(205):
        held(fleet, f"j{number}")

    assert "205 of 205 queued" == here("held", "resend", "--all", "--yes").stdout.splitlines()[-1]
    assert 205 == len(fleet.outbound())


def test_what_is_not_held_any_more_is_said(here: Here, fleet: Fleet) -> None:
    (ref,) = held(fleet)
    fleet.answer(ref)

    result = here("held", "resend", "j1#1")

    assert (1, "j1#1  not held any more: nothing done") == (result.exit_code, result.stdout.splitlines()[0])
    assert "A" == fleet.states()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ((), "name segments or jobs, or --all"),
        (("j1#1", "--all"), "name segments or jobs, or --all"),
        (("--all", "--json"), "it needs --yes"),
        (("j1#x",), "'j1#x' is neither a job id nor a ref"),
        (("ключ",), "is neither a job id nor a ref"),
        (("never",), "job 'never' has no held segment"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Here, words: tuple[str, ...], rule: str) -> None:
    result = here("held", "resend", *words)

    assert (2, "") == (result.exit_code, result.stdout)
    assert rule in result.stderr
