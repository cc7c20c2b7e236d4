"""Which type each key has: what a key is asked for when the server refuses a command as of the wrong type.

Nothing but smsfleet may write its keys (docs/semantics.md). A key that something else wrote, or that an
operator restored wrongly, must not end whoever meets it: the error names it, and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from smsfleet.config.errors import RecordError, StoreError, WrongType

if TYPE_CHECKING:
    from smsfleet.store.calls import Call

HASH, STRING, LIST, SET, SORTED_SET, STREAM = "hash", "string", "list", "set", "zset", "stream"

WORDS: Final = {
    "hash": HASH, "string": STRING, "integer": STRING, "list": LIST, "set": SET, "sorted set": SORTED_SET,
    "stream": STREAM,
}  # fmt: skip
"""How the headers of the scripts and docs/semantics.md call the types of the server."""

FORMS: Final = {
    "outbound:": STREAM, "intake:": SORTED_SET, "scheduled": SORTED_SET, "aside": SORTED_SET,
    "watermark:": STRING, "inflight": HASH, "responses": STREAM, "deliveries": STREAM, "takeover": STRING,
    "status": STREAM, "outbox": STREAM, "hooks": SORTED_SET, "hooked": HASH, "hook:": SORTED_SET,
    "undelivered": STREAM, "mo": STREAM, "optedout": STRING, "optedout:": HASH, "optedout:recent": SORTED_SET,
    "collecting": SORTED_SET, "parts:": HASH, "seen:": STRING, "last:": HASH, "routing": SORTED_SET,
    "receipts": STREAM, "dead": STREAM, "strays": STREAM, "waiting": HASH, "delayed": SORTED_SET,
    "held": SORTED_SET, "orphans": SORTED_SET, "orphan:": LIST, "index:": HASH, "doubts": HASH,
    "doubted": SORTED_SET, "queries": LIST, "queried:": LIST, "answers": STREAM, "query:off": STRING,
    "query:silent": STRING, "walk:query": HASH, "walk:settle": HASH, "status:counts": HASH, "rate": HASH,
    "pause": HASH, "quota:": HASH, "credits": HASH, "credits:": HASH, "credits:told:": STRING,
    "live": STRING, "campaigns": SORTED_SET, "campaigns:live": SORTED_SET, "campaigns:chunks": SORTED_SET,
    "campaigns:stopped": HASH, "campaigns:tally": HASH, "campaigns:parked": SORTED_SET, "campaign:": HASH,
    "campaign:key:": STRING, "job:": HASH, "content:": STRING, "redelivered:": STRING, "reference:": STRING,
    "lease": STRING, "lease:number": STRING, "fence": STRING, "binder": STRING, "bind": HASH,
    "journal": STREAM, "capture": STRING, "captured:": STRING,
}  # fmt: skip
"""By the name behind the account; one that ends in a colon is of many keys. The longest that fits counts."""

OF_ALL: Final = ("outbound:", "intake:", "watermark:", "credits:", "quota:")
"""There is one for each lane, or day: the whole account needs it, as it needs the keys that are alone."""

OF_A_CAMPAIGN: Final = {"chunk": STRING, "refused": SORTED_SET, "retried": HASH, "numbers": SET}
"""By the word behind `campaign:<id>:`."""

REMEDY: Final = (
    "something else than smsfleet wrote it; look at it, then RENAME or DEL it, all goes on by itself"
    " (docs/operations.md, 'A key of another type')"
)

REMEDY_OF_A_JOB: Final = (
    "something else than this version of smsfleet wrote it, and nothing more of it is sent: look at the"
    " record, DEL it, and send the text under another id (docs/operations.md, 'A damaged job')"
)

MOST_ASKED = 2000
"""Keys of one refused command that are looked at."""


def form_of(key: bytes) -> str:
    """The type that a key of ours has; empty for a key that is none."""
    name = _name(key)
    if name.startswith("campaign:") and not name.startswith("campaign:key:") and name.count(":") > 1:
        return OF_A_CAMPAIGN.get(name.split(":")[2], "")
    return FORMS.get(name) or FORMS.get(_sort(name), "")


def is_of_the_account(key: bytes) -> bool:
    """Whether the whole account needs this key; else it is one record of many."""
    name = _name(key)
    return name in FORMS or _sort(name) in OF_ALL


def shown(key: bytes) -> str:
    """A key as it may be shown: numbers of people, of which some are made, are left out."""
    name = key.decode("utf-8", "backslashreplace")
    prefix, mark, _ = name.partition("}:reference:")
    return f"{prefix}{mark}..." if mark else name


def keys_of(call: Call[Any]) -> list[bytes]:
    """The keys of ours in a call, each once."""
    words = call.arguments[1 : 1 + call.arguments[0]] if call.script else call.arguments[1:]
    keys = dict.fromkeys(word for word in words if isinstance(word, bytes) and form_of(word))
    return list(keys)[:MOST_ASKED]


def questions(keys: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """The commands that ask for their types."""
    return [("TYPE", key) for key in keys]


def misfits(keys: Sequence[bytes], replies: Sequence[Any]) -> Iterator[tuple[bytes, str]]:
    """The keys that have another type than ours, and which; `replies` are those to `questions`."""
    for key, reply in zip(keys, replies, strict=True):
        found = reply.decode() if isinstance(reply, bytes) else ""  # an error: this user may not ask
        if found not in {"", "none", form_of(key)}:
            yield key, found


def refusal(keys: Sequence[bytes], replies: Sequence[Any]) -> StoreError:
    """The error of a command that the server refused as of the wrong type."""
    for key, found in misfits(keys, replies):
        if is_of_the_account(key):
            return WrongType(f"{told(key, found)}: {REMEDY}")
        if (name := _name(key)).startswith("job:"):
            return damaged_job(name.removeprefix("job:"), told(key, found))
        return RecordError(f"{told(key, found)}: {REMEDY}")
    # Mended meanwhile, or this user may not ask.
    among = ", ".join(shown(key) for key in keys[:5])
    return WrongType(f"a key holds another type than smsfleet keeps in it; among these: {among}; {REMEDY}")


def damaged_job(job_id: str, why: str) -> RecordError:
    """The error of a job whose record cannot be read: what is wrong with it, and what to do."""
    return RecordError(f"job {job_id!r} is damaged: {why}; {REMEDY_OF_A_JOB}")


def told(key: bytes, found: str) -> str:
    """What is wrong with it alone."""
    return f"the key {shown(key)} is a {_word(found)}, not a {_word(form_of(key))}"


def _word(kind: str) -> str:
    return "sorted set" if kind == SORTED_SET else kind


def _name(key: bytes) -> str:
    _, mark, name = key.partition(b"}:")
    return name.decode("utf-8", "replace") if mark and key.startswith(b"{") else ""


def _sort(name: str) -> str:
    """The longest name of many keys that a name begins with; empty when none does."""
    parts = name.split(":")
    sorts = (":".join(parts[:count]) + ":" for count in range(len(parts) - 1, 0, -1))
    return next((sort for sort in sorts if sort in FORMS), "")
