"""A whole fleet for one test: real processes, their logs, and what reached the SMSC.

with Fleet(tmp_path, SMSFLEET_RATE="500") as fleet:
    fleet.start("simulator", "binder", "worker")
    job = send_sms.delay(number(1), "Hello")
    wait_until(lambda: job_status(job.id).final, "the job is final")

Each fleet has its own folder, Redis server, ports and host lock. Inside the `with`, `send_sms` and `job_status` of
this process belong to it. Processes are ended by pid only; leaving the `with` fails when any of them left a child.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import kombu
import psutil

from smsfleet.cli.embedded import EmbeddedServer, free_port
from smsfleet.config.settings import load
from smsfleet.simulator.journal import Line
from smsfleet.store.client import Store
from smsfleet.store.keys import Keys
from smsfleet.tasks import JobStatus, app, job_status, send_sms
from smsfleet.tasks.app import configuration, use_runtime
from smsfleet.workers.runtime import Runtime

REPOSITORY = Path(__file__).resolve().parents[2]

PASSWORD = "Zx9q7Kd"
"""The account's, here: not a word that could be in a log by chance."""

COMMAND = (sys.executable, "-m", "smsfleet.cli")

WITHIN_S = 60.0
"""The deadline of a wait: generous, because the machine may be busy."""

POLL_S = 0.05

CLEAN_EXIT_S = 40.0


def wait_until(condition: Callable[[], object], what: str, *, within_s: float = WITHIN_S) -> None:
    """Return as soon as `condition()` is true; fail with `what` when it is not in time."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        pause.wait(POLL_S)


def starved_s(pid: int) -> float:
    """How long the threads of a process have waited for a CPU; 0 where the kernel does not tell."""
    waited = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # the thread has ended
            waited += int(file.read_text().split()[1])
    return waited / 1e9


def number(n: int) -> str:
    """The n-th destination of Clickatell's test range that is accepted and delivered."""
    assert 0 <= n < 10_000
    return f"2799910{n:04d}"


class Smsc:
    """What reached the SMSC, from the simulator's journal."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read_octets = 0
        self._lines: list[Line] = []
        self._lock = threading.Lock()

    def lines(self, *events: str) -> list[Line]:
        """Everything so far, or the lines of these events."""
        with self._lock:
            self._read_on()
            return [line for line in self._lines if not events or line["event"] in events]

    def _read_on(self) -> None:
        """Only what is new: the journal grows while it is read, and its last line may not be whole."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as journal:
            journal.seek(self._read_octets)
            whole = journal.read().rpartition(b"\n")[0]
        if whole:
            self._read_octets += len(whole) + 1
            self._lines += map(json.loads, whole.splitlines())

    @property
    def accepted_count(self) -> int:
        """How many submit_sm were accepted."""
        return len(self.accepted)

    @property
    def accepted(self) -> list[Line]:
        """The accepted submit_sm."""
        return [line for line in self.lines("submit_sm") if line["status"] == 0]

    @property
    def bind_statuses(self) -> list[int]:
        """How each bind was answered."""
        return [line["status"] for line in self.lines("bind")]

    @property
    def acknowledged(self) -> set[str]:
        """The message ids whose receipt was answered ESME_ROK."""
        return {line["message_id"] for line in self.lines("deliver_sm_resp") if line["status"] == 0}

    def times_accepted(self) -> Counter[tuple[str, str]]:
        """How often each (destination, short_message) was accepted."""
        return Counter((line["destination"], line["short_message"]) for line in self.accepted)

    def segments_accepted(self) -> Counter[str]:
        """How many different short_messages of each destination were accepted."""
        return Counter(destination for destination, _ in self.times_accepted())


@dataclass
class Process:
    """One process of a role, started once."""

    role: str
    log: Path
    popen: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session."""
        return self.popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def says(self, words: str) -> bool:
        """Whether its log holds these words; fails when it has ended without them."""
        return words in self.log.read_text() or not self.goes_on()

    def goes_on(self) -> bool:
        """True; fails with the end of its log when it has ended."""
        assert self.running, f"{self.role} ended with {self.popen.returncode}:\n{tail(self.log)}"
        return True

    def send(self, sig: int) -> int:
        """Send a signal and return the exit code, or minus the signal that ended it."""
        if self.running:
            self.popen.send_signal(sig)
        return self.popen.wait(CLEAN_EXIT_S)


class Stopwatch:
    """Seconds since it was made, without those in which this process and others waited for a busy CPU."""

    def __init__(self, *pids: int) -> None:
        self._starved_s = {pid: starved_s(pid) for pid in (os.getpid(), *pids)}
        self._began = time.monotonic()

    @property
    def s(self) -> float:
        """Until now."""
        starved = sum(max(0.0, starved_s(pid) - before) for pid, before in self._starved_s.items())
        return time.monotonic() - self._began - starved


class Fleet:
    """See the module."""

    def __init__(self, folder: Path, *, broker: str = "", **environment: str) -> None:
        """`broker` is the scheme of the broker's URL, when it is not the setting's default."""
        self.folder = folder
        self.redis = EmbeddedServer(folder / "redis")
        self._broker = broker
        self.smsc = Smsc(folder / "journal.jsonl")
        self.processes: list[Process] = []
        self.environment = environment
        self.options: dict[str, tuple[str, ...]] = {"simulator": (), "binder": (), "worker": ()}
        """further options of each role's command"""
        self.port = free_port()

    def __repr__(self) -> str:
        return f"Fleet with its logs in {self.folder}"

    def __enter__(self) -> Self:
        self.redis.start()
        run_dir = self.folder / "run"
        run_dir.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SMSFLEET_", "CELERY_"))}
        self.environment = {
            **inherited,
            "PYTHONPATH": str(REPOSITORY / ".ns"),
            "SMSFLEET_REDIS_URL": self.redis.url,
            "SMSFLEET_RUN_DIR": str(run_dir),
            "SMSFLEET_SMPP_HOST": "127.0.0.1",
            "SMSFLEET_SMPP_PORT": str(self.port),
            "SMSFLEET_SMPP_SYSTEM_ID": "demo",
            "SMSFLEET_SMPP_PASSWORD": PASSWORD,
            "SMSFLEET_SMPP_SYSTEM_TYPE": "3000000",
            "SMSFLEET_SIMULATOR_PASSWORD": PASSWORD,
            **self.environment,
        }
        if self._broker:
            self.environment["SMSFLEET_BROKER_URL"] = self.redis.url.replace("redis", self._broker, 1)
        settings = load(self.environment)
        self.keys = Keys(settings.account)
        self.runtime = Runtime(settings, name="application")
        self.use()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sessions = {process.pid for process in self.processes}
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.send(signal.SIGKILL)
        self.runtime.store.close()
        _forget_connections()
        use_runtime(None)
        self.redis.stop()
        # The kernel ends the children of a worker after it, and not at one blow.
        wait_until(
            lambda: not members_of(sessions),
            f"no role's process has left one behind (sessions {sorted(sessions)})",
            within_s=10,
        )

    def use(self) -> None:
        """Make `send_sms` and `job_status` of this process belong to this fleet."""
        _forget_connections()
        use_runtime(self.runtime)
        app.conf.update(configuration())

    @property
    def store(self) -> Store:
        """This fleet's Redis."""
        return self.runtime.store

    # --- processes ------------------------------------------------------------------------------

    def launch(self, role: str, *arguments: str, **environment: str) -> Process:
        """Start `smsfleet ROLE arguments` and do not wait for anything."""
        log = self.folder / f"{role}-{len(self.processes) + 1}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*COMMAND, role, *arguments],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(role, log, popen)
        self.processes.append(process)
        return process

    def start(self, *roles: str) -> None:
        """Start `simulator`, `binder` or `worker` and wait until each is ready."""
        for role in roles:
            getattr(self, f"_start_{role}")()

    def _start_simulator(self) -> None:
        journal = str(self.folder / "journal.jsonl")
        arguments = ("--port", str(self.port), "--journal", journal, *self.options["simulator"])
        simulator = self.launch("simulator", *arguments)
        wait_until(lambda: simulator.says("listening on"), "the simulator listens")

    def _start_binder(self) -> None:
        binds = len(self.smsc.bind_statuses)
        binder = self.launch("binder", *self.options["binder"])
        wait_until(lambda: len(self.smsc.bind_statuses) > binds or not binder.goes_on(), "the binder binds")

    def _start_worker(self) -> None:
        worker = self.launch("worker", *self.options["worker"])
        wait_until(lambda: worker.says(" ready."), "the worker is ready")

    def process(self, role: str) -> Process:
        """The running process of a role, started last."""
        return next(
            process for process in reversed(self.processes) if process.role == role and process.running
        )

    def kill(self, role: str) -> None:
        """Kill -9."""
        assert self.process(role).send(signal.SIGKILL) == -signal.SIGKILL

    def end(self, role: str) -> int:
        """SIGTERM; the exit code."""
        return self.process(role).send(signal.SIGTERM)

    def ended_by_themselves(self) -> list[str]:
        """The processes that have ended without a signal and not well, with the ends of their logs."""
        return [
            f"{process.role} ended with {process.popen.returncode}:\n{tail(process.log)}"
            for process in self.processes
            if not process.running and process.popen.returncode > 0
        ]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of smsfleet to its end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def logs(self, role: str = "") -> str:
        """Everything that the processes of a role, or all, have logged."""
        return "".join(process.log.read_text() for process in self.processes if process.role.startswith(role))

    # --- what is in Redis -----------------------------------------------------------------------

    def command(self, *words: Any) -> Any:
        """The reply to any command, for looking at what is stored."""
        return self.store.run(_call(words))

    def broker_keys(self) -> dict[bytes, bytes]:
        """Every key that is not the store's, with everything in it."""
        names = [name for name in self.command("KEYS", "*") if not name.startswith(self.keys.prefix)]
        return {name: self._contents(name) for name in names}

    def _contents(self, name: bytes) -> bytes:
        read = {
            b"string": ("GET", name),
            b"list": ("LRANGE", name, 0, -1),
            b"set": ("SMEMBERS", name),
            b"zset": ("ZRANGE", name, 0, -1),
            b"hash": ("HGETALL", name),
            b"stream": ("XRANGE", name, "-", "+"),
            b"none": ("GET", name),
        }
        return repr(self.command(*read[self.command("TYPE", name)])).encode()

    @property
    def facts_waiting(self) -> int:
        """Facts that no worker has applied."""
        return sum(self.command("XLEN", key) for key in (self.keys.responses, self.keys.deliveries))

    @property
    def orphans(self) -> set[str]:
        """The message ids of receipts that wait for their response."""
        return {name.decode() for name in self.command("ZRANGE", self.keys.orphans, 0, -1)}

    @property
    def lease(self) -> bytes | None:
        """The token of the binder that leads."""
        return self.command("GET", self.keys.lease)


@dataclass(frozen=True)
class Sent:
    """One job that `.delay` returned for."""

    job_id: str
    destination: str
    segments: int


LONG_TEXT = "A text of two segments. " * 8


class Traffic(threading.Thread):
    """An application that sends `count` jobs, at any time no more than `up_to()` in all."""

    def __init__(self, count: int, up_to: Callable[[], int], **options: Any) -> None:
        super().__init__(name="traffic", daemon=True)
        self.sent: list[Sent] = []
        self._count = count
        self._up_to = up_to
        self._options = options
        self._error: BaseException | None = None
        self._stopping = threading.Event()

    def run(self) -> None:
        """Send; every tenth text has two segments."""
        try:
            for n in range(self._count):
                while n % 20 == 0 and n >= self._up_to() and not self._stopping.wait(POLL_S):
                    pass
                if self._stopping.is_set():
                    return
                text, segments = (LONG_TEXT, 2) if n % 10 == 0 else (f"text {n}", 1)
                job = send_sms.delay(number(n), text, **self._options)
                self.sent.append(Sent(job.id, number(n), segments))
        except BaseException as error:  # noqa: BLE001 - raised again by `finish`
            self._error = error

    def finish(self, within_s: float = WITHIN_S) -> list[Sent]:
        """Wait until everything is sent; raises what `.delay` raised."""
        self.join(within_s)
        if self._error is not None:
            raise self._error
        assert len(self.sent) == self._count, f"only {len(self.sent)} of {self._count} sent"
        return self.sent

    def end(self) -> list[Sent]:
        """Send nothing more; what was sent. Raises what `.delay` raised."""
        self.stop()
        if self._error is not None:
            raise self._error
        return self.sent

    def stop(self) -> None:
        """End early: for a test that fails."""
        self._stopping.set()
        self.join(WITHIN_S)


@contextlib.contextmanager
def traffic(count: int, up_to: Callable[[], int], **options: Any) -> Iterator[Traffic]:
    """`count` jobs being sent while the block runs."""
    sending = Traffic(count, up_to, **options)
    sending.start()
    try:
        yield sending
    finally:
        sending.stop()


def statuses(jobs: list[Sent]) -> dict[str, JobStatus]:
    """The status of each job."""
    return {job.job_id: job_status(job.job_id) for job in jobs}


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log."""
    return "\n".join(log.read_text().splitlines()[-lines:])


def members_of(sessions: set[int]) -> list[int]:
    """The live processes of these sessions."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _forget_connections() -> None:
    """Celery keeps its connections to one broker for the life of the process."""
    app.close()
    app.__dict__.pop("amqp", None)
    kombu.pools.reset()


def _call(words: tuple[Any, ...]) -> Any:
    from smsfleet.store.calls import Call

    return Call(words, lambda reply: reply)
