"""Inputs without end are refused where they enter, before anything grows with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import click
import pytest
from tests.unit.cli.conftest import Smsfleet

from smsfleet.cli import optout_file
from smsfleet.cli.main import cli
from smsfleet.cli.optout_file import LONGEST_LINE, lines_of
from smsfleet.config.errors import ConfigError, InvalidArgument, TextTooLong
from smsfleet.config.files import LOGINS_OCTETS, TooLong, read_bounded
from smsfleet.config.flower_settings import load_flower
from smsfleet.web.users import Users
from smsfleet.workers.segments import LONGEST_TEXT, segment


def lists() -> Iterator[tuple[str, click.IntRange]]:
    """Every command that lists, and the bounds of how much."""
    todo: list[tuple[str, click.Command]] = [("", cli)]
    for words, command in todo:
        if isinstance(command, click.Group):
            found = [
                (name, command.get_command(click.Context(command), name))
                for name in command.list_commands(click.Context(command))
            ]
            todo += [(f"{words} {name}".strip(), one) for name, one in found if one is not None]
        for option in command.params:
            if option.name in ("limit", "last"):
                assert isinstance(option.type, click.IntRange), words
                yield words, option.type


LISTS = dict(lists())


def test_the_commands_that_list_are_known() -> None:
    assert {
        "jobs", "held list", "dead list", "callbacks list", "optout list", "receipts", "campaign list",
        "campaign plan", "capture",
    } == set(LISTS)  # fmt: skip


@pytest.mark.parametrize("words", LISTS)
def test_how_much_is_listed_has_bounds(smsfleet: Smsfleet, words: str) -> None:
    bounds = LISTS[words]
    assert bounds.min is not None
    assert bounds.max is not None
    option = "--last" if words == "capture" else "--limit"
    more = ("file", "--text", "x") if words == "campaign plan" else ()

    for beyond in (bounds.min - 1, bounds.max + 1, 10**30, "1.5", "all", ""):
        result = smsfleet(*words.split(), *more, f"{option}={beyond}")

        assert (2, "") == (result.exit_code, result.stdout)
        assert f"'{option}'" in result.stderr


class Endless(StringIO):
    """A file whose only line never ends; it counts what is read."""

    octets = 0

    def readline(self, size: int | None = -1) -> str:
        """As much as is asked for."""
        assert size is not None
        assert size > 0, "read without a bound"
        self.octets += size
        return "2" * size


def test_an_opt_out_list_whose_line_never_ends_is_refused() -> None:
    file = Endless()

    with pytest.raises(InvalidArgument, match="line 1 is refused: it is longer than"):
        list(lines_of(file))

    assert LONGEST_LINE + 1 == file.octets


def test_an_opt_out_list_whose_lines_never_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optout_file, "MOST_LINES", 3)
    lines: Any = itertools.repeat("27999100001\n")
    file: Any = type("File", (), {"readline": lambda _self, _size: next(lines)})()

    with pytest.raises(InvalidArgument, match="more than 3 lines"):
        list(lines_of(file))


def test_the_lines_of_a_usual_list_are_all_read() -> None:
    assert ["a\n", "\n", "b"] == list(lines_of(StringIO("a\n\nb")))


@pytest.mark.parametrize("octets", [10, 11])
def test_a_file_is_read_to_its_bound(tmp_path: Path, octets: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * octets)

    if octets == 10:
        assert "x" * 10 == read_bounded(file, 10)
    else:
        with pytest.raises(TooLong, match="more than 10 octets"):
            read_bounded(file, 10)


@pytest.mark.parametrize(
    "read",
    [
        lambda path: Users.of_file(str(path)),
        lambda path: load_flower({"SMSFLEET_FLOWER_BASIC_AUTH_FILE": str(path)}),
    ],
    ids=["web", "flower"],
)
def test_a_file_of_logins_that_never_ends_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "logins"
    file.write_bytes(b"#" * (LOGINS_OCTETS + 1))

    with pytest.raises(ConfigError, match="cannot be read: TooLong"):
        read(file)


@pytest.mark.parametrize("encoding", ["auto", "ucs2"])
def test_a_text_beyond_any_message_is_refused_before_it_is_encoded(encoding: str) -> None:
    with pytest.raises(TextTooLong, match=f"at most {LONGEST_TEXT} are looked at"):
        segment("x" * (LONGEST_TEXT + 1), encoding=encoding, max_segments=255)
