"""One step of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.explore.model import Env
from tests.explore.redis_side import World

Run = Callable[[World], Env]


@dataclass(frozen=True, slots=True)
class Move:
    """One step. `progress`: it will happen some day, so a state with such a move is not at rest."""

    label: str
    run: Run
    progress: bool = True
    pure: bool = False
    """touches only the world outside Redis"""
    token: str = ""
    """the move is one command under this token: with an old token it must change nothing"""


def pure(label: str, after: Env, *, progress: bool = True) -> Move:
    """A step outside Redis."""
    return Move(label, lambda _: after, progress=progress, pure=True)
