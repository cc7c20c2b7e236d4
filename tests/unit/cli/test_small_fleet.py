"""What the small fleet of the demo tells its applications."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.cli.small_fleet import SmallFleet
from smsfleet.config.settings import load
from smsfleet.config.webhook_settings import load_webhooks


def fleet(folder: Path, *, own_gateway: bool) -> SmallFleet:
    return SmallFleet(folder, own_gateway=own_gateway, server=EmbeddedServer(folder / "server", port=6399))


def test_a_webhook_may_reach_a_receiver_on_this_machine(tmp_path: Path) -> None:
    webhooks = load_webhooks(fleet(tmp_path, own_gateway=True).settings)

    assert webhooks.secret is not None
    assert (True, "127.0.0.1") == (webhooks.http, webhooks.allow)


def test_nobody_is_billed_so_no_minimum_of_credits_is_short(tmp_path: Path) -> None:
    assert 0 == load(fleet(tmp_path, own_gateway=True).settings).credit_minimum


@pytest.mark.parametrize("own_gateway", [True, False])
def test_only_a_gateway_of_its_own_is_controlled_by_commands(tmp_path: Path, *, own_gateway: bool) -> None:
    assert own_gateway == ("SMSFLEET_SIMULATOR_CONTROL" in fleet(tmp_path, own_gateway=own_gateway).settings)
