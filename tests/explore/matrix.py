"""Which small worlds are explored, and the running of many of them on a few servers at once."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from tests.explore.explorer import Exploration, Result
from tests.explore.faults import FAULTS, Fault
from tests.explore.model import Budget, Configuration

from smsfleet.cli.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Task:
    """One exploration to run."""

    configuration: Configuration
    fault: Fault | None = None
    most_states: int = 200_000
    most_s: float = 600.0


def _world(
    policy: str,
    segments: int,
    receipts: str,
    deadline: str = "",
    answers: tuple[int, ...] = (),
    **budget: int,
) -> Configuration:
    accidents = " ".join(f"{name}={times}" for name, times in budget.items())
    told = f"answers {' '.join(map(str, answers))}, " if answers else ""
    name = f"{policy} {segments} segment{'s' * (segments > 1)}, receipts {receipts or '-'}, {told}{deadline}{accidents}"
    statuses = tuple(int(status) for status in receipts.split())
    return Configuration(
        name, policy, segments, statuses, deadline=bool(deadline), answers=answers, budget=Budget(**budget)
    )


POLICIES = ("resend", "hold", "fail", "hold_then_resend")

QUICK = (
    *(_world(policy, 1, "4", kills=1) for policy in POLICIES),
    *(_world(policy, 1, "", pauses=1, link_losses=1) for policy in POLICIES),
    _world("hold", 1, "4", temporary=1, unheard=1, stalls=1),
    _world("resend", 1, "", unheard=1, link_losses=1, temporary=1),
    _world("hold", 1, "7 4", duplicates=1),
    _world("hold", 1, "", kills=1, pauses=1, permanent=1, resends=1),
    _world("hold_then_resend", 1, "", "deadline, ", link_losses=1, temporary=1),
    _world("resend", 2, "", kills=1),
    _world("fail", 2, "", temporary=1, permanent=1),
    _world("hold", 2, "4"),
    _world("hold", 1, "", kills=1, pauses=1, temporary=1),
    _world("fail", 2, "", kills=1, pauses=1),
    _world("hold", 1, "4", kills=1, stalls=1),
    _world("hold", 2, "4", link_losses=1),
    _world("fail", 1, "", account=2, orders=1, link_losses=1),
    _world("resend", 2, "", account=1, orders=1),
    _world("hold", 1, "4", account=1, pauses=1, unheard=1),
    _world("resend", 1, "", kills=1, cancels=1),
    _world("hold_then_resend", 1, "4", link_losses=1, cancels=1),
    _world("hold", 1, "", temporary=1, unheard=1, cancels=2),
    _world("fail", 2, "", temporary=1, cancels=1),
    _world("resend", 2, "", link_losses=1, cancels=1),
    _world("hold", 1, "", answers=(4, 7), queries=2, stalls=1),
    _world("fail", 1, "4", answers=(7,), queries=1, link_losses=1),
    _world("hold", 1, "3", answers=(4,), queries=1, nacks=1, closes=1),
    _world("fail", 2, "3", closes=1),
    _world("hold", 1, "4", kills=1, halts=1),
    _world("resend", 1, "", link_losses=1, halts=1, ends=1),
    _world("hold_then_resend", 1, "", temporary=1, unheard=1, ends=1),
    _world("fail", 2, "", temporary=1, halts=1, ends=1),
    _world("hold", 1, "", link_losses=1, halts=1, cancels=1),
    _world("hold", 1, "10 4", duplicates=1),
    _world("resend", 1, "10", link_losses=1),
)
"""What `make test` explores: seconds for each."""

_MORE = (
    *(_world(policy, 1, "4", kills=1, pauses=1) for policy in POLICIES),
    *(_world(policy, 1, "", kills=1, pauses=1, link_losses=1, temporary=1) for policy in POLICIES),
    *(_world(policy, 1, "4", pauses=1, temporary=1, stalls=1) for policy in ("resend", "hold")),
    *(_world(policy, 1, "4", link_losses=2, unheard=1) for policy in ("resend", "hold_then_resend")),
    *(_world(policy, 1, "", "deadline, ", kills=1, pauses=1, temporary=1) for policy in POLICIES),
    *(_world(policy, 2, "", kills=1, pauses=1) for policy in POLICIES),
    *(_world(policy, 2, "", link_losses=1, temporary=1, permanent=1) for policy in POLICIES),
    _world("hold", 1, "3 4", kills=1, duplicates=1),
    _world("resend", 1, "3 10", kills=1, stalls=1),
    _world("resend", 2, "10", link_losses=1),
    _world("hold", 1, "7 4", kills=1, stalls=1),
    _world("hold", 1, "4", kills=1, stalls=1, unheard=1, temporary=1),
    _world("hold", 1, "4", kills=1, pauses=1, resends=1),
    _world("resend", 2, "", kills=2, unheard=1),
    _world("hold", 2, "4", kills=1),
    _world("hold", 2, "4", pauses=1),
    _world("hold", 2, "4", link_losses=1, stalls=1),
    _world("resend", 1, "4", link_losses=2),
    *(_world(policy, 2, "4", link_losses=1) for policy in ("resend", "hold_then_resend", "fail")),
    _world("hold_then_resend", 2, "", kills=1, temporary=1, resends=1),
    *(_world(policy, 1, "", account=2, orders=1, kills=1, temporary=1) for policy in POLICIES),
    _world("hold", 2, "", account=2, orders=1, link_losses=1),
    _world("hold", 1, "4", account=2, stalls=1, kills=1),
    *(_world(policy, 1, "", kills=1, pauses=1, temporary=1, cancels=1) for policy in POLICIES),
    *(_world(policy, 1, "4", kills=1, stalls=1, cancels=1) for policy in POLICIES),
    *(_world(policy, 2, "", kills=1, link_losses=1, cancels=1) for policy in POLICIES),
    *(_world(policy, 1, "", "deadline, ", link_losses=1, temporary=1, cancels=1) for policy in POLICIES),
    _world("hold", 1, "", kills=1, resends=1, stalls=1, cancels=2),
    *(_world(policy, 1, "4", kills=1, temporary=1, halts=1, ends=1) for policy in POLICIES),
    *(_world(policy, 2, "", link_losses=1, halts=2) for policy in POLICIES),
    *(_world(policy, 1, "", "deadline, ", pauses=1, temporary=1, halts=1, cancels=1) for policy in POLICIES),
    _world("hold", 1, "", kills=1, resends=1, stalls=1, halts=1, ends=1),
    *(_world(policy, 1, "", answers=(4, 7), queries=2, stalls=1, kills=1) for policy in POLICIES),
    *(_world(policy, 1, "4", answers=(7,), queries=1, link_losses=1, stalls=1) for policy in POLICIES),
    *(_world(policy, 1, "3 4", answers=(3, 7), queries=1, closes=2) for policy in POLICIES),
    _world("hold", 1, "3", answers=(3, 4), queries=2, nacks=1, closes=2, pauses=1),
    _world("resend", 1, "4", answers=(3, 7), queries=1, kills=1),
    _world("resend", 2, "", answers=(3, 4), queries=1, closes=1),
    _world("fail", 2, "3", closes=2),
    _world("hold", 2, "3", answers=(4,), queries=1, nacks=1, closes=1),
)

FULL = tuple(dict.fromkeys((*QUICK, *_MORE)))
"""What `make explore` explores: minutes."""


def healthy(configurations: Sequence[Configuration], **limits: Any) -> list[Task]:
    """Tasks of the scripts as they are."""
    return [Task(configuration, **limits) for configuration in configurations]


def seeded(faults: Sequence[Fault] = FAULTS) -> list[Task]:
    """Tasks of the scripts with a fault each."""
    return [Task(fault.shown_by, fault, most_states=20_000, most_s=60.0) for fault in faults]


_client: redis.Redis | None = None


def connect(port: int) -> redis.Redis:
    """A client whose replies stay as the server sent them, on a server that keeps nothing."""
    client = redis.Redis(port=port, protocol=2, health_check_interval=0)
    client.response_callbacks.clear()
    command: Callable[..., Any] = client.execute_command
    command("CONFIG", "SET", "appendonly", "no")
    return client


def _enter(ports: Any) -> None:
    global _client  # noqa: PLW0603 - one client for the life of a worker process
    _client = connect(ports.get())


def run_here(task: Task, client: redis.Redis) -> Result:
    """Run one task on this client's server."""
    exploration = Exploration(client, task.configuration, task.fault)
    return exploration.run(most_states=task.most_states, most_s=task.most_s)


def _run(task: Task) -> Result:
    assert _client is not None
    return run_here(task, _client)


def run(tasks: Sequence[Task], jobs: int) -> Iterator[Result]:
    """Run tasks, `jobs` at a time, each process with a server of its own; results in the order of the tasks."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        ports = context.Queue()
        for _ in range(jobs):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="explore-"))
            server = EmbeddedServer(Path(folder)).start()
            stack.callback(server.stop)
            ports.put(server.port)
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_enter, initargs=(ports,))
        with pool:
            yield from pool.map(_run, tasks)
        ports.close()
        ports.join_thread()
