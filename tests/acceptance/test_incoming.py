"""Messages from handsets through real processes: gateway, binder, worker, and a worker of an application."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.cli.embedded import free_port
from smsfleet.tasks import job_status, read_mo, send_sms

PERSON, OURS = number(1), "27821234567"
LONG = "Ein langer Text, der in mehreren Teilen kommt. " * 10


def test_long_messages_replies_routes_and_stop(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(
        SMSFLEET_MO_ROUTES=f"{OURS} VOTE task:polls.vote@polls", SMSFLEET_OPT_OUT_REPLY="No more from us."
    )
    control = str(free_port())
    fleet.options["simulator"] = ("--control", control)
    fleet.start("simulator", "binder", "worker")
    job = send_sms.delay(PERSON, "Vote now", sender=OURS)
    wait_until(lambda: job_status(job.id).final, "the job is final")

    def writes(text: str, *options: str) -> None:
        words = ("simulator", "ctl", "mo", text, "--from", PERSON, "--to", OURS, "--control", control)
        done = fleet.run(*words, *options)
        assert 0 == done.returncode, done.stderr

    def kept() -> list[dict[str, Any]]:
        return [record.values for record in fleet.store.run(fleet.runtime.mo.newest(10))]

    for form in ("udh8", "udh16", "sar", "payload"):
        writes(LONG + form, "--form", form)
    writes("vote 3")
    writes("Stop")
    wait_until(lambda: len(kept()) == 6, "every message is kept")
    wait_until(lambda: fleet.command("LLEN", "polls"), "the vote is handed over")
    wait_until(lambda: len(fleet.smsc.accepted) == 2, "the opt-out is confirmed")
    refused = send_sms.delay(PERSON, "More")
    wanted = send_sms.delay(PERSON, "Your code is 1234", ignore_opt_out=True)
    wait_until(lambda: job_status(refused.id).final and job_status(wanted.id).final, "both jobs are final")

    texts = {found["text"] for found in kept()}
    assert {LONG + "udh8", LONG + "udh16", LONG + "sar", LONG + "payload", "vote 3", "Stop"} == texts
    assert {job.id} == {found["reply_to"] for found in kept()}
    message = fleet.command("LRANGE", "polls", 0, -1)[0].decode()
    assert "vote 3" == read_mo(json.loads(message)["headers"]["id"].removeprefix("mo:"))["text"]
    assert PERSON not in message
    assert ("REFUSED", "DELIVERED") == (job_status(refused.id).state, job_status(wanted.id).state)
    assert fleet.run("optout", "list", PERSON).stdout.startswith(PERSON)
