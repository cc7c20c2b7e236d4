"""What an operator can show: the journal of the real binder process, judged, and its last PDUs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.acceptance.fleet import PASSWORD, Fleet, number, wait_until

from smsfleet.store.journal import JournalEntry, JournalLog
from smsfleet.tasks import job_status, send_sms

NOT_YET = 75


@pytest.fixture
def fleet(new_fleet: Callable[..., Fleet]) -> Fleet:
    fleet = new_fleet()
    fleet.options["simulator"] = ("--receipt-delay", "0.2")
    fleet.start("simulator", "binder", "worker")
    return fleet


def journal(fleet: Fleet) -> list[JournalEntry]:
    return fleet.store.run(JournalLog(fleet.keys).read("0-0", 10_000))[0]


def verdicts(fleet: Fleet) -> tuple[int, dict[int, str]]:
    """The exit code of `smsfleet compliance`, and the verdicts."""
    done = fleet.run("compliance", "--json")
    findings: list[dict[str, Any]] = json.loads(done.stdout)["tests"]["journal"]
    return done.returncode, {finding["number"]: finding["verdict"] for finding in findings}


def test_the_journal_of_a_process_tells_its_life_to_the_end(fleet: Fleet) -> None:
    wait_until(lambda: any(entry.kind == "bound" for entry in journal(fleet)), "the bind is noted")
    code, found = verdicts(fleet)
    assert (NOT_YET, "NOT-YET", "PASS", "PASS") == (code, found[1], found[2], found[3])

    assert 0 == fleet.end("binder")

    kinds = [entry.kind for entry in journal(fleet) if entry.kind != "bind_asked"]
    assert ["start", "lease", "connecting", "bind", "bound", "stop", "unbind", "disconnected"] == kinds
    code, found = verdicts(fleet)
    assert (1, "FAIL") == (code, found[1])


def test_the_last_pdus_of_a_process_are_shown_masked(fleet: Fleet) -> None:
    job = send_sms.delay(number(1), "Your code is 482913")
    wait_until(lambda: job_status(job.id).final, "the receipt has reached the job")

    done = fleet.run("capture")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, "") == (done.returncode, done.stderr)
    assert [
        "bind_transceiver", "bind_transceiver_resp", "submit_sm", "submit_sm_resp", "deliver_sm", "deliver_sm_resp",
    ] == [line["command"] for line in told if not line["command"].startswith("enquire_link")]  # fmt: skip
    octets = b"".join(bytes.fromhex(line["octets"]) for line in told)
    for private in (PASSWORD, number(1), "482913"):
        assert private.encode() not in octets

    fleet.end("binder")
    assert os.EX_UNAVAILABLE == fleet.run("capture").returncode


def test_a_capture_can_be_turned_off(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_SMPP_CAPTURE_PDUS="0")
    fleet.start("simulator", "binder")

    done = fleet.run("capture")

    assert (0, "") == (done.returncode, done.stdout)
