"""The scripts as they are sent to the server."""

from __future__ import annotations

import hashlib
import re

import pytest

from smsfleet.config.statuses import APPENDIX_B, RANK, RANKED
from smsfleet.store.scripts import FOLDER, Script, script, status_tables

NAMES = sorted(path.stem for path in FOLDER.glob("*.lua") if not path.stem.startswith("lib_"))


def table(name: str) -> dict[str, str]:
    body = re.search(rf"local {name} = {{(.*?)}}", status_tables())
    assert body is not None
    return {
        key.strip("'"): value.strip("'") for key, value in re.findall(r"\[('?\d+'?)\] = ('?\w+'?)", body[1])
    }


def test_the_ranks_are_those_of_config() -> None:
    assert {int(status): int(rank) for status, rank in table("RANK").items()} == RANK


def test_a_rank_leads_back_to_its_status() -> None:
    assert [
        int(status) for _, status in sorted(table("STATUS").items(), key=lambda item: int(item[0]))
    ] == list(RANKED)


def test_the_finals_are_those_of_config() -> None:
    assert {int(status) for status in table("FINAL")} == {
        row.number for row in APPENDIX_B.values() if row.final
    }


def test_004_is_the_strongest() -> None:
    assert f"local REACHED = {max(RANK.values())}\n" in status_tables()
    assert RANKED[-1] == 4


def test_every_status_has_a_rank_and_every_final_beats_every_open_one() -> None:
    finals = [RANK[number] for number, row in APPENDIX_B.items() if row.final]
    open_ones = [RANK[number] for number, row in APPENDIX_B.items() if not row.final]

    assert set(RANK) == set(APPENDIX_B)
    assert min(finals) > max(open_ones)


@pytest.mark.parametrize("name", NAMES)
def test_the_sha_is_that_of_the_source(name: str) -> None:
    assert script(name).sha == hashlib.sha1(script(name).source.encode()).hexdigest()
    assert script(name) is script(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_holds_its_libraries_in_front(name: str) -> None:
    source = script(name).source
    uses = re.search(r"^-- uses: (.+)$", (FOLDER / f"{name}.lua").read_text(), re.MULTILINE)
    libraries = uses[1].split() if uses else []

    places = [source.index(f"-- {library}.lua: ") for library in libraries]

    assert places == sorted(places)
    assert source.index(f"-- {name}.lua: ") > max(places, default=-1)
    assert ("local RANK = " in source) == ("lib_job" in libraries)


def test_another_text_is_another_script() -> None:
    assert Script.of("a", "return 1").sha != Script.of("a", "return 2").sha
