"""`smsfleet pause` and `smsfleet resume`, and how `smsfleet status` tells of them and of the rate."""

from __future__ import annotations

import json
import re

import pytest
from tests.integration.cli.conftest import Here

from smsfleet.store.calls import Call
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.standing import ACCOUNT, Standing, Standings

pytestmark = pytest.mark.server

KEYS = Keys("main")


def standing(store: Store) -> Standing:
    return store.run(Standings(KEYS).read())


def put(store: Store, key: bytes, **fields: str) -> None:
    store.run(Call(("HSET", key, *(word for pair in fields.items() for word in pair)), int))


def test_a_lane_is_paused_with_a_reason_and_resumed(here: Here, real_store: Store) -> None:
    paused = here("pause", "--lane", "bulk", "--reason", "wrong text, stop")

    assert (0, "") == (paused.exit_code, paused.stderr)
    assert re.match(
        r"paused\npaused    lane bulk, by an operator for [0-9.]+ s: wrong text, stop \(", paused.stdout
    )
    assert ["bulk"] == list(standing(real_store).paused)
    assert "paused    lane bulk" in here("status").stdout

    resumed = here("resume", "--lane", "bulk")

    assert (0, "resumed\n") == (resumed.exit_code, resumed.stdout)
    assert {} == standing(real_store).paused


def test_without_a_lane_it_is_the_account_and_lanes_stay_as_they_are(here: Here, real_store: Store) -> None:
    here("pause")
    here("pause", "--lane", "bulk", "--lane", "normal")
    assert {ACCOUNT, "bulk", "normal"} == set(standing(real_store).paused)

    resumed = here("resume")

    assert {"bulk", "normal"} == set(standing(real_store).paused)
    assert 2 == resumed.stdout.count("by an operator")


def test_a_pause_that_was_there_is_told_and_nothing_to_resume_is_not_as_wished(here: Here) -> None:
    here("pause")

    assert here("pause").stdout.startswith("it was paused before\n")
    assert 0 == here("resume").exit_code
    again = here("resume")
    assert (1, "it was not paused\n") == (again.exit_code, again.stdout)


def test_scripts_read_json(here: Here) -> None:
    said = json.loads(here("pause", "--lane", "high", "--reason", "x", "--json").stdout)

    assert (["high"], "x", None) == (list(said["paused"]), said["paused"]["high"]["reason"], said["gateway"])
    assert {"paused": {}, "gateway": None} == json.loads(here("resume", "--lane", "high", "--json").stdout)


def test_the_gateways_pause_is_shown_and_an_operator_may_end_it(here: Here, real_store: Store) -> None:
    seconds = real_store.run(Call(("TIME",), lambda reply: int(reply[0])))
    put(
        real_store,
        KEYS.pause,
        gateway=f"{seconds}000,1025",
        probe=f"{seconds + 60}000",
        every="60000",
        probes="2",
    )

    shown = here("status").stdout
    said = json.loads(here("status", "--json").stdout)["standing"]

    assert "the account, by the gateway for" in shown
    assert "0x00000401 ESME_NOCR, out of credit; next probe in" in shown
    assert (0x401, 2) == (said["gateway"]["command_status"], said["gateway"]["probes"])
    assert 0 == here("resume").exit_code
    assert standing(real_store).gateway is None


def test_the_rate_in_force_is_shown_beside_the_one_that_is_set(here: Here, real_store: Store) -> None:
    seconds = real_store.run(Call(("TIME",), lambda reply: int(reply[0])))
    put(real_store, KEYS.rate, m="1000", r="50", c=f"{seconds + 5}000", n="7")

    assert "rate      50/s, lowered from 1000; 7 answers were throttled" in here("status").stdout
    said = json.loads(here("status", "--json").stdout)["standing"]
    assert (1000.0, 50.0, 7) == (said["set_rate"], said["rate"], said["throttled"])


def test_a_reason_has_a_bound(here: Here, real_store: Store) -> None:
    result = here("pause", "--reason", "x" * 201)

    assert 2 == result.exit_code
    assert {} == standing(real_store).paused
