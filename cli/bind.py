"""`smsfleet bind status | retry | pause | resume`: what an operator may know and do about the bind."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from smsfleet.binder.refusals import advice, advice_of_stop
from smsfleet.cli.times import SECONDS
from smsfleet.config.settings import load
from smsfleet.config.spans import span
from smsfleet.ops.binder_view import UNREADABLE
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.store.lease import Lease, report_of
from smsfleet.store.ledger import UNANSWERED, Ledger

NOT_AS_WISHED = 1
PAUSED = 3
STOPPED = 4

POLL_S = 0.2


@click.group(
    epilog="""\b
Examples:
  smsfleet bind status
  smsfleet bind pause --wait 30    before work at the gateway's side
  smsfleet bind resume
"""
)
def bind() -> None:
    """Look at the bind, end a stop after a refused login, pause it, resume it.

    The binder follows within about two seconds, on whatever host it runs.
    """


@bind.command(
    epilog="""\b
Exit codes: 0 bound, 1 not bound, 3 paused by an operator, 4 stopped: something has to be mended.
Examples:
  smsfleet bind status
  smsfleet bind status --json | jq .logins
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Say whether the account is bound, why not, and which logins failed lately."""
    with _ledger() as now:
        found = now.status()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    sys.exit(_exit_code(found))


@bind.command(
    epilog="""\b
Exit codes: 0 a stop is ended, 1 there was none (in Redis; a host's file is cleared all the same).
Example:
  smsfleet bind retry
"""
)
def retry() -> None:
    """Allow the next login after a refused password, system id or system type.

    For when nothing was wrong with the settings; changed settings need only a restart of the binder.
    Failed logins still count: at most two within 185 s are tried, so that the gateway does not lock us out.
    """
    with _ledger() as now:
        lifted = now.store.run(now.ledger.retry(secrets.token_hex(8)))
    if not lifted:
        click.echo("no stop is known; nothing was ended")
        sys.exit(NOT_AS_WISHED)
    click.echo("the stop is ended: the binder tries the next login as soon as the failed ones allow it")


@bind.command(
    epilog="""\b
Exit codes: 0 paused, 1 with --wait: the binder did not say so in time.
Example:
  smsfleet bind pause --wait 30
"""
)
@click.option("--wait", type=SECONDS, default=0.0, help="Wait up to so many seconds until it is unbound.")
def pause(*, wait: float) -> None:
    """Unbind, and stay unbound over restarts, until `smsfleet bind resume`.

    What is in flight is finished first; jobs go on being taken in, and wait.
    """
    with _ledger() as now:
        new = now.store.run(now.ledger.pause())
        click.echo("paused" if new else "it was paused before")
        if wait:
            now.wait_for(lambda state: state in ("paused", "stopped", "absent"), wait, "unbound")


@bind.command(
    epilog="""\b
Exit codes: 0 resumed, 1 it was not paused, or with --wait: not bound in time.
Example:
  smsfleet bind resume --wait 90
"""
)
@click.option("--wait", type=SECONDS, default=0.0, help="Wait up to so many seconds until it is bound.")
def resume(*, wait: float) -> None:
    """Bind again after a pause: 30 to 60 s after the unbind at the earliest (guide §5 step 4)."""
    with _ledger() as now:
        if not now.store.run(now.ledger.resume()):
            click.echo("it was not paused")
            sys.exit(NOT_AS_WISHED)
        click.echo("resumed")
        if wait:
            now.wait_for(lambda state: state == "bound", wait, "bound")


class _Now:
    """The account as it is in Redis."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self.store = store
        self.ledger = Ledger(keys)
        self._lease = Lease(keys)

    def binder(self) -> dict[str, Any]:
        """What the binder says of itself."""
        reported = self.store.run(self._lease.reported())
        said = report_of(reported)
        if isinstance(said.get("state"), str):
            return said
        leader = self.store.run(self._lease.holder())
        if reported:
            return {"state": "standby" if leader else "absent", "why": UNREADABLE}
        return {"state": "standby" if leader else "absent", "why": "" if leader else "no binder is running"}

    def status(self) -> dict[str, Any]:
        """Everything that `status` tells."""
        said, view = self.binder(), self.store.run(self.ledger.read())
        return {
            "state": said["state"],
            "why": said.get("why", ""),
            "bind_mode": said.get("bind_mode"),
            "sides": said.get("sides", []),
            "last_disconnect": said.get("last_disconnect", ""),
            "paused_s": view.paused_s,
            "stop": advice_of_stop(view.stop) if view.stop else "",
            "logins": [
                {
                    "mode": login.mode,
                    "status": login.status,
                    "meaning": _meaning(login.status),
                    "age_s": round(login.age_s, 1),
                }
                for login in view.logins
            ],
        }

    def wait_for(self, wished: Callable[[str], bool], seconds: float, word: str) -> None:
        """Until the binder's state is as wished; exits with 1 when it is not in time."""
        until = time.monotonic() + seconds
        while not wished(state := self.binder()["state"]):
            if time.monotonic() > until:
                click.echo(f"not {word} within {seconds:g} s: the binder is {state}", err=True)
                sys.exit(NOT_AS_WISHED)
            time.sleep(POLL_S)
        click.echo(word)


@contextmanager
def _ledger() -> Iterator[_Now]:
    settings = load()
    store = Store.connect(settings.redis_url, "bind")
    try:
        yield _Now(store, Keys(settings.account))
    finally:
        store.close()


def _exit_code(found: dict[str, Any]) -> int:
    if found["paused_s"] is not None:
        return PAUSED
    if found["stop"] or found["state"] == "refused":
        return STOPPED
    return 0 if found["state"] == "bound" else NOT_AS_WISHED


def _meaning(status: str) -> str:
    if not status:
        return "under way, or its binder was killed: counts as failed"
    return "never answered" if status == UNANSWERED else advice(int(status))


def _print(found: dict[str, Any]) -> None:
    why = f": {found['why']}" if found["why"] else ""
    click.echo(f"bind      {found['state']}{why}")
    if len(found["sides"]) > 1:
        for side in found["sides"]:
            why = f": {side['why']}" if side["why"] else ""
            click.echo(f"side      {side['mode']:<11} {side['state']}{why}")
    if found["last_disconnect"]:
        click.echo(f"last      {found['last_disconnect']}")
    if found["paused_s"] is not None:
        click.echo(f"paused    for {span(found['paused_s'])}: `smsfleet bind resume` binds again")
    if found["stop"]:
        click.echo(f"stopped   {found['stop']}")
    for login in found["logins"]:
        age = f"{span(max(0.0, login['age_s']))} ago"
        click.echo(f"login     failed {age}, {login['mode']}: {login['meaning']}")
