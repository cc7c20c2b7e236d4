"""What operators are told of, and what they are told to do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import click
import pytest

from smsfleet.binder.refusals import advice
from smsfleet.cli.main import cli
from smsfleet.ops.alerts import NAMES, SEVERITIES, Alert, alerts
from smsfleet.ops.binder_view import BinderView, SideView
from smsfleet.ops.snapshot import LaneView, LeaseView, LoginsView, RedisView, Snapshot, Stage
from smsfleet.store.standing import ACCOUNT, GatewayPause, Pause, Standing

SIDE = SideView("transceiver", "bound", bound_s=5000.0, enquire_link_s=20.0, enquire_link_resp_s=20.0)
WELL = Snapshot(
    "main",
    1_700_000_000_000,
    binder=BinderView("bound", since_s=5000.0, sides=(SIDE,)),
    standing=Standing(100.0, 100.0, 0, {}, None),
    workers=2,
)


def binder(state: str, unbound_s: float | None = 100.0, **more: Any) -> dict[str, Any]:
    return {"binder": BinderView(state, since_s=1.0, unbound_s=unbound_s, **more)}


def waiting(**places: Stage) -> dict[str, Any]:
    return {"waiting": {**WELL.waiting, **places}}


def lane(name: str, **stages: Stage) -> dict[str, Any]:
    return {"lanes": {**WELL.lanes, name: LaneView(**stages)}}


def standing(**changes: Any) -> dict[str, Any]:
    return {"standing": replace(WELL.standing, **changes)}


def found(**changes: Any) -> list[Alert]:
    return alerts(replace(WELL, **changes))


ON_THE_WIRE = lane("normal", in_flight=Stage(3, 99.0))
"""Admitted so long ago."""

CASES: list[tuple[str, dict[str, Any]]] = [
    ("CreditsShort", {"credits": {"warnings": ["about 3,000 credits will be used"]}}),
    ("NoBinder", {"binder": BinderView()}),
    ("Unbound", binder("waiting", 91.0, why="cannot connect")),
    ("Unbound", binder("standby", None) | {"lease": LeaseView("host-1", 1, 91.0, 5.0)}),
    ("BindRefused", binder("refused", why="ESME_RINVPASWD")),
    ("BindRefused", binder("waiting", 5.0) | {"logins": LoginsView(1, stopped=True)}),
    ("BindPaused", binder("paused")),
    ("BindPaused", binder("draining", 1.0) | {"logins": LoginsView(paused_s=1.0)}),
    ("LedgerFull", binder("waiting", 5.0) | {"logins": LoginsView(2)}),
    (
        "LinkSilent",
        binder("bound", sides=(replace(SIDE, enquire_link_resp_s=91.0), replace(SIDE, mode="receiver"))),
    ),
    ("LinkSilent", binder("bound", sides=(replace(SIDE, enquire_link_resp_s=None, bound_s=91.0),))),
    ("GatewaySilent", binder("bound", in_flight=3, unanswered_s=11.0) | ON_THE_WIRE),
    ("AccountPaused", standing(gateway=GatewayPause(5.0, 0x401, 30.0, 0))),
    ("Paused", standing(paused={"bulk": Pause(5.0, "wrong text")})),
    ("Paused", standing(paused={ACCOUNT: Pause(5.0, "")})),
    ("Throttled", standing(rate=50.0)),
    ("NoWorkers", {"workers": 0}),
    ("OldestOtp", lane("high", queue=Stage(1, 5.1))),
    ("OldestOtp", lane("high", outbound=Stage(1, 5.1))),
    ("OldestOtp", lane("high", in_flight=Stage(1, 5.1))),
    ("ReceiptsBehind", waiting(deliveries=Stage(7, 61.0))),
    ("NoReceipts", binder("bound", delivered_s=601.0, accepted_since=100)),
    ("DutiesLate", waiting(scheduled=Stage(1, due_s=-31.0))),
    ("DutiesLate", waiting(delayed=Stage(1, due_s=-31.0))),
    ("DutiesLate", waiting(held=Stage(0, due_s=-31.0))),
    ("WebhooksLate", waiting(webhooks=Stage(2, due_s=-31.0))),
    ("Ambiguous", waiting(held=Stage(1))),
    ("Ambiguous", binder("bound", ambiguous={"failed": 3}, ambiguous_s=3599.0)),
    ("QueriesOff", {"queries_off": "0x03"}),
    ("DeadLetters", {"kept": {**WELL.kept, "dead": 1}}),
    ("Undelivered", {"kept": {**WELL.kept, "undelivered": 1}}),
    ("SetAside", waiting(set_aside=Stage(1, 5.0))),
    ("AofOff", {"redis": RedisView(findings=("the append-only file is off, so: set it",), aof=False)}),
    ("RedisMisconfigured", {"redis": RedisView(findings=("maxmemory-policy is allkeys-lru, so: set it",))}),
    ("RedisFull", {"redis": RedisView(used_octets=91, limit_octets=100)}),
]
"""The alert, and what has changed in an account that is well."""

USUAL: list[dict[str, Any]] = [
    binder("waiting", 90.0),
    binder("standby", None) | {"lease": LeaseView("host-1", 1, 2.0, 5.0)},
    binder("bound", ambiguous={"failed": 3}, ambiguous_s=3600.0),
    binder("bound") | {"logins": LoginsView(2)},
    lane("high", queue=Stage(1, 5.0)),
    binder("bound", in_flight=3, unanswered_s=10.0) | ON_THE_WIRE,
    binder("bound", in_flight=3, unanswered_s=0.1)
    | ON_THE_WIRE,  # it has waited for the bind, not for an answer
    binder("bound", in_flight=3, unanswered_s=99.0, per_s={"answered": 0.2}) | ON_THE_WIRE,
    lane("bulk", queue=Stage(100_000, 5000.0)),
    waiting(deliveries=Stage(7, 60.0), scheduled=Stage(1, due_s=-30.0)),
    waiting(webhooks=Stage(2, due_s=-30.0)),
    binder("bound", delivered_s=600.0, accepted_since=100),
    binder("bound", delivered_s=9999.0, accepted_since=99),
    binder("bound", accepted_since=100),
    binder("connecting", 1.0, delivered_s=601.0, accepted_since=100),
    {"redis": RedisView(used_octets=90, limit_octets=100)},
    {"redis": RedisView(used_octets=90)},
]


def test_of_an_account_that_is_well_nothing_is_told() -> None:
    assert [] == alerts(WELL)


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_what_is_wrong_is_told_by_its_name(name: str, changes: dict[str, Any]) -> None:
    (alert,) = found(**changes)

    assert name == alert.name
    assert NAMES[name] == alert.severity
    assert alert.severity in SEVERITIES
    assert alert.what
    assert alert.do


@pytest.mark.parametrize("changes", USUAL)
def test_what_is_usual_is_not_told(changes: dict[str, Any]) -> None:
    assert [] == found(**changes)


def test_the_worst_comes_first() -> None:
    names = [
        alert.name
        for alert in found(
            standing=replace(WELL.standing, rate=50.0, paused={"bulk": Pause(5.0, "")}), workers=0
        )
    ]

    assert ["NoWorkers", "Throttled", "Paused"] == names


def test_every_command_that_is_told_exists() -> None:
    told = {command for _, changes in CASES for alert in found(**changes) for command in commands(alert)}

    assert len(told) > 5
    for command in told:
        context = click.Context(cli, **cli.context_settings)
        name, part, rest = cli.resolve_command(context, command.split())
        assert part is not None
        part.make_context(name, rest, parent=context)  # raises UsageError for an unknown option


def commands(alert: Alert) -> list[str]:
    return re.findall(r"`smsfleet ([^`]+)`", alert.do)


def test_nobody_is_told_to_start_workers_that_a_full_redis_keeps_from_being_seen() -> None:
    full = RedisView(used_octets=101, limit_octets=100)

    (alert,) = [found for found in alerts(replace(WELL, workers=0, redis=full)) if found.name == "NoWorkers"]

    assert "Redis is full: make room first, then see" == alert.do


def test_a_refused_login_is_told_once_with_the_setting_to_mend() -> None:
    (alert,) = found(**binder("refused", why=advice(0x0E)))

    assert "the gateway refused the login: 0x0000000E ESME_RINVPASWD" == alert.what
    assert alert.do.startswith("mend SMSFLEET_SMPP_PASSWORD and restart the binder")
    assert 1 == alert.do.count("smsfleet bind retry")


@pytest.mark.parametrize(
    ("used", "told"), [(91, "before it refuses"), (100, "it refuses jobs and receipts now")]
)
def test_a_redis_that_is_full_is_told_otherwise_than_one_that_is_nearly(used: int, told: str) -> None:
    (alert,) = found(redis=RedisView(used_octets=used, limit_octets=100))

    assert f"Redis has used {used} % of its maxmemory" == alert.what
    assert told in alert.do


def test_a_frozen_worker_is_thought_of() -> None:
    (alert,) = found(workers=0)

    assert "frozen" in alert.do
