"""Campaigns: rows in chunks, what becomes of them, and what an operator wants of them.

A campaign's chunks wait in Redis and are given out a few at a time; whoever handles one makes its rows jobs
by `admit`. The scripts say what is atomic; see docs/adr/0008-campaigns.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from smsfleet.store.calls import Call, eval_call
from smsfleet.store.campaign_records import CLASSES, OPEN_CLASSES
from smsfleet.store.jobs import QUOTA_TTL_S, Pace
from smsfleet.store.keys import Keys
from smsfleet.store.records import LANE_LETTER, LANE_OF_LETTER, pack_policy
from smsfleet.store.scripts import script

IN_PLAY = 4
"""Chunks of one campaign that are given out at a time: a worker handles two of a lane at once."""

LOOK_MS = 5000
"""How often a campaign that is not admitted whole is looked at, beside whoever finishes a chunk."""

LISTED_REFUSALS = 100_000
"""So many refused rows are kept with their reasons; all are counted."""

TOO_LATE = "its validity was over before it was admitted"


class Opened(NamedTuple):
    """What became of the wish for a campaign."""

    new: bool
    campaign_id: str
    fingerprint: str
    """of what the first one with this key was asked for"""


class Taken(NamedTuple):
    """What became of a chunk: a word of campaign_put.lua, and the chunks to publish now."""

    word: str
    publish: Sequence[int]


class Row(NamedTuple):
    """One row of a chunk, ready to become a job, or refused."""

    row: str
    """its number; with `.2` behind it, its second try"""
    to: str
    """empty: it is refused"""
    mark: str
    """the digest of its number, empty when it may come twice; the code of the refusal"""
    bucket: int = 0
    """of the digest"""
    detail: str = ""
    """fields of its own, letters and numbers as in admit.lua, or the reason of the refusal"""
    cost: int = 0
    """thirds of a credit"""
    bodies: Sequence[bytes] = ()


class Common(NamedTuple):
    """What the rows of a chunk have in common."""

    campaign_id: str
    lane: str
    on_ambiguous: str
    deadline_ms: int | None
    receipts: bool
    client: str
    cap: int | None
    """thirds of a credit a day"""
    callback: str
    keep_s: int
    """for how many seconds a chunk that has ended is kept, for retries"""
    above_quota: str
    """the reason of a row that is"""


class Handled(NamedTuple):
    """How far a chunk came: a word of admit_rows.lua."""

    word: str
    rows: int
    wait_ms: int
    refused: Sequence[int]
    """places of rows that the script refused: a number that came before, above the quota, too late"""
    publish: Sequence[int]


class Campaigns:
    """The calls about campaigns of one account."""

    def __init__(
        self, keys: Keys, *, job_ttl_s: int, margin_s: float = 60.0, most_waiting: int = 1000, now_ms: int = 0
    ) -> None:
        self._keys = keys
        self._job_ttl_s = job_ttl_s
        self._margin_ms = round(margin_s * 1000)
        self._most_waiting = most_waiting
        self._now_ms = now_ms

    # --- submitting ----------------------------------------------------------------------------

    def open(  # noqa: PLR0913 - what is stored
        self,
        campaign_id: str,
        *,
        lane: str,
        content: str,
        fingerprint: str,
        chunk_rows: int,
        name: str = "",
        idempotency_key: str | None = None,
        due_ms: int | None = None,
        rate: float | None = None,
    ) -> Call[Opened]:
        """Begin a campaign, once for each key."""
        keys = self._keys
        campaign = keys.campaign(campaign_id)
        script_keys = [
            campaign, keys.content(campaign_id),
            keys.campaign_key(idempotency_key) if idempotency_key else campaign,
            keys.campaigns, keys.campaigns_live,
        ]  # fmt: skip
        arguments: list[Any] = [
            campaign_id, self._now_ms, self._job_ttl_s, content, "" if due_ms is None else due_ms,
            fingerprint, "l", LANE_LETTER[lane], "z", chunk_rows, "name", name, "key", idempotency_key or "",
        ]  # fmt: skip
        if rate is not None:
            arguments += ("v", rate)

        def read(reply: Any) -> Opened:
            known = reply[2].decode() if len(reply) > 2 else fingerprint
            return Opened(reply[0] == 1, reply[1].decode(), known)

        return eval_call(script("campaign_open"), script_keys, arguments, read)

    def put(  # noqa: PLR0913 - what is stored
        self,
        campaign_id: str,
        number: int,
        rows: int,
        chunk: str,
        *,
        digest: str = "",
        kind: str = "rows",
        tries: Sequence[tuple[int, int]] = (),
    ) -> Call[Taken]:
        """Take a chunk, once; `kind` rows, last or retry. `tries`: for a retry, row and number of its try."""
        keys = self._keys
        script_keys = [
            keys.campaign(campaign_id), keys.chunk(campaign_id, number), keys.campaign_chunks,
            keys.campaigns_stopped, keys.campaigns_live, keys.content(campaign_id),
            keys.retried_rows(campaign_id),
        ]  # fmt: skip
        arguments: list[Any] = [
            campaign_id, self._now_ms, number, rows, chunk, digest, self._job_ttl_s, self._most_waiting,
            IN_PLAY, self._margin_ms, kind,
        ]  # fmt: skip
        for row, attempt in tries:
            arguments += (row, attempt)
        return eval_call(
            script("campaign_put"), script_keys, arguments, lambda reply: Taken(reply[0].decode(), reply[1:])
        )

    # --- handling ------------------------------------------------------------------------------

    def chunk(self, campaign_id: str, number: int) -> list[Call[Any]]:
        """What a worker needs for a chunk: it, what is common, rows handled, rows a chunk, rows submitted."""
        keys = self._keys
        fields = ("HMGET", keys.campaign(campaign_id), f"o{number}", "z", "r")
        return [
            Call(("MGET", keys.chunk(campaign_id, number), keys.content(campaign_id)), list),
            Call(fields, lambda reply: [int(value or 0) for value in reply]),
        ]

    def admit(  # noqa: PLR0913, PLR0917 - as `Jobs.admit`, for rows
        self,
        common: Common,
        number: int,
        handled: int,
        rows: Sequence[Row],
        pace: Pace,
        day: int,
        *,
        last: bool,
    ) -> Call[Handled]:
        """Make jobs of the next rows of a chunk, at most 100; `handled` rows of it were before."""
        keys, lane = self._keys, common.lane
        campaign_id = common.campaign_id
        script_keys = [
            keys.rate, keys.quota(day), keys.campaign(campaign_id), keys.campaign_chunks,
            keys.campaigns_stopped, keys.refused_rows(campaign_id), keys.outbound[lane], keys.campaigns_tally,
            keys.chunk(campaign_id, number), keys.content(campaign_id),
        ]  # fmt: skip
        floor = pace.burst * pace.bulk_reserve if lane == "bulk" else 0
        arguments: list[Any] = [
            self._now_ms, pace.rate, pace.burst, pace.backlog, floor, campaign_id, number, handled,
            common.keep_s if last else "", LANE_LETTER[lane], pack_policy(common.on_ambiguous, 1),
            "" if common.deadline_ms is None else common.deadline_ms, "" if common.receipts else "d0",
            common.client, "" if common.cap is None else common.cap, QUOTA_TTL_S, self._job_ttl_s,
            common.callback, self._margin_ms, IN_PLAY, LISTED_REFUSALS, common.above_quota,
            TOO_LATE,
        ]  # fmt: skip
        no_set = script_keys[5]
        prefix = keys.job(f"{campaign_id}:")
        for row, to, mark, bucket, detail, cost, bodies in rows:
            script_keys.append(prefix + row.encode())
            script_keys.append(keys.campaign_numbers(campaign_id, bucket) if to and mark else no_set)
            arguments += (row, to, mark, detail, cost, len(bodies), *bodies)
        return eval_call(
            script("admit_rows"),
            script_keys,
            arguments,
            lambda reply: Handled(reply[0].decode(), reply[1], reply[2], reply[3], reply[4:]),
        )

    def retried_of(self, campaign_id: str, number: int) -> Call[list[str]]:
        """The rows of a chunk of a retry, `row.try`, though it is kept no more; none for another chunk."""
        command = ("HGET", self._keys.retried_rows(campaign_id), f"={number}")
        return Call(command, lambda reply: (reply or b"").decode().split())

    def forget_retried_of(self, campaign_id: str, number: int) -> Call[int]:
        """They are jobs, or refused."""
        return Call(("HDEL", self._keys.retried_rows(campaign_id), f"={number}"), int)

    def put_back(self, campaign_id: str, number: int, wait_ms: int) -> Call[int]:
        """Leave a chunk: it is given out again after `wait_ms`."""
        arguments = (f"{campaign_id}.{number}", self._now_ms, wait_ms)
        return eval_call(script("campaign_put_back"), [self._keys.campaign_chunks], arguments, int)

    def let_go(self, campaign_id: str, number: int) -> Call[int]:
        """Forget a chunk whose campaign is gone."""
        return Call(("ZREM", self._keys.campaign_chunks, f"{campaign_id}.{number}"), int)

    # --- duties --------------------------------------------------------------------------------

    def due(self, limit: int) -> Call[tuple[list[str], list[tuple[str, int]]]]:
        """Campaigns to call `next_chunks` for, and chunks to publish again."""
        keys = self._keys

        def read(reply: Any) -> tuple[list[str], list[tuple[str, int]]]:
            chunks = [chunk.decode().partition(".") for chunk in reply[1]]
            return [one.decode() for one in reply[0]], [(one, int(number)) for one, _, number in chunks]

        return eval_call(
            script("campaign_due"),
            [keys.campaign_chunks, keys.campaigns_stopped, keys.campaigns_live],
            (self._now_ms, self._margin_ms, limit),
            read,
        )

    def lane(self, campaign_id: str) -> Call[str | None]:
        """The lane of a campaign; None: there is no such."""
        return Call(
            ("HGET", self._keys.campaign(campaign_id), "l"),
            lambda reply: None if reply is None else LANE_OF_LETTER.get(reply.decode("latin-1")),
        )

    def key(self, campaign_id: str) -> Call[str]:
        """The idempotency key of a campaign; empty when it has none."""
        command = ("HGET", self._keys.campaign(campaign_id), "key")
        return Call(command, lambda reply: (reply or b"").decode("ascii", "replace"))

    def next_chunks(self, campaign_id: str, idempotency_key: str = "") -> Call[tuple[str, list[int]]]:
        """Give out what may be handled: the lane (empty: nothing any more) and the chunks to publish.

        The idempotency key that is given is kept as long as the campaign.
        """
        keys = self._keys
        script_keys = [
            keys.campaign(campaign_id), keys.campaign_chunks, keys.campaigns_stopped, keys.campaigns_live,
            keys.content(campaign_id), keys.refused_rows(campaign_id), keys.retried_rows(campaign_id),
        ]  # fmt: skip
        if idempotency_key:
            script_keys.append(keys.campaign_key(idempotency_key))
        arguments = (campaign_id, self._now_ms, IN_PLAY, self._margin_ms, LOOK_MS, self._job_ttl_s)
        return eval_call(
            script("campaign_next"),
            script_keys,
            arguments,
            lambda reply: (LANE_OF_LETTER.get(reply[0].decode(), ""), reply[1:]),
        )

    def release(self, limit: int) -> Call[int]:
        """Let parked segments go on whose campaign is not paused any more; how many."""
        keys = self._keys
        script_keys = [keys.campaigns_parked, keys.delayed, keys.campaigns_stopped]
        return eval_call(script("campaign_release"), script_keys, (self._now_ms, limit), int)

    def forget(self, campaign_id: str) -> Call[int]:
        """Take a campaign that has expired from the lists: 1 done, 0 it is still there."""
        keys = self._keys
        script_keys = [
            keys.campaign(campaign_id), keys.campaigns, keys.campaigns_live, keys.campaigns_stopped,
            keys.campaigns_tally,
        ]  # fmt: skip
        return eval_call(script("campaign_forget"), script_keys, (campaign_id, *CLASSES), int)

    # --- control -------------------------------------------------------------------------------

    def stop(self, campaign_id: str, letter: str) -> Call[int]:
        """P pause, c cancel, r resume: 1 done, 0 nothing to do, or it is finished, -1 no such campaign."""
        keys = self._keys
        script_keys = [keys.campaign(campaign_id), keys.campaigns_stopped, keys.campaigns_tally]
        arguments = (campaign_id, self._now_ms, letter, *OPEN_CLASSES)
        return eval_call(script("campaign_stop"), script_keys, arguments, int)

    def set_rate(self, campaign_id: str, rate: float | None) -> Call[int]:
        """Segments a second of a campaign, None for no rate of its own; 0: no such campaign."""
        arguments = ("" if rate is None else rate,)
        return eval_call(script("campaign_rate"), [self._keys.campaign(campaign_id)], arguments, int)

    def drop_chunks(self, campaign_id: str, numbers: Iterable[int]) -> Call[int]:
        """Delete rows that will not become jobs."""
        return Call(("UNLINK", *(self._keys.chunk(campaign_id, number) for number in numbers)), int)

    # --- erasing a number -----------------------------------------------------------------------

    def chunks_taken(self, campaign_id: str) -> Call[int]:
        """How many chunks a campaign has taken."""
        return Call(("HGET", self._keys.campaign(campaign_id), "n"), lambda reply: int(reply or 0))

    def chunks(self, campaign_id: str, numbers: Iterable[int]) -> Call[list[bytes | None]]:
        """Chunks as they are kept; None where one is not any more."""
        return Call(("MGET", *(self._keys.chunk(campaign_id, number) for number in numbers)), list)

    def replace_chunk(self, campaign_id: str, number: int, before: bytes, after: str) -> Call[int]:
        """Put another text in the place of a chunk: 1 done, 0 it is another than `before` now."""
        keys = [self._keys.chunk(campaign_id, number)]
        return eval_call(script("campaign_erase"), keys, (before, after), int)

    # --- reading -------------------------------------------------------------------------------

    def find(self, idempotency_key: str) -> Call[bytes | None]:
        """The campaign of a key and its fingerprint, JSON."""
        return Call(("GET", self._keys.campaign_key(idempotency_key)), lambda reply: reply)

    def read(self, campaign_id: str) -> list[Call[Any]]:
        """The calls whose replies campaign_records.record reads."""
        keys = self._keys
        fields = [f"{campaign_id}:{name}" for name in CLASSES]
        return [
            Call(("HGETALL", keys.campaign(campaign_id)), list),
            Call(("HMGET", keys.campaigns_tally, *fields), list),
            Call(("HGET", keys.campaigns_stopped, campaign_id), lambda reply: (reply or b"").decode()),
        ]

    def content(self, campaign_id: str) -> Call[bytes | None]:
        """What all jobs of a campaign have in common, JSON."""
        return Call(("GET", self._keys.content(campaign_id)), lambda reply: reply)

    def begun(self, first: int, count: int) -> Call[list[str]]:
        """The ids of `count` campaigns behind the oldest `first`."""
        return Call(("ZRANGE", self._keys.campaigns, first, first + count - 1), _texts)

    def live(self, count: int) -> Call[list[str]]:
        """The ids of up to `count` campaigns that are not admitted whole."""
        return Call(("ZRANGE", self._keys.campaigns_live, 0, count - 1), _texts)

    def newest(self, count: int) -> Call[list[str]]:
        """The ids of the newest campaigns, the newest first; some may have expired."""
        return Call(("ZREVRANGE", self._keys.campaigns, 0, count - 1), _texts)

    def refusals(self, campaign_id: str, after: str, count: int) -> Call[list[str]]:
        """Up to `count` refused rows, `row code: reason`, behind the row `after`, in the order of rows."""
        command = (
            "ZRANGEBYSCORE", self._keys.refused_rows(campaign_id), f"({after}", "+inf", "LIMIT", 0, count,
        )  # fmt: skip
        return Call(command, _texts)

    def tries(self, campaign_id: str, rows: Sequence[int]) -> Call[list[int]]:
        """The number of the last try of rows; 1: they were not tried again."""
        command = ("HMGET", self._keys.retried_rows(campaign_id), *rows)
        return Call(command, lambda reply: [int(value or 1) for value in reply])


def _texts(reply: Any) -> list[str]:
    return [value.decode() for value in reply]
