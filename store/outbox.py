"""The outbox: what somebody is to be called about, until it is published or handed to the webhooks' schedule.

A change of a job is put into it by the script that makes the change, and only for jobs that have a callback.
It is a stream of its own beside `status`, because that one is capped: a cap excludes "at least once".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.scripts import script
from smsfleet.store.wire import create_group

GROUP = "callbacks"
"""Consumer group of the outbox."""

ACCOUNT = "*"
"""In place of a target: whoever the account's setting names when the event is handled."""


class Change(NamedTuple):
    """The status of a job changed."""

    entry_id: bytes
    target: str
    job_id: str
    status: int | None
    final: bool
    labels: str
    """of the job's segments, as lib_job.lua counts them; `-` for a job without segments"""

    @property
    def at_ms(self) -> int:
        """When it changed, by the server's clock."""
        return int(self.entry_id.partition(b"-")[0])


class Ready(NamedTuple):
    """An event that is complete: somebody is to get `body` as it is."""

    entry_id: bytes
    target: str
    body: bytes
    """JSON without its event id"""


class Unreadable(NamedTuple):
    """An entry that is not of our form: nobody can be told of it."""

    entry_id: bytes


Events = list[Change | Ready | Unreadable]


class Outbox:
    """The calls about the outbox of one account."""

    def __init__(self, keys: Keys) -> None:
        self._key = keys.outbox

    def create_group(self) -> Call[bool]:
        """Make the consumer group, from the beginning of the stream; reply: False when it was there."""
        return create_group(self._key, GROUP)

    def put(self, target: str, body: str) -> Call[bytes]:
        """Call `target` with `body`, a JSON object, at least once; reply: the entry's id.

        For events that are no change of a job, such as incoming messages. A script may write it itself: the
        fields `b` target and `p` body.
        """
        return Call(("XADD", self._key, "*", "b", target, "p", body), bytes)

    def read(self, consumer: str, count: int, block_ms: int) -> Call[Events]:
        """Up to `count` new events for this consumer; waits up to `block_ms`."""
        command = (
            "XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, "BLOCK", block_ms,
            "STREAMS", self._key, ">",
        )  # fmt: skip
        return Call(command, lambda reply: _events(reply[0][1]) if reply else [])

    def claim(self, consumer: str, idle_ms: int, count: int) -> Call[Events]:
        """Take over events that another consumer read at least `idle_ms` ago and never handled."""
        command = ("XAUTOCLAIM", self._key, GROUP, consumer, idle_ms, "0-0", "COUNT", count)
        return Call(command, lambda reply: _events(reply[1]))

    def done(self, entry_ids: Sequence[bytes]) -> list[Call[int]]:
        """These events were handled."""
        # Deleted first: of a process that ends in between, only a name stays pending, which a claim drops.
        return [
            Call(("XDEL", self._key, *entry_ids), int),
            Call(("XACK", self._key, GROUP, *entry_ids), int),
        ]

    def forget_consumer(self, consumer: str) -> Call[int]:
        """Remove a consumer that has nothing pending, as a stopping worker does."""
        return eval_call(script("forget_consumer"), [self._key], (GROUP, consumer), int)

    def waiting(self) -> Call[int]:
        """How many events nobody has handled."""
        return Call(("XLEN", self._key), int)


def _events(rows: Iterable[Any]) -> Events:
    events: Events = []
    for entry_id, values in rows:
        if not values:
            continue  # claimed after it was deleted
        try:
            events.append(_event(entry_id, dict(zip(values[::2], values[1::2], strict=True))))
        except (KeyError, ValueError):  # it must not hold up those behind it
            events.append(Unreadable(entry_id))
    return events


def _event(entry_id: bytes, fields: dict[bytes, bytes]) -> Change | Ready:
    target = fields[b"b"].decode()
    if b"p" in fields:
        return Ready(entry_id, target, fields[b"p"])
    shown = fields[b"s"]
    return Change(
        entry_id, target, fields[b"j"].decode(), int(shown) if shown else None, fields[b"f"] == b"1",
        fields[b"l"].decode(),
    )  # fmt: skip
