"""Credits of a mixed run equal an independent recount from the SMSC's log: to the third, by client and by prefix.

Texts of one and three segments for several clients; numbers of both test ranges and of three rows of the tariff;
refusals, temporary errors, receipts twice and before their answer, messages that expire (010); and kill -9 of the binder
while answers are on their way, under every policy for unknown outcomes.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.acceptance.fleet import PASSWORD, Fleet, wait_until

from smsfleet.simulator.options import SimulatorOptions
from smsfleet.simulator.rules import Outcome
from smsfleet.simulator.testing import Gateway
from smsfleet.smpp.constants import STATE_EXPIRED, STATE_UNDELIVERABLE
from smsfleet.tasks import job_status, send_sms

pytestmark = pytest.mark.server

PRICES = {
    "44": Fraction(2),
    "27": Fraction(5, 3),
    "": Fraction(1),
    "279991": Fraction(1, 3),
    "1999": Fraction(1, 3),
}
"""What a segment costs, by the row that is shown."""

EXPIRED, UNDELIVERABLE, REFUSED = "3", "5", "9"
"""The digit in front of a number's last four that decides what becomes of it here."""

BODIES = {"44": "4477{}", "27": "2783{}1", "": "49151{}", "279991": "279991{}", "1999": "199912{}"}
"""A number of each row; the braces hold the digit and four others."""

TEXTS = ("short", "a text of three segments " * 16)

UNKNOWN = ("resend", "hold_then_resend", "fail")


class Sent(NamedTuple):
    """One job."""

    job_id: str
    to: str
    row: str
    client: str


def noon_somewhere() -> str:
    """A time zone in which no day ends within hours."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """It errs, repeats itself and is too early."""
    options = SimulatorOptions(
        seed=7, password=PASSWORD, receipt_delay_s=0.1, receipt_twice_share=0.3, receipt_first_share=0.1,
        error_share=0.1, error_status=0x08,
    )  # fmt: skip
    with Gateway(options) as gateway:
        for body in BODIES.values():
            start = body.partition("{")[0]
            gateway.decide(start + EXPIRED, Outcome(0, STATE_EXPIRED, "001"))
            gateway.decide(start + UNDELIVERABLE, Outcome(0, STATE_UNDELIVERABLE, "001"))
            gateway.refuse(start + REFUSED, 0x400)
        yield gateway


@pytest.fixture
def fleet(tmp_path: Path, gateway: Gateway) -> Iterator[Fleet]:
    with Fleet(
        tmp_path,
        SMSFLEET_SMPP_PORT=str(gateway.port),
        SMSFLEET_RATE="2000",
        SMSFLEET_TARIFF="44=2,27=5/3",
        SMSFLEET_TIME_ZONE=noon_somewhere(),
        SMSFLEET_BACKOFF_S="0.2",
        SMSFLEET_MATCH_AFTER_S="1",
        SMSFLEET_HOLD_S="4",
    ) as fleet:
        fleet.start("worker")
        yield fleet


def start_binder(fleet: Fleet, gateway: Gateway) -> None:
    binds = len(gateway.lines("bind"))
    fleet.launch("binder")
    assert gateway.wait_for("bind", binds + 1)[-1]["status"] == 0


def send(outcomes: str, count: int, first: int, text: str = "", **options: Any) -> list[Sent]:
    """`count` jobs, a number of its own for each; every row, outcome and client among them."""
    kinds = product(("", "billing", "news"), outcomes, BODIES)
    sent = []
    for n, (client, digit, row) in enumerate(islice(cycle(kinds), count), start=first):
        to = BODIES[row].format(f"{digit}{n:04d}")
        job = send_sms.delay(to, text or TEXTS[n % 2], client=client, **options)
        sent.append(Sent(job.id, to, row, client))
    return sent


def recounted(gateway: Gateway, jobs: list[Sent]) -> dict[str, Counter[tuple[str, str]]]:
    """Credits by client and row, from what the SMSC has accepted and told: nothing of ours is asked."""
    of = {job.to: job for job in jobs}
    told = acknowledged(gateway)
    found: dict[str, Counter[tuple[str, str]]] = {
        "segments": Counter(),
        "charged": Counter(),
        "refunded": Counter(),
    }
    for line in gateway.lines("submit_sm"):
        if line["status"] != 0:
            continue
        job = of[line["destination"]]
        place = job.client, job.row
        found["segments"][place] += 1
        found["charged"][place] += PRICES[job.row]  # type: ignore[assignment] - exact fractions
        digit = job.to[len(BODIES[job.row].partition("{")[0])]
        if digit == EXPIRED and line["message_id"] in told:
            found["refunded"][place] += PRICES[job.row]  # type: ignore[assignment]
    return found


def shown(fleet: Fleet, client: str) -> dict[str, Any]:
    """What `smsfleet credits` says of a client."""
    done = fleet.run("credits", "--client", client, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def acknowledged(gateway: Gateway) -> set[str]:
    """The message ids whose receipt the fleet has taken."""
    return {line["message_id"] for line in gateway.lines("deliver_sm_resp") if line["status"] == 0}


def settled(fleet: Fleet, gateway: Gateway, jobs: list[Sent]) -> bool:
    """Whether nothing more is to come: every message has its receipt, and every receipt its message."""
    accepted = {line["message_id"] for line in gateway.lines("submit_sm") if line["status"] == 0}
    return (
        accepted <= acknowledged(gateway)
        and fleet.facts_waiting == 0
        and not fleet.orphans
        and all(job_status(job.job_id).final for job in jobs)
    )


def test_credits_of_a_mixed_run_equal_a_recount_from_the_smscs_log(fleet: Fleet, gateway: Gateway) -> None:
    start_binder(fleet, gateway)
    jobs = send("0" + EXPIRED + UNDELIVERABLE + REFUSED, 240, 5000)
    wait_until(lambda: settled(fleet, gateway, jobs), "the first jobs are done")

    # Answers that are on their way when the binder is killed: the gateway has charged what nobody heard of, and
    # receipts tell of it later. (What was refused, or did not arrive, stays in doubt: no receipt tells of it.)
    gateway.change(response_delay_s=0.7, error_share=0.0, receipt_first_share=0.0)
    before = len(gateway.lines("submit_sm"))
    for n, policy in enumerate(UNKNOWN):
        jobs += send(
            "0" + EXPIRED + UNDELIVERABLE,
            20,
            6000 + 1000 * n,
            text="one segment",
            on_ambiguous=policy,
            lane="normal",
        )
    gateway.wait_for("submit_sm", before + 30)
    assert fleet.process("binder").send(signal.SIGKILL) == -signal.SIGKILL
    gateway.change(response_delay_s=0.0)
    start_binder(fleet, gateway)
    wait_until(lambda: settled(fleet, gateway, jobs), "everything is known")

    expected = recounted(gateway, jobs)
    for client in ("", "billing", "news"):
        report = shown(fleet, client)
        for what, counted in expected.items():
            by_row = {row: Fraction(use[what]) for row, use in report["prefixes"].items()}
            assert {row: n for (name, row), n in counted.items() if name == client} == {
                row: n for row, n in by_row.items() if n or what != "refunded"
            }, (client, what)
        charged, refunded = (sum(expected[what].values()) for what in ("charged", "refunded"))
        assert charged - refunded == Fraction(report["account_used"])

    # It was a mixed run indeed.
    submitted = gateway.lines("submit_sm")
    times = Counter((line["destination"], line["short_message"]) for line in submitted if line["status"] == 0)
    assert {0x08, 0x400} <= {line["status"] for line in submitted}
    assert max(times.values()) == 2, "nothing was accepted twice"
    assert len(expected["refunded"]) == len(PRICES) * 3
    assert any(job_status(job.job_id).ambiguous for job in jobs)
