"""`smsfleet optout`: the list as an operator sees, changes, imports and exports it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.cli.conftest import Here
from tests.integration.store.steps import Fleet

from smsfleet.store.client import Store

pytestmark = pytest.mark.server

A, B = "27999100001", "27999100002"


def test_nobody_opted_out(here: Here) -> None:
    assert (0, "0 opted out\n") == (here("optout", "list").exit_code, here("optout", "list").stdout)
    assert 1 == here("optout", "list", A).exit_code


def test_numbers_are_added_listed_and_removed(here: Here) -> None:
    assert "2 new, 0 known\n" == here("optout", "add", f"+{A}", "+27 99 910 0002").stdout
    assert {"new": 0, "known": 1} == json.loads(here("optout", "add", A, "--json").stdout)

    listed = json.loads(here("optout", "list", "--json").stdout)
    shown = here("optout", "list", A).stdout

    assert (2, {A, B}) == (listed["total"], {row["number"] for row in listed["opted_out"]})
    assert f"{A}      all senders       20" in shown
    assert (0, "1 removed, 0 not on the list\n") == (
        (result := here("optout", "remove", A)).exit_code, result.stdout,
    )  # fmt: skip
    assert 1 == here("optout", "remove", A).exit_code


def test_an_entry_may_be_of_one_sender(here: Here) -> None:
    here("optout", "add", A, "--sender", "ACME")

    assert 1 == here("optout", "remove", A).exit_code
    assert 0 == here("optout", "remove", A, "--sender", "acme").exit_code


def test_what_is_not_shown_is_counted(here: Here) -> None:
    here("optout", "add", A, B)

    assert "2 opted out, 1 not shown" in here("optout", "list", "--limit", "1").stdout


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n+27 99 910 0002\n",
        f"number,sender,since,why\n{A},,2020-01-01T00:00:00Z,letter\n\n# a comment\n{B}\n",
        f'{{"number": "{A}"}}\n{{"number": "{B}", "sender": null}}\n',
        f"\ufeff{A}\r\n{B}\r\n",
    ],
)
def test_a_file_is_imported(here: Here, tmp_path: Path, text: str) -> None:
    file = tmp_path / "numbers"
    file.write_text(text, encoding="utf-8", newline="")

    result = here("optout", "import", str(file))

    assert (0, "2 new, 0 known, 0 skipped\n", "") == (result.exit_code, result.stdout, result.stderr)
    assert "0 new, 2 known, 0 skipped\n" == here("optout", "import", str(file)).stdout


def test_a_line_that_cannot_be_read_is_named_and_nothing_is_imported(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(
        f'{A}\n0123\n{A},ACME,yesterday\n{A},a,b,c,d\n{{"nummer": 1}}\n{{\n{{"number": 27999100001}}\n'
    )

    result = here("optout", "import", str(file))

    assert (2, "") == (result.exit_code, result.stdout)
    for number, why in enumerate(
        ("destination '0123' has a leading 0", "since 'yesterday' is no ISO 8601", "5 columns",
         "unknown name 'nummer'", "this is no JSON object", "of type int"), start=2,
    ):  # fmt: skip
        assert f"numbers.csv, line {number}: " in result.stderr
        assert why in result.stderr
    assert "6 of 7 lines cannot be read: nothing is imported" in result.stderr
    assert "0 opted out\n" == here("optout", "list").stdout


def test_bad_lines_may_be_skipped(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text(f"{A}\nnonsense\n")

    result = here("optout", "import", str(file), "--skip-bad", "--json")

    assert (1, {"new": 1, "known": 0, "skipped": 1}) == (result.exit_code, json.loads(result.stdout))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_is_imported_as_it_was(
    here: Here, real_store: Store, tmp_path: Path, form: str
) -> None:
    here("optout", "add", A)
    here("optout", "add", B, "--sender", "12345")
    exported = here("optout", "export", "--format", form).stdout
    file = tmp_path / "list"
    file.write_text(exported)
    Fleet(real_store).redis("FLUSHALL")

    assert "2 new, 0 known, 0 skipped\n" == here("optout", "import", str(file)).stdout
    assert sorted(exported.splitlines()) == sorted(
        here("optout", "export", "--format", form).stdout.splitlines()
    )


def test_more_than_a_batch_is_imported(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "many"
    file.write_text("".join(f"{27_999_100_000 + at}\n" for at in range(2_500)))

    assert "2500 new, 0 known, 0 skipped\n" == here("optout", "import", str(file)).stdout
    assert 2_501 == len(here("optout", "export").stdout.splitlines())


def test_a_number_that_cannot_be_is_refused(here: Here) -> None:
    result = here("optout", "add", "0123")

    assert (2, "") == (result.exit_code, result.stdout)
    assert "'0123' has a leading 0" in result.stderr
