"""The compliance test against the simulator: it passes as we are, and each condition can be seen broken."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smsfleet.binder.compliance import CONDITIONS, Finding, Verdict
from smsfleet.binder.transport import Link
from smsfleet.cli import binder as putting_together
from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.cli.rehearsal import PLAN, TIMING, Rehearsal, disconnect, fall_silent, restart
from smsfleet.config.codes import ESME_RINVPARLEN
from smsfleet.config.errors import PduError
from smsfleet.smpp.message import DeliverSm
from smsfleet.smpp.session import SessionOptions
from smsfleet.store.jobs import Admission, Jobs, Pace
from smsfleet.store.keys import Keys

pytestmark = pytest.mark.server

HOURS = 3.0
ALL = dict.fromkeys(range(1, 10), Verdict.PASS)
SHORT_OF_48_H = ALL | {1: Verdict.NOT_YET}


class Start:
    """Runs a rehearsal of a few hours, unless told otherwise."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder

    def __call__(self, mode: str = "transceiver", hours: float = HOURS, **changes: Any) -> Rehearsal:
        account = f"t-{secrets.token_hex(4)}"
        rehearsal = Rehearsal(self._server.url, self._folder, mode, hours, account=account, **changes)
        rehearsal.run()
        return rehearsal


@pytest.fixture
def start(server: EmbeddedServer, tmp_path: Path) -> Start:
    """Runs rehearsals on the shared server, each in an account of its own."""
    return Start(server, tmp_path)


def verdicts(findings: list[Finding]) -> dict[int, Verdict]:
    return {finding.number: finding.verdict for finding in findings}


def broken(rehearsal: Rehearsal) -> list[set[int]]:
    """The conditions that fail by the binder's journal, and by the gateway's."""
    return [
        {number for number, verdict in verdicts(findings).items() if verdict is Verdict.FAIL}
        for findings in (rehearsal.findings, rehearsal.gateway_findings)
    ]


# --- as we are ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["transceiver", "transmitter_receiver"])
def test_48_hours_pass_all_nine_conditions_in_both_bind_modes(start: Start, mode: str) -> None:
    rehearsal = start(mode, hours=48.0)

    assert ALL == verdicts(rehearsal.findings)
    assert ALL == verdicts(rehearsal.gateway_findings)
    assert 9 == len(CONDITIONS)


def test_a_few_hours_show_all_but_the_48(start: Start) -> None:
    rehearsal = start()

    assert SHORT_OF_48_H == verdicts(rehearsal.findings)
    assert SHORT_OF_48_H == verdicts(rehearsal.gateway_findings)


def test_a_transmitter_alone_shows_all_but_deliver_sm(start: Start) -> None:
    rehearsal = start("transmitter")

    expected = SHORT_OF_48_H | {7: Verdict.NOT_YET, 8: Verdict.NOT_YET}
    assert expected == verdicts(rehearsal.findings)
    assert expected == verdicts(rehearsal.gateway_findings)


def test_a_gateway_that_leaves_us_alone_shows_nothing_of_rebinding(start: Start) -> None:
    rehearsal = start(plan=[])

    expected = SHORT_OF_48_H | {4: Verdict.NOT_YET, 9: Verdict.NOT_YET}
    assert expected == verdicts(rehearsal.findings)


# --- each condition, broken on purpose ------------------------------------------------------------


def test_1_a_binder_that_is_restarted_does_not_remain_bound(start: Start) -> None:
    async def restart_the_binder(rehearsal: Rehearsal) -> None:
        await rehearsal.restart_binder()

    rehearsal = start(plan=[(0.5, restart_the_binder)])

    assert [{1}, {1}] == broken(rehearsal)


def test_2_a_second_binder_on_the_account_is_a_second_bind(start: Start) -> None:
    async def bind_beside(rehearsal: Rehearsal) -> None:
        async with rehearsal.binding(account=f"{rehearsal.account}-2"):
            await asyncio.sleep(40.0)

    rehearsal = start(plan=[(0.5, bind_beside)])

    assert [{2}, {2}] == broken(rehearsal)


def test_3_a_transmitter_alone_that_asks_for_receipts(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    made = putting_together.session_options

    def asking(*arguments: Any) -> SessionOptions:
        return replace(made(*arguments), without_receipts=False)

    monkeypatch.setattr(putting_together, "session_options", asking)
    rehearsal = start("transmitter")

    assert [{3}, {3}] == broken(rehearsal)


def test_4_a_binder_that_does_not_bind_again(start: Start) -> None:
    never = TIMING.model_copy(update={"reconnect_min_s": 1e6, "reconnect_max_s": 1e6})
    rehearsal = start(plan=[(0.5, disconnect)], timing=never)

    assert [{4, 9}, {4, 9}] == broken(rehearsal)


def test_5_an_enquire_link_every_90_s(start: Start) -> None:
    rehearsal = start(timing=TIMING.model_copy(update={"enquire_link_s": 90.0}))

    assert [{5}, {5}] == broken(rehearsal)


def test_6_a_submit_sm_whose_lengths_do_not_fit(start: Start) -> None:
    async def submit_nonsense(rehearsal: Rehearsal) -> None:
        keys = Keys(rehearsal.account)
        jobs = Jobs(keys, job_ttl_s=3600, text_ttl_s=600)
        body = bytes.fromhex("00000000010132373939393100000000000000000000ff") + b"short"
        call = jobs.take_in("nonsense", lane="normal", destination="279991", content="{}")
        async with rehearsal.store() as store:
            await store.run(call)
            admission = Admission("nonsense", "normal", "fail", 1, None, [body])
            await store.run(jobs.admit([admission], Pace(100.0, 0.0, 1000)))

    rehearsal = start(plan=[(0.5, submit_nonsense)])

    assert [{6}, {6}] == broken(rehearsal)


def test_7_a_binder_that_refuses_receipts(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_: object, body: bytes) -> None:
        if b"stat:DELIVRD" in body:
            raise PduError(ESME_RINVPARLEN, "a form that this version does not know")

    monkeypatch.setattr(DeliverSm, "check_body", classmethod(refuses))
    rehearsal = start()

    assert [{7}, {7}] == broken(rehearsal)


def test_8_a_binder_that_does_not_answer_deliver_sm(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Link, "deliver_resp", lambda *_: None)
    rehearsal = start(plan=[])

    assert [{8}, {8}] == broken(rehearsal)


@pytest.mark.parametrize(
    ("delay_s", "actions"), [(1.0, [disconnect, restart]), (90.0, [disconnect, fall_silent])]
)
def test_9_a_binder_that_comes_back_too_early_or_too_late(
    start: Start, delay_s: float, actions: list[Any]
) -> None:
    timing = TIMING.model_copy(update={"reconnect_min_s": delay_s, "reconnect_max_s": delay_s})
    plan = [((number + 1) / 4, action) for number, action in enumerate(actions)]
    rehearsal = start(plan=plan, timing=timing)

    own, gateways = broken(rehearsal)
    assert {9} == own - {4}
    assert {9} == gateways - {4}


def test_the_plan_has_disconnects_restarts_and_silence() -> None:
    assert len(PLAN) == len({share for share, _ in PLAN})
    assert {disconnect, restart, fall_silent} <= {action for _, action in PLAN}
