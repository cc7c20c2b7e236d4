"""The search: every state that can be reached is visited once, breadth first, so that a trace is a shortest one."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import redis
from tests.explore import model, promises
from tests.explore.faults import Fault
from tests.explore.model import Configuration, Env
from tests.explore.move import Move
from tests.explore.moves import moves
from tests.explore.redis_side import Picture, World

from smsfleet.config.errors import StoreError


@dataclass(frozen=True, slots=True)
class Result:
    """What an exploration found."""

    configuration: Configuration
    fault: str
    states: int
    transitions: int
    at_rest: int
    depth: int
    seconds: float
    complete: bool
    broken: str = ""
    trace: tuple[str, ...] = ()

    def line(self) -> str:
        """One row of the table."""
        verdict = f"BROKEN: {self.broken}" if self.broken else "ok" if self.complete else "ok so far (cut)"
        return (
            f"{self.configuration.name:76} {self.fault:44} {self.states:8} {self.transitions:9} {self.at_rest:7} "
            f"{self.depth:6} {self.seconds:7.1f} s  {verdict}"
        )


HEADER = (
    f"{'configuration':76} {'fault':44} {'states':>8} {'moves':>9} {'at rest':>7} {'depth':>6} {'time':>9}"
)


@dataclass(slots=True)
class _Node:
    env: Env
    picture: Picture
    parent: _Node | None
    label: str
    depth: int

    def trace(self) -> tuple[str, ...]:
        labels: list[str] = []
        node: _Node | None = self
        while node is not None and node.label:
            labels.append(node.label)
            node = node.parent
        return tuple(reversed(labels))


class Exploration:
    """One configuration, with or without a fault."""

    def __init__(self, client: redis.Redis, configuration: Configuration, fault: Fault | None = None) -> None:
        self._world = World(client, configuration, fault)
        self._configuration = configuration
        self._fault = fault
        self._mistakes = fault.mistakes if fault else frozenset()
        self._seen: set[Any] = set()
        self._queue: deque[_Node] = deque()
        self._transitions = 0
        self._rest = 0
        self._depth = 0

    def run(self, *, most_states: int, most_s: float) -> Result:
        """Explore until all is seen, a promise is broken or a limit is reached."""
        began = time.monotonic()
        picture = self._world.prepare()
        self._remember(_Node(model.start(self._configuration), picture, None, "", 0))
        broken = ""
        trace: tuple[str, ...] = ()
        while self._queue and not broken:
            if len(self._seen) > most_states or time.monotonic() - began > most_s:
                break
            broken, trace = self._expand(self._queue.popleft())
        return Result(
            self._configuration, self._fault.name if self._fault else "", len(self._seen), self._transitions,
            self._rest, self._depth, time.monotonic() - began, not self._queue and not broken, broken, trace,
        )  # fmt: skip

    def _expand(self, node: _Node) -> tuple[str, tuple[str, ...]]:
        resting, own = True, _key(node)
        for move in moves(node.env, node.picture, self._configuration, self._mistakes):
            self._transitions += 1
            after: _Node | None = None
            try:
                after = self._after(node, move)
                here = (after.env, after.picture)
                promises.after_a_move((node.env, node.picture), here, self._configuration, move.token)
            except (promises.Broken, StoreError, AssertionError) as error:
                return f"{type(error).__name__}: {error}", (*node.trace(), move.label)
            key = self._remember(after)
            # A step that changes nothing is no progress, however often it is taken.
            resting = resting and (not move.progress or key == own)
        if resting:
            self._rest += 1
            try:
                promises.at_rest(node.env, node.picture, self._configuration)
            except promises.Broken as error:
                return f"at rest: {error}", node.trace()
        return "", ()

    def _after(self, node: _Node, move: Move) -> _Node:
        self._world.present = node.picture
        env = move.run(self._world)
        picture = self._world.present
        return _Node(env, picture, node, move.label, node.depth + 1)

    def _remember(self, node: _Node) -> Any:
        key = _key(node)
        if key not in self._seen:
            self._seen.add(key)
            self._queue.append(node)
            self._depth = max(self._depth, node.depth)
        return key


def _key(node: _Node) -> Any:
    picture = node.picture
    queued = [entry.at for entry in picture.outbound]
    return (model.canonical(node.env, picture.fence, queued), picture.canonical)
