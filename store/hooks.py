"""The webhooks' schedule: events that an application's server has not taken yet, by host.

Each host has a sorted set of its own and is asked for within its own bound, so that a host that is slow or
gone holds up none of the others. An event that is tried is due again after the claim's time: when its worker
ends meanwhile, another tries it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.keys import Keys
from smsfleet.store.outbox import GROUP
from smsfleet.store.scripts import script

KEPT_UNDELIVERED = 10_000
"""Events that no webhook took: the stream `undelivered` keeps so many."""

LOOKED_AT = 20
"""Events of a queue that `queue` looks at, those first that are due last: they have been tried."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One event for one webhook."""

    event_id: str
    url: str
    host: str
    body: str
    """JSON, sent as it is"""
    since_ms: int
    """when it was first due"""
    attempts: int = 0
    """tries that failed"""
    why: str = ""
    """why the last of them failed"""

    def failed(self, why: str) -> Posting:
        """The same with one failed try more."""
        return replace(self, attempts=self.attempts + 1, why=why)

    def packed(self) -> str:
        """As it is stored under its id."""
        return json.dumps(
            {
                "u": self.url, "h": self.host, "b": self.body, "t": self.since_ms, "n": self.attempts,
                "w": self.why,
            }
        )  # fmt: skip


class Letter(NamedTuple):
    """An event that no webhook took."""

    entry_id: str
    posting: Posting
    why: str


@dataclass(frozen=True, slots=True)
class Queue:
    """The events that wait for one host."""

    host: str
    count: int
    first_ms: int
    """when the first is due"""
    last_ms: int
    """when the last is due: ahead of now when one of them is being tried, or was; new ones are due at once"""
    tried: Posting | None
    """one whose last try failed; None: none of those that were looked at"""


class Hooks:
    """The calls about the webhooks of one account. Times are by the caller's clock (ms since the epoch)."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def add(self, posting: Posting, outbox_entry: bytes) -> Call[int]:
        """Move an event of the outbox into the schedule, due at once."""
        keys = [*self._of(posting.host), self._keys.outbox]
        arguments = (posting.event_id, posting.packed(), posting.since_ms, posting.host, GROUP, outbox_entry)
        return eval_call(script("hook_add"), keys, arguments, int)

    def hosts(self, now_ms: int | str, first: int, count: int) -> Call[list[str]]:
        """Hosts that an event is due for, the longest due first; `+inf`: all."""
        command = ("ZRANGEBYSCORE", self._keys.hooks, "-inf", now_ms, "LIMIT", first, count)
        return Call(command, lambda reply: [host.decode() for host in reply])

    def claim(self, host: str, now_ms: int, claim_ms: int, count: int) -> Call[list[Posting]]:
        """Up to `count` due events of a host, the longest due first; nobody else gets them for `claim_ms`."""
        arguments = (now_ms, claim_ms, count, host)

        def postings(reply: Any) -> list[Posting]:
            pairs = zip(reply[::2], reply[1::2], strict=True)
            return [_posting(event_id, packed, host) for event_id, packed in pairs]

        return eval_call(script("hook_claim"), self._of(host), arguments, postings)

    def taken(self, posting: Posting) -> Call[int]:
        """The webhook has taken the event."""
        return eval_call(script("hook_taken"), self._of(posting.host), (posting.event_id, posting.host), int)

    def again(self, posting: Posting, due_ms: int) -> Call[int]:
        """A try failed: try again at `due_ms`."""
        arguments = (posting.event_id, posting.packed(), due_ms, posting.host)
        return eval_call(script("hook_again"), self._of(posting.host), arguments, int)

    def bury(self, posting: Posting, why: str) -> Call[int]:
        """No more tries: keep the event in the stream `undelivered`, with the reason."""
        keys = [*self._of(posting.host), self._keys.undelivered]
        arguments = (posting.event_id, posting.host, KEPT_UNDELIVERED, posting.packed(), why)
        return eval_call(script("hook_bury"), keys, arguments, int)

    def queue(self, host: str) -> Call[Queue | None]:
        """What waits for a host; None: nothing (any more)."""

        def read(reply: Any) -> Queue | None:
            count, first_ms, last_ms, *packed = reply
            if not count:
                return None
            tried = (_posting(b"", one, host) for one in packed)
            return Queue(
                host, count, int(first_ms), int(last_ms), next((one for one in tried if one.why), None)
            )

        return eval_call(script("hook_look"), self._of(host)[1:], (LOOKED_AT,), read)

    def waiting(self) -> Call[int]:
        """How many events a webhook has not taken yet."""
        return Call(("HLEN", self._keys.hooked), int)

    def undelivered_count(self) -> Call[int]:
        """How many events no webhook took."""
        return Call(("XLEN", self._keys.undelivered), int)

    def undelivered(self, after: str, count: int) -> Call[list[Letter]]:
        """Events that no webhook took, the oldest first, behind the entry `after` (`-`: from the first)."""
        start = after if after == "-" else f"({after}"
        return Call(("XRANGE", self._keys.undelivered, start, "+", "COUNT", count), _letters)

    def replay(self, letter: Letter, now_ms: int) -> Call[int]:
        """Try an undelivered event anew, from now on; reply: 0 when it is not there any more."""
        posting = replace(letter.posting, since_ms=now_ms, attempts=0, why="")
        keys = [*self._of(posting.host), self._keys.undelivered]
        arguments = (posting.event_id, posting.packed(), now_ms, posting.host, letter.entry_id)
        return eval_call(script("hook_replay"), keys, arguments, int)

    def drop(self, entry_ids: Sequence[str]) -> Call[int]:
        """Forget undelivered events; reply: how many were there."""
        return Call(("XDEL", self._keys.undelivered, *entry_ids), int)

    def _of(self, host: str) -> list[bytes]:
        return [self._keys.hooks, self._keys.hook(host), self._keys.hooked]


def _posting(event_id: bytes, packed: bytes, host: str = "") -> Posting:
    """A stored event; one of another version has no URL, so that it is given up and seen, not lost."""
    try:
        values = json.loads(packed)
        return Posting(
            event_id.decode(), values["u"], values["h"], values["b"], values["t"], values["n"],
            values.get("w", ""),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return Posting(event_id.decode(), "", host, packed.decode("utf-8", "replace"), 0)


def _letters(reply: Any) -> list[Letter]:
    letters = []
    for entry_id, values in reply:
        fields = dict(zip(values[::2], values[1::2], strict=True))
        posting = _posting(fields[b"i"], fields[b"e"])
        letters.append(Letter(entry_id.decode(), posting, fields[b"why"].decode()))
    return letters
