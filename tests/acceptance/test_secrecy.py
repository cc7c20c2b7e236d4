"""Numbers, texts and secrets stay where they belong: not in the broker, events, inspect, logs, argv or repr."""

from __future__ import annotations

import base64
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from celery import Celery
from tests.acceptance.celery_side import Flower
from tests.acceptance.fleet import PASSWORD, WITHIN_S, Fleet, number, wait_until

from smsfleet.cli.binder import session_options
from smsfleet.cli.embedded import free_port
from smsfleet.config.settings import Settings, load
from smsfleet.config.smpp_settings import SmppSettings, load_smpp
from smsfleet.config.timing import Timing
from smsfleet.simulator.control import ask
from smsfleet.simulator.options import SimulatorOptions
from smsfleet.tasks import job_status, send_sms

REDIS_PASSWORD = "Rd5w8Tq2"

TEXT = "Votre code est ZEBRA-QUINCE"
NUMBERS = [number(n) for n in range(701, 707)]
SECRETS = [*NUMBERS, "ZEBRA", "QUINCE"]


def test_no_number_and_no_text_shows_anywhere_on_the_way(new_fleet: Callable[..., Fleet]) -> None:
    """At one segment a second and two threads, jobs are seen waiting in the queue, in the worker, and active."""
    fleet = new_fleet(
        SMSFLEET_RATE="1",
        SMSFLEET_WORKER_CONCURRENCY="2",
        SMSFLEET_LOG_LEVEL="DEBUG",
        SMSFLEET_EVENT_SHARE="1",
        SMSFLEET_CALLBACK="task:audit.on_sms@audit",
        SMSFLEET_MO_ROUTES="* * task:inbox.receive@inbox",
    )
    fleet.options["worker"] = ("-E",)
    control = free_port()
    fleet.options["simulator"] = ("--receipt-delay", "0.1", "--control", str(control))
    fleet.start("simulator", "binder")

    flower = Flower(fleet)
    jobs = [send_sms.delay(to, TEXT).id for to in NUMBERS]
    queued = fleet.broker_keys()
    with (
        Celery("foreign", broker=fleet.redis.url, set_as_current=False) as foreign,
        events_of(foreign) as events,
    ):
        fleet.start("worker")
        wait_until(lambda: fleet.command("HLEN", "unacked"), "the worker holds jobs")
        held = fleet.broker_keys()
        wait_until(lambda: all(job_status(job).final for job in jobs), "the jobs of .delay are final")
        for to in NUMBERS:  # short ids, because Celery cuts what it logs of a task
            by_name = {"args": (to,), "kwargs": {"text": TEXT}, "task_id": f"n{to[-1]}"}
            foreign.send_task("sms.send_sms", queue="sms.normal", **by_name)
        foreign.send_task(
            "sms.send_sm", (NUMBERS[0],), {"text": TEXT}, task_id="misspelt", queue="sms.normal"
        )
        inspect = foreign.control.inspect(timeout=1)
        wait_until(lambda: any((inspect.reserved() or {}).values()), "the worker has reserved jobs")
        replies = [inspect.active(), inspect.reserved(), inspect.scheduled(), inspect.query_task(jobs)]
        wait_until(lambda: fleet.smsc.accepted_count == 2 * len(NUMBERS), "the tasks by name are sent too")
        wait_until(lambda: seen(events, "task-succeeded") == 2 * len(NUMBERS), "every task has its events")
        wait_until(lambda: "sms.send_sm'" in fleet.logs("worker"), "the misspelt task is reported")
        for text in (TEXT, f"{TEXT} " * 12):
            ask(control, {"do": "mo", "text": text, "source": NUMBERS[0], "destination": "27821234567"})
        ask(control, {"do": "mo", "text": "STOP", "source": NUMBERS[1], "destination": "27821234567"})
        wait_until(lambda: fleet.command("XLEN", fleet.keys.mo) == 3, "the answers of people are kept")
        foreign.pool.force_close_all()

    for job in jobs:
        assert job.encode() in queued[b"sms.normal"]
        assert shown(queued[b"sms.normal"]) == []
    assert b"unacked" in held
    assert shown(opened(queued)) == shown(opened(held)) == []
    wait_until(lambda: fleet.command("LLEN", "audit") >= 2 * len(jobs), "the callbacks are published")
    wait_until(lambda: fleet.command("LLEN", "inbox") == 3, "the messages are handed over")
    told = opened(fleet.broker_keys())
    kept = [entry_id for entry_id, _ in fleet.command("XRANGE", fleet.keys.mo, "-", "+")]
    assert all(entry_id.decode() in told for entry_id in kept)
    assert all(f'"job_id": "{job}"' in told for job in jobs)
    assert [] == shown(told)
    wait_until(lambda: set(jobs) <= set(flower.tasks()), "Flower knows the jobs")
    assert [] == shown(flower.tasks())
    assert [] == shown([flower.page("/tasks"), flower.page(f"/task/{jobs[0]}")])
    assert [True, True] == [any(reply.values()) for reply in replies[:2]]
    assert shown(replies) == []
    assert shown(events) == []
    assert jobs[0] in fleet.logs("worker")
    assert shown(fleet.logs()) == []


def test_no_secret_shows_in_a_process_or_its_logs(new_fleet: Callable[..., Fleet]) -> None:
    fleet = new_fleet(SMSFLEET_LOG_LEVEL="DEBUG")
    fleet.command("CONFIG", "SET", "requirepass", REDIS_PASSWORD)
    fleet.environment["SMSFLEET_REDIS_URL"] = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{fleet.redis.port}/0"

    fleet.start("simulator", "binder", "worker")
    wait_until(lambda: fleet.run("status").returncode == 0, "the binder has told that it is bound")
    status = fleet.run("status", "--json")
    refused = fleet.run(
        "status", SMSFLEET_REDIS_URL=f"redis://:wrong{REDIS_PASSWORD}@127.0.0.1:{fleet.redis.port}"
    )
    argv = [psutil.Process(process.pid).cmdline() for process in fleet.processes]
    ended = [fleet.process(role).send(signal.SIGTERM) for role in ("binder", "worker", "simulator")]

    assert [0, 0, 0] == ended
    assert '"state": "bound"' in status.stdout
    assert refused.returncode != 0
    assert "SMSFLEET_REDIS_URL" in refused.stderr
    for secret in (PASSWORD, REDIS_PASSWORD):
        assert secret not in str(argv)
        assert secret not in fleet.logs()
        assert secret not in status.stdout + status.stderr + refused.stdout + refused.stderr
        assert secret not in (fleet.folder / "journal.jsonl").read_text()


def test_no_secret_shows_in_a_repr() -> None:
    environment = {
        "SMSFLEET_REDIS_URL": f"redis://:{REDIS_PASSWORD}@redis/0",
        "SMSFLEET_BROKER_URL": f"redis://:{REDIS_PASSWORD}@broker/0",
        "SMSFLEET_SMPP_HOST": "smpp.example",
        "SMSFLEET_SMPP_SYSTEM_ID": "demo",
        "SMSFLEET_SMPP_PASSWORD": PASSWORD,
        "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
    }

    settings: Settings = load(environment)
    smpp: SmppSettings = load_smpp(environment)
    session = session_options(smpp, Timing.of(settings, smpp), "transceiver")
    said = repr([settings, smpp, session, SimulatorOptions(password=PASSWORD)])

    assert PASSWORD not in said
    assert REDIS_PASSWORD not in said


@contextmanager
def events_of(app: Celery) -> Iterator[list[dict[str, Any]]]:
    """Every event that workers send while the block runs."""
    events: list[dict[str, Any]] = []
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": events.append})
        listening = threading.Thread(target=receiver.capture, kwargs={"wakeup": False}, daemon=True)
        listening.start()
        try:
            yield events
        finally:
            receiver.should_stop = True
            listening.join(WITHIN_S)


def seen(events: list[dict[str, Any]], kind: str) -> int:
    return sum(event["type"] == kind for event in events)


def opened(contents: dict[bytes, bytes]) -> str:
    """What lies at the broker, the bodies of Celery's messages decoded."""
    bodies = re.findall(rb'"body": "([A-Za-z0-9+/=]+)"', b" ".join(contents.values()))
    return repr(contents) + "".join(base64.b64decode(body).decode() for body in bodies)


def shown(value: object) -> list[str]:
    """The numbers and words of the text that a value shows."""
    said = repr(value)
    return [secret for secret in SECRETS if secret in said]
