"""Jobs that are kept from their queue (scheduled, set aside), and the end of those that are not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.forms import damaged_job
from smsfleet.store.jobs import Envelope
from smsfleet.store.keys import LANES, Keys
from smsfleet.store.records import LANE_OF_LETTER
from smsfleet.store.scripts import script


class Kept(NamedTuple):
    """What is known of a job that is kept back, to publish it."""

    job_id: str
    lane: str
    options: str
    """as given to `take_in_later`"""


class Lifecycle:
    """The calls of one account; due times are judged by the server's clock alone."""

    def __init__(self, keys: Keys, *, text_ttl_s: int, now_ms: int = 0) -> None:
        self._keys = keys
        self._text_ttl_s = text_ttl_s
        self._now_ms = now_ms

    def due(self, count: int) -> Call[list[str]]:
        """Scheduled jobs whose time has come, by the server's clock."""
        return eval_call(script("due"), [self._keys.scheduled], (self._now_ms, count), _ids)

    def kept(self, job_id: str) -> Call[Kept | None]:
        """How a job that is kept back is to be published; None when it is gone."""

        def read(reply: Any) -> Kept | None:
            letter, options = reply
            if letter is None:
                return None
            return Kept(
                job_id,
                LANE_OF_LETTER.get(letter[:1].decode("latin-1"), "normal"),
                (options or b"").decode("utf-8", "replace"),
            )

        return Call(("HMGET", self._keys.job(job_id), "l", "o"), read)

    def publish_due(self, job_id: str, lane: str, message: Envelope | None) -> Call[int]:
        """Put a scheduled job in line; 1 done, 0 not scheduled (any more), -1 not due yet.

        With a message it is published in the same step; without, it is to be published after this.
        """
        return self._publish_kept(self._keys.scheduled, job_id, lane, "P", message)

    def replay(self, job_id: str, lane: str, message: Envelope | None) -> Call[int]:
        """As `publish_due`, for a job that was set aside: 1 done, 0 not set aside (any more)."""
        return self._publish_kept(self._keys.aside, job_id, lane, "N", message)

    def _publish_kept(
        self, place: bytes, job_id: str, lane: str, line: str, message: Envelope | None
    ) -> Call[int]:
        keys = [
            self._keys.job(job_id), place, self._keys.intake[lane], self._keys.deliveries_of(job_id),
        ]  # fmt: skip
        arguments: tuple[Any, ...] = (job_id, self._now_ms, line)
        if message is not None:
            keys += (message.queue.encode(), message.bell.encode())
            arguments = (*arguments, message.text)
        return eval_call(script("publish_kept"), keys, arguments, int)

    def cancel(self, job_id: str, reason: str, callback: str = "") -> Call[str]:
        """Send nothing more of a job; reply: empty for no job, `=` and the first job's id, or the letters of
        cancel.lua. `callback`: who is called about a job without segments, as in `Admission`.

        Raises RecordError for a damaged job: what waits of the segments that can be read is cancelled then.
        """
        keys = self._keys
        script_keys = [
            keys.job(job_id), keys.content(job_id), keys.status, keys.scheduled, keys.aside,
            *(keys.intake[lane] for lane in LANES), keys.waiting, keys.delayed, keys.held,
            keys.outbox, keys.campaigns_tally, keys.campaigns_parked,
        ]  # fmt: skip
        arguments = (job_id, self._now_ms, self._text_ttl_s, f"cancelled: {reason}", callback)

        def read(reply: bytes) -> str:
            states = reply.decode()
            if "!" in states and not states.startswith("="):
                places = [str(at) for at, state in enumerate(states, start=1) if state == "!"]
                raise damaged_job(job_id, f"segment {', '.join(places)} cannot be read")
            return states

        return eval_call(script("cancel"), script_keys, arguments, read)

    def set_aside(self, job_id: str, lane: str, reason: str) -> Call[int]:
        """Keep a job from workers until an operator decides: 1 done, 0 too late, -1 unknown."""
        keys = [self._keys.job(job_id), self._keys.intake[lane], self._keys.aside]
        return eval_call(script("set_aside"), keys, (job_id, self._now_ms, f"aside: {reason}"), int)

    def drop(self, job_id: str, reason: str, shown_status: int, callback: str = "") -> Call[int]:
        """Close a job that was set aside: 1 closed, 0 not set aside (any more). `callback` as in `cancel`."""
        keys = [
            self._keys.job(job_id), self._keys.content(job_id), self._keys.aside, self._keys.status,
            self._keys.outbox,
        ]  # fmt: skip
        arguments = (job_id, self._now_ms, reason, shown_status, self._text_ttl_s, callback)
        return eval_call(script("drop"), keys, arguments, int)

    def aside(self, first: int, count: int) -> Call[list[str]]:
        """Jobs that were set aside, the oldest first; `count` of them from place `first`."""
        return Call(("ZRANGE", self._keys.aside, first, first + count - 1), _ids)

    def forget_gone(self, job_ids: Sequence[str]) -> Call[list[bool]]:
        """Forget jobs that were set aside and have expired: for each whether it had."""
        keys = [self._keys.aside, *(self._keys.job(job_id) for job_id in job_ids)]
        return eval_call(script("forget_gone"), keys, job_ids, lambda reply: [bool(gone) for gone in reply])

    def kept_back(self) -> list[Call[int]]:
        """How many jobs are scheduled, and how many set aside."""
        return [Call(("ZCARD", key), int) for key in (self._keys.scheduled, self._keys.aside)]


def _ids(reply: Any) -> list[str]:
    return [job_id.decode("utf-8", "backslashreplace") for job_id in reply]  # ours are ASCII
