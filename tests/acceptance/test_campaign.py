"""What a campaign promises, counted at the SMSC: kills of every process, and a cancel that is effective at the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance import campaign
from tests.acceptance.campaign import number
from tests.acceptance.fleet import Fleet, wait_until

from smsfleet.tasks import job_status, start_campaign

WINDOW, BATCH = 50, 200
RECIPIENTS = 3000


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One fleet for all that needs no kills."""
    settings = {"SMSFLEET_RATE": "1000", "SMSFLEET_SMPP_WINDOW": str(WINDOW)}
    with Fleet(tmp_path_factory.mktemp("campaigns"), **settings) as fleet:
        fleet.options["simulator"] = ("--receipt-delay", "0")
        fleet.start("simulator", "binder", "worker")
        yield fleet


def test_kills_of_submitter_worker_and_binder_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    found = campaign.run(tmp_path, RECIPIENTS)

    print(json.dumps(found))
    assert (0, 0, 0) == (found["twice"], found["strangers"], found["refused"])
    assert found["delivered"] + found["failed_unknown"] == RECIPIENTS
    assert found["never_there"] <= found["failed_unknown"] <= 2 * BATCH
    assert 0 < found["submitter_killed_at"] < RECIPIENTS
    assert found["submitter_peak_mib"] < 100


def test_after_a_cancel_no_more_than_the_window_and_a_batch_reach_the_wire(fleet: Fleet) -> None:
    at_first = fleet.smsc.accepted_count
    sent = start_campaign(map(number, range(RECIPIENTS)), "Hello")
    wait_until(lambda: fleet.smsc.accepted_count >= at_first + RECIPIENTS // 2, "half of it is at the SMSC")

    before = fleet.smsc.accepted_count
    sent.cancel()
    wait_until(lambda: not sent.counts().open, "nothing is expected any more")

    after, counts = fleet.smsc.accepted_count, sent.counts()
    print(json.dumps({"at_the_call": before - at_first, "after": after - at_first}))
    assert after - before <= WINDOW + BATCH
    assert (after - at_first, RECIPIENTS - after + at_first) == (counts.delivered, counts.cancelled)
    assert {"DELIVERED", "CANCELLED"} == {result.state for result in sent.results()}


def test_a_pause_holds_at_the_wire_and_keeps_nobody_else_out(fleet: Fleet) -> None:
    at_first = fleet.smsc.accepted_count
    held = start_campaign(({"to": number(n), "n": n} for n in range(RECIPIENTS)), "Hello {n}")
    wait_until(lambda: held.counts().delivered > 100, "some are delivered")
    assert held.pause()
    before = fleet.smsc.accepted_count

    other = start_campaign(map(number, range(5000, 5200)), "Other")
    wait_until(lambda: other.progress().state == "finished", "the other one is finished")

    after = fleet.smsc.accepted_count - 200
    assert after - before <= WINDOW + BATCH
    assert ("paused", True) == (held.progress().state, held.counts().delivered < RECIPIENTS)
    assert held.resume()
    wait_until(lambda: held.progress().state == "finished", "it is finished too")
    accepted = fleet.smsc.accepted[at_first:]
    assert (
        RECIPIENTS + 200 == len(accepted) == len({(a["destination"], a["short_message"]) for a in accepted})
    )
    assert "DELIVERED" == job_status(f"{held.id}:{RECIPIENTS}").state
