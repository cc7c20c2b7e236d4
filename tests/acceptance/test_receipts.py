"""Promise 3 (semantics.md): a deliver_sm is answered ESME_ROK only after Redis has it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.config.codes import ESME_ROK, ESME_RX_T_APPN
from smsfleet.tasks import job_status, send_sms

JOBS = 40
RECEIPT_DELAY_S = 3.0


def test_receipts_that_redis_had_not_stored_come_again_after_a_kill(new_fleet: Callable[..., Fleet]) -> None:
    fleet = fleet_with_late_receipts(new_fleet)
    jobs = send_and_wait_for_acceptance(fleet)

    with frozen_redis(fleet):
        wait_until(
            lambda: time.time() > last_receipt_due(fleet) + 0.5, "every receipt has reached the binder"
        )
        acknowledged_meanwhile = fleet.smsc.acknowledged
        fleet.kill("binder")
    fleet.start("binder")
    wait_until(lambda: all(job_status(job).final for job in jobs), "every receipt has come again")

    assert set() == acknowledged_meanwhile
    assert {"DELIVERED"} == {job_status(job).state for job in jobs}


def test_receipts_that_redis_cannot_take_are_sent_back_and_come_again(
    new_fleet: Callable[..., Fleet],
) -> None:
    fleet = fleet_with_late_receipts(new_fleet)
    jobs = send_and_wait_for_acceptance(fleet)

    fleet.command("CONFIG", "SET", "maxmemory", "1")
    wait_until(lambda: len(fleet.smsc.lines("deliver_sm_resp")) >= JOBS, "every receipt is answered")
    answers = {line["status"] for line in fleet.smsc.lines("deliver_sm_resp")}
    fleet.command("CONFIG", "SET", "maxmemory", "0")
    wait_until(lambda: all(job_status(job).final for job in jobs), "every receipt has come again")

    assert {ESME_RX_T_APPN} == answers
    assert {"DELIVERED"} == {job_status(job).state for job in jobs}
    assert ESME_ROK == fleet.smsc.lines("deliver_sm_resp")[-1]["status"]


def fleet_with_late_receipts(new_fleet: Callable[..., Fleet]) -> Fleet:
    fleet = new_fleet(SMSFLEET_RATE="1000")
    fleet.options["simulator"] = ("--receipt-delay", str(RECEIPT_DELAY_S))
    fleet.start("simulator", "binder", "worker")
    return fleet


def send_and_wait_for_acceptance(fleet: Fleet) -> list[str]:
    jobs = [send_sms.delay(number(n), "receipt, please").id for n in range(JOBS)]
    wait_until(
        lambda: all(job_status(job).status == 8 for job in jobs), "every job is accepted, none delivered"
    )
    return jobs


def last_receipt_due(fleet: Fleet) -> float:
    return max(line["at"] for line in fleet.smsc.accepted) + RECEIPT_DELAY_S


@contextmanager
def frozen_redis(fleet: Fleet) -> Iterator[None]:
    """Redis neither answers nor closes its connections."""
    assert fleet.redis.process is not None
    fleet.redis.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        fleet.redis.process.send_signal(signal.SIGCONT)
