"""`smsfleet doctor`: everything that can be wrong with a fleet, in a few seconds, and what to do about it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import click

from smsfleet.cli.check_gateway import check_gateway
from smsfleet.cli.check_machine import (
    check_bind_settings,
    check_clock,
    check_files,
    check_names,
    check_packages,
    check_settings,
)
from smsfleet.cli.checkup import LATE, REDIS_PAGE, Check, Finding, Severity, error, exit_code, run_checks
from smsfleet.cli.times import Seconds
from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import ConfigError
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp

CHECKS = (
    "names", "settings", "bind settings", "files", "packages", "clock",
    "gateway", "redis", "broker", "workers", "binder", "logins", "pauses", "waiting",
)  # fmt: skip

MARKS = {Severity.OK: "ok", Severity.NOTE: "note", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}
FROZEN = "is it frozen, swapping or at a long command, and does `redis-cli PING` answer? try --timeout 30"

COLOURS = {Severity.WARNING: "yellow", Severity.ERROR: "red"}


@click.command(
    epilog="""\b
Exit codes: 0 nothing to do, 1 warnings, 2 errors (or wrong usage).
Examples:
  smsfleet doctor
  smsfleet doctor --quiet                 only what needs somebody
  smsfleet doctor --json | jq -r '.findings[] | select(.severity == "error") | .found'
  smsfleet doctor --skip gateway          where only the binder's machine may reach it
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Show warnings and errors only.")
@click.option("--timeout", default=8.0, show_default=True, type=Seconds(1, 120), help="Seconds in all.")
@click.option("--skip", multiple=True, type=click.Choice(CHECKS), help="Leave a check out; may be repeated.")
def doctor(*, as_json: bool, quiet: bool, timeout: float, skip: tuple[str, ...]) -> None:
    """Check settings, Redis, broker, workers, binder and the way to the gateway, and say what to do.

    All checks run at the same time, and one that fails hides no other. Nothing is changed. The gateway's port
    is connected to and closed again: nothing is written, so it is no login. Run it with the settings of the
    process that is looked at: on the binder's machine it sees most.
    """
    started = time.monotonic()
    checks = {name: check for name, check in _checks(os.environ, timeout).items() if name not in skip}
    findings = list(_once(run_checks(checks, timeout)))
    code = exit_code(findings)
    counts = Counter(finding.severity for finding in findings)
    summary = {severity.name.lower(): counts[severity] for severity in Severity}
    if as_json:
        shown = [finding.as_dict() for finding in findings if not quiet or _matters(finding)]
        click.echo(json.dumps({"exit_code": code, "summary": summary, "findings": shown}, indent=2))
    else:
        for finding in findings:
            if not quiet or _matters(finding):
                _show(finding)
        click.echo(
            f"{len(checks)} checks in {time.monotonic() - started:.1f} s: {summary['error']} errors, "
            f"{summary['warning']} warnings, {summary['note']} notes"
        )
    sys.exit(code)


def _matters(finding: Finding) -> bool:
    return finding.severity >= Severity.WARNING


def _once(findings: list[Finding]) -> Iterator[Finding]:
    """Why Redis cannot be used is told by its own check, with what to do; those that need it point there."""
    reasons = {finding.found for finding in findings if finding.check == "redis"}
    for finding in findings:
        if finding.found not in reasons or finding.severity < Severity.ERROR:
            yield finding
        elif finding.check != "redis":
            yield replace(finding, found="not known: see check `redis`", todo="")
        elif finding.found.startswith(LATE):
            yield replace(finding, todo=f"{FROZEN}; {REDIS_PAGE}")
        else:
            yield finding


def _show(finding: Finding) -> None:
    mark = click.style(f"{MARKS[finding.severity]:<8}", fg=COLOURS.get(finding.severity))
    click.echo(f"{mark} {finding.check:<14} {finding.found}")
    if finding.todo:
        click.echo(f"{'':<8} {'':<14} -> {finding.todo}")


def _checks(environment: Mapping[str, str], timeout_s: float) -> dict[str, Check]:
    """Every check, bound to what it looks at; settings that are refused leave those that need none."""
    alone: dict[str, Check] = {
        "names": partial(check_names, environment),
        "packages": check_packages,
        "clock": check_clock,
    }
    try:
        settings = load(environment)
    except ConfigError as refused:
        alone["settings"] = partial(_refused, str(refused))
        return {name: alone[name] for name in CHECKS if name in alone}
    smpp = _smpp(environment)
    found: dict[str, Any] = {
        **alone,
        "settings": partial(check_settings, settings),
        "bind settings": partial(check_bind_settings, environment, smpp),
        "files": partial(check_files, environment, settings, os.getuid()),
        **_of_the_fleet(settings, timeout_s),
    }
    if isinstance(smpp, SmppSettings):
        found["gateway"] = partial(check_gateway, smpp, timeout_s)
    return {name: found[name] for name in CHECKS if name in found}


def _of_the_fleet(settings: Settings, timeout_s: float) -> dict[str, Check]:
    from smsfleet.cli import check_broker, check_fleet, check_redis
    from smsfleet.tasks.app import app, use_runtime
    from smsfleet.workers.runtime import Runtime

    now = Runtime(settings, name="doctor")
    use_runtime(now)
    return {
        "redis": partial(
            check_redis.check_redis,
            now.store,
            allow_volatile=settings.allow_volatile_redis,
            wall_ms=wall_ms,
            keys=now.keys,
        ),
        "broker": partial(check_broker.check_broker, app, settings),
        "workers": partial(
            check_broker.check_workers, app, now, min(2.0, timeout_s / 2), version("smsfleet")
        ),
        "binder": partial(check_fleet.check_binder, now),
        "logins": partial(check_fleet.check_logins, now),
        "pauses": partial(check_fleet.check_pauses, now),
        "waiting": partial(check_fleet.check_waiting, now),
    }


def wall_ms() -> int:
    """This machine's clock."""
    return epoch_ms()


def _smpp(environment: Mapping[str, str]) -> SmppSettings | ConfigError:
    try:
        return load_smpp(environment)
    except ConfigError as refused:
        return refused


def _refused(said: str) -> list[Finding]:
    return [error(said[:2000], "docs/settings.md has its rule; without settings nothing else is looked at")]
