"""Receipts that never come: the gateway is asked, and tells; or it does not know query_sm, and is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.tasks import JobStatus, job_status, send_sms

JOBS = 20

GETS_TO_003 = "27999170006"
"""The simulator's rule for this number: message_state ACCEPTED."""


def without_receipts(new_fleet: Callable[..., Fleet], *options: str, **settings: str) -> Fleet:
    often = {"SMSFLEET_QUERY_AFTER_S": "1", "SMSFLEET_SMPP_QUERY_RATE": "100"}
    fleet = new_fleet(SMSFLEET_RATE="1000", **(often | settings))
    fleet.options["simulator"] = ("--option", "receipts=0", "--receipt-delay", "0.1", *options)
    fleet.start("simulator", "binder", "worker")
    return fleet


def send_all(count: int = JOBS, text: str = "no receipt will come") -> list[str]:
    jobs = [send_sms.delay(number(n), text, "Shop").id for n in range(count)]
    wait_until(lambda: all(job_status(job).status in (8, 4) for job in jobs), "every job is accepted")
    return jobs


def sources(found: JobStatus) -> list[str]:
    return [line.source for line in found.timeline]


def test_jobs_whose_receipts_were_lost_become_delivered(new_fleet: Callable[..., Fleet]) -> None:
    fleet = without_receipts(new_fleet)

    jobs = send_all()

    wait_until(lambda: all(job_status(job).final for job in jobs), "every job is asked for")
    found = [job_status(job) for job in jobs]
    assert {"DELIVERED"} == {job.state for job in found}
    assert {"query"} == {sources(job)[-1] for job in found}
    assert {"Shop"} == {line["source"] for line in fleet.smsc.lines("query_sm")}
    assert [] == fleet.smsc.lines("deliver_sm")
    assert JOBS == fleet.smsc.accepted_count


def test_a_gateway_that_does_not_know_query_sm_is_asked_once_and_sends_go_on(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = without_receipts(new_fleet, "--option", "queries=nacked", SMSFLEET_SMPP_QUERY_RATE="1")

    jobs = send_all()
    wait_until(lambda: fleet.store.run(fleet.runtime.queries.off()), "query_sm is switched off")
    more = send_all()

    status = json.loads(fleet.run("status", "--json").stdout)
    assert "generic_nack 0x00000003 ESME_RINVCMDID" == status["queries_off"]
    assert "query_sm    switched off: generic_nack" in fleet.run("status").stdout
    assert 1 == fleet.logs("worker").count("nothing is asked any more")
    assert {"ACCEPTED"} == {job_status(job).state for job in jobs + more}
    assert len(fleet.smsc.lines("query_sm")) <= 2  # the second may have been on its way
    assert [0] == fleet.smsc.bind_statuses


def test_an_operator_asks_at_once(new_fleet: Callable[..., Fleet]) -> None:
    fleet = without_receipts(new_fleet, SMSFLEET_QUERY_AFTER_S="604800")
    (job,) = send_all(1, text="long " * 60)

    asked = fleet.run("query", job, "--json")

    said = json.loads(asked.stdout)
    assert (0, "") == (asked.returncode, asked.stderr)
    assert ([1, 2], {"1": "DELIVRD 000", "2": "DELIVRD 000"}) == (said["asked"], said["told"])
    assert "DELIVERED" == said["job"]["state"] == job_status(job).state
    assert "nothing to ask for" in fleet.run("query", job).stdout


def test_what_stays_at_003_is_closed(new_fleet: Callable[..., Fleet]) -> None:
    fleet = without_receipts(new_fleet, SMSFLEET_SETTLE_AFTER_S="2")

    job = send_sms.delay(GETS_TO_003, "the network tells no more").id

    wait_until(lambda: job_status(job).final, "the job is closed")
    found = job_status(job)
    assert ("UNCONFIRMED", 3) == (found.state, found.status)
    assert ["query", "timer"] == sources(found)[-2:]
    assert fleet.smsc.accepted_count == 1
