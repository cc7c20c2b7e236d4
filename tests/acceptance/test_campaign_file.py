"""A campaign from a file whose command is killed: the same command goes on, nobody gets it twice, nobody is left out."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.tasks import Campaign, campaigns

pytestmark = pytest.mark.server

ROWS = 4_000
"""More than may wait and be in play together: the submitter waits for the rate."""

BAD = {500: ["0123", "Name"], 1_000: [number(3), "Name"], 3_500: [number(3_500)]}
"""Rows that cannot be sent: without a number, with that of an earlier row, without a column."""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A whole fleet; of a campaign only four chunks may wait."""
    folder = tmp_path_factory.mktemp("campaign")
    with Fleet(folder, SMSFLEET_RATE="800", SMSFLEET_CAMPAIGN_CHUNKS="4") as fleet:
        fleet.start("simulator", "binder", "worker")
        yield fleet


@pytest.fixture(scope="module")
def people(fleet: Fleet) -> Path:
    """Rows, three of which cannot be sent."""
    file = fleet.folder / "people.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["Mobile", "name"])
        writer.writerows(BAD.get(row, [number(row), f"Name {row}"]) for row in range(1, ROWS + 1))
    return file


def start(people: Path) -> tuple[str, ...]:
    return ("start", str(people), "--text", "Hi {name}", "--name", "autumn", "--json")


def test_a_submission_that_is_killed_goes_on_with_the_same_command(fleet: Fleet, people: Path) -> None:
    submitter = fleet.launch("campaign", *start(people))
    wait_until(lambda: fleet.smsc.accepted_count > 200 or not submitter.goes_on(), "some have been sent")
    submitter.popen.kill()
    submitter.popen.wait()
    (killed,) = campaigns()
    assert not killed.submitted, "it was killed too late to prove anything"

    again = fleet.run("campaign", *start(people))

    assert (0, "") == (again.returncode, again.stderr)
    said = [json.loads(line) for line in again.stdout.splitlines()]
    assert ("taken", True, killed.campaign_id) == (
        said[-1]["event"], said[-1]["known_before"], said[-1]["campaign_id"],
    )  # fmt: skip
    campaign = Campaign(killed.campaign_id)
    wait_until(lambda: campaign.progress().state == "finished", "the campaign is finished")
    sent = Counter(line["destination"] for line in fleet.smsc.accepted)
    wanted = {number(row) for row in range(1, ROWS + 1) if row not in BAD}
    assert (wanted, {1}) == (set(sent), set(sent.values()))
    counts = campaign.counts()
    assert (ROWS, ROWS - len(BAD), {"invalid-destination": 1, "duplicate": 1, "unreadable-row": 1}) == (
        counts.rows, counts.delivered, counts.refused_by,
    )  # fmt: skip
    assert len(campaigns()) == 1


def test_once_all_is_taken_the_command_sends_nothing_new(fleet: Fleet, people: Path) -> None:
    before = fleet.smsc.accepted_count

    again = fleet.run("campaign", "start", str(people), "--text", "Hi {name}", "--name", "autumn", "--follow")

    assert (0, before, 1) == (again.returncode, fleet.smsc.accepted_count, len(campaigns()))
    assert "nothing new: these rows with this text are campaign C" in again.stdout


def test_what_became_of_each_row_is_exported(fleet: Fleet) -> None:
    (found,) = campaigns()

    exported = fleet.run("campaign", "export", found.campaign_id)
    refused = fleet.run("campaign", "refused", found.campaign_id, "--format", "jsonl")

    rows = list(csv.DictReader(io.StringIO(exported.stdout)))
    assert [str(row) for row in range(1, ROWS + 1)] == [row["row"] for row in rows]
    assert {"DELIVERED": ROWS - len(BAD), "REFUSED": len(BAD)} == Counter(row["state"] for row in rows)
    assert [number(row) for row in (1, 2)] == [row["to"] for row in rows[:2]]
    refusals = [json.loads(line) for line in refused.stdout.splitlines()]
    assert [(500, "invalid-destination"), (1_000, "duplicate"), (3_500, "unreadable-row")] == [
        (row["row"], row["code"]) for row in refusals
    ]
    assert "line 3501: it has 1 column, not 2" == refusals[-1]["reason"]
