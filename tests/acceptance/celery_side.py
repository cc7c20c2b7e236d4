"""What Celery's own tools see of a fleet: its commands, its events, Flower, and what lies at the broker."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

from tests.acceptance.fleet import WITHIN_S, Fleet, Process, number, wait_until

from smsfleet.cli.embedded import free_port
from smsfleet.store.keys import LANES
from smsfleet.tasks import app, send_sms
from smsfleet.tasks.app import QUEUES

CELERY = (sys.executable, "-m", "celery", "-A", "smsfleet.tasks")

WORKER = f"celery@{socket.gethostname()}"
"""The name of a fleet's worker: asked by name, it is not waited for others."""

TASK_EVENTS = ("task-received", "task-started", "task-succeeded")


# --- processes -------------------------------------------------------------------------------------


def celery(fleet: Fleet, *arguments: str) -> str:
    """Run `celery -A smsfleet.tasks ...` as an operator would; what it printed."""
    ended = subprocess.run(
        [*CELERY, *arguments],
        cwd=fleet.folder,
        env=fleet.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return ended.stdout


def inspected(fleet: Fleet, what: str) -> dict[str, Any]:
    """What `celery inspect WHAT` answers, by worker."""
    answer: dict[str, Any] = json.loads(celery(fleet, "inspect", what, "--json", "--destination", WORKER))
    return answer


def start_worker(fleet: Fleet, *options: str, **environment: str) -> Process:
    """A worker with settings of its own."""
    worker = fleet.launch("worker", *options, **environment)
    wait_until(lambda: worker.says(" ready."), "the worker is ready")
    return worker


BASIC_AUTH = "op:Tq7-visible"
"""The user and password of a test's Flower."""


class Flower:
    """`smsfleet flower` on the fleet, and what its pages and its API say."""

    def __init__(self, fleet: Fleet, *options: str, **settings: str) -> None:
        self.port = free_port()
        auth = fleet.folder / "flower_basic_auth"
        auth.write_text(f"# who may look\n{BASIC_AUTH}\n")
        environment = {"SMSFLEET_FLOWER_BASIC_AUTH_FILE": str(auth), **settings}
        self.process = fleet.launch("flower", f"--port={self.port}", *options, **environment)
        wait_until(self._answers, "Flower answers")

    def _answers(self) -> bool:
        assert self.process.goes_on()
        try:
            self.page("/healthcheck")
        except (urllib.error.URLError, ConnectionError):
            return False
        return "Connected to" in self.process.log.read_text()

    def page(self, path: str) -> str:
        """A page."""
        status, text = self.ask(path)
        assert 200 == status, text
        return text

    def ask(self, path: str, *, auth: str | None = BASIC_AUTH, body: str | None = None) -> tuple[int, str]:
        """The status and the text of an answer; with a `body` it is a POST."""
        data = None if body is None else body.encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        if auth is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(auth.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=WITHIN_S) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Its tasks by id."""
        found: dict[str, dict[str, Any]] = json.loads(self.page("/api/tasks"))
        return found

    def queue_lengths(self) -> dict[str, int]:
        """Its queue lengths by queue."""
        found = json.loads(self.page("/api/queues/length"))["active_queues"]
        return {queue["name"]: queue["messages"] for queue in found}


class Listener(threading.Thread):
    """Keeps the events that workers send while the `with` block runs."""

    def __init__(self) -> None:
        super().__init__(name="listener", daemon=True)
        self.events: list[dict[str, Any]] = []
        self._listens = threading.Event()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        assert self._listens.wait(WITHIN_S), "the listener is not connected"
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(WITHIN_S)

    def run(self) -> None:
        """Listen."""
        with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={"*": self.events.append})
            with receiver.consumer_context(wakeup=False) as (bound, _, _):
                while not self._ended.is_set():
                    with suppress(TimeoutError):
                        bound.drain_events(timeout=0.1)
                    self._listens.set()  # only now: kombu subscribes when it first reads

    def kinds(self) -> dict[str, list[str]]:
        """The kinds of the task events in the order in which they came, by job id."""
        found = defaultdict(list)
        for event in list(self.events):
            if event["type"].startswith("task-"):
                found[event["uuid"]].append(event["type"])
        return dict(found)

    def has(self, kind: str, process: Process) -> bool:
        """Whether an event of this kind came from a worker's process."""
        return any(event["type"] == kind and event["pid"] == process.pid for event in list(self.events))


# --- jobs and where they are ------------------------------------------------------------------------


class Jobs:
    """Jobs of one test: their texts begin with words of their own (letters and digits), for a shared fleet."""

    def __init__(self, fleet: Fleet, word: str) -> None:
        self._fleet = fleet
        self._word = word
        self.ids: list[str] = []

    def send(self, count: int, lanes: Iterable[str] = ("normal",)) -> list[str]:
        """Send `count` jobs more, in turn on these lanes; their ids."""
        turn = list(lanes)
        first = len(self.ids)
        for n in range(first, first + count):
            job = send_sms.delay(number(n), self.text(n), lane=turn[n % len(turn)])
            self.ids.append(job.id)
        return self.ids[first:]

    def text(self, n: int) -> str:
        """The text of the n-th job."""
        return f"{self._word} {n}"

    def times_on_the_wire(self) -> dict[int, int]:
        """How often each job was accepted by the SMSC, by its place."""
        times = self._fleet.smsc.times_accepted()
        found = {n: times[number(n), self.text(n).encode().hex()] for n in range(len(self.ids))}
        return {n: count for n, count in found.items() if count}

    def each_once(self) -> dict[int, int]:
        """What `times_on_the_wire` must be in the end."""
        return dict.fromkeys(range(len(self.ids)), 1)

    def wait_for_the_wire(self) -> None:
        """Until every job is at the SMSC and nothing is on its way any more."""
        wait_until(lambda: len(self.times_on_the_wire()) == len(self.ids), "every job is at the SMSC")
        wait_until(lambda: at_rest(self._fleet), "nothing is on its way any more")


def queued(fleet: Fleet) -> int:
    """Messages that wait at the broker."""
    return sum(fleet.command("LLEN", QUEUES[lane]) for lane in LANES)


def unacknowledged(fleet: Fleet) -> int:
    """Messages that some worker has, or had when it died."""
    return int(fleet.command("HLEN", "unacked"))


def not_admitted(fleet: Fleet) -> int:
    """Jobs that were taken in and are not on the wire's side yet."""
    return sum(fleet.store.run_all(list(fleet.runtime.jobs.waiting_intake())))


def at_rest(fleet: Fleet) -> bool:
    """Whether no job is on its way."""
    waiting = sum(fleet.store.run_all(list(fleet.runtime.jobs.waiting_outbound())))
    return (queued(fleet), unacknowledged(fleet), not_admitted(fleet), waiting) == (0, 0, 0, 0)
