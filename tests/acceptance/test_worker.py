"""A worker among Celery's tools: events and Flower, control, every way to end it, lanes, brokers, TLS.

The tests share one fleet where they can; each has workers and texts of its own, and leaves nothing on its way.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from tests.acceptance.celery_side import (
    TASK_EVENTS,
    WORKER,
    Flower,
    Jobs,
    Listener,
    at_rest,
    celery,
    inspected,
    not_admitted,
    queued,
    start_worker,
    unacknowledged,
)
from tests.acceptance.fleet import Fleet, Process, number, wait_until
from tests.acceptance.servers import RabbitMq, TlsServer

from smsfleet.cli.embedded import EmbeddedServer
from smsfleet.store.keys import LANES
from smsfleet.tasks import app, job_status, send_sms
from smsfleet.tasks.app import QUEUES
from smsfleet.tasks.strategy import BATCH, PLACES
from smsfleet.workers.outgoing import MOST_DEATHS

FAST = {
    "SMSFLEET_RATE": "100000",
    "SMSFLEET_OUTBOUND_LIMIT": "1000000",
    "SMSFLEET_SMPP_WINDOW": "500",
    "SMSFLEET_VISIBILITY_TIMEOUT_S": "3",
    "SMSFLEET_SWEEP_S": "1",
    "SMSFLEET_SWEEP_MARGIN_S": "3",
}

SLOW = {"SMSFLEET_RATE": "20", "SMSFLEET_VISIBILITY_TIMEOUT_S": "600"}
"""So slow that some hundred jobs wait in the worker's hands for their rate, and are not given out to it again."""


@pytest.fixture(scope="module")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Redis, simulator and binder; the tests bring the workers."""
    with Fleet(tmp_path_factory.mktemp("shared"), **FAST) as fleet:
        fleet.options["simulator"] = ("--no-receipts",)
        fleet.start("simulator", "binder")
        yield fleet


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Iterator[Fleet]:
    """The shared fleet, without workers before and after."""
    shared_fleet.use()
    yield shared_fleet
    end_workers(shared_fleet)


def end_workers(fleet: Fleet) -> None:
    for process in fleet.processes:
        if process.role in {"worker", "flower"}:
            process.send(signal.SIGKILL)


@contextmanager
def own_fleet(folder: Path, **environment: str) -> Iterator[Fleet]:
    """A fleet with simulator and binder, for a test that needs other servers."""
    with Fleet(folder, **(FAST | environment)) as made:
        made.options["simulator"] = ("--no-receipts",)
        made.start("simulator", "binder")
        yield made


# --- events ------------------------------------------------------------------------------------------


def test_each_job_is_a_task_of_its_own_in_events_and_in_flower(fleet: Fleet) -> None:
    flower = Flower(fleet)
    start_worker(fleet, "-E")
    jobs = Jobs(fleet, "events")

    with Listener() as listener:
        jobs.send(100, LANES)
        expected = {job: list(TASK_EVENTS) for job in jobs.ids}
        wait_until(lambda: len(listener.kinds()) == 100, "an event of every job")
        wait_until(lambda: listener.kinds() == expected, "all events of every job, in order")
    wait_until(
        lambda: [flower.tasks().get(job, {}).get("state") for job in jobs.ids] == ["SUCCESS"] * 100,
        "Flower shows every job as succeeded",
    )

    received = [event for event in listener.events if event["type"] == "task-received"]
    assert {("sms.send_sms", "()", "{}")} == {(e["name"], e["args"], e["kwargs"]) for e in received}
    assert [] == [e for e in listener.events if number(0)[:7] in json.dumps(e)]
    assert {"sms.send_sms"} == {task["name"] for task in flower.tasks().values()}
    jobs.wait_for_the_wire()


def test_flower_shows_how_much_waits_in_each_queue(fleet: Fleet) -> None:
    worker = start_worker(fleet)
    flower = Flower(fleet)
    wait_until(lambda: set(flower.queue_lengths()) == set(QUEUES.values()), "Flower knows the queues")
    worker.popen.send_signal(signal.SIGSTOP)
    jobs = Jobs(fleet, "flower")

    jobs.send(6, LANES)
    jobs.send(4, ["bulk"])

    assert {"sms.high": 2, "sms.normal": 2, "sms.bulk": 6} == flower.queue_lengths()
    page = flower.page("/broker")
    assert [True] * 3 == [queue in page for queue in QUEUES.values()]
    assert f"redis://127.0.0.1:{fleet.redis.port}/0" in page
    worker.popen.send_signal(signal.SIGCONT)
    jobs.wait_for_the_wire()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_share_of_the_events_is_of_whole_tasks(fleet: Fleet, share: float) -> None:
    worker = start_worker(fleet, "-E", SMSFLEET_EVENT_SHARE=str(share))
    jobs = Jobs(fleet, f"share {share}")

    with Listener() as listener:
        jobs.send(50)
        for n in range(50, 100):
            jobs.ids.append(f"{share}-by-name-{n}")
            app.send_task("sms.send_sms", (number(n), jobs.text(n)), task_id=jobs.ids[n], queue="sms.normal")
        jobs.wait_for_the_wire()
        worker.send(signal.SIGTERM)
        wait_until(lambda: listener.has("worker-offline", worker), "the worker's last event")
        wait_until(
            lambda: all(kinds == list(TASK_EVENTS) for kinds in listener.kinds().values()), "whole tasks"
        )

    seen = [sum(job in listener.kinds() for job in ids) for ids in (jobs.ids[:50], jobs.ids[50:])]
    assert (seen == [0, 0]) if share == 0 else all(9 <= count <= 41 for count in seen)


def test_a_worker_that_ends_has_told_the_end_of_what_it_has_done(fleet: Fleet) -> None:
    worker = start_worker(fleet, "-E", **SLOW)
    jobs = Jobs(fleet, "last events")

    with Listener() as listener:
        jobs.send(300)
        wait_until(lambda: not_admitted(fleet) < 300, "some are admitted")
        worker.send(signal.SIGTERM)
        wait_until(lambda: listener.has("worker-offline", worker), "the worker's last event")
        done = set(jobs.ids) - open_jobs(fleet, jobs)
        told = {job for job, kinds in listener.kinds().items() if kinds[-1] == "task-succeeded"}

    assert 0 < len(done)
    assert done == told
    start_worker(fleet)
    jobs.wait_for_the_wire()


def open_jobs(fleet: Fleet, jobs: Jobs) -> set[str]:
    """The jobs that are not admitted."""
    return {
        name.decode() for lane in LANES for name in fleet.command("ZRANGE", fleet.keys.intake[lane], 0, -1)
    } & set(jobs.ids)


# --- control -----------------------------------------------------------------------------------------


def test_celerys_own_commands_work(fleet: Fleet) -> None:
    worker = start_worker(fleet)
    jobs = Jobs(fleet, "control")
    jobs.send(20)
    jobs.wait_for_the_wire()

    status = celery(fleet, "status", "--destination", WORKER)
    pings, active = inspected(fleet, "ping"), inspected(fleet, "active")
    stats, queues = inspected(fleet, "stats"), inspected(fleet, "active_queues")

    name = WORKER
    assert "1 node online." in status
    assert {name: {"ok": "pong"}} == pings
    assert {name: []} == active
    assert ({"sms.send_sms": 20}, worker.pid) == (stats[name]["total"], stats[name]["pid"])
    assert ("127.0.0.1", fleet.redis.port) == tuple(
        stats[name]["broker"][key] for key in ("hostname", "port")
    )
    assert fleet.redis.url not in json.dumps(stats)  # it would have the password in it
    assert set(QUEUES.values()) == {queue["name"] for queue in queues[name]}


def test_inspect_shows_the_jobs_in_a_workers_hands_without_what_is_in_them(fleet: Fleet) -> None:
    start_worker(fleet, **SLOW)
    jobs = Jobs(fleet, "in hand")
    jobs.send(400)
    wait_until(lambda: not_admitted(fleet) < len(jobs.ids), "some are admitted")

    active, reserved = inspected(fleet, "active")[WORKER], inspected(fleet, "reserved")[WORKER]

    shown = [job["id"] for job in (*active, *reserved)]
    assert set(shown) <= set(jobs.ids)
    assert 0 < len(active) <= PLACES * BATCH
    assert len(active) < len(shown)
    assert {("sms.send_sms", WORKER)} == {(job["name"], job["hostname"]) for job in (*active, *reserved)}
    assert number(0)[:7] not in json.dumps(active + reserved)
    end_workers(fleet)
    start_worker(fleet)
    jobs.wait_for_the_wire()


def test_a_purge_empties_the_queues_and_the_sweeper_publishes_the_jobs_again(fleet: Fleet) -> None:
    jobs = Jobs(fleet, "purge")
    jobs.send(9, LANES)
    with app.connection_for_read() as connection:
        lengths = [
            connection.default_channel.queue_declare(queue, passive=True).message_count
            for queue in QUEUES.values()
        ]

    printed = celery(fleet, "purge", "--force")

    assert [3, 3, 3] == lengths
    assert "Purged 9 messages" in printed
    assert 0 == queued(fleet)
    start_worker(fleet)
    jobs.wait_for_the_wire()
    assert jobs.each_once() == jobs.times_on_the_wire()


def test_a_job_that_is_revoked_before_its_message_comes_is_cancelled_and_never_sent(fleet: Fleet) -> None:
    start_worker(fleet)
    jobs = Jobs(fleet, "revoke")
    app.control.revoke("revoked-job")
    wait_until(
        lambda: "revoked-job" in (app.control.inspect([WORKER]).revoked() or {}).get(WORKER, ()),
        "the worker knows of it",
    )

    send_sms.apply_async((number(9000), "must not be sent"), task_id="revoked-job")
    jobs.send(5)
    jobs.wait_for_the_wire()

    found = job_status("revoked-job")
    assert ("CANCELLED", True, "006") == (found.state, found.final, f"{found.status:03}")
    assert 0 == fleet.smsc.times_accepted()[number(9000), b"must not be sent".hex()]
    assert at_rest(fleet)


# --- the end of a worker -----------------------------------------------------------------------------


def end_by(signals: list[int], worker: Process) -> tuple[int, float]:
    """Send these signals; the exit code and how long it took."""
    began = time.monotonic()
    for sig in signals:
        worker.popen.send_signal(sig)
        wait_until(
            lambda: "shutdown" in worker.log.read_text() or not worker.running, "the signal is noticed"
        )
    code = worker.popen.wait(60)
    return code, time.monotonic() - began


@pytest.mark.parametrize("state", ["waiting for rate", "at full speed"])
@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGQUIT], [signal.SIGQUIT, signal.SIGQUIT]],
    ids=["warm", "cold", "cold twice"],
)
def test_a_worker_that_is_asked_to_end_leaves_each_job_either_admitted_or_in_the_queue(
    fleet: Fleet, signals: list[int], state: str
) -> None:
    waits = state == "waiting for rate"
    worker = start_worker(fleet, **(SLOW if waits else {}))
    jobs = Jobs(fleet, f"{state} {' '.join(str(int(sig)) for sig in signals)}")
    jobs.send(400 if waits else 2000, LANES)
    wait_until(lambda: not_admitted(fleet) < len(jobs.ids), "some are admitted")

    code, took_s = end_by(signals, worker)
    left = {"in the queue": queued(fleet), "unacknowledged": unacknowledged(fleet)}
    open_then = not_admitted(fleet)

    print(json.dumps({"end": [signal.Signals(s).name for s in signals], "state": state, "jobs": len(jobs.ids),
                      "admitted": len(jobs.ids) - open_then, **left, "s": round(took_s, 2)}))  # fmt: skip
    # Celery waits for nothing after the second SIGQUIT: it may come when the interpreter is ending.
    assert code in {0, -signal.SIGQUIT}
    assert {"in the queue": open_then, "unacknowledged": 0} == left
    start_worker(fleet)
    jobs.wait_for_the_wire()
    assert jobs.each_once() == jobs.times_on_the_wire()


def test_a_job_by_name_that_waits_for_its_rate_does_not_hold_the_end_up(fleet: Fleet) -> None:
    worker = start_worker(fleet, SMSFLEET_RATE="1")
    jobs = Jobs(fleet, "by name")
    for n in range(30):
        jobs.ids.append(f"by-name-{n}")
        app.send_task("sms.send_sms", (number(n), jobs.text(n)), task_id=f"by-name-{n}", queue="sms.normal")
    wait_until(jobs.times_on_the_wire, "some are sent")

    code, took_s = end_by([signal.SIGTERM], worker)

    print(json.dumps({"end": ["SIGTERM"], "state": "by name", "unacknowledged": unacknowledged(fleet),
                      "s": round(took_s, 2)}))  # fmt: skip
    assert (0, 0) == (code, unacknowledged(fleet))
    start_worker(fleet)
    jobs.wait_for_the_wire()
    assert jobs.each_once() == jobs.times_on_the_wire()


def test_a_killed_workers_jobs_come_back_after_the_visibility_timeout(fleet: Fleet) -> None:
    worker = start_worker(fleet, **SLOW)
    jobs = Jobs(fleet, "kill -9")
    jobs.send(400, LANES)
    wait_until(lambda: not_admitted(fleet) < len(jobs.ids), "some are admitted")

    worker.send(signal.SIGKILL)
    held, waiting, open_then = unacknowledged(fleet), queued(fleet), not_admitted(fleet)
    began = time.monotonic()
    start_worker(fleet)
    jobs.wait_for_the_wire()

    print(json.dumps({"end": ["SIGKILL"], "jobs": 400, "admitted": 400 - open_then, "in the queue": waiting,
                      "unacknowledged": held, "all sent after s": round(time.monotonic() - began, 2)}))  # fmt: skip
    assert 0 < held
    assert open_then <= held + waiting
    assert jobs.each_once() == jobs.times_on_the_wire()


POISON = """
import os, signal
from smsfleet.workers import request
segment = request.segment
def deadly(text, **options):
    if text.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    return segment(text, **options)
request.segment = deadly
"""
"""A sitecustomize: some texts end the process that encodes them, as a crash in a library would."""


def test_a_job_that_ends_workers_is_set_aside_and_its_neighbours_are_sent(fleet: Fleet) -> None:
    folder = fleet.folder / "poison"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(POISON)
    jobs = Jobs(fleet, "near poison")
    jobs.send(100)
    poison = send_sms.delay(number(9001), "poison", idempotency_key="poison")
    jobs.send(100)

    deaths = 0
    while job_status(poison.id).state != "SET_ASIDE":
        path = f"{folder}{os.pathsep}{fleet.environment['PYTHONPATH']}"
        worker = fleet.launch("worker", PYTHONPATH=path)
        wait_until(
            lambda w=worker: not w.running or job_status(poison.id).state == "SET_ASIDE",
            "the worker ends, or not",
        )
        deaths += not worker.running
    jobs.wait_for_the_wire()

    assert MOST_DEATHS + 1 == deaths  # once as a fresh message, which nobody counted
    assert "poison" in (job_status(poison.id).error or "")
    assert jobs.each_once() == jobs.times_on_the_wire()
    assert at_rest(fleet)

    # The library was repaired: an operator gives it to the workers again.
    end_workers(fleet)
    start_worker(fleet)
    assert "poison" in fleet.run("dead", "list").stdout
    assert 0 == fleet.run("dead", "replay", "poison").returncode
    wait_until(lambda: fleet.smsc.times_accepted()[number(9001), b"poison".hex()] == 1, "it is sent")
    assert "0 set aside" in fleet.run("dead", "list").stdout


def test_jobs_that_were_given_back_are_handled_together(fleet: Fleet) -> None:
    worker = start_worker(fleet, **SLOW)
    jobs = Jobs(fleet, "given back")
    jobs.send(400)
    wait_until(lambda: not_admitted(fleet) < len(jobs.ids), "some are admitted")
    end_by([signal.SIGTERM], worker)
    left = not_admitted(fleet)
    fleet.command("CONFIG RESETSTAT")

    start_worker(fleet)
    jobs.wait_for_the_wire()

    assert left > 250
    info = fleet.command("INFO", "commandstats").decode()
    fetches = int(info.partition("cmdstat_mget:calls=")[2].partition(",")[0])
    assert fetches < left / 10  # one for each batch, not one for each job
    assert jobs.each_once() == jobs.times_on_the_wire()


def test_a_worker_that_loses_its_connection_again_and_again_leaks_no_threads(fleet: Fleet) -> None:
    worker = start_worker(fleet)
    jobs = Jobs(fleet, "reconnect")
    process = psutil.Process(worker.pid)
    threads = []

    for _ in range(6):
        jobs.send(300, LANES)
        jobs.wait_for_the_wire()
        threads.append(process.num_threads())
        lost = worker.log.read_text().count("Connected to")
        wait_until(lambda: cut_the_broker(fleet), "a worker waits for messages")
        wait_until(lambda at=lost: worker.log.read_text().count("Connected to") > at, "it connects again")

    print(json.dumps({"threads after each connection": threads}))
    assert max(threads) <= threads[0] + len(LANES) * PLACES  # a strategy's threads start one by one
    assert jobs.each_once() == jobs.times_on_the_wire()


def cut_the_broker(fleet: Fleet) -> int:
    """Close the connections on which workers wait for messages; how many."""
    found = 0
    for line in fleet.command("CLIENT", "LIST", "TYPE", "NORMAL").decode().splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if words["cmd"] == "blpop":
            found += fleet.command("CLIENT", "KILL", "ID", words["id"])
    return found


# --- lanes -------------------------------------------------------------------------------------------


def test_the_high_lane_overtakes_and_so_does_the_normal_lane(fleet: Fleet) -> None:
    start_worker(fleet, SMSFLEET_RATE="300", SMSFLEET_OUTBOUND_LIMIT="600")
    sent: dict[str, tuple[str, int, float]] = {}

    def send(lane: str, n: int) -> None:
        text = f"lanes {lane} {n}"
        sent[text] = lane, len(sent), time.time()
        send_sms.delay(number(n % 10_000), text, lane=lane)

    def backlog() -> int:
        return len(sent) - fleet.smsc.accepted_count

    bulk_numbers = itertools.count()
    for n in range(20):
        passed = fleet.smsc.accepted_count + 40
        wait_until(lambda at=passed: fleet.smsc.accepted_count >= at or backlog() < 500, "bulk goes on")
        # However slowly this process gets its turns: bulk waits in front of the next two.
        while backlog() < 1000:
            for _ in range(100):
                send("bulk", next(bulk_numbers))
        send("high", n)
        send("normal", n)
    wait_until(lambda: at_rest(fleet), "everything is sent")

    lines = [(bytes.fromhex(line["short_message"]).decode(), line["at"]) for line in fleet.smsc.accepted]
    wire = [(text, at) for text, at in lines if text in sent]
    place = {text: nth for nth, (text, _) in enumerate(wire)}
    took_ms: dict[str, list[float]] = {lane: [] for lane in LANES}
    for text, at in wire:
        took_ms[sent[text][0]].append((at - sent[text][2]) * 1000)
    print_table(took_ms)
    bulk = [text for text, (lane, _, _) in sent.items() if lane == "bulk"]
    overtaken = {
        text: sum(nth > sent[other][1] and place[text] < place[other] for other in bulk)
        for text, (lane, nth, _) in sent.items()
        if lane != "bulk"
    }
    assert len(sent) == len(wire)
    assert 40 == len(overtaken)
    assert [] == [text for text, count in overtaken.items() if count == 0]


def print_table(took_ms: dict[str, list[float]]) -> None:
    for lane, values in took_ms.items():
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        print(json.dumps({"lane": lane, "jobs": len(values), "p50_ms": round(statistics.median(values), 1),
                          "p99_ms": round(cuts[98], 1), "most_ms": round(max(values), 1)}))  # fmt: skip


# --- pools and brokers -------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_other_pools_process_jobs_too(fleet: Fleet, pool: str) -> None:
    worker = start_worker(fleet, "--pool", pool, "--concurrency", "2")
    assert f"concurrency: 2 ({pool})" in worker.log.read_text()
    jobs = Jobs(fleet, pool)
    jobs.send(60, LANES)
    jobs.ids.append(f"{pool}-by-name")
    app.send_task("sms.send_sms", (number(60), jobs.text(60)), task_id=f"{pool}-by-name", queue="sms.high")

    jobs.wait_for_the_wire()

    assert jobs.each_once() == jobs.times_on_the_wire()


@pytest.mark.parametrize("scheme", ["redis", "smsfleet+redis"])
def test_the_sweeper_publishes_what_a_broker_of_its_own_lost_or_could_not_take(
    scheme: str, tmp_path: Path
) -> None:
    broker = EmbeddedServer(tmp_path / "broker").start()
    with ExitStack() as stack:
        stack.callback(broker.stop)
        url = broker.url.replace("redis", scheme, 1)
        fleet = stack.enter_context(own_fleet(tmp_path, SMSFLEET_BROKER_URL=url))
        jobs = Jobs(fleet, "two servers")

        jobs.send(3)
        with app.connection_for_write() as connection:
            lost = connection.default_channel.queue_purge("sms.normal")
        broker.stop()
        jobs.send(1)
        broker.start()
        jobs.send(3)
        start_worker(fleet)
        wait_until(lambda: len(jobs.times_on_the_wire()) == 7, "every job is at the SMSC")

        assert 3 == lost
        assert jobs.each_once() == jobs.times_on_the_wire()
        wait_until(lambda: not_admitted(fleet) == 0, "nothing is left")
        assert 4 == published_again(fleet)


def published_again(fleet: Fleet) -> int:
    """How many jobs the sweeper has published."""
    lines = [json.loads(line) for line in fleet.logs("worker").splitlines() if "published again" in line]
    return sum(line["jobs"] for line in lines)


def test_rabbitmq_can_be_the_broker(tmp_path: Path) -> None:
    RabbitMq.skip_unless_installed()
    with (
        RabbitMq(tmp_path / "rabbit") as broker,
        own_fleet(tmp_path, SMSFLEET_BROKER_URL=broker.url) as fleet,
    ):
        worker = start_worker(fleet)
        jobs = Jobs(fleet, "rabbit")
        jobs.send(150, LANES)
        wait_until(lambda: len(jobs.times_on_the_wire()) >= 150, "every job is at the SMSC")
        code = worker.send(signal.SIGTERM)
        jobs.send(150, LANES)
        start_worker(fleet)
        wait_until(lambda: len(jobs.times_on_the_wire()) >= 300, "every job is at the SMSC")

        assert 0 == code
        assert jobs.each_once() == jobs.times_on_the_wire()
        assert 0 == not_admitted(fleet)
        assert 0 == fleet.logs("worker").count(
            "Task sms.send_sms["
        )  # Celery says it of what it handles alone
        end_workers(fleet)


def test_tls_from_the_application_to_the_worker(tmp_path: Path) -> None:
    TlsServer.skip_unless_possible()
    fleet = Fleet(tmp_path, **FAST)
    fleet.redis = TlsServer(tmp_path / "redis")
    fleet.options["simulator"] = ("--no-receipts",)
    with fleet:
        fleet.start("simulator", "binder", "worker")
        jobs = Jobs(fleet, "tls")

        jobs.send(30, LANES)
        jobs.wait_for_the_wire()

        assert fleet.runtime.settings.broker.startswith("smsfleet+rediss://")
        assert jobs.each_once() == jobs.times_on_the_wire()
