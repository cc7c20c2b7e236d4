"""A campaign as applications see it: how far it is, and what they may want of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from smsfleet.config.errors import InvalidArgument, UnknownCampaign
from smsfleet.store.campaign_records import CampaignRecord, record
from smsfleet.tasks.app import runtime
from smsfleet.workers.states import FINAL_STATES, part

if TYPE_CHECKING:
    from smsfleet.workers.runtime import Runtime

RETRIED_STATES = ("UNDELIVERED", "REJECTED", "EXPIRED")
"""What `retry_failed` sends again: nobody got it. FAILED_UNKNOWN may have been delivered."""

BATCH = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of a campaign's jobs are in which state; of a row that was tried again each job counts."""

    rows: int
    """rows taken"""
    pending: int
    """rows that are no jobs yet; none of a cancelled campaign"""
    refused: int
    """rows that could never be sent"""
    refused_by: dict[str, int]
    """these by the code of their reason"""
    queued: int
    held: int
    accepted: int
    """the gateway has them, their receipts are to come"""
    delivered: int
    unconfirmed: int
    undelivered: int
    rejected: int
    expired: int
    failed_unknown: int
    cancelled: int
    """jobs, and rows that will not become jobs"""
    retried: int
    """rows that were taken for another try"""

    @property
    def open(self) -> int:
        """Of how many something is still expected."""
        return self.pending + self.queued + self.held + self.accepted

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is."""

    campaign_id: str
    name: str
    idempotency_key: str
    lane: str
    state: str
    """submitting, scheduled, running, paused, cancelled, finished"""
    created: datetime
    at: datetime | None
    """when it is due"""
    submitted: bool
    """all rows were taken"""
    rate: float | None
    counts: Counts
    done: float
    """share of the jobs of which nothing more is expected, 0 to 1"""

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON: times in ISO 8601, UTC."""
        values = asdict(self)
        values["created"] = self.created.isoformat()
        values["at"] = self.at and self.at.isoformat()
        return values


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that could never be sent."""

    row: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign, by its id: `progress()`, `counts()`, `pause()`, `resume()`, `cancel()`, `set_rate(rate)`,
    `retry_failed(states)`, `results()`, `refused(after)`; see docs/campaigns.md.

    All that it says is in Redis. Each raises UnknownCampaign and StoreUnavailable.
    """

    id: str

    def progress(self) -> Progress:
        """How far it is."""
        return progress_of(self._record())

    def counts(self) -> Counts:
        """How many jobs are in which state."""
        return counts_of(self._record())

    def pause(self) -> bool:
        """Let nothing more of it through, up to the last moment before the wire.

        False: it was paused or cancelled before, or it is finished.
        """
        return self._stop("p")

    def resume(self) -> bool:
        """Let it go on after a pause; False: it was not paused, or it is cancelled."""
        from smsfleet.tasks.chunk import publish_chunks  # noqa: PLC0415

        done = self._stop("r")
        now = runtime()
        self._release()
        lane, numbers = now.store.run(now.campaigns.next_chunks(self.id))
        publish_chunks(self.id, lane, numbers)
        return done

    def cancel(self) -> bool:
        """Send nothing more of it, ever; what is on its way goes on.

        False: it was cancelled before, or it is finished. Called again after a failure it goes on with what
        was left.
        """
        done = self._stop("c")
        now, found = runtime(), self._record()
        if found.stopped != "c":
            return False
        for first in range(1, found.chunks + 1, BATCH):
            numbers = range(first, min(first + BATCH, found.chunks + 1))
            now.store.run(now.campaigns.drop_chunks(self.id, numbers))
        self._release()
        return done

    def set_rate(self, rate: float | None) -> None:
        """Change its rate (segments a second); None: as fast as the account's."""
        from smsfleet.tasks.campaign_start import check_rate  # noqa: PLC0415

        check_rate(rate)
        now = runtime()
        if not now.store.run(now.campaigns.set_rate(self.id, rate)):
            raise unknown(self.id)

    def retry_failed(self, states: Collection[str] = RETRIED_STATES) -> int:
        """Send again to those whose last job ended in one of these states; how many.

        Each becomes a new job, `<campaign>:<row>.<try>`. Run again after a failure: none is tried twice.
        Raises InvalidArgument while rows are taken, when the campaign is cancelled or its validity is over,
        and for a text with fields whose rows are kept no more (`SMSFLEET_TEXT_TTL_S`).
        """
        from smsfleet.tasks.campaign_retry import retry  # noqa: PLC0415

        return retry(self._record(), states)

    def refused(self, after: int = 0) -> Iterator[Refusal]:
        """Rows that could never be sent, behind the row `after`; the first 100,000 are kept."""
        now, last = runtime(), str(after)
        while True:
            lines = now.store.run(now.campaigns.refusals(self.id, last, BATCH))
            for line in lines:
                last, refusal = refusal_of(line)
                yield refusal
            if len(lines) < BATCH:
                return

    def results(self) -> Iterator[Any]:
        """What became of each row, in their order, as far as they are taken; see `Result`."""
        from smsfleet.tasks.campaign_results import results  # noqa: PLC0415

        return results(self._record())

    def _record(self) -> CampaignRecord:
        now = runtime()
        found = record(self.id, now.store.run_all(now.campaigns.read(self.id)))
        if found is None:
            raise unknown(self.id)
        return found

    def _stop(self, letter: str) -> bool:
        now = runtime()
        word = now.store.run(now.campaigns.stop(self.id, letter))
        if word < 0:
            raise unknown(self.id)
        return word == 1

    @staticmethod
    def _release() -> None:
        now = runtime()
        while now.store.run(now.campaigns.release(BATCH)):
            pass


def find_campaign(id_or_key: str) -> Campaign:
    """The campaign of this id or idempotency key; raises UnknownCampaign."""
    import json  # noqa: PLC0415

    from smsfleet.workers.request import is_key  # noqa: PLC0415

    if not is_key(id_or_key):
        raise unknown(id_or_key)
    now = runtime()
    known = now.store.run(now.campaigns.find(id_or_key))
    campaign = Campaign(json.loads(known)[0] if known else id_or_key)
    campaign.progress()
    return campaign


def campaigns(limit: int = 100) -> list[Progress]:
    """The newest campaigns, the newest first."""
    now = runtime()
    found = []
    for campaign_id in now.store.run(now.campaigns.newest(limit)):
        one = record(campaign_id, now.store.run_all(now.campaigns.read(campaign_id)))
        if one is not None:
            found.append(progress_of(one))
    return found


def pending_rows(now: Runtime, lane: str) -> int:
    """Rows of the campaigns that run in a lane which are no jobs yet; of the first 500 such campaigns."""
    pending = 0
    for campaign_id in now.store.run(now.campaigns.live(BATCH)):
        one = record(campaign_id, now.store.run_all(now.campaigns.read(campaign_id)))
        if one is not None and one.lane == lane and progress_of(one).state in {"submitting", "running"}:
            pending += counts_of(one).pending
    return pending


def unknown(campaign_id: str) -> UnknownCampaign:
    """The error for an id that is no campaign's."""
    return UnknownCampaign(f"no campaign {campaign_id!r}: never begun, or older than its jobs are kept")


def refusal_of(line: str) -> tuple[str, Refusal]:
    """A line of the refused rows: its row as it stands there, and what it says."""
    number, _, reason = line.partition(" ")
    code, _, words = reason.partition(": ")
    row = number.partition(".")[0]
    return row, Refusal(int(row), code, words)


def counts_of(found: CampaignRecord) -> Counts:
    """The counts of a stored campaign."""
    states: dict[str, int] = {}
    for label, jobs in found.tally.items():
        state = part(label[0], int(label[1:]) if label[1:] else None).state
        states[state] = states.get(state, 0) + jobs
    pending = max(0, found.rows + found.retried - found.jobs - found.refused)
    is_cancelled = found.stopped == "c"
    return Counts(
        rows=found.rows,
        pending=0 if is_cancelled else pending,
        refused=found.refused,
        refused_by=dict(found.refused_by),
        queued=states.get("QUEUED", 0),
        held=states.get("HELD", 0),
        accepted=states.get("ACCEPTED", 0),
        delivered=states.get("DELIVERED", 0),
        unconfirmed=states.get("UNCONFIRMED", 0),
        undelivered=states.get("UNDELIVERED", 0),
        rejected=states.get("REJECTED", 0),
        expired=states.get("EXPIRED", 0),
        failed_unknown=states.get("FAILED_UNKNOWN", 0),
        cancelled=states.get("CANCELLED", 0) + (pending if is_cancelled else 0),
        retried=found.retried,
    )


def progress_of(found: CampaignRecord) -> Progress:
    """How far a stored campaign is."""
    counts = counts_of(found)
    total = found.rows + found.retried
    if found.stopped == "c":
        state = "cancelled"
    elif found.submitted and not counts.open:
        state = "finished"  # paused too: what was on its way when it was has come to its end
    elif found.stopped:
        state = "paused"
    elif not found.submitted:
        state = "submitting"
    elif found.due_ms is not None and not found.given_out:
        state = "scheduled"
    else:
        state = "running"
    return Progress(
        campaign_id=found.campaign_id,
        name=found.name,
        idempotency_key=found.idempotency_key,
        lane=found.lane,
        state=state,
        created=_time(found.created_ms),
        at=None if found.due_ms is None else _time(found.due_ms),
        submitted=found.submitted,
        rate=found.rate,
        counts=counts,
        done=(total - counts.open) / total if total else float(found.submitted),
    )


def check_states(states: Collection[str]) -> None:
    """Raise InvalidArgument for a state that no job ends in."""
    for state in states:
        if state not in FINAL_STATES or state == "DELIVERED":
            raise InvalidArgument(f"state {state!r} is refused: it must be a final one other than DELIVERED")


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
