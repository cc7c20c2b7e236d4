"""A call: one command for the server, mostly one script, and the reading of its reply.

The modules beside this one build calls; `client` runs them. No Redis client is imported here, so that an
application which only imports the task does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from smsfleet.config.errors import Fenced
from smsfleet.store.scripts import Script

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One command for the server and how its reply is read.

    `arguments` is the whole command, or, with a `script`, what follows its SHA: the number of keys, the keys,
    the arguments. `blocks` marks a read that may wait at the server.
    """

    arguments: Sequence[Any]
    parse: Callable[[Any], T]
    script: Script | None = None


def eval_call(
    script: Script, keys: Sequence[bytes], arguments: Iterable[Any], parse: Callable[[Any], T]
) -> Call[T]:
    """The call of a script with its keys and arguments."""
    return Call((len(keys), *keys, *arguments), parse, script)


def fenced(parse: Callable[[Any], T]) -> Callable[[Any], T]:
    """The reading of a fenced script's reply: raises Fenced when another binder holds the fence."""

    def read(reply: Any) -> T:
        if reply == b"FENCED":
            raise Fenced("another binder holds the fence: this one must step down")
        return parse(reply)

    return read
