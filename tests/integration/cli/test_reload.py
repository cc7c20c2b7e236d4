"""`smsfleet reload`: other settings for everybody, without a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.cli.conftest import Here

from smsfleet.config.settings import LIVE
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.live import Live

pytestmark = pytest.mark.server


def test_a_reload_gives_the_settings_of_the_command_to_everybody(here: Here, real_store: Store) -> None:
    result = here("reload", rate="50", on_ambiguous_bulk="hold")

    in_force = real_store.run(Live(Keys("main")).read())
    assert (result.exit_code, result.stderr) == (0, "")
    assert in_force is not None
    assert (in_force["rate"], in_force["on_ambiguous_bulk"], set(in_force)) == (50.0, "hold", set(LIVE))
    assert "SMSFLEET_RATE=50.0" in result.stdout.splitlines()


def test_a_settings_file_is_read(here: Here, tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("SMSFLEET_RATE=33\n", encoding="utf-8")

    result = here("reload", "--json", settings_file=str(tmp_path / "settings"))

    assert json.loads(result.stdout)["rate"] == 33.0


def test_a_clear_lets_everybody_go_back(here: Here, real_store: Store) -> None:
    here("reload", rate="50")

    result = here("reload", "--clear")

    assert result.stdout == "every process works with its own settings\n"
    assert real_store.run(Live(Keys("main")).read()) is None


def test_a_bad_value_changes_nothing(here: Here, real_store: Store) -> None:
    here("reload", rate="50")

    result = here("reload", rate="0")

    in_force = real_store.run(Live(Keys("main")).read())
    assert result.exit_code == 78
    assert "SMSFLEET_RATE='0' is refused" in result.stderr
    assert in_force is not None
    assert in_force["rate"] == 50.0
