"""What comes from handsets: parts that wait for each other, the stream `mo`, and what is to be routed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from smsfleet.config.errors import RecordError
from smsfleet.store.calls import Call, eval_call
from smsfleet.store.facts import DeliveryFact
from smsfleet.store.keys import DAY_MS, Keys
from smsfleet.store.opt_out import Granting
from smsfleet.store.scripts import script

KEPT_MO = 100_000
"""Messages that the stream `mo` keeps."""

CLAIM_MS = 60_000
"""A message that a worker took to route it and did not is routed by another after so long."""


class Collected(NamedTuple):
    """The parts of one message that have come so far."""

    name: str
    generation: bytes
    """a name of this collection: the same phone uses its references again"""
    known: dict[str, Any]
    """what the first part said of the message, as given to `collect`"""
    parts: dict[int, bytes]
    """by their numbers, as given to `collect`"""
    marks: tuple[tuple[int, bytes, bytes], ...]
    """number, digest and entry id of each part"""


class MoRecord(NamedTuple):
    """One message in the stream `mo`."""

    mo_id: str
    values: dict[str, Any]


class Mo:
    """The calls about messages from handsets of one account."""

    def __init__(self, keys: Keys, *, parts_ttl_s: float, duplicate_s: float, now_ms: int = 0) -> None:
        self._keys = keys
        self._parts_ttl_s = parts_ttl_s
        self._duplicate_s = duplicate_s
        self._now_ms = now_ms

    def collect(  # noqa: PLR0913 - a part and its place
        self,
        fact: DeliveryFact,
        name: str,
        *,
        number: int,
        total: int,
        part: bytes,
        known: dict[str, Any],
    ) -> Call[tuple[str, Collected | None]]:
        """Put a part to the others; reply: a word, see collect.lua, and what was collected.

        `name` stands for sender, recipient, reference and number of parts: see `name_of`.
        """
        keys = [self._keys.deliveries, self._keys.parts(name), self._keys.collecting]
        arguments = (
            fact.entry_id, self._now_ms, round(self._parts_ttl_s * 1000), name, number, total,
            _digest(part), part, json.dumps(known),
        )  # fmt: skip

        def read(reply: Any) -> tuple[str, Collected | None]:
            return reply[0].decode(), _collected(name, reply[1:]) if len(reply) > 1 else None

        return eval_call(script("collect"), keys, arguments, read)

    def overdue(self, count: int) -> Call[list[str]]:
        """Names of messages whose missing parts are not waited for any longer."""
        arguments = (self._now_ms, count)
        return eval_call(
            script("due"), [self._keys.collecting], arguments, lambda reply: [name.decode() for name in reply]
        )

    def collected(self, name: str) -> Call[Collected | None]:
        """What has come of a message; None when it is kept already."""
        return Call(("HGETALL", self._keys.parts(name)), lambda reply: _collected(name, reply))

    def forget(self, name: str) -> Call[int]:
        """Nothing is collected under this name (any more)."""
        return Call(("ZREM", self._keys.collecting, name), int)

    def keep_parts(
        self,
        collected: Collected,
        values: dict[str, Any],
        targets: Sequence[str],
        wish: Granting | None = None,
        *,
        partial: bool,
    ) -> Call[str]:
        """Put a collected message into the stream; reply: its id, `stale` or `repeated`.

        `wish` as for `keep`.
        """
        keys = self._keys
        script_keys = [keys.deliveries, keys.mo, keys.routing, keys.parts(collected.name), keys.collecting]
        arguments: list[Any] = [
            KEPT_MO, self._now_ms, _open_json(values), "\n".join(targets), collected.name,
            collected.generation, max(1, round(self._parts_ttl_s)), int(partial),
            wish.to_json() if wish else "",
        ]  # fmt: skip
        script_keys += wish.keys(keys) if wish else []
        for mark in collected.marks:
            arguments += mark
        return eval_call(script("keep_parts"), script_keys, arguments, bytes.decode)

    def keep(
        self,
        fact: DeliveryFact,
        values: dict[str, Any],
        targets: Sequence[str],
        wish: Granting | None = None,
    ) -> Call[str]:
        """Put a message of one deliver_sm into the stream; reply: its id, empty when another relay did.

        A `wish` is granted with it; then the value `opt_out` is what that has changed.
        """
        keys = self._keys
        script_keys = [keys.deliveries, keys.mo, keys.routing, keys.seen(_digest(fact.body))]
        arguments = (
            fact.entry_id, KEPT_MO, self._now_ms, _open_json(values), "\n".join(targets),
            max(1, round(self._duplicate_s)), wish.to_json() if wish else "",
        )  # fmt: skip
        script_keys += wish.keys(keys) if wish else []
        return eval_call(script("keep_mo"), script_keys, arguments, bytes.decode)

    def remember(self, sent: Sequence[tuple[str, str]], day: int, ttl_s: float) -> Call[int]:
        """These jobs, given as number and id, are the last to their numbers."""
        keys = [self._keys.last(number, day) for number, _ in sent]
        arguments = [max(1, round(ttl_s)), *(word for pair in sent for word in pair)]
        return eval_call(script("remember"), keys, arguments, int)

    def last_jobs(self, number: str, day: int, ttl_s: float) -> list[Call[str | None]]:
        """The last job to a number, one call for each day, the newest first."""
        days = range(day + 1, day - math.ceil(ttl_s * 1000 / DAY_MS) - 1, -1)  # a clock may be ahead
        return [Call(("HGET", self._keys.last(number, at), number), _word) for at in days]

    def claim_routed(self, count: int) -> Call[list[tuple[str, str]]]:
        """Ids and targets of messages that are to be routed; they are this worker's for `CLAIM_MS`."""
        arguments = (self._now_ms, CLAIM_MS, count)
        return eval_call(script("claim_routed"), [self._keys.routing], arguments, _targets)

    def routed(self, mo_id: str, target: str) -> Call[int]:
        """A message has gone where it should."""
        return Call(("ZREM", self._keys.routing, f"{mo_id} {target}"), int)

    def read(self, mo_id: str) -> Call[MoRecord | None]:
        """One message; None when it is not there (any more)."""
        command = ("XRANGE", self._keys.mo, mo_id, mo_id)
        return Call(command, lambda reply: _record(reply[0]) if reply else None)

    def newest(self, count: int) -> Call[list[MoRecord]]:
        """The newest messages, the newest first."""
        command = ("XREVRANGE", self._keys.mo, "+", "-", "COUNT", count)
        return Call(command, lambda reply: [_record(row) for row in reply])


def name_of(*values: object) -> str:
    """A short name for what belongs together, so that keys stay short and hold no number."""
    return _digest(repr(values).encode()).decode()


def _digest(octets: bytes) -> bytes:
    return hashlib.blake2s(octets, digest_size=12).hexdigest().encode()


def _open_json(values: dict[str, Any]) -> str:
    """The scripts add whether it is a duplicate: only they know."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))[:-1]


def _collected(name: str, flat: Sequence[bytes]) -> Collected | None:
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    if b"g" not in fields:
        return None
    parts: dict[int, bytes] = {}
    marks = []
    for field in sorted((field for field in fields if field.isdigit()), key=int):
        entry_id, digest, part = fields[field].split(b",", 2)
        parts[int(field)] = part
        marks.append((int(field), digest, entry_id))
    return Collected(name, fields[b"g"], json.loads(fields[b"m"]), parts, tuple(marks))


def _word(reply: Any) -> str | None:
    return None if reply is None else reply.decode()


def _targets(reply: Any) -> list[tuple[str, str]]:
    return [tuple(member.decode().split(" ", 1)) for member in reply]


def _record(row: Any) -> MoRecord:
    entry_id, fields = row
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    if b"m" not in values:
        raise RecordError(f"message {entry_id.decode()} in `mo` is not readable by this version")
    return MoRecord(entry_id.decode(), json.loads(values[b"m"]))
