"""`smsfleet campaign`: files become campaigns, and an operator looks after them. No worker sends anything here."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests.integration.waiting import wait_until
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.client import Store

pytestmark = pytest.mark.server

Here = Callable[..., Result]

A, B = "27999100001", "27999100002"


@pytest.fixture
def here(server: EmbeddedServer, real_store: Store, smsfleet: Smsfleet) -> Here:  # noqa: F811
    """Runs `smsfleet campaign` on the emptied server."""
    del real_store
    return lambda *arguments, **settings: smsfleet("campaign", *arguments, redis_url=server.url, **settings)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two recipients, and a row that cannot be read."""
    file = tmp_path / "people.csv"
    file.write_text(f"to,name\n{A},Ann\n{B}\n{B},Bob\n")
    return file


def started(here: Here, people: Path, *arguments: str) -> dict[str, Any]:
    """What the last line of a start says."""
    shown = here("start", str(people), "--text", "Hi {name}", "--json", *arguments)
    assert (0, "") == (shown.exit_code, shown.stderr)
    found: dict[str, Any] = json.loads(shown.stdout.splitlines()[-1])
    return found


# --- start --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [("--rate", "-1"), ("--on-ambiguous", "guess"), ("--callback", "nobody")])
def test_a_campaign_is_announced_when_its_options_are_accepted_and_not_before(
    here: Here, people: Path, option: tuple[str, str]
) -> None:
    refused = here("start", str(people), "--text", "Hi {name}", *option)
    accepted = here("start", str(people), "--text", "Hi {name}")

    assert (2, False) == (refused.exit_code, "new campaign" in refused.stdout)
    assert (0, 1) == (accepted.exit_code, accepted.stdout.count("new campaign, key "))


def test_a_file_becomes_a_campaign(here: Here, people: Path) -> None:
    found = started(here, people, "--rate", "5", "--validity", "3600")

    assert ("taken", False, "people.csv", True, 5.0, 3) == (
        found["event"], found["known_before"], found["name"], found["submitted"], found["rate"],
        found["counts"]["rows"],
    )  # fmt: skip


def test_people_are_told_how_the_file_is_read_and_how_to_go_on(here: Here, people: Path) -> None:
    shown = here("start", str(people), "--text", "Hi {name}", "--name", "autumn")

    assert (0, "") == (shown.exit_code, shown.stderr)
    assert f"{people} (utf-8, CSV by ',', heading, numbers in column 'to')" in shown.stdout
    assert "the same command goes on with it after a kill or Ctrl-C" in shown.stdout
    assert "  autumn\n" in shown.stdout


def test_the_same_file_and_text_are_the_same_campaign_whatever_the_file_is_called(
    here: Here, people: Path, tmp_path: Path
) -> None:
    first = started(here, people)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(people.read_bytes())

    again = started(here, copy)
    shown = here("start", str(copy), "--text", "Hi {name}").stdout

    assert (first["campaign_id"], True) == (again["campaign_id"], again["known_before"])
    assert f"campaign {first['campaign_id']} has all of its rows: these are compared with them" in shown
    assert f"nothing new: these rows with this text are campaign {first['campaign_id']}" in shown
    assert 1 == len(json.loads(here("list", "--json").stdout)["campaigns"])


def test_other_rows_under_a_known_key_are_refused_and_not_called_the_same(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")
    people.write_text(f"to,name\n{A},Ann\n")

    shown = here("start", str(people), "--text", "Hi {name}", "--idempotency-key", "k")

    assert 2 == shown.exit_code
    assert "there are 1 rows, and 3 were taken under this key" in shown.stderr
    assert "nothing new" not in shown.stdout


def test_another_text_file_or_key_is_another_campaign(here: Here, people: Path) -> None:
    ids = [
        started(here, people)["campaign_id"],
        started(here, people, "--idempotency-key", "again")["campaign_id"],
    ]
    shown = here("start", str(people), "--text", "Bye {name}", "--json")
    ids.append(json.loads(shown.stdout.splitlines()[-1])["campaign_id"])
    people.write_text(f"to,name\n{A},Ann\n")
    ids.append(started(here, people)["campaign_id"])

    assert 4 == len(set(ids))


def test_the_same_rows_and_text_with_another_sender_are_refused(here: Here, people: Path) -> None:
    started(here, people)

    shown = here("start", str(people), "--text", "Hi {name}", "--sender", "ACME")

    assert (2, True) == (shown.exit_code, "asked with other content (sender)" in shown.stderr)


def test_standard_input_becomes_a_campaign(here: Here) -> None:
    shown = here("start", "-", "--text", "Hi", "--name", "piped", stdin=f"{A}\n{B}\n")

    assert (0, True) == (shown.exit_code, "rows            2\n" in shown.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--text", "Hi {first}"), "no column 'first', which the text names"),
        (("--text", "Hi", "--sender", "much too long for one"), "sender"),
        (("--text", "Hi", "--rate", "0"), "rate 0.0 is refused"),
        (("--text", "Hi", "--name", "a" * 101), "name"),
        (("--text", "Hi", "--at", "2027-01-31T08:00"), "no time zone"),
        (("--text", "Hi", "--idempotency-key", "a b"), "idempotency_key 'a b'"),
    ],
)
def test_what_cannot_be_started_exits_with_2_and_begins_nothing(
    here: Here, people: Path, arguments: tuple[str, ...], said: str
) -> None:
    shown = here("start", str(people), *arguments)

    assert (2, True) == (shown.exit_code, said in shown.stderr)
    assert "no campaigns\n" == here("list").stdout


def test_a_file_with_an_octet_of_another_encoding_begins_nothing(here: Here, people: Path) -> None:
    people.write_bytes(people.read_bytes() * 1_000 + "Zoë".encode("cp1252"))

    shown = here("start", str(people), "--text", "Hi")

    assert (2, True) == (shown.exit_code, "line 4001: this is not utf-8" in shown.stderr)
    assert "no campaigns\n" == here("list").stdout


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(
    here: Here, server: EmbeddedServer, repository: Path, tmp_path: Path
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("".join(f"{27_999_100_000 + at}\n" for at in range(3_000)))
    # Nobody works here: four chunks are in play, four wait, and the submitter waits for room.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SMSFLEET_")} | {
        "SMSFLEET_REDIS_URL": server.url, "SMSFLEET_CAMPAIGN_CHUNKS": "4", "PYTHONPATH": str(repository / ".ns"),
    }  # fmt: skip
    submitter = subprocess.Popen(
        [sys.executable, "-m", "smsfleet.cli", "campaign", "start", str(file), "--text", "Hi"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: [2_000] == rows_of(here), "as many rows are taken as may wait", within_s=60)

    submitter.send_signal(signal.SIGINT)
    _, said = submitter.communicate(timeout=30)

    assert 130 == submitter.returncode
    assert "2,000 rows are taken and being sent; the same command goes on with the others" in said
    shown = here("start", str(file), "--text", "Hi", campaign_chunks="100")
    assert "goes on behind its first 2,000 rows" in shown.stdout
    assert [3_000] == rows_of(here)


def rows_of(here: Here) -> list[int]:
    """How many rows of each campaign are taken."""
    return [one["counts"]["rows"] for one in json.loads(here("list", "--json").stdout)["campaigns"]]


# --- control ------------------------------------------------------------------------------------


def test_campaigns_are_listed_the_newest_first(here: Here, people: Path) -> None:
    assert "no campaigns\n" == here("list").stdout
    first = started(here, people, "--name", "first")
    second = started(here, people, "--name", "second", "--idempotency-key", "k2")

    lines = here("list").stdout.splitlines()

    assert [(second["campaign_id"], "second"), (first["campaign_id"], "first")] == [
        (words[2], words[-1]) for words in map(str.split, lines)
    ]
    assert 1 == len(here("list", "--limit", "1").stdout.splitlines())


def test_a_campaign_is_shown_by_its_id_and_by_its_key(here: Here, people: Path) -> None:
    campaign_id = started(here, people, "--idempotency-key", "autumn")["campaign_id"]

    shown = here("show", campaign_id)

    assert (0, shown.stdout) == (here("show", "autumn").exit_code, here("show", "autumn").stdout)
    for words in (f"campaign        {campaign_id}  people.csv", "state           running, 0 % done",
                  "key             autumn", "rows            3", "pending         3"):  # fmt: skip
        assert words in shown.stdout
    assert campaign_id == json.loads(here("show", "autumn", "--json").stdout)["campaign_id"]


def test_a_campaign_is_paused_and_resumed(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")

    words = ("pause", "pause", "resume", "resume")
    shown = [here(word, "k") for word in words[:2]]
    looked_at = here("show", "k").stdout
    shown += [here(word, "k") for word in words[2:]]

    assert [0, 1, 0, 1] == [one.exit_code for one in shown]
    assert re.search(r"state +paused, .*\(`smsfleet campaign resume C\w{10}`\)\n", looked_at)
    assert "campaign resume" not in here("show", "k").stdout
    assert ["paused", "it was paused before", "resumed", "it was not paused"] == [
        one.stdout.strip().partition(": ")[2] for one in shown
    ]
    assert (True, "paused") == (
        (said := json.loads(here("pause", "k", "--json").stdout))["changed"],
        said["state"],
    )


def test_a_cancelled_campaign_is_over(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")

    assert [0, 1] == [here("cancel", "k").exit_code, here("cancel", "k").exit_code]

    followed = here("show", "k", "--follow")
    assert (1, True) == (followed.exit_code, "cancelled       3" in followed.stdout)
    assert (2, True) == ((shown := here("retry", "k")).exit_code, "it is cancelled" in shown.stderr)


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_a_finished_campaign_is_not_stopped(here: Here, people: Path, command: str) -> None:
    people.write_text("to,name\n")
    started(here, people, "--idempotency-key", "k")

    shown = here(command, "k")

    assert (1, True) == (
        shown.exit_code,
        shown.stdout.endswith(": it is finished: there is nothing to stop\n"),
    )


def test_following_ends_in_time(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")

    followed = here("show", "k", "--follow", "--timeout", "0", "--json")

    assert (1, "running") == (followed.exit_code, json.loads(followed.stdout.splitlines()[0])["state"])


def test_its_rate_is_changed(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")

    assert "50 segments a second" in here("rate", "k", "50").stdout
    assert "rate: 50 segments a second" in here("show", "k").stdout
    assert "as fast as the account's" in here("rate", "k", "none").stdout
    assert "rate: the account's" in here("show", "k").stdout
    for wrong in ("fast", "0", "nan"):
        assert 2 == here("rate", "k", wrong).exit_code


def test_there_is_nobody_to_try_again(here: Here, people: Path) -> None:
    started(here, people, "--idempotency-key", "k")

    assert (1, True) == (
        (shown := here("retry", "k")).exit_code,
        "nobody is to be tried again" in shown.stdout,
    )
    assert 2 == here("retry", "k", "--state", "DELIVERED").exit_code


@pytest.mark.parametrize("command", ["show", "pause", "resume", "cancel", "retry", "export", "refused"])
def test_a_campaign_that_is_not_known_is_named(here: Here, command: str) -> None:
    shown = here(command, "nothing")

    assert (1, True) == (shown.exit_code, "no campaign 'nothing'" in shown.stderr)


# --- results ------------------------------------------------------------------------------------


def test_results_are_exported_while_it_runs(here: Here, people: Path) -> None:
    campaign_id = started(here, people)["campaign_id"]

    table = list(csv.DictReader(io.StringIO(here("export", campaign_id).stdout)))
    lines = [
        json.loads(line) for line in here("export", campaign_id, "--format", "jsonl").stdout.splitlines()
    ]

    assert [("1", f"{campaign_id}:1", "PENDING"), ("2", f"{campaign_id}:2", "PENDING")] == [
        (row["row"], row["job_id"], row["state"]) for row in table[:2]
    ]
    assert [(1, None, False), (2, None, False), (3, None, False)] == [
        (row["row"], row["status"], row["final"]) for row in lines
    ]
    assert "" == here("export", campaign_id, "--format", "jsonl", "--state", "delivered").stdout
    assert 2 == here("export", campaign_id, "--state", "LOST").exit_code


def test_a_campaign_without_refused_rows_lists_none(here: Here, people: Path) -> None:
    campaign_id = started(here, people)["campaign_id"]

    assert "row,code,reason\n" == here("refused", campaign_id).stdout
