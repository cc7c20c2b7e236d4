"""`smsfleet compliance`: the nine conditions of Clickatell's compliance test, judged from the journal."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smsfleet.cli.times import Seconds
from smsfleet.config.clock import epoch_ms

if TYPE_CHECKING:
    from smsfleet.binder.compliance import Finding
    from smsfleet.cli.rehearsal import Rehearsal
    from smsfleet.store.journal import JournalEntry

NOT_YET = 75
"""EX_TEMPFAIL: nothing failed, and something is not shown yet."""

READ = 1000
CLOCKS_MS = 3_600_000
"""How much earlier the reading begins than asked for: entries are stored later than they are noted, and the
clocks of two hosts may differ."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")

MODES = ("transceiver", "transmitter_receiver")


def _seconds(_context: click.Context, _parameter: click.Parameter, value: str) -> float:
    """A span of time such as 48h, 90m or 2d, as seconds."""
    found = _SPAN.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no span: give a number and s, m, h or d, such as 48h")
    return float(found[1]) * _UNITS_S[found[2]]


@click.command(
    epilog="""\b
Examples:
  smsfleet compliance
  smsfleet compliance --since 20h --json | jq .verdict
  smsfleet compliance --simulate
"""
)
@click.option(
    "--since", callback=_seconds, default="48h", show_default=True, help="How far back to judge: 90m, 2d."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--simulate", is_flag=True, help="Run the whole test against the simulator, in virtual time.")
@click.option(
    "--mode", "modes", multiple=True, type=click.Choice(MODES), help="With --simulate: only this bind mode."
)
@click.option(
    "--hours",
    type=Seconds(1, 1000),
    default=48.0,
    show_default=True,
    help="With --simulate: how long to stay bound.",
)
def compliance(*, since: float, as_json: bool, simulate: bool, modes: tuple[str, ...], hours: float) -> None:
    """Judge the nine conditions of Clickatell's compliance test, with the evidence for each.

    Exit code 0: all PASS; 1: one is FAIL; 75: none failed, and one is NOT-YET shown.
    """
    from smsfleet.binder.compliance import Verdict, overall

    tests = _simulate(modes or MODES, hours, quiet=as_json) if simulate else {"journal": _judge(since)}
    verdict = overall(finding for findings in tests.values() for finding in findings)
    if as_json:
        shown = {name: [_plain(finding) for finding in findings] for name, findings in tests.items()}
        click.echo(json.dumps({"verdict": verdict, "tests": shown}, indent=2))
    else:
        for name, findings in tests.items():
            _print(name, findings)
        click.echo(f"\n{verdict}")
    sys.exit({Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.NOT_YET: NOT_YET}[verdict])


def _judge(since_s: float) -> list[Finding]:
    """What the journal of this account shows."""
    from smsfleet.binder.compliance import judge
    from smsfleet.config.settings import load
    from smsfleet.store.client import Store
    from smsfleet.store.journal import JournalLog
    from smsfleet.store.keys import Keys

    settings = load()
    store = Store.connect(settings.redis_url, "compliance")
    log = JournalLog(Keys(settings.account))
    now_ms = epoch_ms()
    since_ms = now_ms - round(since_s * 1000)
    entries: list[JournalEntry] = []
    after, more = f"{max(0, since_ms - CLOCKS_MS)}-0", True
    while more:
        found, after = store.run(log.read(after, READ))
        entries += [entry for entry in found if entry.at_ms >= since_ms]
        more = len(found) == READ
    store.close()
    return judge(entries, now_ms=now_ms)


def _simulate(modes: tuple[str, ...], hours: float, *, quiet: bool) -> dict[str, list[Finding]]:
    """What the binder's journal and the gateway's say of a run in each mode."""
    from smsfleet.cli.embedded import EmbeddedServer
    from smsfleet.cli.rehearsal import Rehearsal
    from smsfleet.config.logs import configure

    configure("ERROR", "console")
    tests: dict[str, list[Finding]] = {}
    with tempfile.TemporaryDirectory(prefix="smsfleet-") as folder:
        server = EmbeddedServer(Path(folder) / "server").start()
        try:
            for mode in modes:
                rehearsal = Rehearsal(server.url, Path(folder), mode, hours)
                _run(rehearsal, quiet=quiet)
                tests[f"{mode}, by the binder's journal"] = rehearsal.findings
                tests[f"{mode}, by the gateway's journal"] = rehearsal.gateway_findings
        finally:
            server.stop()
    return tests


def _run(rehearsal: Rehearsal, *, quiet: bool) -> None:
    started = time.monotonic()
    rehearsal.run()
    if not quiet:
        took_s = time.monotonic() - started
        click.echo(f"{rehearsal.hours:g} h as {rehearsal.bind_mode} simulated in {took_s:.1f} s", err=True)


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "number": finding.number,
        "condition": finding.condition,
        "verdict": finding.verdict,
        "evidence": list(finding.evidence),
    }


def _print(name: str, findings: list[Finding]) -> None:
    click.echo(f"\n{name}")
    for finding in findings:
        click.echo(f"  {finding.verdict:<7} {finding.number} {finding.condition}")
        for line in finding.evidence:
            click.echo(f"            {line}")
