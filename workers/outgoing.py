"""From job ids to segments in the outbound streams: fetch, encode, admit, in two round trips for a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from threading import Event
from typing import Any

from smsfleet.config.clock import epoch_ms
from smsfleet.config.codes import ESME_RUNKNOWNERR, command_status
from smsfleet.config.errors import (
    EncodeError,
    InvalidArgument,
    OptedOut,
    QuotaExceeded,
    RecordError,
    SmsfleetError,
    StoreUnavailable,
)
from smsfleet.config.logs import logger
from smsfleet.config.masking import mask_reason
from smsfleet.store.calls import Call
from smsfleet.store.jobs import Admission
from smsfleet.store.keys import DAY_MS
from smsfleet.store.records import JobRecord
from smsfleet.workers.admissions import Encoded, admission_of, called_about, next_references
from smsfleet.workers.request import SmsRequest, is_key
from smsfleet.workers.rules import NO_RULES
from smsfleet.workers.runtime import Runtime
from smsfleet.workers.states import EXPIRED_STATUS

REFUSED_STATUS = command_status(ESME_RUNKNOWNERR).shown_status or 5
"""The Appendix B number that a job is shown with that never became segments: 005, error with message."""

TOO_LATE = -4
"""What `admit` says of such a job."""

MOST_DEATHS = 3
"""So many workers may end while they handle a job whose message came back; then it is set aside."""

PATIENCE_S = 30.0
"""How long a job may wait in a worker's hands for its rate token: well below the visibility timeout."""

RETRY_S = 0.5
RETRY_MOST_S = 5.0


class Outcome(StrEnum):
    """What became of one job; also the result that Celery and Flower show."""

    ADMITTED = "admitted"
    KNOWN = "known"
    """it was admitted before: a repeated message changes nothing"""
    REFUSED = "refused"
    """it can never become segments; the reason is stored with the job"""
    UNKNOWN = "unknown"
    """no such job (any more)"""
    CLOSED = "closed"
    """refused or cancelled before"""
    CANCELLED = "cancelled"
    """it was revoked: nothing more of it is sent"""
    SCHEDULED = "scheduled"
    """it was published by name and is due later"""
    EXPIRED = "expired"
    """its validity was over before it was admitted"""
    SET_ASIDE = "set aside"
    """workers ended while they handled it: an operator decides"""
    SUSPECT = "suspect"
    """its handling was begun before and never came to an end: it is not handled together with others"""
    GIVEN_BACK = "given back"
    """it could not be admitted in time, or this process is stopping: let another worker take it"""


_ABOVE_QUOTA = -3
_NO_JOB = -1

_RESULTS = {1: Outcome.ADMITTED, 0: Outcome.KNOWN, _NO_JOB: Outcome.UNKNOWN, -2: Outcome.CLOSED}


class Outgoing:
    """Handles batches of jobs for one runtime; whatever waits, ends when `stopping` is set."""

    def __init__(
        self,
        runtime: Runtime,
        stopping: Event | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = epoch_ms,
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._clock_ms = clock_ms
        self._stopping = stopping or runtime.stopping
        self._log = logger(__name__)

    def handle(
        self, job_ids: Sequence[str], *, on_waiting: Callable[[], None] | None = None
    ) -> dict[str, Outcome]:
        """Bring jobs to the wire's side; one bad job never fails its neighbours.

        Waits while the account's rate or a full outbound stream asks for it, and while the store is away, for
        `PATIENCE_S` at most; gives the rest back then, or when the process is stopping. `on_waiting` is
        called when a job that can be sent waits for its rate.
        """
        outcomes = {job_id: Outcome.UNKNOWN for job_id in job_ids if not is_key(job_id)}

        def step(left: list[str], give_back_at: float) -> None:
            self._handle(left, outcomes, give_back_at, on_waiting)

        return self._patiently(step, job_ids, outcomes)

    def handle_redelivered(self, job_ids: Sequence[str]) -> dict[str, Outcome]:
        """As `handle`, for jobs whose messages came back: given back, restored, or of a worker that ended.

        That they are being handled is counted, so that one that ends this worker is known by it. Those that
        are known already are SUSPECT and left for `handle_suspect`.
        """
        outcomes = {job_id: Outcome.UNKNOWN for job_id in job_ids if not is_key(job_id)}
        counted: list[str] = []

        def take_up(left: list[str], _: float) -> None:
            begun = self._runtime.store.run(self._runtime.jobs.take_up(left))
            for job_id, times in zip(left, begun, strict=True):
                if times:
                    outcomes[job_id] = Outcome.SUSPECT
                else:
                    counted.append(job_id)
                    outcomes[job_id] = Outcome.GIVEN_BACK  # until it is handled

        outcomes = self._patiently(take_up, job_ids, outcomes)
        if not counted:
            return outcomes
        forget = self._forgetting(counted)
        outcomes |= self.handle(counted, on_waiting=forget)
        forget()
        return outcomes

    def handle_suspect(self, job_id: str, lane: str) -> Outcome:
        """Handle one job that may have ended a worker; alone, so that no other is suspected for it.

        A job that ended `MOST_DEATHS` workers is set aside, so that it cannot end another.
        """
        if not is_key(job_id):
            return Outcome.UNKNOWN
        store, jobs = self._runtime.store, self._runtime.jobs
        if store.run(jobs.count_delivery(job_id)) > MOST_DEATHS:
            reason = f"poison: {MOST_DEATHS} workers ended while they handled it"
            if store.run(self._runtime.lifecycle.set_aside(job_id, lane, reason)) == 1:
                self._log.error("job set aside: see smsfleet dead list", job_id=job_id, reason=reason)
            return Outcome.SET_ASIDE
        forget = self._forgetting([job_id])
        outcome = self.handle([job_id], on_waiting=forget)[job_id]
        forget()
        return outcome

    def _forgetting(self, job_ids: list[str]) -> Callable[[], None]:
        """Forgets that handling these jobs was begun, once: when they are handled, or wait for their rate.

        A job that only waits for its token has not ended anybody: whoever kills the worker then has.
        """
        calls = [self._runtime.jobs.forget_deliveries(job_ids)]

        def forget() -> None:
            while calls:
                try:
                    self._runtime.store.run(calls.pop())
                except StoreUnavailable as error:  # should they come again, they are handled alone
                    self._log.warning("counts of redelivered jobs are left", jobs=len(job_ids), error=error)

        return forget

    def _patiently(
        self,
        step: Callable[[list[str], float], None],
        job_ids: Sequence[str],
        outcomes: dict[str, Outcome],
    ) -> dict[str, Outcome]:
        """Take the step until every job has an outcome; what has none in the end is given back."""
        delay = RETRY_S
        give_back_at = self._clock() + PATIENCE_S
        while left := [job_id for job_id in dict.fromkeys(job_ids) if job_id not in outcomes]:
            if self._stopping.is_set() or self._clock() > give_back_at:
                return outcomes | dict.fromkeys(left, Outcome.GIVEN_BACK)
            try:
                step(left, give_back_at)
                delay = RETRY_S
            except StoreUnavailable as error:
                self._log.warning("the store is away, trying again", jobs=len(left), error=error)
                self._stopping.wait(delay)
                delay = min(delay * 2, RETRY_MOST_S)
        return outcomes

    def cancel(self, job_id: str, why: str) -> Outcome:
        """Send nothing more of a job; what is on its way or further stays as it is."""
        if not is_key(job_id):
            return Outcome.UNKNOWN
        _, states = cancel_job(self._runtime, job_id, why)
        if set(states) & set("cC"):
            self._log.info("job cancelled", job_id=job_id, why=why)
            return Outcome.CANCELLED
        return Outcome.KNOWN if states else Outcome.UNKNOWN

    def _handle(
        self,
        job_ids: list[str],
        outcomes: dict[str, Outcome],
        give_back_at: float,
        on_waiting: Callable[[], None] | None,
    ) -> None:
        self._runtime.follow()
        store, jobs = self._runtime.store, self._runtime.jobs
        encoded = []
        calls: list[Call[Any]] = [jobs.contents(job_ids), self._runtime.opt_outs.count()]
        contents, opted_out = store.run_all(calls)
        for job_id, content in zip(job_ids, contents, strict=True):
            if content is None:
                outcomes[job_id] = Outcome.UNKNOWN
                continue
            try:
                encoded.append(self._encode(job_id, content))
            except (InvalidArgument, RecordError) as error:
                outcomes[job_id] = self._close(job_id, error)
        if opted_out:
            encoded = self._wanted(encoded, outcomes)
        admissions = self._admissions(encoded, outcomes)
        while admissions:
            day = self._clock_ms() // DAY_MS
            self._runtime.counts.admitted(len(admissions))
            results, wait_ms = store.run(jobs.admit(admissions, self._runtime.pace, day))
            for admission, result in zip(admissions, results, strict=False):
                outcomes[admission.job_id] = self._outcome(admission, result, day)
            self._remember(encoded, results, admissions, day)
            admissions = admissions[len(results) :]
            if wait_ms and on_waiting:
                on_waiting()
            if wait_ms and (self._wait(wait_ms) or self._clock() > give_back_at):
                return

    def _wait(self, wait_ms: int) -> bool:
        """Wait for the account's rate, or for room; True when this process is stopping."""
        with self._runtime.counts.waiting():
            return self._stopping.wait(wait_ms / 1000)

    def _outcome(self, admission: Admission, result: int, day: int) -> Outcome:
        if result == _NO_JOB:
            self._log.warning(
                "a job is not sent: it expired meanwhile, or its record is damaged", job_id=admission.job_id
            )
        if result == _ABOVE_QUOTA:
            return self._refuse_above_quota(admission, day)
        return self._expire(admission) if result == TOO_LATE else _RESULTS[result]

    def _encode(self, job_id: str, content: bytes) -> Encoded:
        request = SmsRequest.from_json(content)
        if self._runtime.rules is not NO_RULES:
            self._runtime.rules.check(request.to, request.sender)
        return Encoded(job_id, request, request.segmented(self._runtime.settings.reference_octets))

    def _remember(
        self, encoded: list[Encoded], results: Sequence[int], admissions: Sequence[Admission], day: int
    ) -> None:
        """Replies to what was admitted can be linked to it. Nothing depends on that: it may fail."""
        runtime = self._runtime
        if not runtime.settings.mo_reply_s:
            return
        admitted = {
            admission.job_id for admission, result in zip(admissions, results, strict=False) if result == 1
        }
        sent = [
            (job.request.to, job.job_id)
            for job in encoded
            # Nobody can write to a name.
            if job.job_id in admitted and (not job.request.sender or job.request.sender.isdigit())
        ]
        if sent:
            runtime.store.run(runtime.mo.remember(sent, day, runtime.settings.mo_reply_s))

    def _wanted(self, encoded: list[Encoded], outcomes: dict[str, Outcome]) -> list[Encoded]:
        """Those whose recipients have not opted out; begin.lua looks again at the last moment."""
        opt_outs = self._runtime.opt_outs
        found = self._runtime.store.run_all(
            [opt_outs.is_opted_out(job.request.to, job.request.sender) for job in encoded]
        )
        wanted = []
        for job, is_opted_out in zip(encoded, found, strict=True):
            if is_opted_out and not job.request.ignore_opt_out:
                error = OptedOut(f"{job.request.to} wants no messages: smsfleet optout list {job.request.to}")
                outcomes[job.job_id] = self._close(job.job_id, error)
            else:
                wanted.append(job)
        return wanted

    def _admissions(self, encoded: list[Encoded], outcomes: dict[str, Outcome]) -> list[Admission]:
        """Put the concatenation references in and build the submit_sm bodies."""
        settings = self._runtime.settings
        several = {job.job_id: job.request.to for job in encoded if job.segmented.reference_octets}
        references = next_references(self._runtime, several)
        admissions = []
        for job in encoded:
            try:
                reference = references.get(job.job_id)
                admissions.append(admission_of(job, reference, settings, now_ms=self._clock_ms()))
            except (InvalidArgument, EncodeError) as error:
                outcomes[job.job_id] = self._close(job.job_id, error)
        return admissions

    def _refuse_above_quota(self, admission: Admission, day: int) -> Outcome:
        quota = admission.quota
        assert quota is not None
        assert quota.cap is not None
        used = self._runtime.store.run(self._runtime.jobs.quota_used(quota.client, day))
        resets = datetime.fromtimestamp((day + 1) * DAY_MS // 1000, UTC)
        error = QuotaExceeded(
            f"{quota.client} has used {Fraction(used, 3)} of {quota.cap // 3} credits today and asks for "
            f"{Fraction(quota.cost, 3)} more; the day ends at {resets:%Y-%m-%d %H:%M} UTC (SMSFLEET_QUOTAS)"
        )
        self._refuse_with_warning(admission.job_id, admission.lane, f"{error.code}: {error}")
        return Outcome.REFUSED

    def _close(self, job_id: str, error: SmsfleetError) -> Outcome:
        """Refuse a job for what is wrong with it. The record says its lane: the content may be unreadable."""
        try:
            record = self._runtime.store.run(self._runtime.jobs.read(job_id))
            lane = record.lane if isinstance(record, JobRecord) else "normal"
            self._refuse_with_warning(job_id, lane, f"{error.code}: {mask_reason(str(error))}")
        except RecordError as damage:  # nothing can be stored with it
            self._log.error("a damaged job is not sent", job_id=job_id, error=damage)
            return Outcome.UNKNOWN
        return Outcome.REFUSED

    def _expire(self, admission: Admission) -> Outcome:
        reason = "expired: its validity was over before it was admitted"
        self._refuse(admission.job_id, admission.lane, reason, EXPIRED_STATUS)
        self._log.info("job expired", job_id=admission.job_id)
        return Outcome.EXPIRED

    def _refuse_with_warning(self, job_id: str, lane: str, reason: str) -> None:
        self._refuse(job_id, lane, reason, REFUSED_STATUS)
        self._log.warning("job refused", job_id=job_id, reason=reason)

    def _refuse(self, job_id: str, lane: str, reason: str, status: int) -> bool:
        """Close a job that never becomes segments; whoever is called about it learns of it."""
        store, jobs = self._runtime.store, self._runtime.jobs
        (content,) = store.run(jobs.contents([job_id]))
        callback = called_about(content, self._runtime.settings)
        return store.run(jobs.refuse(job_id, lane, reason, status, callback)) == 1


def cancel_job(runtime: Runtime, job_id: str, why: str) -> tuple[str, str]:
    """Send nothing more of a job: the first job's id, and what became of it in the letters of cancel.lua."""
    first, states = job_id, "=" + job_id
    for _ in range(2):  # an id, or an alias of it; aliases never point to aliases
        first = states[1:]
        (content,) = runtime.store.run(runtime.jobs.contents([first]))
        callback = called_about(content, runtime.settings)
        states = runtime.store.run(runtime.lifecycle.cancel(first, why, callback))
        if not states.startswith("="):
            return first, states
    return first, ""
