"""What a fleet is brought into before a block of the documents is run: `given=STATE`.

Each returns the words of the page (JOB_ID, ...) with what they are here.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.acceptance.fleet import Fleet, number, wait_until

from smsfleet.config.codes import ESME_RINVPASWD
from smsfleet.store.hooks import Hooks, Posting
from smsfleet.store.ledger import Ledger
from smsfleet.store.outbox import Outbox
from smsfleet.tasks import job_status, send_sms

NEVER_A_RECEIPT = "27999170000"
HOOK_HOST = "billing.example:443"


def as_new(fleet: Fleet) -> None:
    """Nothing is paused or reloaded by a page that ended before its own end."""
    fleet.command("DEL", fleet.keys.pause, fleet.keys.live)
    fleet.command("HDEL", fleet.keys.bind, "pause", "stop")


def bound(fleet: Fleet) -> None:
    """The binder is bound, unless a page has paused it.

    One that unbinds keeps a delay of 30 s (guide §5 step 4): a new one does not.
    """

    def state() -> str:
        reported = json.loads(fleet.command("GET", fleet.keys.binder) or "{}")
        return str(reported.get("state", "absent"))

    if state() == "paused":
        return
    if state() != "bound":
        wait_until(lambda: state() not in ("absent", "standby", "connecting", "binding"), "the binder leads")
    if state() != "bound":
        fleet.end("binder")
        fleet.start("binder")
        wait_until(lambda: state() == "bound", "the binder is bound")


def delivered(fleet: Fleet) -> dict[str, str]:
    """A job that is delivered."""
    job = send_sms.delay(number(900), "Hello")
    wait_until(lambda: job_status(job.id).final, "the job is final")
    return {"JOB_ID": job.id}


def accepted(fleet: Fleet) -> dict[str, str]:
    """A job whose receipt does not come."""
    job = send_sms.delay(NEVER_A_RECEIPT, "Hello")
    wait_until(lambda: job_status(job.id).state == "ACCEPTED", "the job is accepted")
    return {"JOB_ID": job.id}


def refused_login(fleet: Fleet) -> dict[str, str]:
    """A login was refused for its password, and no further one is tried."""
    fleet.store.run(Ledger(fleet.keys).failed("given", "transceiver", str(ESME_RINVPASWD), "{}"))
    return {}


def paused(fleet: Fleet) -> dict[str, str]:
    """The account is paused."""
    assert 0 == fleet.run("pause", "--reason", "a test").returncode
    return {}


def set_aside(fleet: Fleet) -> dict[str, str]:
    """A job that ended three workers, as far as anybody can see: it is in no queue."""
    from smsfleet.tasks.sms import bind, new_job_id, take_in

    job_id = new_job_id()
    take_in(job_id, bind(number(901), "Hello").request, None)
    fleet.store.run(fleet.runtime.lifecycle.set_aside(job_id, "normal", "poison: 3 workers ended"))
    assert "SET_ASIDE" == job_status(job_id).state
    return {"JOB_ID": job_id}


def awaited(fleet: Fleet, posting: Posting) -> None:
    """An event waits for its webhook. A worker may take it from the outbox first: then it is put there anew."""
    hooks, outbox = Hooks(fleet.keys), Outbox(fleet.keys)
    wait_until(
        lambda: fleet.store.run(hooks.add(posting, fleet.store.run(outbox.put("x", "{}")))),
        "the event is in the schedule",
    )


def undelivered(fleet: Fleet) -> dict[str, str]:
    """Two events that no webhook took."""
    hooks = Hooks(fleet.keys)
    for event_id in ("e1", "e2"):
        posting = Posting(event_id, "https://billing.example/sms", HOOK_HOST, "{}", 1)
        awaited(fleet, posting)
        fleet.store.run(hooks.bury(posting.failed("answered 500"), "answered 500"))
    return {"EVENT_ID": fleet.store.run(hooks.undelivered("-", 1))[0].entry_id}


GIVEN: dict[str, Callable[[Fleet], dict[str, str]]] = {
    "accepted": accepted,
    "paused": paused,
    "refused-login": refused_login,
    "set-aside": set_aside,
    "undelivered": undelivered,
}
