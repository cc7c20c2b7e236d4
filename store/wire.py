"""What the binder asks of the store: segments in, raw facts out. Every command carries the fencing token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call, fenced
from smsfleet.store.dead import Dead
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.queries import Queries
from smsfleet.store.scripts import script
from smsfleet.store.standing import Standing, Standings

START = (b"0-0",) * len(LANES)
"""Before the first entry of each lane."""

IN_FLIGHT = -1
"""`begin` found the segment in flight already."""

PAUSED = -2
"""`begin` left the segment where it is: its lane or the account is paused."""

DAMAGED = -3
"""`begin` could not read the job of the segment and dropped its entry."""

DROPPED = 0
"""`begin` found the segment not queued any more and dropped its entry."""


class Entry(NamedTuple):
    """One entry of an outbound stream: a segment that may go out."""

    lane: int
    """1 high, 2 normal, 3 bulk"""
    entry_id: bytes
    ref: bytes
    body: bytes
    """submit_sm body, without header"""


class Answer(NamedTuple):
    """What the gateway answered to one attempt."""

    ref: bytes
    attempt: int
    command_status: int
    message_id: bytes


class Unanswered(NamedTuple):
    """A segment in flight whose link is gone."""

    ref: bytes
    attempt: int | None
    """None when the reply to `begin` was lost: whichever attempt is in flight"""
    written: bool
    """False only when certainly no octet of it has left us"""


class Wire:
    """The binder's calls for one account; `receipts` says whether the bind asks for receipts at all."""

    def __init__(
        self, keys: Keys, *, text_ttl_s: int, hold_s: float, receipts: bool = True, now_ms: int = 0
    ) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._hold_ms = round(hold_s * 1000)
        self._sending = "S" if receipts else "S0"
        self._now_ms = now_ms
        self.queries = Queries(keys, text_ttl_s=text_ttl_s)
        """what is to be asked by query_sm, and what was answered"""
        self.dead = Dead(keys)
        """deliver_sm that were refused as malformed"""
        self._outbounds = keys.outbounds()
        self._lane_of = {key: number for number, key in enumerate(self._outbounds, start=1)}

    def take(
        self,
        count: int,
        after: Sequence[bytes],
        block_ms: int | None = None,
        *,
        behind: Entry | None = None,
    ) -> Call[list[Entry]]:
        """Up to `count` segments behind the given entry id of each lane, high lane first.

        Only the further segments of the job of `behind`, the last one taken, go before: a text stays in one
        piece on the wire. Changes nothing: an entry stays in its stream until its segment is settled, so that
        from `START` on all of these are found. With `block_ms` it waits so long until there is one.
        """
        block = () if block_ms is None else (b"BLOCK", block_ms)
        command = (b"XREAD", b"COUNT", count, *block, b"STREAMS", *self._outbounds, *after)

        def entries(reply: Any) -> list[Entry]:
            found = [
                _entry(self._lane_of[stream], entry_id, fields)
                for stream, rows in reply or ()
                for entry_id, fields in rows
            ]
            return (found if behind is None else _in_one_piece(behind, found))[:count]

        return Call(command, entries)

    def begin(self, token: str, entries: Sequence[Entry]) -> Call[list[int]]:
        """Mark segments SENDING before their octets are written.

        Reply, for each entry: the attempt (write it), DROPPED, DAMAGED, IN_FLIGHT or PAUSED. Raises Fenced.
        """
        keys = self._keys
        script_keys = [keys.fence, keys.inflight, keys.status, *self._outbounds]
        script_keys += (
            keys.pause, keys.opted_out_recently, keys.outbox,
            keys.campaigns_tally, keys.campaigns_stopped, keys.waiting, keys.campaigns_parked,
        )  # fmt: skip
        arguments: list[Any] = [token, self._now_ms, self._text_ttl_s, self._sending]
        for lane, entry_id, reference, _ in entries:
            job_id, _, number = reference.rpartition(b"#")
            script_keys += (keys.job(job_id), keys.asked(job_id))
            arguments += (reference, number, lane, entry_id)
        return eval_call(script("begin"), script_keys, arguments, fenced(list))

    def settle(self, answers: Iterable[Answer]) -> Call[int]:
        """Persist answers as facts; reply: how many segments this took out of flight."""
        script_keys = [self._keys.inflight, self._keys.responses, *self._outbounds]
        arguments: list[Any] = []
        for answer in answers:
            arguments += answer
        return eval_call(script("settle"), script_keys, arguments, int)

    def lost(self, token: str, segments: Sequence[Unanswered]) -> Call[list[str]]:
        """Treat segments in flight as their jobs' policy says; reply: a letter for each. Raises Fenced."""
        script_keys, arguments = self._ambiguity(token)
        for reference, attempt, written in segments:
            job_id, _, number = reference.rpartition(b"#")
            script_keys += (self._keys.job(job_id), self._keys.content(job_id))
            arguments += (reference, number, "" if attempt is None else attempt, int(written))
        return eval_call(script("lost"), script_keys, arguments, fenced(_letters))

    def recover(self, token: str, references: Sequence[bytes]) -> Call[list[str]]:
        """Treat what another token left in flight as ambiguous; reply: a letter for each. Raises Fenced."""
        script_keys, arguments = self._ambiguity(token)
        for reference in references:
            job_id, _, number = reference.rpartition(b"#")
            script_keys += (self._keys.job(job_id), self._keys.content(job_id))
            arguments += (reference, number)
        return eval_call(script("recover"), script_keys, arguments, fenced(_letters))

    def _ambiguity(self, token: str) -> tuple[list[bytes], list[Any]]:
        keys = self._keys
        script_keys = [
            keys.fence, keys.inflight, keys.status, *self._outbounds,
            keys.waiting, keys.held, keys.doubts, keys.doubted, keys.outbox, keys.campaigns_tally,
        ]  # fmt: skip
        return script_keys, [token, self._now_ms, self._text_ttl_s, self._hold_ms]

    def standing(self) -> Call[Standing]:
        """The account's rate and pauses."""
        return Standings(self._keys, now_ms=self._now_ms).read()

    def in_flight(self) -> Call[dict[bytes, bytes]]:
        """Every segment in flight: ref -> `attempt,lane,entry,token`."""
        return Call(("HGETALL", self._keys.inflight), _pairs)

    def report(self, state: str, ttl_s: float) -> Call[bool]:
        """Leave what the binder is doing, a JSON text, for operators; it goes stale by itself."""
        return Call(("SET", self._keys.binder, state, "PX", round(ttl_s * 1000)), bool)

    def deliver(self, body: bytes, received_ms: int) -> Call[bytes]:
        """Persist one deliver_sm body; only after the reply may it be answered ESME_ROK."""
        command = ("XADD", self._keys.deliveries, b"*", b"p", body, b"t", received_ms)
        return Call(command, bytes)

    def deliver_all(self, bodies: Sequence[bytes], received_ms: int) -> Call[int]:
        """Persist several as `deliver` does, all or none; reply: how many.

        A command for each would cost the binder ten times as much. For a single one the script costs more.
        """
        return eval_call(script("deliver"), [self._keys.deliveries], (received_ms, *bodies), int)


def _entry(lane: int, entry_id: bytes, fields: Any) -> Entry:
    """One that is not of our form is of no job: `begin` drops it."""
    try:
        return Entry(lane, entry_id, fields[1], fields[3])
    except IndexError:
        return Entry(lane, entry_id, b"", b"")


def _in_one_piece(behind: Entry, found: list[Entry]) -> list[Entry]:
    at = next((at for at, entry in enumerate(found) if entry.lane == behind.lane), None)
    if not at:  # nothing of that lane, or it comes first anyway
        return found
    job = behind.ref.rpartition(b"#")[0] + b"#"
    end = at
    while end < len(found) and found[end].ref.startswith(job):
        end += 1
    return [*found[at:end], *found[:at], *found[end:]]


def create_group(stream: bytes, group: str) -> Call[bool]:
    """Make a consumer group at the beginning of a stream; reply: False when it was there."""
    # A script, because XGROUP's BUSYGROUP error would end a pipeline's other calls as an exception.
    return eval_call(script("create_group"), [stream], (group,), bool)


def _letters(reply: Any) -> list[str]:
    return [letter.decode() for letter in reply]


def _pairs(reply: Any) -> dict[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))
