"""`smsfleet bind status | retry | pause | resume` on a real server, with and without a binder."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from tests.integration.binder.conftest import account, binders, simulator  # noqa: F401 - fixtures
from tests.integration.binder.support import Account, Binders
from tests.integration.waiting import eventually
from tests.unit.cli.conftest import Smsfleet, smsfleet  # noqa: F401 - a fixture

from smsfleet.binder.service import State
from smsfleet.simulator.server import Simulator
from smsfleet.store.lease import Lease
from smsfleet.store.ledger import Ledger, LoginLimits

pytestmark = pytest.mark.server

Here = Callable[..., Result]


@pytest.fixture
def here(account: Account, smsfleet: Smsfleet) -> Here:  # noqa: F811
    """Runs `smsfleet bind ...` on the account."""
    return lambda *words: smsfleet("bind", *words, redis_url=account.url, account=account.name)


async def meanwhile(here: Here, *words: str) -> Result:
    """Run a command while the binder of this process goes on."""
    return await asyncio.to_thread(here, *words)


def told(result: Result) -> Any:
    assert "" == result.stderr
    return json.loads(result.stdout)


def reserve(account: Account, attempt: str = "a1") -> None:  # noqa: F811
    token = account.store.run(Lease(account.keys).acquire("host", 10.0)) or account.lease_holder()
    limits = LoginLimits(2, 185.0, 40.0, 60.0)
    account.store.run(Ledger(account.keys).ask(token or "", attempt, "transceiver", limits))


def test_without_a_binder_the_account_is_not_bound(here: Here) -> None:
    result = here("status")

    assert 1 == result.exit_code
    assert "bind      absent: no binder is running\n" == result.stdout


def test_status_names_what_stops_the_bind_and_each_failed_login(
    here: Here,
    account: Account,  # noqa: F811
) -> None:
    ledger = Ledger(account.keys)
    reserve(account)
    stop = '{"status":14,"mode":"transceiver","salt":"00","digest":"0000"}'
    account.store.run(ledger.failed("a1", "transceiver", "14", stop))
    account.store.run(ledger.failed("a2", "transceiver", "-"))

    result = here("status")

    assert 4 == result.exit_code
    assert "stopped   0x0000000E ESME_RINVPASWD: mend SMSFLEET_SMPP_PASSWORD" in result.stdout
    assert re.search(r"login     failed [0-9.]+ s ago, transceiver: never answered", result.stdout)
    found = told(here("status", "--json"))
    assert ["14", "-"] == [login["status"] for login in found["logins"]]
    assert found["stop"].startswith("0x0000000E")


def test_a_stop_of_another_version_does_not_hide_the_rest(here: Here, account: Account) -> None:  # noqa: F811
    account.store.run(Ledger(account.keys).failed("a1", "transceiver", "14", "?"))

    result = here("status")

    assert 4 == result.exit_code
    assert "cannot read: `smsfleet bind retry` ends it" in result.stdout


def test_retry_says_whether_it_ended_a_stop(here: Here, account: Account) -> None:  # noqa: F811
    assert 1 == here("retry").exit_code
    account.store.run(Ledger(account.keys).failed("a1", "transceiver", "14", "{}"))

    assert 0 == here("retry").exit_code

    assert "" == account.store.run(Ledger(account.keys).read()).stop


def test_pause_and_resume_say_what_they_changed(here: Here) -> None:
    assert (1, "it was not paused\n") == (here("resume").exit_code, here("resume").stdout)
    assert (0, "paused\n") == ((first := here("pause")).exit_code, first.stdout)
    assert (0, "it was paused before\n") == ((again := here("pause")).exit_code, again.stdout)
    assert 3 == here("status").exit_code
    assert re.search(r"paused    for [0-9.]+ s: `smsfleet bind resume` binds again", here("status").stdout)
    assert 0 == here("resume").exit_code


async def test_pause_waits_until_the_binder_is_unbound_and_resume_until_it_is_bound(
    here: Here,
    account: Account,  # noqa: F811
    simulator: Simulator,  # noqa: F811
    binders: Binders,  # noqa: F811
) -> None:
    binder = binders.start(account, simulator.port)
    await eventually(lambda: binder.state is State.BOUND)

    paused = await meanwhile(here, "pause", "--wait", "10")

    assert (0, "unbound") == (paused.exit_code, paused.stdout.splitlines()[-1])
    assert 0 == simulator.bound
    resumed = await meanwhile(here, "resume", "--wait", "10")
    assert (0, "bound") == (resumed.exit_code, resumed.stdout.splitlines()[-1])
    assert 0 == (await meanwhile(here, "status")).exit_code
    assert 1 == simulator.bound


async def test_status_shows_both_sides_of_a_pair(
    here: Here,
    account: Account,  # noqa: F811
    simulator: Simulator,  # noqa: F811
    binders: Binders,  # noqa: F811
) -> None:
    binder = binders.start(account, simulator.port, bind_mode="transmitter_receiver")
    await eventually(lambda: binder.state is State.BOUND)
    await eventually(lambda: (account.store.run(Lease(account.keys).reported()) or "").count('"bound"') == 3)

    result = await meanwhile(here, "status")

    assert 0 == result.exit_code
    assert "side      transmitter bound\nside      receiver    bound\n" in result.stdout


async def test_waiting_has_an_end(
    here: Here,
    account: Account,  # noqa: F811
    simulator: Simulator,  # noqa: F811
    binders: Binders,  # noqa: F811
) -> None:
    binder = binders.start(account, simulator.port, password="wrong")
    await eventually(lambda: binder.state is State.REFUSED)
    account.store.run(Ledger(account.keys).pause())

    result = await meanwhile(here, "resume", "--wait", "0.1")

    assert 1 == result.exit_code
    assert "not bound within 0.1 s: the binder is" in result.stderr


@pytest.mark.parametrize("words", [("status",), ("retry",), ("pause",), ("resume",)])
def test_help_has_exit_codes_and_an_example(here: Here, words: tuple[str, ...]) -> None:
    said = here(*words, "--help").stdout

    assert "Exit codes: 0" in said
    assert f"smsfleet bind {words[0]}" in said
