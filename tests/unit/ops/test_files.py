"""The dashboard and the alert rules name only what the exporters export."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.unit.test_docs import anchors

from smsfleet.ops.alerts import NAMES
from smsfleet.ops.catalog import ALL, LABELS

RULES = Path("ops/prometheus/alerts.yml")
DASHBOARD = Path("ops/grafana/dashboard.json")

ASKED_FOR = {
    "Unbound", "BindRefused", "LedgerFull", "AccountPaused", "OldestOtp", "ReceiptsBehind", "Ambiguous",
    "CreditsShort", "AofOff",
}  # fmt: skip
NOT_IN_A_SNAPSHOT = {"StoreAway"}
"""Without a store there is none."""

AS_WISHED = {"Paused", "QueriesOff"}
"""Told by `smsfleet status`, and no reason to wake somebody."""


def metrics_in(text: str) -> set[str]:
    named = set(re.findall(r"\bsmsfleet_[a-z_]+", text))
    ends = ("_bucket", "_count", "_sum")
    return {
        next((name.removesuffix(end) for end in ends if name.endswith(end) and name not in ALL), name)
        for name in named
    }


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_that_is_named_is_exported(repository: Path, path: Path) -> None:
    named = metrics_in((repository / path).read_text(encoding="utf-8"))

    assert len(named) > 10
    assert set() == named - set(ALL)


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_every_value_of_a_label_exists(repository: Path, path: Path) -> None:
    text = (repository / path).read_text(encoding="utf-8").replace('\\"', '"')
    asked = [
        (label, value)
        for braces in re.findall(r"smsfleet_\w+\{([^}]*)\}", text)
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', braces)
        for value in values.split("|")
        if (label, value) != ("job", "$job")  # Prometheus' own: which account it is
    ]

    assert asked
    assert [] == [(label, value) for label, value in asked if value not in LABELS[label]]


def test_the_rules_have_the_names_of_the_alerts(repository: Path) -> None:
    names = re.findall(r"- alert: Smsfleet(\w+)", (repository / RULES).read_text(encoding="utf-8"))

    assert len(names) == len(set(names))
    assert set(NAMES) - AS_WISHED == set(names) - NOT_IN_A_SNAPSHOT
    assert set() == ASKED_FOR - set(names)


def test_a_bind_that_an_operator_has_paused_wakes_nobody(repository: Path) -> None:
    rules = (repository / RULES).read_text(encoding="utf-8").split("- alert: Smsfleet")
    (unbound,) = [rule for rule in rules if rule.startswith("Unbound\n")]
    (paused,) = [rule for rule in rules if rule.startswith("BindPaused\n")]

    assert "unless on (job, instance) smsfleet_bind_paused == 1" in unbound
    assert "severity: warning" in paused


def test_every_rule_says_how_bad_it_is_and_what_to_do(repository: Path) -> None:
    rules = (repository / RULES).read_text(encoding="utf-8").split("- alert: ")[1:]

    for rule in rules:
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule), rule
        assert re.search(r"^ +summary: .", rule, re.MULTILINE), rule
        assert re.search(r"^ +description: .", rule, re.MULTILINE), rule


@pytest.mark.parametrize(
    "rule", RULES.read_text(encoding="utf-8").split("- alert: ")[1:], ids=lambda rule: rule.split()[0]
)
def test_every_rule_leads_to_a_place_of_the_runbook(repository: Path, rule: str) -> None:
    (runbook,) = re.findall(r"^ +runbook: (.+)$", rule, re.MULTILINE)
    path, _, anchor = runbook.partition("#")

    assert not anchor or anchor in anchors(repository / path)
    assert (repository / path).is_file()


def test_prometheus_takes_the_rules(repository: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool: not found (Debian: apt-get install prometheus)")

    checked = subprocess.run(
        [promtool, "check", "rules", str(repository / RULES)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (0, "") == (checked.returncode, checked.stderr)


def test_the_dashboard_has_a_place_and_a_question_in_each_panel(repository: Path) -> None:
    dashboard = json.loads((repository / DASHBOARD).read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}

    assert len(panels) > 15
    assert len(panels) == len(places) == len({panel["title"] for panel in panels})
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    assert len(panels) == len({panel["id"] for panel in panels})
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_a_panel_shows_one_account_whatever_the_interval_of_its_scrapes(repository: Path) -> None:
    """An account is a job of Prometheus; a rate over less than two scrapes is nothing."""
    dashboard = json.loads((repository / DASHBOARD).read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]

    assert [] == [
        expr
        for expr in asked
        if len(re.findall(r"(?:smsfleet|process)_\w+", expr)) != expr.count('{job="$job"')
    ]
    assert {"$__rate_interval", "1h"} == {
        span for expr in asked for span in re.findall(r"\[([^\]]+)\]", expr)
    }
