"""`smsfleet campaign` without a server: its plan, and its help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import Result
from tests.unit.cli.conftest import Smsfleet

from smsfleet.cli.campaign import campaign

A, B = "27821000001", "27821000002"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Two that can be sent to, and three that cannot."""
    file = tmp_path / "people.csv"
    file.write_text(f"Mobile;First name\n{A};Ann\n0123;Bo\n{B};Жанна\n\n+{A};Ann\n", encoding="utf-8")
    return file


def planned(smsfleet: Smsfleet, file: Path, *arguments: str) -> Result:
    return smsfleet("campaign", "plan", str(file), "--offline", *arguments)


def test_everything_is_said_that_one_must_know_before_sending(smsfleet: Smsfleet, people: Path) -> None:
    shown = planned(
        smsfleet, people, "--text", "Hi {n}", "--map", "n=first name", "--validity", "3600", "--balance", "1"
    )

    assert (1, "") == (shown.exit_code, shown.stderr)
    words = [tuple(line.split(maxsplit=1)) for line in shown.stdout.splitlines()]
    assert [
        ("file", f"{people} (utf-8, CSV by ';', heading, numbers in column 'Mobile')"),
        ("rows", "5, of which 2 would be sent"),
        ("messages", "1 gsm0338 of 1 segment"),
        ("messages", "1 ucs2 of 1 segment"),
        ("segments", "2"),
        ("credits", "2 of 1: 1 are missing"),
        ("takes", "0 s at 100 segments a second"),
        ("validity", "1 h; at least 0 s advised"),
        ("warning", "credits are short by 1: 2 are needed"),
    ] == [line for line in words if line[0] not in ("not", "line", "redis")]
    assert {"sent    1 invalid-destination", "sent    1 unreadable-row", "sent    1 duplicate"} == {
        line[1] for line in words if line[0] == "not"
    }
    assert [3, 5, 6] == [int(line[1].split(":")[0]) for line in words if line[0] == "line"]


def test_a_plan_of_rows_that_would_all_be_sent_exits_with_0(smsfleet: Smsfleet, tmp_path: Path) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text(f"{A}\n{B}\n")

    assert (0, "") == ((shown := planned(smsfleet, file, "--text", "Hi")).exit_code, shown.stderr)


def test_the_same_as_json(smsfleet: Smsfleet, people: Path) -> None:
    shown = planned(smsfleet, people, "--text", "Hi", "--limit", "1", "--json")

    found = json.loads(shown.stdout)
    assert (5, 2, "2") == (found["rows"], found["recipients"], found["credits"])
    assert [(2, 3, "invalid-destination")] == [
        (row["row"], row["line"], row["code"]) for row in found["listed"]
    ]


def test_rows_that_are_not_listed_are_counted_and_written(
    smsfleet: Smsfleet, people: Path, tmp_path: Path
) -> None:
    invalid = tmp_path / "invalid.csv"

    shown = planned(smsfleet, people, "--text", "Hi", "--limit", "1", "--invalid", str(invalid))

    assert f"and 2 more: all in {invalid}" in shown.stdout
    assert ["row,line,code,why", "2,3", "4,5", "5,6"] == [
        line if at == 0 else ",".join(line.split(",")[:2])
        for at, line in enumerate(invalid.read_text().splitlines())
    ]
    assert (
        "--invalid FILE writes them all" in planned(smsfleet, people, "--text", "Hi", "--limit", "1").stdout
    )


def test_the_file_itself_is_not_written_over(smsfleet: Smsfleet, people: Path) -> None:
    before = people.read_bytes()

    shown = planned(smsfleet, people, "--text", "Hi", "--invalid", str(people))

    assert (2, before) == (shown.exit_code, people.read_bytes())


def test_standard_input_is_read_too(smsfleet: Smsfleet) -> None:
    shown = smsfleet(
        "campaign",
        "plan",
        "-",
        "--offline",
        "--text",
        "Hi",
        "--format",
        "jsonl",
        stdin=f'{{"to": {A}}}\n{B}\n',
    )

    assert (0, True) == (shown.exit_code, "JSON lines, numbers in 'to'" in shown.stdout)


def test_the_delimiter_may_be_a_word(smsfleet: Smsfleet, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"{A}\tx;y\n")

    assert (
        "CSV by 'tab', no heading, numbers in column '1'"
        in planned(smsfleet, file, "--text", "Hi", "--delimiter", "tab").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--text", "Hi {name}"), "no column 'name', which the text names: it has First name, Mobile"),
        (("--text", "Hi {First name.x}"), "a field is a name alone"),
        (("--text", "Hi", "--to", "phone"), "no column 'phone': it has Mobile, First name"),
        (("--text", "Hi", "--map", "first"), "--map 'first' is refused: it must be FIELD=COLUMN"),
        (("--text", "Hi", "--file-encoding", "ebcdic-x"), "encoding 'ebcdic-x' is not known"),
        (("--text", "Hi", "--sender", "much too long for one"), "sender"),
        (("--text", "Hi", "--validity", "soon"), "validity 'soon'"),
        (("--text", "Hi", "--rate", "-1"), "rate -1"),
        (("--text", "Hi", "--invalid", "/no/such/folder/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_used_exits_with_2(
    smsfleet: Smsfleet, people: Path, arguments: tuple[str, ...], said: str
) -> None:
    shown = planned(smsfleet, people, *arguments)

    assert (2, "") == (shown.exit_code, shown.stdout)
    assert said in shown.stderr


def test_a_file_that_is_not_there_exits_with_2(smsfleet: Smsfleet, tmp_path: Path) -> None:
    shown = planned(smsfleet, tmp_path / "nothing", "--text", "Hi")

    assert (2, True) == (shown.exit_code, "cannot be read: No such file" in shown.stderr)


def test_without_a_server_it_says_so(smsfleet: Smsfleet, people: Path) -> None:
    shown = smsfleet("campaign", "plan", str(people), "--text", "Hi", redis_url="redis://127.0.0.1:1/0")

    assert (69, "") == (shown.exit_code, shown.stdout)


@pytest.mark.parametrize("command", campaign.commands)
def test_every_command_has_a_help_with_an_example_of_it(smsfleet: Smsfleet, command: str) -> None:
    shown = smsfleet("campaign", command, "--help")

    assert (0, "") == (shown.exit_code, shown.stderr)
    assert re.search(rf"Examples?:\n(.*\n)*.*smsfleet campaign {command}", shown.output)
