"""What the doctor asks a server: questions that change nothing."""

from __future__ import annotations

from typing import Any

from smsfleet.store import forms
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script

CLIENT_PREFIX = "smsfleet-"
"""What the names of our own connections begin with."""

MOST_CLIENTS = 20_000
"""Connections that are read: more are told by their count in INFO."""


def config(*names: str) -> Call[dict[str, str]]:
    """Settings of the server by their names; a managed server may refuse it."""

    def read(reply: Any) -> dict[str, str]:
        texts = [value.decode(errors="replace") for value in reply]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    return Call(("CONFIG GET", *names), read)


def client_names() -> Call[list[tuple[str, str]]]:
    """Name and host of each connection; a server with ACLs may refuse it."""

    def read(reply: Any) -> list[tuple[str, str]]:
        found = []
        for line in reply.decode(errors="replace").splitlines()[:MOST_CLIENTS]:
            fields = dict(word.partition("=")[::2] for word in line.split(" "))
            found.append((fields.get("name", ""), fields.get("addr", "").rpartition(":")[0]))
        return found

    return Call(("CLIENT LIST",), read)


def scripts_run() -> Call[bool]:
    """Whether the server loads and runs scripts at all for this user."""
    return Call(("EVAL", "return 1", 0), lambda reply: reply == 1)


def slowest(count: int) -> Call[list[int]]:
    """How long the slowest commands of late took, in microseconds."""
    return Call(("SLOWLOG GET", count), lambda reply: [int(entry[2]) for entry in reply])


def ping() -> Call[bool]:
    """One round trip."""
    return Call(("PING",), bool)


class Checkup:
    """The same for one account's keys."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def lease(self) -> list[Call[Any]]:
        """The token of the lease, and how long it is still good (ms)."""
        return [
            Call(("GET", self._keys.lease), lambda reply: reply.decode() if reply else None),
            Call(("PTTL", self._keys.lease), int),
        ]

    def misfits(self) -> Call[list[str]]:
        """What is wrong with the keys that the whole account needs: one line for each of another type."""
        held = vars(self._keys).values()
        keys = [key for key in held if isinstance(key, bytes) and forms.form_of(key)]
        keys += [key for by_lane in held if isinstance(by_lane, dict) for key in by_lane.values()]

        def read(reply: Any) -> list[str]:
            return [forms.told(key, found) for key, found in forms.misfits(keys, reply)]

        return eval_call(script("types"), keys, (), read)
