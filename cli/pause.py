"""`smsfleet pause | resume`: what goes out, by lane or as a whole. The bind stays: see cli/bind.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from smsfleet.config.codes import command_status
from smsfleet.config.settings import load
from smsfleet.config.spans import span
from smsfleet.store.client import Store
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.standing import ACCOUNT, Standing, Standings

NOT_AS_WISHED = 1
LONGEST_REASON = 200

_lanes = click.option(
    "--lane", "lanes", multiple=True, type=click.Choice(LANES), help="This lane only; may be repeated."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print what is paused now as JSON.")


@click.command(
    epilog="""\b
Examples:
  smsfleet pause --lane bulk --reason "wrong text in the campaign"
  smsfleet pause --reason "the tariff changes at noon"    everything
"""
)
@_lanes
@click.option("--reason", default="", help="What `smsfleet status` shows beside it.")
@_json
def pause(*, lanes: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Send nothing more of a lane, or of the whole account, until `smsfleet resume`.

    From the next submit_sm on. What is on the wire is finished; the account stays bound, receipts come in,
    jobs are taken in and wait. `smsfleet bind pause` is something else: it unbinds.
    """
    if len(reason) > LONGEST_REASON:
        raise click.BadParameter(f"at most {LONGEST_REASON} characters", param_hint="--reason")
    with _account() as (store, standings):
        new = store.run(standings.pause(lanes or (ACCOUNT,), reason))
        standing = store.run(standings.read())
    if not as_json:
        click.echo("paused" if new else "it was paused before")
    _show(standing, as_json=as_json)


@click.command(
    epilog="""\b
Exit codes: 0 resumed, 1 nothing of it was paused.
Examples:
  smsfleet resume --lane bulk
  smsfleet resume                 the account, the gateway's refusal of it too: after credit was bought
"""
)
@_lanes
@_json
def resume(*, lanes: tuple[str, ...], as_json: bool) -> None:
    """Send again what `smsfleet pause` holds back, within two seconds.

    Without --lane it ends the pause of the account, and that which the gateway has caused (out of credit,
    account frozen): if it refuses again, the account is paused again. Lanes paused by name stay so.
    """
    with _account() as (store, standings):
        ended = store.run(standings.resume(lanes or (ACCOUNT,)))
        standing = store.run(standings.read())
    if not as_json:
        click.echo("resumed" if ended else "it was not paused")
    _show(standing, as_json=as_json)
    if not ended:
        sys.exit(NOT_AS_WISHED)


def lines_of(standing: Standing) -> Iterator[str]:
    """What an operator should know of the pauses, a line each."""
    for name, held in standing.paused.items():
        what = "the account" if name == ACCOUNT else f"lane {name}"
        again = "" if name == ACCOUNT else f" --lane {name}"
        reason = f": {held.reason}" if held.reason else ""
        yield f"{what}, by an operator for {span(held.age_s)}{reason} (`smsfleet resume{again}`)"
    if gateway := standing.gateway:
        row = command_status(gateway.command_status)
        probe = (
            "no probe while an operator's pause holds"
            if ACCOUNT in standing.paused
            else f"next probe in {max(0.0, gateway.next_probe_s):.0f} s, {gateway.probes} refused"
        )
        said = f"{row.label}, {row.description}"
        yield f"the account, by the gateway for {span(gateway.age_s)}: {said}; {probe}"


def _show(standing: Standing, *, as_json: bool) -> None:
    if as_json:
        said = standing.as_dict()
        click.echo(json.dumps({"paused": said["paused"], "gateway": said["gateway"]}))
        return
    for line in lines_of(standing):
        click.echo(f"paused    {line}")


@contextmanager
def _account() -> Iterator[tuple[Store, Standings]]:
    settings = load()
    store = Store.connect(settings.redis_url, "pause")
    try:
        yield store, Standings(Keys(settings.account))
    finally:
        store.close()
