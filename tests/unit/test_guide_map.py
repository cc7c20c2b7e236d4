"""docs/guide-map.md leaves nothing of the guide out, and names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.config import guide

from smsfleet.config.codes import APPENDIX_A
from smsfleet.config.statuses import APPENDIX_B

ROOT = Path(__file__).resolve().parents[2]
MAP = (ROOT / "docs" / "guide-map.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in MAP.splitlines()
    if line.startswith("| ")
]
NAMED = sorted(set(re.findall(r"`([\w/.]+\.(?:py|lua|md))`", MAP)))
ROOMS = ("binder", "cli", "config", "ops", "simulator", "smpp", "store", "tasks", "workers")


def rows(first: str) -> list[list[str]]:
    """The rows whose first cell is this."""
    return [row for row in ROWS if row[0] == first]


@pytest.mark.parametrize("section", guide.SECTIONS)
def test_every_section_is_there(section: str) -> None:
    assert rows(f"§{section}")


@pytest.mark.parametrize("pdu", [*guide.PDUS, "deliver_sm"])
def test_every_pdu_has_a_module_and_a_test(pdu: str) -> None:
    (row,) = rows(f"`{pdu}`")

    assert "`smpp/" in row[2]
    assert "`tests/" in row[3]


@pytest.mark.parametrize(("code", "name"), guide.APPENDIX_A.items())
def test_every_error_is_there_with_its_name_its_status_and_a_test(code: int, name: str) -> None:
    (row,) = rows(f"`0x{code:08X}`")
    shown = APPENDIX_A[code].shown_status

    assert f"`{name}`" == row[1]
    assert ("-" if shown is None else f"{shown:03d}") == row[2]
    assert "`tests/" in row[4]


def test_no_error_is_there_that_the_guide_does_not_list() -> None:
    codes = re.findall(r"^\| `0x([0-9A-F]{8})`", MAP, re.MULTILINE)

    assert sorted(guide.APPENDIX_A) == sorted(int(code, 16) for code in codes)


@pytest.mark.parametrize(("number", "description"), guide.APPENDIX_B.items())
def test_every_status_is_there_with_its_finality_and_a_test(number: int, description: str) -> None:
    (row,) = rows(f"`{number:03d}`")

    assert description == row[1]
    assert ("yes" if APPENDIX_B[number].final else "no") == row[2]
    assert "`tests/" in row[4]


def test_the_nine_conditions_of_the_compliance_test_are_there() -> None:
    part = MAP.partition("## The compliance test")[2].partition("\n## ")[0]
    conditions = [line for line in part.splitlines() if line.startswith("| ")][1:]

    assert 9 == len(conditions)
    assert [] == [line for line in conditions if "`tests/" not in line]


@pytest.mark.parametrize("path", NAMED)
def test_every_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_room_but_the_applications_is_named() -> None:
    assert {path.split("/")[0] for path in NAMED if "/" in path} >= {*ROOMS, "tests"} - {"tasks"}


@pytest.mark.parametrize("path", [path for path in NAMED if path.startswith("tests/")])
def test_every_test_file_that_is_named_has_tests(path: str) -> None:
    assert re.search(r"^(async )?def test_", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
