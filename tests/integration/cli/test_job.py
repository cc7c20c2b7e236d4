# ruff: noqa: F811 - fixtures of other modules
"""`job`, `jobs` and `erase` on a real server: what is shown, what is found, what is gone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import Result
from tests.integration.broker.conftest import raw  # noqa: F401 - a fixture
from tests.integration.cli.test_jobs import Here, here  # noqa: F401 - a fixture
from tests.integration.store.steps import TO, Fleet, admission
from tests.integration.waiting import eventually
from tests.unit.cli.conftest import smsfleet  # noqa: F401 - a fixture

from smsfleet.store.client import Store
from smsfleet.store.standing import Standings

pytestmark = pytest.mark.server

OTHER = "27999100002"
MASKED = "27*******01"


@pytest.fixture
def fleet(here: Here, real_store: Store) -> Fleet:
    """The steps of others, by the server's clock."""
    fleet = Fleet(real_store, now_ms=0)
    fleet.create_groups()
    fleet.lead("A")
    return fleet


def said(result: Result) -> Any:
    assert "" == result.stderr
    return json.loads(result.stdout)


def found(here: Here, *arguments: str) -> set[str]:
    return {row["job_id"] for row in said(here("jobs", "--json", *arguments))["jobs"]}


# --- job ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["job", "status"])
def test_a_job_is_shown_with_its_time_line_and_a_masked_number(
    here: Here, fleet: Fleet, command: str
) -> None:
    (ref,) = fleet.send()
    fleet.answer(ref)
    fleet.receipt(4)

    lines = here(command, "j1").stdout.splitlines()

    assert ["job       j1", f"to        {MASKED}", "state     DELIVERED", "status    004 received by recipient"] == lines[:4]  # fmt: skip
    assert ["application", "worker", "binder", "response", "receipt"] == [
        line.split()[2] for line in lines[5:]
    ]
    assert MASKED == said(here(command, "j1", "--json"))["to"]


@pytest.mark.parametrize("command", ["job", "status", "cancel"])
@pytest.mark.parametrize("damage", ["no hash", "no segment"])
def test_a_damaged_job_is_told_in_a_line_with_what_to_do(
    here: Here, fleet: Fleet, command: str, damage: str
) -> None:
    fleet.take_in_and_admit()
    if damage == "no hash":
        fleet.redis("DEL", fleet.keys.job("j1"))
        fleet.redis("SET", fleet.keys.job("j1"), "x")
    else:
        fleet.redis("HSET", fleet.keys.job("j1"), "1", "garbage")

    result = here(command, "j1")

    assert (os.EX_SOFTWARE, "") == (result.exit_code, result.stdout)
    assert 1 == len(result.stderr.splitlines())
    assert "job 'j1' is damaged: " in result.stderr
    assert "look at the record, DEL it, and send the text under another id" in result.stderr


def test_a_damaged_job_hides_no_other(here: Here, fleet: Fleet) -> None:
    for job_id in ("j1", "j2", "j3"):
        fleet.take_in(job_id)
    fleet.redis("SET", fleet.keys.job("j2"), "x")
    fleet.redis("HSET", fleet.keys.job("j3"), "1", "garbage")

    assert {"j1"} == found(here)


def test_a_job_that_waits_says_what_keeps_its_lane(here: Here, fleet: Fleet, real_store: Store) -> None:
    fleet.send("sent")
    fleet.take_in("j1")
    fleet.admit(admission("j1"))
    real_store.run(Standings(fleet.keys).pause(["normal"], "noon"))

    said = [
        [line for line in here("job", job).stdout.splitlines() if "waits" in line] for job in ("j1", "sent")
    ]

    assert [
        ["waits     lane normal is paused by an operator: `smsfleet resume --lane normal` sends again"],
        [],
    ] == said


def test_the_number_is_shown_when_it_is_asked_for(here: Here, fleet: Fleet) -> None:
    fleet.send()

    assert f"to        {TO}" in here("job", "j1", "--show-number").stdout.splitlines()
    assert TO == said(here("job", "j1", "--show-number", "--json"))["to"]


async def followed(fleet: Fleet, follow: Callable[[], Result]) -> Result:
    (ref,) = fleet.send()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(follow)
        await eventually(lambda: fleet.redis("HEXISTS", fleet.keys.job("j1"), "w"))
        fleet.answer(ref)
        fleet.receipt(4)
        return result.result(10)


async def test_a_job_is_followed_until_it_is_final(here: Here, fleet: Fleet) -> None:
    result = await followed(fleet, lambda: here("job", "j1", "--follow", "--timeout", "20"))

    lines = result.stdout.splitlines()
    assert (0, "state     SENDING (open)", "state     DELIVERED") == (result.exit_code, lines[2], lines[-2])
    sources = ["application", "worker", "binder", "response", "receipt"]
    assert sources == [line.split()[2] for line in lines if line.startswith("  ")]


async def test_programs_follow_by_a_line_for_each_entry(here: Here, fleet: Fleet) -> None:
    result = await followed(fleet, lambda: here("job", "j1", "--follow", "--json", "--timeout", "20"))

    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["application", "worker", "binder", "response", "receipt"] == [
        entry["source"] for entry in entries
    ]


def test_a_job_that_stays_open_is_not_followed_for_ever(here: Here, fleet: Fleet) -> None:
    fleet.send()

    assert 1 == here("job", "j1", "--follow", "--timeout", "0.01").exit_code
    assert 1 == here("job", "never", "--follow").exit_code


# --- jobs ---------------------------------------------------------------------------------------


@pytest.fixture
def some(fleet: Fleet) -> None:
    """Four jobs, each different."""
    (ref,) = fleet.send("delivered", lane="high")
    fleet.answer(ref)
    fleet.receipt(4)
    fleet.lost(*fleet.send("held", lane="bulk"))
    fleet.take_in("pending", key="alias", to=OTHER)
    fleet.take_in("old", now_ms=1_700_000_000_000)


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), {"delivered", "held", "pending", "old"}),
        (("--to", "+27 99 910 0002"), {"pending"}),
        (("--state", "held", "--state", "DELIVERED"), {"held", "delivered"}),
        (("--status", "4"), {"delivered"}),
        (("--lane", "bulk"), {"held"}),
        (("--since", "1h"), {"delivered", "held", "pending"}),
        (("--until", "2024-01-01"), {"old"}),
        (("--since", "2023-11-14T22:13:20", "--until", "2023-11-14T22:13:21Z"), {"old"}),
        (("--lane", "high", "--state", "HELD"), set()),
    ],
)
def test_jobs_are_found_by_what_is_known_of_them(
    here: Here, arguments: tuple[str, ...], ids: set[str]
) -> None:
    assert ids == found(here, *arguments)


@pytest.mark.usefixtures("some")
def test_the_newest_are_shown_first_and_the_others_counted(here: Here) -> None:
    lines = here("jobs", "--limit", "3").stdout.splitlines()

    assert ["pending", "held", "delivered"] == [line.split()[0] for line in lines[:3]]
    assert "4 found, 1 older ones not shown" == lines[-1]
    assert "27*******02" in lines[0]
    assert OTHER in here("jobs", "--to", OTHER, "--show-number").stdout


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--state", "LOST"), "LOST"), (("--since", "yesterday"), "yesterday"), (("--to", "0800"), "0800")],
)
def test_a_wrong_question_is_refused_by_name_and_rule(
    here: Here, arguments: tuple[str, ...], named: str
) -> None:
    result = here("jobs", *arguments)

    assert (2, True) == (result.exit_code, named in result.stderr)


# --- erase --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("some")
def test_a_number_is_erased_as_far_as_nothing_is_on_its_way(
    here: Here, real_store: Store, fleet: Fleet
) -> None:
    first = here("erase", "+27 99 910 0001", "--yes", "--json")
    fleet.run(fleet.facts.release_held([b"held#1"], "fail"))
    second = here("erase", TO, "--yes")

    assert 1 == first.exit_code
    assert (MASKED, 2, 1, ["held"]) == tuple(
        said(first)[name] for name in ("number", "jobs", "cancelled", "open")
    )
    assert (0, f"{MASKED}: 1 jobs masked and their texts deleted, 0 cancelled") == (
        second.exit_code, second.stdout.splitlines()[0],
    )  # fmt: skip
    assert set() == found(here, "--to", TO)
    assert {"pending"} == found(here, "--to", OTHER)


@pytest.mark.usefixtures("some")
def test_nothing_is_erased_without_a_yes(here: Here, fleet: Fleet) -> None:
    assert 2 == here("erase", TO, "--json").exit_code
    assert 1 == here("erase", TO).exit_code
    assert TO == fleet.job("old").destination
