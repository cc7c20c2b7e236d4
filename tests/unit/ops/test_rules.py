"""The alert rules on what the exporters really serve: each fires for what it is for, and none in a fleet that is well."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tests.unit.binder.test_metrics import Moment
from tests.unit.ops.promtool import finds, promtool_agrees, series
from tests.unit.ops.test_alerts import CASES, USUAL, WELL
from tests.unit.ops.test_files import AS_WISHED, RULES

from smsfleet.binder.metrics import binder_readings
from smsfleet.binder.report import State
from smsfleet.config.clock import epoch_ms
from smsfleet.config.errors import StoreUnavailable
from smsfleet.ops.account import account_readings
from smsfleet.ops.alerts import UNBOUND_S, alerts
from smsfleet.ops.catalog import Reading
from smsfleet.ops.exposition import exposition
from smsfleet.ops.snapshot import Snapshot
from smsfleet.ops.source import AccountSource
from smsfleet.workers.counts import Counts

MINUTES = 75
"""Longer than the longest `for`."""

NOT_OF_THE_ACCOUNT = {"NoBinder", "LinkSilent"}
"""Judged from what the processes serve."""


def of_a_binder(state: State = State.BOUND, *, silent_s: int = 5) -> list[Reading]:
    """What a binder serves of itself, whose last answer to enquire_link is so long ago."""
    moment = Moment(leads=state is not State.STANDBY, state=state)
    (side,) = moment.binder.report.sides
    if state is State.BOUND:
        side.bound()
        side.enquire_link_ms = side.enquire_link_resp_ms = epoch_ms() - 1000 * silent_s
    return list(binder_readings(moment.binder))


def of_an_account(now: Snapshot = WELL) -> list[Reading]:
    return [("smsfleet_store_up", (), 1), *account_readings(now)]


def without_redis() -> list[Reading]:
    def take() -> Snapshot:
        raise StoreUnavailable("away")

    source = AccountSource(take)
    told = list(source())
    source.close()
    return told


OF_A_WORKER = list(Counts().readings())
STANDBY = of_a_binder(State.STANDBY)
WELL_OF_ITSELF = [*of_a_binder(), *OF_A_WORKER]
"""What the processes of a fleet that is well serve of themselves, as if they were one."""


def firing_for(now: Snapshot) -> set[str]:
    """What the rules say of an account: what `smsfleet status` does, and Unbound beside the reason for it."""
    unbound = {"Unbound"} if now.unbound_s > UNBOUND_S and now.logins.paused_s is None else set()
    return {alert.name for alert in alerts(now)} - AS_WISHED - NOT_OF_THE_ACCOUNT | unbound


Case = tuple[str, set[str], list[Reading]]
"""What it is, the rules that fire, what is served for over an hour."""

ACCOUNTS: list[Case] = [
    (name, firing_for(now), [*WELL_OF_ITSELF, *of_an_account(now)])
    for name, now in (
        (name, replace(WELL, **changes)) for name, changes in [*CASES, *(("usual", u) for u in USUAL)]
    )
    # The binder says "paused" a moment after the ledger does.
    if name not in {*NOT_OF_THE_ACCOUNT, *AS_WISHED}
    and not (name == "BindPaused" and now.logins.paused_s is None)
]

PROCESSES: list[Case] = [
    ("all is well", set(), [*WELL_OF_ITSELF, *of_an_account()]),
    ("Redis is away", {"StoreAway"}, [*WELL_OF_ITSELF, *without_redis()]),
    ("only a standby", {"NoBinder"}, [*STANDBY, *OF_A_WORKER]),
    ("no binder", {"NoBinder"}, OF_A_WORKER),
    ("nothing is scraped", {"NoBinder"}, []),
    ("a link is silent", {"LinkSilent"}, [*of_a_binder(silent_s=91), *OF_A_WORKER, *of_an_account()]),
]


def series_for(rules: str, readings: list[Reading]) -> list[dict[str, str]]:
    """What is scraped every 5 minutes of what the rules ask for."""
    scraped = series(exposition(lambda: readings)().decode(), MINUTES // 5)
    return [one for one in scraped if one["series"].partition("{")[0] in rules]


def test_a_rule_fires_for_what_it_is_for_and_for_nothing_else(repository: Path, tmp_path: Path) -> None:
    firing_now = 'count by (alertname) (ALERTS{alertstate="firing"})'
    rules = (repository / RULES).read_text(encoding="utf-8")
    tests = [
        {
            "name": name,
            "interval": "5m",
            "input_series": series_for(rules, readings),
            "promql_expr_test": [
                finds(firing_now, MINUTES, *(({"alertname": f"Smsfleet{one}"}, 1) for one in sorted(firing)))
            ],
        }
        for name, firing, readings in [*ACCOUNTS, *PROCESSES]
    ]

    assert "" == promtool_agrees(tmp_path, tests, rules=repository / RULES)


def test_every_rule_is_tried(repository: Path) -> None:
    names = re.findall(r"- alert: Smsfleet(\w+)", (repository / RULES).read_text(encoding="utf-8"))

    assert set(names) == set().union(*(firing for _, firing, _ in [*ACCOUNTS, *PROCESSES]))
