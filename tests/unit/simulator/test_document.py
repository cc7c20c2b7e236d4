"""docs/simulator.md tells everything that the simulator does, and nothing else."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

import smsfleet.simulator.control
import smsfleet.simulator.peer
from smsfleet.cli.simulator import ctl
from smsfleet.simulator.control import ACTIONS
from smsfleet.simulator.manners import MANNERS
from smsfleet.simulator.mobile import ENCODINGS, ORDERS
from smsfleet.simulator.mobile import FORMS as MO_FORMS
from smsfleet.simulator.options import SETTABLE
from smsfleet.simulator.receipts import FORMS
from smsfleet.simulator.testing import Gateway

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "simulator.md").read_text(encoding="utf-8")
FIXTURES = (DOCS / "howto" / "testing.md").read_text(encoding="utf-8")


def part(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def journal_events() -> set[str]:
    """The events that the code writes: the first argument of every `write` of a journal or a peer."""
    found = set()
    for module in (smsfleet.simulator.peer, smsfleet.simulator.control):
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = node.args[:1]
                if node.func.attr in ("_write", "_write_delivery", "write") and named:
                    found |= {named[0].value} if isinstance(named[0], ast.Constant) else set()
    return found


def test_every_option_has_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (none|`[^`]*`) \|", part("All options"), re.MULTILINE))

    shown = {
        option.name: "none" if option.default in (None, "") else f"`{_plain(option.default)}`"
        for option in SETTABLE
    }

    assert shown == rows


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_every_manner_of_a_destination_is_explained() -> None:
    rows = first_column(part("The destination decides"))

    assert [f"9{ending}" for ending in MANNERS] == [row for row in rows if re.fullmatch("9\\d{4}", row)]


@pytest.mark.parametrize(("number", "form"), list(enumerate(FORMS, start=10)))
def test_every_form_has_its_destination(number: int, form: str) -> None:
    assert f"| `9{number:04d}` | form `{form}`" in PAGE


def test_every_command_of_ctl_is_explained() -> None:
    named = set(re.findall(r"`(?:smsfleet simulator )?ctl (\w+)", part("While it runs")))

    assert set(ACTIONS) == set(ctl.commands) == named


@pytest.mark.parametrize("command", re.findall(r"`smsfleet simulator ctl ([^`]+)`", PAGE))
def test_a_command_of_ctl_takes_what_the_page_gives_it(command: str) -> None:
    name, *words = shlex.split(command)

    context = ctl.commands[name].make_context(name, words)

    assert name == context.info_name


def test_the_choices_of_a_message_are_those_of_the_code() -> None:
    choices = {
        option.name: tuple(option.type.choices)
        for option in ctl.commands["mo"].params
        if isinstance(option.type, click.Choice)
    }

    assert {"form": tuple(MO_FORMS), "encoding": ENCODINGS, "order": ORDERS} == choices
    words = [word for each in choices.values() for word in each]
    assert [] == [word for word in words if not re.search(rf"[` ]{word}`", PAGE)]


def test_every_event_of_the_journal_is_explained() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", part("The journal"), re.MULTILINE)

    explained = {event for row in rows for event in re.findall(r"`(\w+)`", row)}

    assert journal_events() | {"submit_sm"} == explained


def test_every_method_of_the_fixture_is_explained() -> None:
    methods = {name for name in vars(Gateway) if not name.startswith("_")}

    assert methods == {name for row in first_column(FIXTURES) for name in re.findall(r"^\w+", row)} | {
        "environment"
    }
