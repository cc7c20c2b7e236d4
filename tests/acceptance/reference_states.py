"""What a fleet is brought into before an example of docs/cli.md is run; each returns words of the page and what they are here.

One of everything that a command may be asked about, and made as it comes to be in earnest.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable

from tests.acceptance import states
from tests.acceptance.fleet import Fleet, number, wait_until
from tests.acceptance.shell import control_port

from smsfleet.simulator.control import ask
from smsfleet.store.dead import Dead
from smsfleet.store.ledger import Ledger
from smsfleet.store.opt_out import OptedOut
from smsfleet.store.standing import ACCOUNT, Standings
from smsfleet.tasks import Campaign, job_status, send_sms, start_campaign

UNDELIVERABLE = "27999170005"
EXPIRING = "27999170003"
ODD = "27999190004"
"""Its receipt has a word that no table lists."""

_numbers = itertools.count(1)


def as_new(fleet: Fleet) -> None:
    """Nobody has paused or reloaded anything, or opted out, and no login was refused."""
    states.as_new(fleet)
    if names := fleet.command("KEYS", fleet.keys.opted_out + b"*"):
        fleet.command("DEL", *names)
    if fleet.command("HDEL", fleet.keys.bind, "login:given"):
        fleet.store.run(Ledger(fleet.keys).retry(secrets.token_hex(8)))


def one_of_everything(fleet: Fleet) -> dict[str, str]:
    """Jobs in each state, of a client too; the id of the one that is delivered."""
    jobs = [
        send_sms.delay("27999100001", "Hello", lane="high", client="billing"),
        send_sms.delay(UNDELIVERABLE, "Hello", lane="high"),
        send_sms.delay(ODD, "Hello"),
        send_sms.delay("27999181024", "Hello"),
    ]
    wait_until(lambda: all(job_status(job.id).final for job in jobs[:2]), "the jobs are final")
    wait_until(lambda: fleet.command("EXISTS", fleet.keys.receipts), "the odd receipt is kept")
    return _job(jobs[0].id)


def _job(job_id: str) -> dict[str, str]:
    return {"JOB_ID": job_id, "3f0c2d...": job_id}


def keyed(_: Fleet) -> dict[str, str]:
    """A delivered job that has an idempotency key."""
    key = f"order:{next(_numbers)}"
    job = send_sms.delay(number(910), "Hello", idempotency_key=key)
    wait_until(lambda: job_status(job.id).final, "the job is final")
    return {**_job(job.id), "order:17": key}


def scheduled(_: Fleet) -> dict[str, str]:
    """A job, with an idempotency key, that waits for its time."""
    key = f"order:{next(_numbers)}"
    job = send_sms.delay(number(911), "Hello", at=3600, idempotency_key=key)
    return {**_job(job.id), "order:17": key}


def accepted(fleet: Fleet) -> dict[str, str]:
    """A job whose receipt does not come."""
    return _job(states.accepted(fleet)["JOB_ID"])


def held(fleet: Fleet) -> dict[str, str]:
    """Segments that may have reached the gateway: it said nothing, and the link broke."""
    held_now = fleet.command("ZRANGE", fleet.keys.held, 0, -1)
    if not held_now:
        ask(control_port(fleet), {"do": "set", "answers_submits": "0"})
        before = len(fleet.smsc.lines("submit_sm"))
        jobs = [send_sms.delay(states.NEVER_A_RECEIPT, "Hello", on_ambiguous="hold").id for _ in range(4)]
        wait_until(lambda: len(fleet.smsc.lines("submit_sm")) >= before + 4, "the gateway has them")
        ask(control_port(fleet), {"do": "disconnect"})
        wait_until(lambda: all(job_status(job).state == "HELD" for job in jobs), "the segments are held")
        ask(control_port(fleet), {"do": "set", "answers_submits": "1"})
        fleet.end("binder")  # it would wait for 30 s and longer
        fleet.start("binder")
        held_now = [f"{job}#1".encode() for job in jobs]
    return _job(held_now[0].decode().partition("#")[0])


def dead(fleet: Fleet) -> dict[str, str]:
    """A job that ended three workers, and a deliver_sm that nobody can read."""
    unreadable = Dead(fleet.keys)
    if not fleet.store.run(unreadable.list(1)):
        fleet.command("XADD", fleet.keys.deliveries, "*", "p", b"\x00\xffodd", "t", 123)
        wait_until(lambda: fleet.store.run(unreadable.list(1)), "a worker gives it up")
    entry = fleet.store.run(unreadable.list(1))[0].entry_id
    job = states.set_aside(fleet)["JOB_ID"]
    return {**_job(job), "1764264000000-0": entry}


def undelivered(fleet: Fleet) -> dict[str, str]:
    """Two events that no webhook took."""
    return {"1764268000000-0": states.undelivered(fleet)["EVENT_ID"]}


def opted_out(fleet: Fleet) -> dict[str, str]:
    """A number that wants nothing more of anybody, and nothing of one sender."""
    listed = [OptedOut("27999100001", sender) for sender in ("", "ACME")]
    fleet.store.run(fleet.runtime.opt_outs.add(listed))
    return {}


# --- campaigns ----------------------------------------------------------------------------------


def _campaign(rows: list[str], **more: float) -> tuple[Campaign, dict[str, str]]:
    key = f"autumn-{next(_numbers)}"
    campaign = start_campaign(rows, "Sale", name="autumn", idempotency_key=key, **more)
    return campaign, {"C1a2b3c4d5e": campaign.id, "autumn-2026": key}


def finished(_: Fleet) -> dict[str, str]:
    """A campaign with every ending: delivered, undelivered, expired, refused."""
    campaign, words = _campaign([number(920), UNDELIVERABLE, EXPIRING, "0123"])
    wait_until(lambda: campaign.progress().state == "finished", "the campaign is finished")
    return words


def expired(fleet: Fleet) -> dict[str, str]:
    """A campaign that was paused until its validity was over."""
    lane = Standings(fleet.keys)
    fleet.store.run(lane.pause(("bulk",), "a test"))
    over = time.monotonic() + 1.5
    campaign, words = _campaign([number(921)], validity=1)
    wait_until(lambda: time.monotonic() > over, "its validity is over")
    fleet.store.run(lane.resume(("bulk",)))
    wait_until(lambda: campaign.counts().expired, "it is expired")
    return words


def running(_: Fleet) -> dict[str, str]:
    """A campaign that goes on for a while."""
    return _campaign([number(n) for n in range(930, 960)], rate=0.5)[1]


def halted(_: Fleet) -> dict[str, str]:
    """A campaign that is paused."""
    campaign, words = _campaign([number(n) for n in range(930, 960)], rate=0.5)
    assert campaign.pause()
    return words


# --- the bind and pauses --------------------------------------------------------------------------


def unbound(fleet: Fleet) -> dict[str, str]:
    """The bind was paused before the binder came; so it has no delay after an unbind of its own."""
    fleet.store.run(Ledger(fleet.keys).pause())
    fleet.end("binder")
    fleet.launch("binder")
    wait_until(lambda: _said(fleet).get("state") == "paused", "the binder stays unbound")
    return {}


def _said(fleet: Fleet) -> dict[str, object]:
    return dict(json.loads(fleet.command("GET", fleet.keys.binder) or "{}"))


def restarted(fleet: Fleet) -> dict[str, str]:
    """An operator has ended a binder, and started another."""
    if all(process.running for process in fleet.processes if process.role == "binder"):
        fleet.end("binder")
        fleet.start("binder")
    return {}


def without_binder(fleet: Fleet) -> dict[str, str]:
    """The fleet's binder has ended."""
    assert 0 == fleet.end("binder")
    return {}


def bound_again(fleet: Fleet, given: str) -> None:
    """After a state in which the binder was not bound, or an example that unbinds it."""
    as_new(fleet)
    if given == "to unbind":
        fleet.end("binder")  # it would wait for 30 s and longer
    if given in ("to unbind", "without binder"):
        fleet.start("binder")
    wait_until(lambda: _said(fleet).get("state") == "bound", "the binder is bound")


def lane_paused(fleet: Fleet) -> dict[str, str]:
    """An operator has paused bulk, and then everything."""
    fleet.store.run(Standings(fleet.keys).pause(("bulk", ACCOUNT), "a test"))
    return {}


# --- a second gateway, to play with ---------------------------------------------------------------


def reading(gateway: int) -> None:
    """The gateway whose control port this is reads, and keeps nothing back."""
    ask(gateway, {"do": "resume"})
    ask(gateway, {"do": "release"})


UNBINDING = ("to unbind", "unbound", "without binder")
"""States after which `bound_again` has something to do."""

STATES: dict[str, Callable[[Fleet], dict[str, str]]] = {
    "accepted": accepted,
    "dead": dead,
    "expired": expired,
    "finished": finished,
    "halted": halted,
    "held": held,
    "keyed": keyed,
    "opted out": opted_out,
    "paused": lane_paused,
    "refused login": states.refused_login,
    "restarted": restarted,
    "running": running,
    "scheduled": scheduled,
    "to unbind": lambda _: {},
    "unbound": unbound,
    "undelivered": undelivered,
    "without binder": without_binder,
}
