"""`smsfleet reload`, and SIGHUP to the binder: other settings for processes that run, without unbinding."""

from __future__ import annotations

import json
from typing import Any

import click

from smsfleet.config.errors import ConfigError, StoreError
from smsfleet.config.logs import logger
from smsfleet.config.settings import LIVE, load
from smsfleet.store.client import AsyncStore, Store
from smsfleet.store.keys import Keys
from smsfleet.store.live import Live


@click.command(
    epilog="""\b
Examples:
  smsfleet reload                     after a change of SMSFLEET_SETTINGS_FILE
  SMSFLEET_RATE=50 smsfleet reload    slower, at once, for everybody
  smsfleet reload --clear             every process back to its own settings
"""
)
@click.option("--clear", is_flag=True, help="Let every process go back to its own settings.")
@click.option("--json", "as_json", is_flag=True, help="Print what is in force as JSON.")
def reload(*, clear: bool, as_json: bool) -> None:
    """Give this command's settings to all workers of the account, within a second, without unbinding.

    It reads its environment and SMSFLEET_SETTINGS_FILE, as every process does at its start. Processes that
    start later follow too, until the next reload. What can be changed like this is printed: rates, policies,
    retries, lists, prices, the tables of receipts, the rules for incoming messages and opt-outs.
    """
    settings = load()
    store = Store.connect(settings.redis_url, "reload")
    try:
        live = Live(Keys(settings.account))
        if clear:
            store.run(live.clear())
        else:
            store.run(live.publish(settings.live()))
        in_force = store.run(live.read())
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(in_force))
    elif in_force is None:
        click.echo("every process works with its own settings")
    else:
        for name in LIVE:
            click.echo(f"SMSFLEET_{name.upper()}={in_force[name]}")


async def reload_for_all(store: AsyncStore) -> None:
    """Read the settings file again and give what a reload changes to everybody; SIGHUP asks for it.

    A value that breaks its rule, or a store that is away, is logged: nothing has changed then.
    """
    try:
        settings = load()
        values: dict[str, Any] = settings.live()
        await store.run(Live(Keys(settings.account)).publish(values))
    except (ConfigError, StoreError) as error:
        logger(__name__).error("settings not reloaded: the former stay", error=error)
    else:
        logger(__name__).info("settings reloaded", **values)
